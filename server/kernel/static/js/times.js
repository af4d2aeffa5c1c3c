// Relative times and time left, counted each minute; each second only in the last five minutes.
import { say } from "./texts.js";

const MINUTE = 60, HOUR = 3600, DAY = 86400;

export function span(seconds, parts = 2) {
  const whole = Math.floor(Math.abs(seconds));
  const units = [["d", Math.floor(whole / DAY)], ["h", Math.floor((whole % DAY) / HOUR)], ["min", Math.floor((whole % HOUR) / MINUTE)], ["s", whole % MINUTE]];
  let first = units.findIndex(([, n]) => n > 0);
  if (first < 0) first = 3;
  const chosen = units.slice(first, first + parts).filter(([, n], i) => n > 0 || i === 0);
  return chosen.map(([key, n]) => say(key === "min" && chosen.length > 1 ? "min_part" : key, { n })).join(" ");
}

function relative(node, now) {
  const away = (now - Date.parse(node.dateTime)) / 1000;
  const text = Math.abs(away) < 5 ? say("just_now") : say(away > 0 ? "ago" : "in", { span: span(away, 1) });
  if (node.textContent !== text) node.textContent = text;
}

function left(node, now) {
  const seconds = (Date.parse(node.dataset.left) - now) / 1000;
  const text = span(seconds, Math.abs(seconds) >= HOUR || Math.abs(seconds) < 5 * MINUTE ? 2 : 1);
  const over = seconds < 0;
  node.textContent = over ? say("over", { span: text }) : "leftWords" in node.dataset ? say("left", { span: text }) : text;
  const clock = node.closest(".wd-sla, .wd-clock");
  if (over && clock) { clock.classList.remove("warn"); clock.classList.add("over"); }
  return Math.abs(seconds) < 5 * MINUTE;
}

let last = 0;
function tick() {
  if (document.hidden) return;
  const now = Date.now();
  const minute = now - last >= 59_500;
  for (const node of document.querySelectorAll("[data-left]")) {
    const close = Math.abs(Date.parse(node.dataset.left) - now) < 5 * MINUTE * 1000;
    if (minute || close) left(node, now);
  }
  if (!minute) return;
  last = now;
  for (const node of document.querySelectorAll("time[data-rel]")) relative(node, now);
}

export function refreshTimes() { last = 0; tick(); }
setInterval(tick, 1000);
document.addEventListener("visibilitychange", refreshTimes);
document.addEventListener("htmx:afterSettle", refreshTimes);
tick();
