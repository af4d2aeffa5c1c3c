"""The SSH host keys of the room's servers: steady, so that an agent can pin them before it comes.

They protect nothing: the room is made up, and whoever reads its serial numbers can make them.
"""

import base64
import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.playback.plant import Device

KIND = b"ssh-ed25519"


def host_key(device: Device) -> Ed25519PrivateKey:
    """The key of a server, made of its serial number."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"room {device.serial}".encode()).digest())


def pem(key: Ed25519PrivateKey) -> str:
    """The key as OpenSSH writes it into a file."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()


def fingerprint(key: Ed25519PrivateKey) -> str:
    """`SHA256:...` as ssh-keygen shows it."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (KIND, raw))
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
