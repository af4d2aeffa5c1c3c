"""The probable cause in words: sentences over the codes and numbers of `rules.rootcause`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from server.alerts.models import AlertGroup
from server.cmdb import service as cmdb
from server.cmdb.models import Ci
from server.kernel.i18n import N_, _, format_duration, ngettext

MODES = {
    "unreachable": N_("{ci} is down"),
    "port": N_("the connection {ci} is cut or flaps"),
    "path": N_("the way through {ci} is disturbed"),
    "load": N_("{ci} is overloaded"),
    "power": N_("{ci} has lost its power feed"),
    "cooling": N_("{ci} does not cool"),
    "heat": N_("it is too warm at {ci}"),
    "service": N_("{ci} does not work"),
    "disk": N_("the disk of {ci} is the matter"),
    "compute": N_("processor or memory of {ci} are used up"),
    "security": N_("somebody is at {ci}"),
    "water": N_("there is water at {ci}"),
    "fire": N_("there is smoke at {ci}"),
    "other": N_("{ci} has trouble of its own"),
}
TERMS = {
    "path": N_("Path"),
    "order": N_("Order in time"),
    "change": N_("Change"),
    "redundancy": N_("Redundancy"),
    "silence": N_("What should be silent"),
}
FACTS = {
    "alone": N_("Nothing else is affected."),
    "order_silent": N_("It has not reported itself."),
    "order_alone": N_("It reported this itself."),
    "order_first": N_("Its own alert came {time} before the others."),
    "order_same": N_("Its own alert came together with the first of the others."),
    "order_later": N_("Its own alert came {time} after the first of the others."),
    "change_none": N_("Nothing was changed on it in the day before."),
    "change_recent": N_("It was changed {time} before."),
    "silence_all": N_("All that should be silent then is silent."),
}
JOINED = {
    "own": N_("the cause itself"),
    "same_item": N_("the same item"),
    "path": N_("seen only through it"),
    "far_end": N_("the other end of the port"),
    "neighbour": N_("connected to it"),
    "power": N_("powered by it"),
    "room_power": N_("in the room whose power is gone"),
    "same_feed": N_("on the same power feed"),
    "cooling": N_("cooled by it"),
    "room_cooling": N_("in the room it cools"),
    "power_cooling": N_("its cooling has lost power"),
    "room_heat": N_("in the same room"),
    "same_room": N_("in the same room"),
    "host": N_("runs on it"),
    "dependency": N_("depends on it"),
    "none": N_("not explained by this cause"),
}


COUNTED = {
    "path_all": (N_("The other alert lies behind it."), N_("All {n} other alerts lie behind it.")),
    "redundancy_stands": (
        N_("{n} item has another feed that still stands."),
        N_("{n} items have another feed that still stands."),
    ),
    "redundancy_lost": (
        N_("{n} item has lost its other feed too."),
        N_("{n} items have lost their other feeds too."),
    ),
    "redundancy_none": (N_("{n} item has no other way."), N_("{n} items have no other way.")),
    "silence_answers": (
        N_("{n} item that should be silent answers."),
        N_("{n} items that should be silent answer."),
    ),
}


@dataclass(frozen=True)
class TermView:
    """One reason: signed number, and a fact in words. `share`: percent of the largest, for the bar."""

    name: str
    value: float
    fact: str
    share: int


@dataclass(frozen=True)
class RankView:
    """A cause that comes behind, and what does not fit it."""

    name: str
    ci: Ci | None
    percent: int
    misfit: str


@dataclass(frozen=True)
class CauseView:
    """The root-cause card."""

    sentence: str
    ci: Ci | None
    percent: int
    terms: tuple[TermView, ...]
    counter: str
    others: tuple[RankView, ...]


def joined_words(joined: Mapping[str, Any]) -> str:
    """How an alert came into its group."""
    if joined.get("by") == "person":
        return _("moved here by a person")
    return _(JOINED.get(str(joined.get("relation")), JOINED["none"]))


def named_nodes(group: AlertGroup) -> set[int]:
    """The items that the card of a group names."""
    counter = group.explanation.get("counter")
    nodes = {n for rank in group.explanation.get("ranks", []) for n in (rank["node"], rank["other"]) if n > 0}
    return nodes | {counter["source"], counter["target"]} if counter else nodes


def cause_view(session: Session, group: AlertGroup) -> CauseView | None:
    """The card of a told group; None before it is told."""
    why = group.explanation
    ranks = why.get("ranks", [])
    if not ranks:
        return None
    counter = why.get("counter")
    cis = cmdb.cis(session, named_nodes(group))
    first = ranks[0]
    largest = max((abs(term["value"]) for term in why.get("terms", [])), default=0.0) or 1.0
    return CauseView(
        sentence=_sentence(first, cis),
        ci=cis.get(first["node"]) or cis.get(group.root_ci_id or 0),
        percent=min(99, round(first["share"] * 100)),  # nothing is certain
        terms=tuple(
            TermView(
                _(TERMS[term["term"]]),
                term["value"],
                _fact(term["code"], term["places"]),
                round(abs(term["value"]) / largest * 100),
            )
            for term in why.get("terms", [])
        ),
        counter=_counter(counter, cis) if counter else "",
        others=tuple(
            RankView(_sentence(rank, cis), cis.get(rank["node"]), round(rank["share"] * 100), _misfit(rank))
            for rank in ranks[1:]
        ),
    )


def _name(node: int, cis: Mapping[int, Ci]) -> str:
    return cis[node].name if node in cis else _("an item that is not in the CMDB")


def _sentence(rank: Mapping[str, Any], cis: Mapping[int, Ci]) -> str:
    name = _name(rank["node"], cis)
    if rank["other"]:
        name = f"{name} – {_name(rank['other'], cis)}"
    return _(MODES.get(rank["mode"], MODES["other"])).format(ci=name)


def _fact(code: str, places: Mapping[str, Any]) -> str:
    if code in FACTS:
        seconds = places.get("seconds", places.get("minutes", 0) * 60)
        return _(FACTS[code]).format(time=format_duration(timedelta(seconds=seconds)))
    n = int(places.get("items", places.get("explained", 0)))
    total = int(places.get("total", places.get("due", 0)))
    if code == "path_some":
        return _("{n} of {total} other alerts lie behind it.").format(n=n, total=total)
    one, many = COUNTED.get(code, COUNTED["silence_answers"])
    return ngettext(one, many, n).format(n=n)


def _counter(counter: Mapping[str, Any], cis: Mapping[int, Ci]) -> str:
    places = {
        "a": _name(counter["source"], cis),
        "b": _name(counter["target"], cis),
        "rank": counter["rank"],
        "n": counter["alerts"],
    }
    if counter["rank"] > 1:
        return _("Without the relation {a} – {b} it would rank number {rank}.").format(**places)
    return ngettext(
        "Without the relation {a} – {b} it would still rank first, but {n} alert would not fit.",
        "Without the relation {a} – {b} it would still rank first, but {n} alerts would not fit.",
        counter["alerts"],
    ).format(**places)


def _misfit(rank: Mapping[str, Any]) -> str:
    if rank["unexplained"]:
        n = rank["unexplained"]
        return ngettext("{n} alert does not fit.", "{n} alerts do not fit.", n).format(n=n)
    if rank["silent"]:
        n = rank["silent"]
        return ngettext(
            "{n} item that should be silent answers.", "{n} items that should be silent answer.", n
        ).format(n=n)
    return _("Fits, but is less likely.")
