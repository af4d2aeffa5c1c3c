// The order of credential sets: up and down by buttons, so by keyboard as well; the form sends them as they stand.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-raise], [data-lower]");
  const row = button?.closest("li");
  if (!row) return;
  if ("raise" in button.dataset) row.previousElementSibling?.before(row);
  else row.nextElementSibling?.after(row);
  button.focus();
});
