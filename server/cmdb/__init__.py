"""Configuration management: what there is, how it hangs together, who says so and since when."""

from server.cmdb import models

__all__ = ["models"]
