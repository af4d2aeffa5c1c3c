// Live news: the page names topics (body data-topics, data-live on regions, data-topic on tables). When one is told, the page
// fetches itself and morphs the regions of that topic: at most once a second, never under a draft, never while it is hidden.
import { clock, make } from "./dom.js";
import { select } from "./table.js";
import { apply } from "./timeline.js";
import { say } from "./texts.js";
import { refreshTimes, span } from "./times.js";

const AFTER = 1000, SILENT = 30_000, POLL = 15_000;
const sign = document.getElementById("wd-live");
const dirty = new Set();
let state = "paused", heard = Date.now(), due = 0, running = false, port = null, oldSince = 0;

const words = (text) => (text ?? "").split(/\s+/).filter(Boolean);
const regions = () => [...document.querySelectorAll("[data-live][id]")];
const lists = () => [...document.querySelectorAll("[data-listing][data-topic]")];

function topics() {
  const found = new Set(words(document.body.dataset.topics));
  for (const region of regions()) for (const topic of words(region.dataset.live)) found.add(topic);
  for (const list of lists()) for (const topic of words(list.dataset.topic)) found.add(topic);
  for (const chart of document.querySelectorAll("[data-chart][data-topic]")) for (const topic of words(chart.dataset.topic)) found.add(topic);
  return [...found];
}

function show(next) {
  state = next;
  if (!sign) return;
  sign.hidden = false;
  sign.className = `wd-live hide-phone${next === "live" ? "" : next === "old" ? " old" : " lost"}`;
  const text = next === "live" ? say("live") : next === "old" ? say("old", { time: clock(oldSince) }) : say("paused");
  if (sign.textContent !== text) sign.textContent = text;
  document.documentElement.classList.toggle("is-old", next === "old");
}

// The worker's first word may be that it has not connected yet: that is no news for the first seconds.
const born = Date.now();

function hear(message) {
  if (message.kind !== "state" && message.kind !== "refused") heard = Date.now();
  if (message.kind === "state" && message.state !== "live" && sign?.hidden && Date.now() - born < 3000) return;
  if (message.kind === "state") { show(message.state === "live" ? "live" : state === "old" ? "old" : "paused"); if (message.state === "live") { heard = Date.now(); if (oldSince) { oldSince = 0; touch(topics()); } } }
  else if (message.kind === "news") touch([message.topic]);
  else if (message.kind === "gap") touch(topics());
  else if (message.kind === "refused") show("paused");
  else if (message.kind === "end") location.reload();
  else if (state !== "live" && message.kind === "beat") show("live");
}

function touch(some) {
  for (const topic of some) dirty.add(topic);
  document.dispatchEvent(new CustomEvent("wd:news", { detail: { topics: some } }));
  if (!due) due = setTimeout(refresh, AFTER);
}

async function refresh() {
  due = 0;
  if (document.hidden || running || !dirty.size) return;
  const told = new Set(dirty);
  dirty.clear();
  const hit = (text) => words(text).some((topic) => told.has(topic));
  let places = regions().filter((region) => hit(region.dataset.live));
  const tables = lists().filter((list) => hit(list.dataset.topic));
  const whole = hit(document.body.dataset.topics) && !regions().length && !lists().length;
  if (whole) places = [document.getElementById("main")];
  if (!places.length && !tables.length) return;
  running = true;
  try {
    const fresh = await page(location.href);
    if (fresh) { for (const place of places) swap(place, fresh); for (const list of tables) merge(list, fresh); swap(document.getElementById("nav"), fresh); } else { for (const topic of told) dirty.add(topic); await new Promise((done) => setTimeout(done, 3000)); }
  } finally {
    running = false;
    if (dirty.size && !due) due = setTimeout(refresh, AFTER);
  }
}

