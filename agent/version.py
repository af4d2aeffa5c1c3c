"""The agent's version, as it tells the server."""

VERSION = "0.1.0"
