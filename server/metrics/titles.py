"""What metrics and their states are called and how grave a state is, as the profiles say."""

from collections.abc import Mapping
from functools import cache

from rules.profile import packaged
from server.kernel.i18n import loc


@cache
def _forms() -> dict[str, tuple[Mapping[str, str], Mapping[str, str]]]:
    """Titles and severities of states per metric, over all packaged profiles."""
    found: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {}
    for profile in packaged().values():
        tables = [table.metrics for table in profile.poll.tables]
        for metrics in (profile.poll.metrics, *tables):
            for name, form in metrics.items():
                if name not in found:
                    found[name] = (
                        {str(key): said for key, said in form.title.items()},
                        {str(key): str(to) for key, to in form.severity.items()},
                    )
    return found


def title(metric: str) -> str:
    """The name of a metric in the reader's language, or its own name in words."""
    known = _forms().get(metric)
    return loc(known[0]) if known and known[0] else metric.replace("_", " ")


def severity(metric: str, word: str) -> str:
    """How grave the state of this word is; "" where no profile says."""
    known = _forms().get(metric)
    return known[1].get(word, "") if known else ""
