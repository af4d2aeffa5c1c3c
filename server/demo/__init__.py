"""The demo: a living machine room, an invented company with its history, and a page that breaks things."""
