// A button with data-copy puts the text of what it names into the clipboard.
import { say } from "./texts.js";
import { toast } from "./toasts.js";

export async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  const done = await write(source);
  toast(say(done ? "copied" : "copy_by_hand"), done ? "" : "error");
}

// Without HTTPS browsers give no clipboard to write to; there the text is selected and copied as by hand.
async function write(source) {
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    return true;
  } catch {
    getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}
