// Previous and next of the list from which a record was opened: [ and ], and two arrows beside its path.
import { icon, make } from "./dom.js";
import { say } from "./texts.js";

const KEPT = "wd-list", MOST = 500;
const place = document.querySelector("[data-siblings]");
const rows = [...document.querySelectorAll("[data-rows] tbody tr[data-href]")].map((row) => row.dataset.href);

function kept() {
  try { return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"); } catch { return []; }
}

function arrow(url, name, key) {
  const text = say(name);
  const link = make(url ? "a" : "span", { class: "wd-icb sm", href: url, "aria-disabled": !url && "true", role: !url && "link", "aria-label": text, title: `${text}  ${key}`, "data-key": url && key, "data-action": url && text });
  link.append(icon(name === "previous" ? "chevron-left" : "chevron-right"));
  return link;
}

function show() {
  const list = kept(), at = list.indexOf(location.pathname);
  if (!place || at < 0 || list.length < 2) return;
  const count = make("span", { class: "num xs faint" }, `${at + 1} / ${list.length}`);
  place.replaceChildren(arrow(list[at - 1], "previous", "["), count, arrow(list[at + 1], "next", "]"));
  place.hidden = false;
}

if (rows.length) sessionStorage.setItem(KEPT, JSON.stringify(rows.slice(0, MOST)));
else show();
