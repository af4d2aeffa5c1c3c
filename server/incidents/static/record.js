// The record: other windows of the chart.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-span]");
  if (!button) return;
  const chart = document.getElementById(button.dataset.of);
  if (!chart) return;
  for (const one of button.parentElement.children) one.setAttribute("aria-pressed", String(one === button));
  chart.dataset.chart = button.dataset.span;
  chart.dispatchEvent(new CustomEvent("wd:chart", { bubbles: true }));
});
