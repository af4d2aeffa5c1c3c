"""Alerts: conditions, repeats, groups with a probable cause."""
