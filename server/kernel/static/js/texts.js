// Texts of the page in the reader's language, from its JSON block.
const texts = JSON.parse(document.getElementById("wd-texts")?.textContent ?? "{}");

export function say(key, places = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => places[name] ?? "");
}
