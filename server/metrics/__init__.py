"""Measurements: series, samples, roll-ups, and the rules that need more than one device to tell."""
