// The shell's behaviour; each part is a module of its own.
import "./times.js";
import "./dialogs.js";
import "./toasts.js";
import "./appearance.js";
import "./keys.js";
import "./palette.js";
import "./table.js";
import "./siblings.js";
import "./lookup.js";
import "./drafts.js";
import "./timeline.js";
import "./live.js";

// The cards of chips come with the first sign of a hand.
for (const sign of ["pointerover", "focusin", "touchstart"]) document.addEventListener(sign, () => import("./cards.js"), { once: true, passive: true });

// What few pages have comes with them.
if (document.querySelector("[data-scroll-to]")) import("./into-view.js");
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) import("./copy.js").then((module) => module.copy(button));
});
