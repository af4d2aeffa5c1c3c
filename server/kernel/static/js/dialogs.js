// Dialogs: data-dialog="ID" opens one, data-close closes it; data-confirm asks first; menus close on Escape and outside.
import { make } from "./dom.js";
import { say } from "./texts.js";

export function open(dialog) {
  dialog.showModal();
  dialog.querySelector("[autofocus], .body input:not([type=hidden]), .body select, .body textarea")?.focus();
}

function ask(question, label, danger) {
  return new Promise((answer) => {
    const yes = make("button", { class: `wd-btn ${danger ? "danger" : "pri"}`, type: "button" }, label);
    const no = make("button", { class: "wd-btn ghost", type: "button" }, say("cancel"));
    const dialog = make("dialog", { class: "wd-dialog", "aria-label": question }, make("div", { class: "body ask" }, make("p", {}, question)), make("footer", {}, yes, no));
    const done = (said) => { dialog.close(); dialog.remove(); answer(said); };
    yes.addEventListener("click", () => done(true));
    no.addEventListener("click", () => done(false));
    dialog.addEventListener("cancel", () => done(false));
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) { const dialog = document.getElementById(opener.dataset.dialog); if (dialog) { event.preventDefault(); open(dialog); } return; }
  const closer = event.target.closest("[data-close]");
  if (closer) { closer.closest("dialog")?.close(); return; }
  if (event.target instanceof HTMLDialogElement) event.target.close();
  for (const menu of document.querySelectorAll("details.wd-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  const disabled = event.target.closest('[aria-disabled="true"]');
  if (disabled) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.wd-menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (button?.getAttribute("aria-disabled") === "true") { event.preventDefault(); return; }
  if (!form.dataset.confirm || form.dataset.confirmed) return;
  event.preventDefault();
  if (await ask(form.dataset.confirm, button?.dataset.action ?? say("confirm"), true)) {
    form.dataset.confirmed = "1";
    form.requestSubmit(button ?? undefined);
    delete form.dataset.confirmed;
  }
});

// A form is sent once: a second click does nothing until the page answers.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sending) { event.preventDefault(); return; }
  form.dataset.sending = "1";
  setTimeout(() => delete form.dataset.sending, 4000);
});

document.addEventListener("click", (event) => {
  const more = event.target.closest("[data-more]");
  const nav = document.getElementById("nav");
  if (!more && !event.target.closest(".wd-nav.open")) nav?.classList.remove("open");
  if (more && nav) more.setAttribute("aria-expanded", String(nav.classList.toggle("open")));
});
