"""What the page of a room says of readings and people."""

from server.cmdb.readings import Reading
from server.kernel.i18n import N_, _, ngettext, pgettext


def float_of(one: Reading) -> float:
    """The number of a reading; 0 where there is none."""
    return one.value if one.value is not None else 0.0


def short(one: Reading) -> str:
    """A reading with the least words that say what it is."""
    match one.metric:
        case "ups_battery_charge_ratio":
            return _("battery {value}").format(value=one.text)
        case "ups_output_load_ratio":
            return _("load {value}").format(value=one.text)
        case "ups_output_source":
            return (
                _("on battery") if one.text == "battery" else _("mains") if one.text == "normal" else one.text
            )
        case "cooling_supply_air_temperature_celsius":
            return _("supply {value}").format(value=one.text)
        case "contact_state" if one.text in {"closed", "open"}:
            return pgettext("breaker", "closed") if one.text == "closed" else pgettext("breaker", "open")
    return state_word(one.text)


def state_word(text: str) -> str:
    """Words of states in the reader's language; others stay as the device says them."""
    return _(WORDS[text]) if text in WORDS else text


WORDS = {
    "normal": N_("normal"),
    "running": N_("running"),
    "stopped": N_("stopped"),
    "closed": N_("closed"),
    "open": N_("open"),
    "held_open": N_("held open"),
    "forced_open": N_("forced open"),
    "leak": N_("leak"),
    "smoke": N_("smoke"),
    "on": N_("running"),
    "off": N_("stopped"),
    "standby": N_("standby"),
    "no_status": N_("no status"),
}


def providers_word(severity: str) -> str:
    """A word for the health of an item that measures nothing."""
    return _("not seen") if severity == "unknown" else _("has an alert")


def people(count: int) -> str:
    """How many people, in words."""
    return ngettext("1 person", "{n} people", count).format(n=count) if count else _("Nobody")
