"""The agent's own figures: as samples of its host, and for Prometheus on request."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from agent.collect import Collector
from agent.delivery import Delivery
from agent.outbox import STREAMS, Outbox
from agent.schedule import Lag, Schedule

Metric = tuple[str, str, dict[str, str], float]
MAX_REQUEST = 8_192


@dataclass(slots=True)
class Selfwatch:
    """Looks at the parts of an agent."""

    schedule: Schedule
    outbox: Outbox
    delivery: Delivery
    collector: Collector
    polls: int = 0
    latest: list[Metric] = field(default_factory=list)
    others: Callable[[], list[Metric]] | None = None  # figures of parts that are not always there
    _process: psutil.Process = field(default_factory=psutil.Process)

    def metrics(self) -> list[Metric]:
        """Name, unit, labels, value. The lag is of the polls since the last call."""
        lag, self.schedule.lag = self.schedule.lag, Lag()
        self.polls += lag.count
        found: list[Metric] = [
            ("agent_poll_lag_seconds", "s", {"of": "worst"}, lag.worst),
            ("agent_poll_lag_seconds", "s", {"of": "mean"}, lag.total / lag.count if lag.count else 0.0),
            ("agent_polls_total", "", {}, float(self.polls)),
            ("agent_polls_skipped", "", {}, float(lag.skipped)),
            ("agent_devices", "", {}, float(len(self.schedule.keys()))),
            ("agent_values_total", "", {}, float(self.collector.values)),
            ("agent_resident_bytes", "B", {}, float(self._process.memory_info().rss)),
            ("agent_cpu_seconds_total", "s", {}, sum(self._process.cpu_times()[:2])),
            ("agent_outbox_damaged_total", "", {}, float(self.outbox.damaged)),
            ("agent_outbox_dropped_total", "", {}, float(self.outbox.dropped)),
            ("agent_quarantined_total", "", {}, float(self.delivery.quarantined)),
            ("agent_delivery_failures", "", {}, float(self.delivery.failures)),
        ]
        for stream in STREAMS:
            depth = self.outbox.depth(stream)
            found.append(("agent_outbox_records", "", {"stream": stream}, float(depth.records)))
            found.append(("agent_outbox_bytes", "B", {"stream": stream}, float(depth.size)))
        if self.others is not None:
            found += self.others()
        self.latest = found
        return found

    async def expose(self, host: str, port: int) -> None:
        """Answer every request with the figures, as Prometheus reads them; port 0: not at all."""
        if not port:
            return
        server = await asyncio.start_server(self._answer, host, port, limit=MAX_REQUEST)
        async with server:
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                await reader.readuntil(b"\r\n\r\n")
            body = exposition(self.latest).encode()
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}"
            )
            writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
            async with asyncio.timeout(5):
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


def exposition(metrics: list[Metric]) -> str:
    """The figures in Prometheus' text format."""
    lines = [f"# Watchdesk agent on Python {sys.version_info.major}.{sys.version_info.minor}"]
    for name, _unit, labels, value in metrics:
        inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
        lines.append(f"watchdesk_{name}{{{inside}}} {value}" if inside else f"watchdesk_{name} {value}")
    return "\n".join(lines) + "\n"