async function page(url) {
  const answer = await fetch(url, { headers: { "X-Live": "1" }, cache: "no-store" }).catch(() => null);
  if (!answer?.ok || answer.redirected) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Kept as they are: what is being typed into, open, or ticked.
function keep(node) {
  if (!(node instanceof Element)) return false;
  if (node.matches("dialog[open], details.wd-menu[open], form[data-dirty], [data-chart], [data-keep]")) return true;
  return node.matches("form, input, textarea, select") && node.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
}

function swap(place, fresh) {
  const next = place?.id ? fresh.getElementById(place.id) : null;
  if (!next || !window.Idiomorph) return;
  const before = new Map([...place.querySelectorAll("td[id], [data-tint][id], tr[id] td")].map((node, n) => [node, node.textContent]));
  const inside = place.id === "main"; // an element given whole would be put inside itself
  window.Idiomorph.morph(place, inside ? [...next.childNodes] : next, { morphStyle: inside ? "innerHTML" : "outerHTML", ignoreActiveValue: true, callbacks: {
    beforeNodeMorphed: (old, now) => { if (!keep(old)) { carry(old, now); return true; } stale(old, now); return false; },
    beforeNodeRemoved: (old) => !(old instanceof Element && old.matches(".wd-stale, dialog[open], [data-keep]")),
  } });
  for (const [node, text] of before) if (node.isConnected && node.textContent !== text) tint(node);
  const panel = place.closest("[data-timeline]") ?? place.querySelector("[data-timeline]");
  if (panel) apply(panel);
  window.htmx?.process(place);
  refreshTimes();
}

// What the reader opened, chose or ticked stays so.
function carry(old, now) {
  if (!(old instanceof Element) || !(now instanceof Element)) return;
  if (old.matches("details[open]")) now.setAttribute("open", "");
  for (const name of ["aria-selected", "tabindex", "data-shown", "hidden"]) if (old.matches("tr[data-row], [data-timeline], li[data-group]") && old.hasAttribute(name)) now.setAttribute(name, old.getAttribute(name));
  if (old.matches(".wd-seg > button")) now.setAttribute("aria-pressed", old.getAttribute("aria-pressed"));
}

function stale(old, now) {
  const version = now instanceof Element ? now.dataset.version : undefined;
  if (!version || version === old.dataset.version || old.nextElementSibling?.matches(".wd-stale")) return;
  const at = now.dataset.changed ? (Date.now() - Date.parse(now.dataset.changed)) / 1000 : 0;
  const button = make("button", { class: "wd-btn sm", type: "button" }, say("show"));
  const line = make("p", { class: "wd-stale", role: "status" }, say("changed", { span: span(at, 1) }), button);
  button.addEventListener("click", () => { line.remove(); old.replaceWith(document.adoptNode(now)); });
  old.after(line);
}

function tint(node) {
  node.classList.add("wd-fresh");
  setTimeout(() => node.classList.remove("wd-fresh"), 2000);
}

// Rows that are there change in place, new ones wait behind the pill, gone ones fade.
function merge(list, fresh) {
  const old = list.querySelector("[data-rows] tbody"), next = fresh.querySelector(`[data-listing="${list.dataset.listing}"] [data-rows] tbody`);
  const pill = list.querySelector("[data-new]");
  if (!old || !next) { if (next || old) offer(pill, () => location.reload(), next ? next.rows.length : 1); return; }
  const coming = new Map([...next.rows].map((row) => [row.id, row]));
  for (const row of old.rows) {
    const now = coming.get(row.id);
    row.classList.toggle("wd-gone", !now);
    if (now) for (let n = 0; n < row.cells.length; n += 1) { const cell = row.cells[n], with_ = now.cells[n]; if (with_ && !cell.matches(".c0") && cell.textContent !== with_.textContent) { window.Idiomorph.morph(cell, with_, { morphStyle: "outerHTML" }); tint(row.cells[n]); } }
  }
  const added = [...coming.keys()].filter((id) => !document.getElementById(id)).length;
  for (const id of ["views", "list-count"]) { const place = document.getElementById(id); if (place && fresh.getElementById(id)) window.Idiomorph.morph(place, fresh.getElementById(id), { morphStyle: "outerHTML" }); }
  if (added) offer(pill, () => { const chosen = old.querySelector('[aria-selected="true"]')?.id; window.Idiomorph.morph(old, [...next.childNodes], { morphStyle: "innerHTML" }); const row = document.getElementById(chosen); if (row) select(row, false); refreshTimes(); }, added);
}

function offer(pill, take, n) {
  if (!pill) return;
  pill.dataset.since ??= String(Date.now());
  pill.querySelector("[data-new-text]").textContent = say(n === 1 ? "new_one" : "new_many", { n, time: clock(Number(pill.dataset.since)) });
  pill.hidden = false;
  pill.onclick = () => { pill.hidden = true; delete pill.dataset.since; take(); };
}

function watch() {
  const silent = Date.now() - heard;
  if (silent > SILENT && topics().length) { oldSince ||= heard; show("old"); }
  port?.postMessage({ kind: "here" });
}

async function connect() {
  const wanted = topics(), after = Number(document.body.dataset.heard ?? 0);
  if (!wanted.length || !document.body.dataset.user) return;
  setTimeout(() => { if (sign?.hidden) show("paused"); }, 3000);
  if (window.SharedWorker) {
    const worker = new SharedWorker(new URL("./live-worker.js", import.meta.url), { type: "module", name: "watchdesk-live" });
    worker.addEventListener("error", () => { port = null; alone(wanted, after); });
    port = worker.port;
    port.addEventListener("message", ({ data }) => hear(data));
    port.start();
    port.postMessage({ kind: "topics", topics: wanted, after });
    addEventListener("pagehide", () => port?.postMessage({ kind: "bye" }));
    addEventListener("pageshow", (event) => { if (event.persisted) port?.postMessage({ kind: "topics", topics: wanted, after }); });
  } else alone(wanted, after);
  setInterval(watch, 5000);
}

// Without a shared worker the page listens itself; without a stream it asks every 15 s.
async function alone(wanted, after) {
  const { Stream } = await import("./live-stream.js");
  let polling = 0;
  new Stream((message) => {
    if (message.kind === "state" && message.state === "paused" && message.failures >= 3 && !polling) polling = setInterval(() => touch(wanted), POLL);
    if (message.kind === "state" && message.state === "live") { clearInterval(polling); polling = 0; }
    hear(message);
  }).ask(wanted, after);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden && dirty.size) refresh(); });
connect();
