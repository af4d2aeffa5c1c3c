"""Polls devices, discovers configuration items, tells the server what is news."""
