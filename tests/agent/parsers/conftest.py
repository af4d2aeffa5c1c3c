"""Certificates made for the tests, as the machine's script prints them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def certificate() -> Callable[[str, int], str]:
    """A certificate in PEM for a common name, that ends so many days after NOW."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    key = ed25519.Ed25519PrivateKey.generate()

    def made(name: str, days: int) -> str:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Charlie's CA")])
        one = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        one = one.serial_number(7).not_valid_before(NOW - timedelta(days=300))
        signed = one.not_valid_after(NOW + timedelta(days=days)).sign(key, None)
        return signed.public_bytes(Encoding.PEM).decode()

    return made
