// One toast at a time: 10 s with undo, 5 s without, longer while it is looked at; errors stay.
import { make } from "./dom.js";
import { say } from "./texts.js";

const box = document.getElementById("wd-toasts");
const PLAIN = 5000, UNDO = 10000;

function watch(toast) {
  if (toast.classList.contains("err")) {
    const close = make("button", { class: "wd-btn sm ghost", type: "button" }, say("close"));
    close.addEventListener("click", () => toast.remove());
    toast.append(close);
    return;
  }
  let rest = toast.querySelector("[data-undo]") ? UNDO : PLAIN, since = Date.now(), timer = 0;
  const run = () => { since = Date.now(); clearTimeout(timer); timer = setTimeout(() => toast.remove(), rest); };
  const hold = () => { clearTimeout(timer); rest = Math.max(1500, rest - (Date.now() - since)); };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("pointerleave", run);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("focusout", run);
  run();
}

export function toast(text, kind = "") {
  if (!box) return;
  const made = make("div", { class: `wd-toast${kind === "error" ? " s-crit err" : ""}`, "data-toast": true }, text);
  box.replaceChildren(made);
  watch(made);
}

for (const given of box?.querySelectorAll("[data-toast]") ?? []) watch(given);
document.addEventListener("wd:toast", (event) => toast(event.detail.text, event.detail.kind));
document.addEventListener("htmx:sendError", () => toast(say("offline"), "error"));
document.addEventListener("htmx:configRequest", (event) => { event.detail.headers["X-CSRF-Token"] = document.querySelector('meta[name="wd-csrf"]')?.content ?? ""; });
