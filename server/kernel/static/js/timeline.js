// The timeline's filter: all, people, machine.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-timeline] [data-show]");
  if (!button) return;
  const panel = button.closest("[data-timeline]"), wish = button.dataset.show;
  for (const one of button.parentElement.children) one.setAttribute("aria-pressed", String(one === button));
  panel.dataset.shown = wish;
  apply(panel);
});

export function apply(panel) {
  const wish = panel.dataset.shown ?? "all";
  for (const entry of panel.querySelectorAll("li[data-group]")) entry.hidden = wish !== "all" && entry.dataset.group !== wish;
}
