// Metric charts: one strip for each unit, gaps not joined, min/max band, marks, dashed forecast, thresholds, shared crosshair, table twin.
import { make, zone } from "./dom.js";
import { say } from "./texts.js";

const SEVERITY = { critical: "crit", major: "major", minor: "minor", info: "info", ok: "ok" };
const BACK = 200, AGAIN = 10_000; // rows of the table twin; ms between two loads on news
const shown = new Map();
let library = null;

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--wd-${name}`).trim();
const formats = {};
function when(at, long) {
  formats[long] ??= new Intl.DateTimeFormat("sv-SE", { timeZone: zone(), ...(long ? { dateStyle: "short", timeStyle: "medium" } : { hour: "2-digit", minute: "2-digit" }) });
  return formats[long].format(at);
}
function axisTime(at, spanMs) {
  if (spanMs > 3 * 86_400_000) return new Intl.DateTimeFormat("sv-SE", { timeZone: zone(), month: "2-digit", day: "2-digit" }).format(at);
  return when(at, false);
}
const decimals = (value) => (Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2);
const number = (value, unit) => (value === null || value === undefined ? "–" : `${value.toLocaleString("en-US", { minimumFractionDigits: 0, maximumFractionDigits: decimals(value) })}${unit ? (unit === "%" ? "%" : `\u00a0${unit}`) : ""}`);

function strips(data) {
  const units = [];
  for (const one of data.series) if (!units.includes(one.unit ?? "")) units.push(one.unit ?? "");
  return units.slice(0, 4);
}

// The same name keeps its colour; a forecast takes the colour of what it continues.
function colours(data) {
  const found = new Map();
  for (const one of data.series) { const key = `${one.name}|${one.unit ?? ""}`; if (!found.has(key)) found.set(key, `c${(found.size % 6) + 1}`); }
  return (one) => found.get(`${one.name}|${one.unit ?? ""}`);
}

function option(data, node) {
  const units = strips(data), colour = colours(data), height = node.clientHeight, foot = 22, gap = 14;
  const each = Math.max(40, (height - foot - 8 - gap * (units.length - 1)) / units.length);
  const label = { color: token("ink-3"), fontSize: 12, fontFamily: token("font") };
  const times = data.series.flatMap((one) => one.points.map(([at]) => at));
  const from = data.from ?? Math.min(...times), to = data.to ?? Math.max(...times), spanMs = to - from;
  const text = { fontFamily: token("font"), fontSize: 12 };
  return {
    animation: false, textStyle: text, axisPointer: { link: [{ xAxisIndex: "all" }] },
    grid: units.map((unit, n) => ({ left: 52, right: 14, top: 8 + n * (each + gap), height: each })),
    xAxis: units.map((unit, n) => ({ type: "time", gridIndex: n, min: from, max: to, axisLabel: { ...label, show: n === units.length - 1, hideOverlap: true, formatter: (at) => axisTime(at, spanMs) }, axisLine: { lineStyle: { color: token("line-2") } }, axisTick: { show: false }, splitLine: { show: false }, axisPointer: { show: true, label: { show: false }, lineStyle: { color: token("ink-3"), type: "solid", width: 1 } } })),
    yAxis: units.map((unit, n) => ({ type: "value", gridIndex: n, scale: unit === "°C" || unit === "V" && low(data, unit) > 100, min: unit === "%" ? 0 : undefined, max: unit === "%" && high(data, unit) <= 100 ? 100 : undefined, splitNumber: 2, axisLabel: { ...label, formatter: (value) => number(value, "") }, splitLine: { lineStyle: { color: token("line") } } })),
    tooltip: { trigger: "axis", appendToBody: false, confine: true, borderWidth: 0, padding: 0, backgroundColor: "transparent", extraCssText: "box-shadow:none", formatter: (points) => tip(points, data) },
    series: data.series.flatMap((one, n) => lines(one, n, units, token(colour(one)), data)),
  };
}

const values = (data, unit) => data.series.filter((one) => (one.unit ?? "") === unit).flatMap((one) => one.points.map(([, value]) => value)).filter((value) => value !== null);
const low = (data, unit) => Math.min(...values(data, unit));
const high = (data, unit) => Math.max(...values(data, unit));

function lines(one, n, units, colour, data) {
  const at = Math.max(0, units.indexOf(one.unit ?? "")), first = data.series.findIndex((other) => (other.unit ?? "") === (one.unit ?? "")) === n;
  const base = { type: "line", xAxisIndex: at, yAxisIndex: at, showSymbol: false, connectNulls: false, silent: true, z: 3 };
  const made = [{ ...base, id: `s${n}`, name: one.name, data: one.points, lineStyle: { width: 1.8, color: colour, type: one.forecast ? "dashed" : "solid" }, itemStyle: { color: colour }, markLine: first ? marks(one, data, at) : undefined }];
  if (one.min && one.max) {
    const high_ = new Map(one.max.map(([t, value]) => [t, value]));
    made.push({ ...base, id: `b${n}`, z: 1, stack: `band${n}`, data: one.min, lineStyle: { opacity: 0 }, tooltip: { show: false }, stackStrategy: "all" });
    made.push({ ...base, id: `t${n}`, z: 1, stack: `band${n}`, data: one.min.map(([t, value]) => [t, value === null || high_.get(t) === null || high_.get(t) === undefined ? null : high_.get(t) - value]), lineStyle: { opacity: 0 }, areaStyle: { color: colour, opacity: 0.14 }, stackStrategy: "all" });
  }
  return made;
}

function marks(one, data, at) {
  const text = (kind) => ({ fontFamily: token("font"), fontSize: 12, color: token(kind in SEVERITY ? `${SEVERITY[kind]}-ink` : "ink-3") });
  const vertical = (data.marks ?? []).map((mark) => ({ xAxis: mark.at, label: { show: at === 0, formatter: mark.label, position: "insideEndTop", rotate: 0, align: "left", offset: [8, 12], ...text(mark.kind) }, lineStyle: { color: token(SEVERITY[mark.kind] ?? "ink-3"), type: mark.kind in SEVERITY ? "solid" : "dotted", width: 1.5 } }));
  const across = (data.thresholds ?? []).filter((line) => (line.unit ?? "") === (one.unit ?? "")).map((line) => ({ yAxis: line.value, label: { formatter: line.label, position: "insideStartTop", ...text(line.kind) }, lineStyle: { color: token(SEVERITY[line.kind] ?? "minor"), type: "dashed", width: 1 } }));
  return { symbol: "none", silent: true, data: [...vertical, ...across] };
}

function tip(points, data) {
  const list = (Array.isArray(points) ? points : [points]).filter((point) => /^s\d/.test(point.seriesId ?? ""));
  if (!list.length) return "";
  const rows = list.filter((point) => point.value[1] !== null).map((point) => { const one = data.series[Number(point.seriesId.slice(1))]; return make("div", { class: "row-x" }, make("span", { class: "muted grow" }, one.name + (one.forecast ? ` (${say("chart_forecast")})` : "")), make("b", { class: "num" }, number(point.value[1], one.unit))); });
  return make("div", { class: "wd-pop wd-tip" }, make("div", { class: "xs faint num" }, when(list[0].value[0], true)), ...rows);
}

function legend(node, data) {
  const box = node.closest(".wd-chartbox")?.querySelector("[data-legend]");
  if (!box) return;
  const colour = colours(data), seen = new Set(), parts = [];
  for (const one of data.series) {
    const name = `${one.name}${one.unit ? ` (${one.unit})` : ""}`;
    if (!seen.has(name)) { seen.add(name); parts.push(make("span", {}, make("i", { class: colour(one) }), name)); }
  }
  if (data.series.some((one) => one.forecast)) parts.push(make("span", { class: "faint" }, make("i", { class: "dash" }), say("chart_forecast")));
  if (data.series.some((one) => one.min)) parts.push(make("span", { class: "faint" }, say("chart_band")));
  box.replaceChildren(...parts);
}

function twin(node, data) {
  const box = node.closest(".wd-chartbox")?.querySelector("[data-twin]");
  if (!box) return;
  const series = data.series.filter((one) => !one.forecast), at = new Map();
  series.forEach((one, n) => { for (const [t, value] of one.points) { if (!at.has(t)) at.set(t, []); at.get(t)[n] = value; } });
  const head = make("tr", {}, make("th", { scope: "col" }, say("chart_time")), ...series.map((one) => make("th", { scope: "col", class: "n" }, `${one.name}${one.unit ? ` (${one.unit})` : ""}`)));
  const body = [...at].sort((a, b) => b[0] - a[0]).slice(0, BACK).map(([t, row]) => make("tr", {}, make("td", {}, when(t, true)), ...series.map((one, n) => make("td", { class: "n" }, number(row[n], "")))));
  box.replaceChildren(make("table", { class: "wd-t" }, make("thead", {}, head), make("tbody", {}, ...body)));
}

function empty(node, text) { node.replaceChildren(make("div", { class: "wd-empty" }, make("p", {}, text))); }

async function load(node) {
  const answer = await fetch(node.dataset.chart, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) { if (!shown.has(node)) empty(node, say("chart_failed")); return; }
  const data = await answer.json();
  if (!data.series?.some((one) => one.points.some(([, value]) => value !== null))) { empty(node, say("chart_empty")); return; }
  library ??= await import(node.dataset.library);
  const kept = shown.get(node), chart = kept?.chart ?? start(node);
  chart.setOption(option(data, node), true);
  shown.set(node, { chart, data });
  legend(node, data);
  if (!kept) node.closest(".wd-chartbox")?.querySelector(".wd-twin")?.addEventListener("toggle", () => twin(node, shown.get(node).data));
  else if (node.closest(".wd-chartbox")?.querySelector(".wd-twin")?.open) twin(node, data);
}

function start(node) {
  node.replaceChildren();
  const chart = library.init(node, null, { renderer: "svg" });
  chart.group = "page";
  library.connect("page");
  return chart;
}

function again() { for (const [node, { chart, data }] of shown) if (node.isConnected) { chart.resize(); chart.setOption(option(data, node), true); legend(node, data); } }
document.documentElement.addEventListener("wd:theme", again);
addEventListener("resize", () => { clearTimeout(again.timer); again.timer = setTimeout(again, 150); });
document.addEventListener("click", (event) => { if (event.target.closest("[data-set-theme], [data-set-density]")) setTimeout(again, 50); });
document.addEventListener("wd:news", ({ detail }) => {
  for (const node of document.querySelectorAll("[data-chart][data-topic]")) if (node.dataset.topic.split(" ").some((topic) => detail.topics.includes(topic))) node.wdTimer ??= setTimeout(() => { node.wdTimer = undefined; if (shown.has(node) && !document.hidden) load(node); }, AGAIN);
});

// A chart may be given another address (another time range): set data-chart and send wd:chart.
document.addEventListener("wd:chart", (event) => load(event.target));
// After first paint, and only what is in view or near it.
const near = new IntersectionObserver((entries) => { for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); load(entry.target); } }, { rootMargin: "200px" });
export function look(root = document) { for (const node of root.querySelectorAll("[data-chart]")) if (!shown.has(node)) near.observe(node); }
look();
document.addEventListener("htmx:load", (event) => look(event.target));
