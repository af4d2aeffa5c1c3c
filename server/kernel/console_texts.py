"""Texts that the browser's modules say. They come with the page; JavaScript files hold none."""

import json

from markupsafe import Markup

from server.kernel.i18n import N_, _, pgettext

TEXTS = {
    "live": N_("Live"),
    "paused": N_("Paused, trying again"),
    "old": N_("Old since {time}"),
    "just_now": N_("just now"),
    "ago": N_("{span} ago"),
    "in": N_("in {span}"),
    "d": N_("{n} d"),
    "h": N_("{n} h"),
    "min": N_("{n} min"),
    "s": N_("{n} s"),
    "left": N_("{span} left"),
    "over": N_("{span} over"),
    "new_one": N_("{n} new since {time}"),
    "new_many": N_("{n} new since {time}"),
    "changed": N_("This was changed {span} ago."),
    "show": N_("Show"),
    "undo": N_("Undo"),
    "close": N_("Close"),
    "draft_kept": N_("Draft kept on this device"),
    "draft_restored": N_("Draft from {time} restored"),
    "selected": N_("{n} selected"),
    "skipped": N_("{n} left out: {why}"),
    "palette": N_("Search or jump to…"),
    "palette_do": N_("Do"),
    "palette_go": N_("Go to"),
    "palette_found": N_("Found"),
    "palette_none": N_("Nothing found for {text}"),
    "palette_move": N_("move"),
    "palette_open": N_("open"),
    "keys": N_("Keys"),
    "keys_off": N_("Single keys off"),
    "keys_on": N_("Single keys on"),
    "keys_page": N_("On this page"),
    "keys_everywhere": N_("Everywhere"),
    "keys_table": N_("In a table"),
    "key_palette": N_("search, jump, act"),
    "key_search": N_("search"),
    "key_help": N_("this list"),
    "key_go": N_("then {letters}: {pages}"),
    "key_move": N_("next, previous row"),
    "key_open": N_("open"),
    "key_preview": N_("preview"),
    "key_tick": N_("tick; with Shift up to here"),
    "key_new": N_("show new rows"),
    "key_filter": N_("filter"),
    "key_undo": N_("undo, while it is offered"),
    "previous": N_("Previous of the list"),
    "next": N_("Next of the list"),
    "key_escape": N_("close, clear"),
    "key_send": N_("send"),
    "go_home": N_("Home"),
    "go_incidents": N_("Incidents"),
    "go_alerts": N_("Alerts"),
    "go_cis": N_("Configuration items"),
    "go_knowledge": N_("Knowledge"),
    "go_rooms": N_("Rooms"),
    "confirm": N_("Confirm"),
    "cancel": N_("Cancel"),
    "offline": N_("The server does not answer. What you typed is kept."),
    "failed": N_("That did not work. Try again."),
    "chart_time": N_("Time"),
    "chart_empty": N_("No data in this time"),
    "chart_failed": N_("The metric store does not answer"),
    "chart_forecast": N_("forecast"),
    "chart_band": N_("lowest to highest"),
    "nothing": N_("Nothing found"),
    "copied": N_("Copied"),
    "copy_by_hand": N_("The browser does not let pages copy. Select the text and copy it by hand."),
}


def texts_json() -> Markup:
    """The texts in the reader's language as JSON that is safe inside a script element."""
    told = {key: _(msgid) for key, msgid in TEXTS.items()}
    told["min_part"] = pgettext("part", "{n} min")
    said = json.dumps(told, ensure_ascii=False)
    safe = said.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(safe)  # noqa: S704  no sign of markup is left
