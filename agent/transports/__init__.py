"""Ways to ask a device. Each is bounded in time, bytes and items; what goes wrong is one `TroubleError`."""
