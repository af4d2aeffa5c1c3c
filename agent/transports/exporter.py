"""Prometheus exporters: a page of metrics in the text format, by name and by labels.

A sample without labels is the reading of its name; every name is also a table whose rows are its samples,
labels by their names and the figure as `value`. Bounded: `MAX_SAMPLES` samples, label values cut.
"""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from agent.transports.facts import Facts, Raw
from agent.transports.http import Http, Page
from agent.transports.trouble import BadResponseError, clean

PATH = "/metrics"
MAX_SAMPLES = 50_000
MAX_LABEL = 200
OK = 200


async def fetch(http: Http, page: Page, *, timeout_s: float = 10.0) -> Facts:
    """Ask an exporter for its page within `timeout_s`; raises TroubleError."""
    told = await http.read(page, timeout_s=timeout_s)
    if told.status != OK:
        raise BadResponseError(f"The device answered HTTP {told.status}.", place="status", evidence=told.body)
    text = told.body.decode("utf-8", "replace")
    if told.truncated:  # the last line may be half a line
        text = text.rpartition("\n")[0] + "\n"
    facts = Facts(rtt_s=told.took_s, truncated=told.truncated)
    try:
        for count, (name, labels, value) in enumerate(_samples(text)):
            if count >= MAX_SAMPLES:
                facts.truncated = True
                break
            if not labels:
                facts.readings.setdefault(name, value)
            facts.tables.setdefault(name, []).append({**labels, "value": value})
    except (ValueError, IndexError, KeyError) as error:
        raise BadResponseError(f"The page is no metrics: {error}", place="body", evidence=told.body) from None
    return facts


def _samples(text: str) -> Iterator[tuple[str, dict[str, Raw], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels: dict[str, Raw] = {name: clean(value, MAX_LABEL) for name, value in sample.labels.items()}
            yield sample.name, labels, float(sample.value)
