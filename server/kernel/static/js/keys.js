// Keys: single ones only outside fields, never while an input method composes, never over the browser's.
import { isField, make } from "./dom.js";
import { open } from "./dialogs.js";
import { say } from "./texts.js";

const PLACES = { h: ["/", "go_home"], i: ["/incidents", "go_incidents"], a: ["/alerts", "go_alerts"], c: ["/cis", "go_cis"], k: ["/knowledge", "go_knowledge"], r: ["/rooms", "go_rooms"] };
const OFF = "wd-keys-off";
const handlers = new Map();
let leading = 0;

export const on = (key, run) => handlers.set(key, run);
export const singleKeys = () => localStorage.getItem(OFF) !== "1";
// The Latin key, also under Pinyin, where event.key is what the input method makes of it.
const BRACKETS = { BracketLeft: "[", BracketRight: "]" };
export const latin = (event) => (/^Key[A-Z]$/.test(event.code) ? event.code[3].toLowerCase() : (BRACKETS[event.code] ?? event.key));
const shown = (node) => node.offsetParent !== null || node.closest(".wd-nav") !== null;

function press(key) {
  for (const node of document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)) {
    if (!shown(node) || node.closest("dialog:not([open])")) continue;
    node.focus();
    node.click();
    return true;
  }
  const field = document.querySelector(`[data-key-focus="${CSS.escape(key)}"]`);
  if (field && shown(field)) { field.focus(); return true; }
  return false;
}

function single(event) {
  const key = latin(event);
  if (leading && Date.now() - leading < 1500) {
    leading = 0;
    const place = PLACES[key];
    if (place && reachable(place[0])) { location.assign(place[0]); return true; }
    return false;
  }
  if (key === "g") { leading = Date.now(); return true; }
  if (event.key === "?") { sheet(); return true; }
  if (event.shiftKey && key !== "x") return false;
  return handlers.get(key)?.(event) || press(key);
}

const reachable = (url) => url === "/" || document.querySelector(`#nav a[href^="${url}"]`) !== null;

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
  const control = event.ctrlKey || event.metaKey;
  if (control && !event.altKey && latin(event) === "k") { event.preventDefault(); document.querySelector("[data-palette]")?.click(); return; }
  if (control && event.key === "Enter") { const form = event.target.closest?.("form"); if (form) { event.preventDefault(); form.requestSubmit(form.querySelector("[type=submit]") ?? undefined); } return; }
  if (control && !event.altKey && !event.shiftKey && latin(event) === "z" && !isField(event.target)) { const undo = document.querySelector("[data-undo]"); if (undo) { event.preventDefault(); undo.click(); } return; }
  if (control || event.altKey || isField(event.target)) return;
  if (document.querySelector("dialog[open]") || !singleKeys()) return;
  if (single(event)) event.preventDefault();
});

on("/", () => { document.querySelector("[data-palette]")?.click(); return true; });

function rows(list) {
  return list.flatMap(([key, text]) => [make("dt", {}, ...key.split(" ").map((one) => make("kbd", {}, one))), make("dd", {}, text)]);
}

function sheet() {
  document.getElementById("wd-keys")?.remove();
  const here = [...document.querySelectorAll("[data-key][data-action]")].filter(shown).map((node) => [node.dataset.key.toUpperCase(), node.dataset.action]);
  const seen = new Map(here);
  const go = Object.entries(PLACES).filter(([, [url]]) => reachable(url));
  const letters = go.map(([letter]) => letter).join(" "), pages = go.map(([, [, name]]) => say(name)).join(", ");
  const everywhere = [["Ctrl K", say("key_palette")], ["/", say("key_search")], ["?", say("key_help")], ["g", say("key_go", { letters, pages })], ["Esc", say("key_escape")], ["Ctrl Enter", say("key_send")], ["Ctrl Z", say("key_undo")]];
  const table = [["j k", say("key_move")], ["Enter", say("key_open")], ["Space", say("key_preview")], ["x", say("key_tick")], [".", say("key_new")], ["F", say("key_filter")]];
  const body = make("div", { class: "body" });
  const part = (title, list) => list.length && body.append(make("h3", { class: "wd-h3" }, title), make("dl", {}, ...rows(list)));
  part(say("keys_page"), [...seen]);
  if (document.querySelector("[data-rows]")) part(say("keys_table"), table);
  part(say("keys_everywhere"), everywhere);
  const toggle = make("button", { class: "wd-btn", type: "button" }, say(singleKeys() ? "keys_off" : "keys_on"));
  toggle.addEventListener("click", () => { localStorage.setItem(OFF, singleKeys() ? "1" : "0"); dialog.close(); });
  const dialog = make("dialog", { class: "wd-dialog wd-keys", id: "wd-keys", "aria-label": say("keys") }, make("header", {}, make("h2", { class: "wd-h2" }, say("keys"))), body, make("footer", {}, make("button", { class: "wd-btn pri", type: "button", "data-close": true }, say("close")), toggle));
  document.body.append(dialog);
  open(dialog);
}

document.addEventListener("click", (event) => { if (event.target.closest("[data-keys]")) sheet(); });
