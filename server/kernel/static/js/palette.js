// The command palette: what this page can do, then what the server finds. A number, an address or a serial goes straight there.
import { icon, make } from "./dom.js";
import { say } from "./texts.js";

let dialog = null, input = null, list = null, entries = [], chosen = 0, asked = 0;

function build() {
  input = make("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "wd-palette-list", "aria-autocomplete": "list", "aria-label": say("palette"), placeholder: say("palette"), autocomplete: "off", spellcheck: "false" });
  list = make("ul", { id: "wd-palette-list", role: "listbox", "aria-label": say("palette") });
  const foot = make("div", { class: "ft" }, make("span", {}, make("kbd", {}, "↑↓"), " ", say("palette_move")), make("span", {}, make("kbd", {}, "↵"), " ", say("palette_open")));
  dialog = make("dialog", { class: "wd-dialog wd-palette", "aria-label": say("palette") }, make("div", { class: "in" }, icon("search"), input), list, foot);
  input.addEventListener("input", () => { clearTimeout(asked); asked = setTimeout(ask, 120); show(actions(input.value), []); });
  input.addEventListener("keydown", move);
  list.addEventListener("click", (event) => { const row = event.target.closest("li[data-n]"); if (row) run(Number(row.dataset.n)); });
  document.body.append(dialog);
}

function actions(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean), seen = new Set();
  return [...document.querySelectorAll("[data-action]")].filter((node) => {
    const name = node.dataset.action, fits = words.every((word) => name.toLowerCase().includes(word));
    if (!fits || seen.has(name) || node.closest("dialog, [hidden]") || node.getAttribute("aria-disabled") === "true") return false;
    seen.add(name);
    return true;
  }).slice(0, 8).map((node) => ({ title: node.dataset.action, hint: node.dataset.key?.toUpperCase() ?? "", icon: "bolt", run: () => { node.focus(); node.click(); } }));
}

function places(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return [...document.querySelectorAll("#nav a.it")].map((node) => ({ title: node.querySelector("span").textContent, hint: "", icon: "arrow-right", url: node.getAttribute("href") }))
    .filter((one) => words.every((word) => one.title.toLowerCase().includes(word))).slice(0, 6);
}

async function ask() {
  const text = input.value.trim();
  if (!text) { show(actions(""), []); return; }
  try {
    const answer = await fetch(`/palette?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } });
    if (!answer.ok || input.value.trim() !== text) return;
    show(actions(text), (await answer.json()).entries);
  } catch { show(actions(text), []); }
}

function show(doing, found) {
  entries = [];
  chosen = 0;
  list.replaceChildren();
  const text = input.value.trim();
  part("palette_do", doing);
  part("palette_found", found);
  part("palette_go", places(text));
  if (!entries.length) list.append(make("li", { class: "r faint", role: "presentation" }, say("palette_none", { text })));
  mark();
}

function part(title, some) {
  if (!some.length) return;
  list.append(make("li", { class: "g wd-h3", role: "presentation" }, say(title)));
  for (const one of some) {
    const n = entries.push(one) - 1;
    list.append(make("li", { class: "r", role: "option", id: `wd-pal-${n}`, "data-n": n, "aria-selected": "false" }, icon(one.icon), make("span", { class: "cut" }, one.title), one.hint ? make("span", { class: "faint xs ml-auto cut" }, one.hint) : null));
  }
}

function mark() {
  for (const row of list.querySelectorAll("[data-n]")) row.setAttribute("aria-selected", String(Number(row.dataset.n) === chosen));
  const row = document.getElementById(`wd-pal-${chosen}`);
  input.setAttribute("aria-activedescendant", row ? row.id : "");
  row?.scrollIntoView({ block: "nearest" });
}

function move(event) {
  if (event.isComposing || event.keyCode === 229) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && entries.length) { event.preventDefault(); chosen = (chosen + step + entries.length) % entries.length; mark(); }
  if (event.key === "Enter") { event.preventDefault(); jump(); }
}

async function jump() {
  const text = input.value.trim();
  if (/\d/.test(text) && chosen === 0) {
    const answer = await fetch(`/palette?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    const told = answer?.ok ? await answer.json() : null;
    if (told?.jump) { location.assign(told.jump); return; }
  }
  run(chosen);
}

function run(n) {
  const one = entries[n];
  if (!one) return;
  dialog.close();
  if (one.run) one.run(); else location.assign(one.url);
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-palette]")) return;
  if (!dialog) build();
  input.value = "";
  dialog.showModal();
  show(actions(""), []);
  input.focus();
});
