// A field chosen by typing: asks `data-lookup?q=` for JSON {"options": [{"value", "label", "hint"}]}.
import { make } from "./dom.js";
import { say } from "./texts.js";

const state = new WeakMap();

function close(box) {
  const list = box.querySelector("[role=listbox]");
  list.hidden = true;
  box.querySelector("[role=combobox]").setAttribute("aria-expanded", "false");
}

function take(box, option) {
  box.querySelector("input[type=hidden]").value = option?.dataset.value ?? "";
  if (option) box.querySelector("[role=combobox]").value = option.dataset.label;
  close(box);
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

async function ask(box, field) {
  const url = box.dataset.lookup, text = field.value.trim();
  const answer = await fetch(`${url}${url.includes("?") ? "&" : "?"}q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || field.value.trim() !== text || document.activeElement !== field) return;
  const options = (await answer.json()).options ?? [], list = box.querySelector("[role=listbox]");
  list.replaceChildren(...options.slice(0, 12).map((one, n) => make("li", { role: "option", id: `${list.id}-${n}`, "aria-selected": String(n === 0), "data-value": one.value, "data-label": one.label }, one.label, one.hint ? make("span", { class: "faint xs" }, ` ${one.hint}`) : null)));
  if (!options.length) list.append(make("li", { class: "faint", role: "presentation" }, say("nothing")));
  list.hidden = false;
  field.setAttribute("aria-expanded", "true");
}

document.addEventListener("input", (event) => {
  const box = event.target.closest("[data-lookup]");
  if (!box || !event.target.matches("[role=combobox]")) return;
  box.querySelector("input[type=hidden]").value = "";
  clearTimeout(state.get(box));
  state.set(box, setTimeout(() => ask(box, event.target), 150));
});
document.addEventListener("focusin", (event) => {
  const box = event.target.closest("[data-lookup]");
  if (box && event.target.matches("[role=combobox]") && !event.target.value) ask(box, event.target);
});
document.addEventListener("focusout", (event) => {
  const box = event.target.closest("[data-lookup]");
  if (box) setTimeout(() => { if (!box.contains(document.activeElement)) close(box); }, 150);
});
document.addEventListener("click", (event) => {
  const option = event.target.closest("[data-lookup] [role=option]");
  if (option) take(option.closest("[data-lookup]"), option);
});
document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.("[data-lookup]");
  if (!box || event.isComposing || event.keyCode === 229) return;
  const list = box.querySelector("[role=listbox]");
  if (list.hidden) return;
  const options = [...list.querySelectorAll("[role=option]")], now = options.findIndex((one) => one.getAttribute("aria-selected") === "true");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && options.length) {
    event.preventDefault();
    options[now]?.setAttribute("aria-selected", "false");
    const next = options[(now + step + options.length) % options.length];
    next.setAttribute("aria-selected", "true");
    next.scrollIntoView({ block: "nearest" });
    event.target.setAttribute("aria-activedescendant", next.id);
  }
  if (event.key === "Enter" && options[now]) { event.preventDefault(); take(box, options[now]); }
  if (event.key === "Escape") { event.stopPropagation(); close(box); }
});
