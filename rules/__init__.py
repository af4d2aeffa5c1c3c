"""What agent and server agree on. Pure: no I/O but its own packaged YAML."""
