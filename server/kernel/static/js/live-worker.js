// One connection for all pages of this browser.
import { Stream } from "./live-stream.js";

const FORGET = 150_000;
const pages = new Map();
let last = { kind: "state", state: "paused" }, settling = 0, from = Infinity;
const stream = new Stream((message) => {
  if (message.kind === "state") last = message;
  if (message.kind === "refused") { const newest = [...pages.keys()].pop(); newest?.postMessage(message); pages.delete(newest); settle(); return; }
  for (const [port, page] of pages) if (message.kind !== "news" || page.topics.includes(message.topic)) port.postMessage(message);
});

function settle() {
  clearTimeout(settling);
  settling = setTimeout(() => {
    for (const [port, page] of pages) if (Date.now() - page.seen > FORGET) pages.delete(port);
    stream.ask([...pages.values()].flatMap((page) => page.topics), from);
    from = Infinity;
  }, 250);
}
setInterval(settle, 30_000);

self.addEventListener("connect", (event) => {
  const port = event.ports[0];
  port.addEventListener("message", ({ data }) => {
    if (data.kind === "topics") { if (data.after) from = Math.min(from, data.after); pages.delete(port); pages.set(port, { topics: data.topics, seen: Date.now() }); port.postMessage(last); settle(); }
    else if (data.kind === "bye") { pages.delete(port); settle(); }
    else if (data.kind === "here" && pages.has(port)) pages.get(port).seen = Date.now();
  });
  port.start();
});
