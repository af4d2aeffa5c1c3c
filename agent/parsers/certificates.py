"""Certificates in files of a machine, printed by FIND: whose they are and until when. Keys never leave it."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

# Only the lines between the two of a certificate are printed, so a key in the same file stays where it is.
FIND = (
    "find /etc/ssl /etc/pki/tls/certs /etc/nginx /etc/apache2 /etc/httpd /etc/letsencrypt/live /etc/haproxy"
    " /etc/postfix /etc/dovecot /usr/local/etc/nginx /usr/local/etc/apache24 /var/ssl"
    " -name certs -path '/etc/ssl/*' -prune -o -name '*bundle*' -prune -o"
    " \\( -name '*.crt' -o -name '*.pem' -o -name '*.cer' \\) -size -64 -print | head -n 60"
    """ | while read -r one; do echo "==> $one"; awk '/-----BEGIN CERTIFICATE-----/ {on = 1} on {print}"""
    """ /-----END CERTIFICATE-----/ {exit}' "$one"; done"""
)
MAX_CERTIFICATES = 60
MAX_ENCODED = 16_384  # characters of one certificate
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Certificate:
    """The first certificate of a file. `subject` is its common name, else its first other name."""

    path: str
    subject: str
    issuer: str
    ends_at: datetime


def read(text: str) -> Iterator[Certificate]:
    """Certificates by path; a file without one that can be read is left out."""
    for block in text.split("==> ")[1 : MAX_CERTIFICATES + 1]:
        path, _, body = block.partition("\n")
        found = _BLOCK.search(body[: MAX_ENCODED + 100])
        one = _certificate(path.strip()[:200], found[1]) if found else None
        if one is not None:
            yield one


def _certificate(path: str, encoded: str) -> Certificate | None:
    from cryptography import x509  # noqa: PLC0415 - heavy, and most polls never need it

    try:
        told = x509.load_der_x509_certificate(b64decode(encoded, validate=False))
        return Certificate(path, _subject(told), _common(told.issuer), told.not_valid_after_utc)
    except (ValueError, TypeError, binascii.Error):
        return None


def _common(name: "x509.Name") -> str:
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - as above

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value)[:200] if found else name.rfc4514_string()[:200]


def _subject(told: "x509.Certificate") -> str:
    from cryptography import x509  # noqa: PLC0415 - as above

    if common := _common(told.subject):
        return common
    try:
        names = told.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return next((str(one.value)[:200] for one in names), "")
