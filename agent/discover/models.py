"""The trained models the agent carries: weights of words, read from one small file.

The file holds names and numbers alone (msgpack), no objects of the library that trained them: it is read
without scikit-learn, nothing of it can run, and a weight is looked up and explained by its word.
"""

import lzma
from functools import cache
from importlib import resources

import msgspec

from ml.linear import Model

CLASS, KIND, POWER = "device_class", "sensor", "power"
SURE = "sure "  # before a field's name: how sure its answer is
CHOICE = "choice of "  # before a field's name: which of all that may be its answer
FILE = "models.bin"


class Models(msgspec.Struct):
    """All models by name."""

    by_name: dict[str, Model]

    def pack(self) -> bytes:
        """As bytes, the same for the same models."""
        return lzma.compress(msgspec.msgpack.encode(self), preset=9)


def unpack(data: bytes) -> Models:
    """The opposite of `Models.pack`."""
    return msgspec.msgpack.decode(lzma.decompress(data), type=Models)


@cache
def packaged() -> Models:
    """The models of the package, written by `watchdesk-agent bench recognise --models`."""
    return unpack(resources.files("agent.discover").joinpath(FILE).read_bytes())
