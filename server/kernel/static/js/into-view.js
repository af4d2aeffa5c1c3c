// A large picture opens where its middle is, a row of tabs at the chosen one: data-scroll-to names the part.
function show(canvas) {
  const part = canvas.querySelector(canvas.dataset.scrollTo);
  if (!part) return;
  const frame = canvas.getBoundingClientRect();
  const seen = part.getBoundingClientRect();
  canvas.scrollLeft += seen.left + seen.width / 2 - frame.left - frame.width / 2;
  canvas.scrollTop += seen.top + seen.height / 2 - frame.top - frame.height / 2;
}

// Tabs that lead to parts of their own page: the chosen one is that of the address.
function choose(tabs) {
  const chosen = location.hash && [...tabs.querySelectorAll("a")].find((one) => one.getAttribute("href") === location.hash);
  if (!chosen) return;
  tabs.querySelector("[aria-current]")?.removeAttribute("aria-current");
  chosen.setAttribute("aria-current", "true");
}

function all() {
  for (const canvas of document.querySelectorAll("[data-scroll-to]")) {
    if (canvas.matches("nav")) choose(canvas);
    show(canvas);
  }
}

all();
window.addEventListener("hashchange", all);
