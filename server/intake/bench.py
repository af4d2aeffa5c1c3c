"""How fast the intake is: the production path, decode to commit, on a database of its own.

Samples: reports of ten agents are decoded, entered into the ledger, written as heads and judged by
the server's rules, in batches as the committer makes them, each one synced commit; then packed.
Alerts and latency: see `bench_alerts`.

The last line of output is one JSON object: items, cpu_s (all threads), per_cpu_s, wall_s, peak_mb.
"""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import typer

from rules import codec, wire
from server.intake import bench_alerts, taking
from server.intake.bench_plant import AGENTS, DEVICES, SERIES, TOGETHER, Plant, Start, TemporaryDatabase
from server.intake.items import Delivery
from server.metrics import service as metrics

COMMAND = typer.Typer(no_args_is_help=True)


def samples(total: int) -> dict[str, object]:
    """Take about `total` samples; five reports of each agent's devices a minute."""
    with TemporaryDatabase() as db:
        plant = Plant.built(db)
        bodies = list(_sample_reports(plant, total))
        told = [len(body) for body in bodies]
        start = Start()
        items = 0
        for begin in range(0, len(bodies), TOGETHER):
            now = datetime.now(UTC)
            deliveries = []
            for body in bodies[begin : begin + TOGETHER]:
                report, refused = codec.decode_report(body)
                items += sum(block.count() for block in report.samples)
                deliveries.append(Delivery(report, now, refused))
            answers = db.run_now(taking.take, deliveries, plant.scopes, now=now)
            assert all(answer.status == "accepted" and not answer.items for answer in answers)
        taken = start.told(items)
        metrics.store.pack(db, now=datetime.now(UTC))
        whole = start.told(items)
        return {
            **taken,
            "reports": len(bodies),
            "mean_report_bytes": round(sum(told) / len(told)),
            "per_cpu_s_with_packing": whole["per_cpu_s"],
        }


@COMMAND.callback()
def _group() -> None:
    """Measure the production code."""


@COMMAND.command("ingest")
def ingest(
    alerts_: int = typer.Option(0, "--alerts", help="alert news to take"),
    batch: int = typer.Option(100, "--batch", help="alert news in a report"),
    samples_: int = typer.Option(0, "--samples", help="samples to take"),
    latency_: int = typer.Option(0, "--latency", help="values to time from report to incident"),
) -> None:
    """Measure the intake; the last line is one JSON object."""
    if latency_:
        print_last(bench_alerts.latency(latency_))
    if alerts_:
        print_last(bench_alerts.alerts(alerts_, batch))
    if samples_ or not (alerts_ or latency_):
        print_last(samples(samples_ or 2_000_000))


def print_last(told: dict[str, object]) -> None:
    """One JSON object on a line of its own."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _sample_reports(plant: Plant, total: int) -> Iterable[bytes]:
    """Reports as agents send them: every twelve seconds a fifth of the devices, mixed kinds of values."""
    random = np.random.default_rng(7)
    begin = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    made, sequence = 0, count(2)
    levels = random.uniform(10, 300, (AGENTS, DEVICES, SERIES + 1))
    for step in sequence:
        at = begin + 12.0 * step
        for place, (agent_id, ids) in enumerate(plant.ids.items()):
            blocks = []
            for device in range(step % 5, DEVICES, 5):
                values = np.round(levels[place, device] + random.normal(0, 0.5, SERIES + 1), 1)
                values[-1] = 1.0
                blocks.append(wire.SampleBlock(at + device / 100, ids[device].tobytes(), values.tobytes()))
                made += SERIES + 1
            yield codec.encode(
                wire.Report(
                    agent=agent_id,
                    stream="samples",
                    sequence=step,
                    sent_at=at,
                    trace=f"b-{step}",
                    samples=blocks,
                )
            )
        if made >= total:
            return
