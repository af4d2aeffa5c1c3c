// A large picture opens where its middle is: data-scroll-to names the part to begin with.
for (const canvas of document.querySelectorAll("[data-scroll-to]")) {
  const part = canvas.querySelector(canvas.dataset.scrollTo);
  if (!part) continue;
  const frame = canvas.getBoundingClientRect();
  const seen = part.getBoundingClientRect();
  canvas.scrollLeft += seen.left + seen.width / 2 - frame.left - frame.width / 2;
  canvas.scrollTop += seen.top + seen.height / 2 - frame.top - frame.height / 2;
}
