// Forms with data-draft keep what is typed on this device, each 5 s, until they are sent.
import { clock } from "./dom.js";
import { say } from "./texts.js";

const DAY = 86_400_000;
const place = (form) => `wd-draft:${document.body.dataset.user}:${location.pathname}:${form.dataset.draft}`;
const kept = (field) => field.name && field.name !== "csrf" && !["hidden", "password", "file", "submit"].includes(field.type);

function note(form, text) { const line = form.querySelector("[data-draft-state]"); if (line) line.textContent = text; }

function save(form) {
  const values = {};
  for (const field of form.elements) if (kept(field)) values[field.name] = field.type === "checkbox" ? field.checked : field.type === "radio" ? (field.checked ? field.value : values[field.name]) : field.value;
  localStorage.setItem(place(form), JSON.stringify({ at: Date.now(), values }));
  note(form, say("draft_kept"));
}

function restore(form) {
  const told = JSON.parse(localStorage.getItem(place(form)) ?? "null");
  if (!told || Date.now() - told.at > 7 * DAY) return;
  let changed = false;
  for (const field of form.elements) {
    if (!kept(field) || !(field.name in told.values)) continue;
    const value = told.values[field.name];
    if (field.type === "checkbox") field.checked = value;
    else if (field.type === "radio") field.checked = field.value === value;
    else if (!field.value && value) { field.value = value; changed = true; }
  }
  if (changed) { form.dataset.dirty = "1"; note(form, say("draft_restored", { time: clock(told.at) })); }
}

const timers = new WeakMap();
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form?.dataset.draft) return;
  form.dataset.dirty = "1";
  if (!timers.has(form)) timers.set(form, setTimeout(() => { timers.delete(form); save(form); }, 5000));
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.draft || event.defaultPrevented) return;
  clearTimeout(timers.get(form));
  timers.delete(form);
  delete form.dataset.dirty;
  localStorage.removeItem(place(form));
});
addEventListener("pagehide", () => { for (const form of document.querySelectorAll("form[data-draft][data-dirty]")) save(form); });
for (const form of document.querySelectorAll("form[data-draft]")) restore(form);
