"""Ways to ask a device. Each is bounded in time, bytes and items; none raises for what a network does."""
