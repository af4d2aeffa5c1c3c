// The card of a chip: after a moment of hover or focus; on touch a tap opens it as a sheet, a second one the record.
import { make } from "./dom.js";

const AFTER = 300, GAP = 6, EDGE = 8;
const kept = new Map();
let card = null, timer = 0, chip = null;

async function told(url) {
  if (!kept.has(url)) {
    const answer = await fetch(`${url}/card`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) return "";
    kept.set(url, await answer.text());
    setTimeout(() => kept.delete(url), 15000);
  }
  return kept.get(url);
}

function put(at) {
  if (card.classList.contains("sheet")) return;
  const chipBox = at.getBoundingClientRect(), own = card.getBoundingClientRect();
  const below = chipBox.bottom + GAP + own.height < innerHeight;
  card.style.left = `${Math.max(EDGE, Math.min(chipBox.left, innerWidth - own.width - EDGE))}px`;
  card.style.top = `${below ? chipBox.bottom + GAP : Math.max(EDGE, chipBox.top - GAP - own.height)}px`;
}

async function show(at, sheet = false) {
  chip = at;
  const text = await told(at.dataset.card);
  if (chip !== at || !text) return;
  hide(false);
  chip = at;
  card = make("div", { class: `wd-pop wd-card${sheet ? " sheet" : ""}`, id: "wd-card", role: "group", "aria-label": at.textContent.trim() });
  card.innerHTML = text;
  document.body.append(card);
  at.removeAttribute("title");
  put(at);
  card.addEventListener("pointerenter", () => clearTimeout(timer));
  card.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") leave(); });
}

function hide(forget = true) {
  clearTimeout(timer);
  card?.remove();
  card = null;
  if (forget) chip = null;
}

const wait = (run) => { clearTimeout(timer); timer = setTimeout(run, AFTER); };
const leave = () => { if (card) wait(() => hide()); else hide(); };
const of = (event) => (event.target instanceof Element ? event.target.closest("a[data-card]") : null);

document.addEventListener("pointerover", (event) => { const at = of(event); if (event.pointerType === "mouse" && at && at !== chip) wait(() => show(at)); });
document.addEventListener("pointerout", (event) => { const at = of(event); if (event.pointerType === "mouse" && at && !at.contains(event.relatedTarget)) leave(); });
document.addEventListener("focusin", (event) => { const at = of(event); if (at?.matches(":focus-visible")) wait(() => show(at)); else if (card && !card.contains(event.target)) hide(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && card) { hide(); event.preventDefault(); event.stopPropagation(); } }, true);
document.addEventListener("click", (event) => {
  const at = of(event);
  if (at && event.pointerType === "touch" && !card?.classList.contains("sheet")) { event.preventDefault(); show(at, true); return; }
  if (card && !card.contains(event.target)) hide();
}, true);
addEventListener("scroll", (event) => { if (card && !card.contains(event.target)) hide(); }, { capture: true, passive: true });
