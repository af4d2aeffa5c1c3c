// One stream of news: reads /events by hand, so that the server's heartbeats are seen. Used by the shared worker and by pages without one.
const SILENT = 35_000;

export class Stream {
  constructor(tell) {
    this.tell = tell;
    this.topics = "";
    this.last = "";
    this.heard = 0;
    this.wait = 1000;
    this.failures = 0;
    setInterval(() => { if (this.abort && Date.now() - this.heard > SILENT) this.abort.abort(); }, 5000);
  }

  // Listen to these topics; the stream goes on where it was, or earlier: after the event that a page had heard of when it was made.
  ask(topics, after = Infinity) {
    const wanted = [...new Set(topics)].sort().slice(0, 50).join(",");
    if (wanted === this.topics && !(after < Number(this.last))) return;
    if (Number.isFinite(after)) this.last = String(this.last ? Math.min(Number(this.last), after) : after);
    this.topics = wanted;
    if (this.abort) { this.moved = true; this.abort.abort(); } else if (wanted) this.run();
  }

  async run() {
    while (this.topics) {
      this.abort = new AbortController();
      this.heard = Date.now();
      try {
        await this.read(this.abort.signal);
      } catch (error) {
        if (!this.moved && error?.name !== "AbortError") this.failures += 1;
      }
      this.abort = null;
      if (this.ended) return;
      if (this.moved) { this.moved = false; continue; }
      this.tell({ kind: "state", state: "paused", failures: this.failures });
      await new Promise((go) => setTimeout(go, this.wait * (0.7 + Math.random() * 0.6)));
      this.wait = Math.min(30_000, this.wait * 2);
    }
  }

  async read(signal) {
    const headers = this.last ? { "Last-Event-ID": this.last } : {};
    const answer = await fetch(`/events?topics=${encodeURIComponent(this.topics)}`, { headers, signal, cache: "no-store", credentials: "same-origin" });
    if (answer.status === 401) { this.ended = true; this.tell({ kind: "end" }); return; }
    if (answer.status === 403 || answer.status === 422) { this.tell({ kind: "refused" }); throw new Error("refused"); }
    if (!answer.ok || !answer.body) throw new Error(String(answer.status));
    this.wait = 1000;
    this.failures = 0;
    this.tell({ kind: "state", state: "live" });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.heard = Date.now();
      this.tell({ kind: "beat" });
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) this.take(part);
    }
  }

  take(part) {
    const field = {};
    for (const line of part.split("\n")) { const at = line.indexOf(":"); if (at > 0) field[line.slice(0, at)] = line.slice(at + 1).trimStart(); }
    if (field.id) this.last = field.id;
    if (field.event === "news") this.tell({ kind: "news", ...JSON.parse(field.data) });
    else if (field.event === "gap") this.tell({ kind: "gap" });
    else if (field.event === "end") { this.ended = true; this.tell({ kind: "end" }); }
  }
}
