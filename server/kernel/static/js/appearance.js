// Theme and density at once; the form tells the server for the next page.
const root = document.documentElement;

function press(button) {
  for (const one of button.parentElement.children) one.setAttribute("aria-pressed", String(one === button));
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-set-theme], [data-set-density]");
  if (!button) return;
  event.preventDefault();
  if (button.dataset.setTheme) { root.dataset.theme = button.dataset.setTheme; window.wdApplyTheme(); }
  else root.dataset.density = button.dataset.setDensity;
  press(button);
  const form = button.form, body = new URLSearchParams(new FormData(form));
  body.set(button.name, button.value);
  await fetch(form.action, { method: "POST", body, redirect: "manual" });
});
