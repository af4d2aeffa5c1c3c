// The board: arrows go from card to card, Space opens its steps, a step's dialog learns which incident it is for,
// and what has changed waits behind a button.
const board = document.querySelector("[data-board]");
const lanes = () => [...board.querySelectorAll(".inb-lane")].map((lane) => [...lane.querySelectorAll("[data-card-of]")]).filter((cards) => cards.length);

function neighbour(card, key) {
  const all = lanes(), at = all.findIndex((cards) => cards.includes(card)), row = all[at].indexOf(card);
  if (key === "ArrowDown") return all[at][row + 1];
  if (key === "ArrowUp") return all[at][row - 1];
  const beside = all[at + (key === "ArrowRight" ? 1 : -1)];
  return beside?.[Math.min(row, beside.length - 1)];
}

board.addEventListener("keydown", (event) => {
  const card = event.target.closest("[data-card-of]");
  if (!card || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " ") {
    const menu = card.closest(".inb-card").querySelector("details");
    if (menu) { event.preventDefault(); menu.open = true; menu.querySelector(".inb-steps button").focus(); }
  } else if (event.key.startsWith("Arrow")) {
    event.preventDefault();
    neighbour(card, event.key)?.focus();
  }
});

board.addEventListener("click", (event) => {
  const step = event.target.closest("[data-of]");
  if (!step) return;
  const form = document.getElementById(step.dataset.dialog).querySelector("form");
  form.action = `/incidents/${step.dataset.of}/${step.dataset.dialog.replace("board-", "")}`;
  form.elements.version.value = step.dataset.version;
});

const changed = board.querySelector("[data-board-new]");
if (changed) {
  const told = new MutationObserver(() => { changed.hidden = false; });
  for (const head of board.querySelectorAll(".inb-h")) told.observe(head, { childList: true, characterData: true, subtree: true });
  changed.addEventListener("click", () => location.reload());
}
