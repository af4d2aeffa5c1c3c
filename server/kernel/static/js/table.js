// Tables: j k Enter Space x, ticks and the bulk bar, the preview, and "2 new" that waits for a click.
import { isField, make } from "./dom.js";
import { on } from "./keys.js";
import { say } from "./texts.js";

const table = () => document.querySelector("[data-rows]");
const rows = () => [...(table()?.querySelectorAll("tbody tr[data-row]") ?? [])];
let lastTick = -1;

function current() {
  const all = rows();
  return { all, at: all.findIndex((row) => row.getAttribute("aria-selected") === "true") };
}

export function select(row, focus = true) {
  for (const one of rows()) { one.toggleAttribute("aria-selected", false); one.tabIndex = -1; }
  row.setAttribute("aria-selected", "true");
  row.tabIndex = 0;
  if (focus) row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const { all, at } = current();
  if (!all.length) return false;
  const row = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
  select(row);
  if (document.querySelector("#preview[data-shown]")) preview(row);
  return true;
}

function chosen() { const { all, at } = current(); return at < 0 ? null : all[at]; }

async function preview(row) {
  const pane = document.getElementById("preview");
  if (!pane || !row?.dataset.preview) return false;
  pane.dataset.shown = row.dataset.row;
  const answer = await fetch(row.dataset.preview, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || pane.dataset.shown !== row.dataset.row) return true;
  pane.innerHTML = await answer.text();
  window.htmx?.process(pane);
  const url = new URL(location.href);
  url.searchParams.set("open", row.dataset.row);
  history.replaceState(null, "", url);
  return true;
}

on("j", () => step(1));
on("k", () => step(-1));
on("ArrowDown", (event) => (inside(event) ? step(1) : false));
on("ArrowUp", (event) => (inside(event) ? step(-1) : false));
on("Enter", (event) => { const row = chosen(); if (!row || event.target !== row) return false; location.assign(row.dataset.href); return true; });
on(" ", (event) => { const row = chosen(); if (!row || event.target !== row) return false; preview(row); return true; });
on("x", (event) => { const row = chosen(), box = row?.querySelector("[data-tick]"); if (!box) return false; box.checked = !box.checked; ticked(row, event.shiftKey); return true; });
on(".", () => { const pill = document.querySelector("[data-new]:not([hidden])"); pill?.click(); return Boolean(pill); });

const inside = (event) => event.target instanceof Element && event.target.closest("[data-rows] tbody") !== null;

function ticked(row, range) {
  const all = rows(), at = all.indexOf(row);
  if (range && lastTick >= 0) {
    const wish = row.querySelector("[data-tick]").checked;
    for (const one of all.slice(Math.min(at, lastTick), Math.max(at, lastTick) + 1)) one.querySelector("[data-tick]").checked = wish;
  }
  lastTick = at;
  bulk();
}

function bulk() {
  const bar = document.querySelector("[data-bulk]");
  if (!bar) return;
  const all = [...document.querySelectorAll("[data-tick]")], ticks = all.filter((box) => box.checked);
  bar.hidden = !ticks.length;
  const whole = document.querySelector("[data-tick-all]");
  if (whole) { whole.checked = ticks.length === all.length && ticks.length > 0; whole.indeterminate = ticks.length > 0 && ticks.length < all.length; }
  bar.querySelector("[data-bulk-count]").textContent = say("selected", { n: ticks.length });
  const said = [];
  for (const button of bar.querySelectorAll("[data-bulk-action]")) {
    const key = `data-skip-${button.dataset.bulkAction}`, skipped = ticks.filter((box) => box.hasAttribute(key));
    const why = [...new Set(skipped.map((box) => box.getAttribute(key)))].join(", ");
    const text = skipped.length ? say("skipped", { n: skipped.length, why }) : "";
    button.title = text;
    button.setAttribute("aria-disabled", String(skipped.length === ticks.length && ticks.length > 0));
    if (text) said.push(`${button.textContent.trim()}: ${text}`);
  }
  bar.querySelector("[data-bulk-skip]").textContent = said.join(" · ");
  const offer = bar.querySelector("[data-whole]");
  if (offer) offer.hidden = ticks.length < all.length;
  bar.dataset.confirm = "";
  for (const old of document.querySelectorAll("input[data-bulk-id]")) old.remove();
  const forms = [bar, ...[...bar.querySelectorAll("[data-dialog]")].map((one) => document.getElementById(one.dataset.dialog)?.querySelector("form")).filter(Boolean)];
  for (const form of forms) for (const box of ticks) form.append(make("input", { type: "hidden", name: "id", value: box.value, "data-bulk-id": true }));
}

function chooseWhole(offer) {
  const bar = offer.form;
  offer.hidden = true;
  bar.querySelector("[data-bulk-count]").textContent = offer.dataset.said;
  bar.querySelector("[data-bulk-skip]").textContent = "";
  for (const button of bar.querySelectorAll("[data-bulk-action]")) { button.title = ""; button.ariaDisabled = "false"; }
  for (const old of document.querySelectorAll("input[data-bulk-id]")) old.remove();
  bar.append(make("input", { type: "hidden", name: "matching", value: offer.dataset.whole, "data-bulk-id": true }));
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-tick-all]")) { for (const box of document.querySelectorAll("[data-tick]")) box.checked = event.target.checked; bulk(); }
});
document.addEventListener("click", (event) => {
  const offer = event.target.closest("[data-whole]"), act = event.target.closest("[data-ask]");
  if (offer) { chooseWhole(offer); return; }
  if (act?.form.elements.matching) act.form.dataset.confirm = act.dataset.ask;
  if (event.target.closest("[data-untick]")) { for (const box of document.querySelectorAll("[data-tick]")) box.checked = false; bulk(); return; }
  if (event.target.matches("[data-tick]")) { ticked(event.target.closest("tr"), event.shiftKey); return; }
  const row = event.target.closest("[data-rows] tbody tr[data-row]");
  if (!row || event.target.closest("a, button, input, label, summary")) return;
  select(row);
  if (innerWidth > 720 && document.getElementById("preview")) preview(row);
  else if (row.dataset.href && innerWidth <= 720) location.assign(row.dataset.href);
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !isField(event.target)) document.querySelector("[data-untick]")?.click(); });

export function prepare() {
  const { all, at } = current();
  for (const row of all) row.tabIndex = -1;
  if (all.length) all[Math.max(0, at)].tabIndex = 0;
  if (at >= 0 && innerWidth > 720) preview(all[at]);
}
prepare();
