// The queue beside its preview: the first row is looked at on arrival, arrows go on, steps come back here.
const pane = document.getElementById("preview");
const rows = () => [...document.querySelectorAll("[data-rows] tbody tr[data-row]")];
const chosen = () => rows().findIndex((row) => row.getAttribute("aria-selected") === "true");

function place() {
  const at = chosen(), note = pane.querySelector("[data-place]");
  if (note && at >= 0) note.textContent = `${at + 1} / ${rows().length}`;
  for (const button of pane.querySelectorAll("[data-step]")) {
    const next = at + Number(button.dataset.step);
    button.setAttribute("aria-disabled", String(next < 0 || next >= rows().length));
  }
}

function look(row) {
  row?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
}

if (pane) {
  new MutationObserver(place).observe(pane, { childList: true });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("#preview [data-step]");
    if (button) look(rows()[chosen() + Number(button.dataset.step)]);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.closest("#preview") || event.target.elements.back) return;
    const back = document.createElement("input");
    back.type = "hidden";
    back.name = "back";
    back.value = location.pathname + location.search;
    event.target.append(back);
  }, true);
  if (innerWidth > 1100 && chosen() < 0) look(rows()[0]);
}

// What is told of the incident that is looked at comes into the pane, unless somebody types there.
document.addEventListener("wd:news", ({ detail }) => {
  const row = rows()[chosen()];
  if (!row || !pane?.dataset.shown || !detail.topics.includes("incidents")) return;
  if (pane.contains(document.activeElement) || pane.querySelector("dialog[open]")) return;
  setTimeout(async () => {
    const answer = await fetch(row.dataset.preview, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok || pane.dataset.shown !== row.dataset.row) return;
    const fresh = document.createElement("aside");
    fresh.innerHTML = await answer.text();
    window.Idiomorph?.morph(pane, [...fresh.childNodes], { morphStyle: "innerHTML" });
    place();
  }, 1200);
});
