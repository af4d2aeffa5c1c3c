"""The receiving side of SNMPv3: own senders built by the standard, every protocol, replays, refusals."""

import contextlib
import hashlib
import hmac
import os
import shutil
from dataclasses import replace

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given
from hypothesis import strategies as st

from agent.listeners import usm
from agent.listeners.trap import INFORM
from agent.listeners.usm import AUTH, PRIV, REPORTABLE, RefusedError, Security, User, keys_of, user_of
from agent.transports import ber
from agent.transports.trouble import TroubleError
from tests.agent.listeners import messages

ENGINE = b"\x80\0\x1f\x88\x80\x01\x02\x03\x04"
OURS = b"\x80\0\0\0\x05watchdesk"
ALICE = User("alice", "sha256", "alice-auth-key", "aes", "alice-priv-key")
DOWN = messages.LINK_DOWN


def pdu(kind: int = 0xA7) -> bytes:
    """The PDU of a v2c message: what follows version and community."""
    message = messages.v2c(DOWN, {"1.3.6.1.2.1.2.2.1.1.4": 4}, kind=kind)
    start, end = ber.expect(message, 0, len(message), ber.SEQUENCE, "")
    at = ber.number(message, start, end, "")[2]
    return message[ber.expect(message, at, end, ber.OCTETS, "")[1] :]


def sealed(
    user: User = ALICE, *, engine: bytes = ENGINE, boots: int = 3, time: int = 500, flags: int = AUTH | PRIV,
    kind: int = 0xA7,
) -> bytes:  # fmt: skip
    """A message as a sender makes it, with AES; written here by RFC 3414 and 3826, not by what is tested."""
    keys = keys_of(user, engine)
    scoped = ber.tlv(ber.SEQUENCE, ber.tlv(ber.OCTETS, engine) + ber.tlv(ber.OCTETS, b"") + pdu(kind))
    salt = os.urandom(8) if flags & PRIV else b""
    if flags & PRIV:
        vector = boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt
        work = Cipher(algorithms.AES(keys.priv), CFB(vector)).encryptor()
        scoped = ber.tlv(ber.OCTETS, work.update(scoped) + work.finalize())
    name, size = usm.HASHES[user.auth]

    def whole(digest: bytes) -> bytes:
        header = ber.integer(77) + ber.integer(65_507) + ber.tlv(ber.OCTETS, bytes((flags,))) + ber.integer(3)
        parts = ber.tlv(ber.OCTETS, engine) + ber.integer(boots) + ber.integer(time)
        parts += (
            ber.tlv(ber.OCTETS, user.name.encode()) + ber.tlv(ber.OCTETS, digest) + ber.tlv(ber.OCTETS, salt)
        )
        security = ber.tlv(ber.OCTETS, ber.tlv(ber.SEQUENCE, parts))
        return ber.tlv(ber.SEQUENCE, ber.integer(3) + ber.tlv(ber.SEQUENCE, header) + security + scoped)

    if not flags & AUTH:
        return whole(b"")
    return whole(hmac.new(keys.auth, whole(bytes(size)), getattr(hashlib, name)).digest()[:size])


def security() -> Security:
    return Security(OURS, 9, lambda: 1_000.0)


USERS = {b"alice": ALICE}


def test_the_keys_are_those_of_the_standards_examples() -> None:
    """RFC 3414, A.3.1 and A.3.2: the password maplesyrup at the engine ...02."""
    engine = bytes.fromhex("000000000000000000000002")
    for auth, digits in (
        ("md5", "526f5eed9fcce26f8964c2930787d82b"),
        ("sha", "6695febc9288e36282235fc7151f128497b38f3f"),
    ):
        assert keys_of(User("u", auth, "maplesyrup"), engine).auth.hex() == digits


def test_long_keys_are_extended_as_drafted_or_as_cisco_does() -> None:
    """draft-blumenthal-aes-usm-04 goes on with hashes of the key, Cisco with the key as a password."""
    drafted = keys_of(User("u", "sha", "maplesyrup", "aes256", "maplesyrup"), ENGINE).priv
    short = keys_of(User("u", "sha", "maplesyrup", "aes", "maplesyrup"), ENGINE).auth
    assert drafted == (short + hashlib.sha1(short).digest())[:32]
    other = keys_of(User("u", "sha", "maplesyrup", "aes256", "maplesyrup", cisco=True), ENGINE).priv
    assert other[:20] == drafted[:20]
    million = (short * (2**20 // 20 + 1))[: 2**20]
    digest = hashlib.sha1(million).digest()
    assert other[20:] == hashlib.sha1(digest + ENGINE + digest).digest()[:12]


@pytest.mark.parametrize("auth", ["md5", "sha", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("priv", ["aes", "aes192", "aes256"])
@pytest.mark.parametrize("cisco", [False, True])
def test_every_digest_and_cipher_is_opened(auth: str, priv: str, *, cisco: bool) -> None:
    user = replace(ALICE, auth=auth, priv=priv, cisco=cisco)
    told, message, whose = security().open(sealed(user), {b"alice": user})
    assert (ber.decode_oid(told.oid), told.version, whose) == (DOWN, 3, user)
    assert message.engine_id == ENGINE
    assert [ber.decode_oid(one[0]) for one in told.varbinds()] == ["1.3.6.1.2.1.2.2.1.1.4"]


def test_t7_what_was_sent_before_what_is_known_is_refused() -> None:
    here = security()
    here.open(sealed(boots=3, time=500), USERS)
    here.open(sealed(boots=3, time=400), USERS)  # within the window
    here.open(sealed(boots=4, time=0), USERS)  # it started again
    for boots, time in ((3, 500), (3, 10_000)):
        with pytest.raises(RefusedError, match="before"):
            here.open(sealed(boots=boots, time=time), USERS)
    here.open(sealed(boots=4, time=9_000), USERS)
    with pytest.raises(RefusedError, match="before"):
        here.open(sealed(boots=4, time=8_000), USERS)


@pytest.mark.parametrize("flags", [0, AUTH])
def test_security_what_is_weaker_than_the_credential_is_refused(flags: int) -> None:
    with pytest.raises(RefusedError, match="weaker"):
        security().open(sealed(flags=flags), USERS)


@given(place=st.integers(0, 400), octet=st.integers(1, 255))
def test_security_whoever_changes_an_octet_is_refused(place: int, octet: int) -> None:
    good = sealed()
    bad = bytearray(good)
    bad[place % len(bad)] ^= octet
    try:
        told, _, _ = security().open(bytes(bad), USERS)
    except TroubleError:
        return
    raise AssertionError(f"{told} was believed")


@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_t2_rubbish_raises_nothing_but_its_own_error(data: bytes, cut: int) -> None:
    for rubbish in (data, sealed()[:cut], sealed()[:cut] + data):
        with contextlib.suppress(TroubleError):
            security().open(rubbish, USERS)


def report_of(error: RefusedError) -> str:
    assert error.report is not None
    told = usm.parse(error.report)
    assert (told.engine_id, told.boots, told.time) == (OURS, 9, 1_000)
    start, stop = ber.expect(told.data, told.scoped_at, told.end, ber.SEQUENCE, "")
    for _ in range(2):
        start = ber.expect(told.data, start, stop, ber.OCTETS, "")[1]
    start, stop = ber.expect(told.data, start, stop, usm.REPORT, "")
    for _ in range(3):
        start = ber.number(told.data, start, stop, "")[2]
    start, stop = ber.expect(told.data, start, stop, ber.SEQUENCE, "")
    (bind,) = ber.varbinds(told.data, start, stop)
    return ber.decode_oid(bind[0])


def test_an_informer_learns_our_engine_then_our_time_and_is_then_heard_and_answered() -> None:
    here = security()
    asking = AUTH | PRIV | REPORTABLE
    with pytest.raises(RefusedError) as unknown:
        here.open(sealed(engine=b"", flags=REPORTABLE), USERS)
    assert report_of(unknown.value) == f"{usm.STATS}.4.0"
    with pytest.raises(RefusedError) as late:
        here.open(sealed(engine=OURS, boots=1, time=5, flags=asking, kind=INFORM), USERS)
    assert report_of(late.value) == f"{usm.STATS}.2.0"
    told, message, user = here.open(sealed(engine=OURS, boots=9, time=990, flags=asking, kind=INFORM), USERS)
    assert told.kind == INFORM
    answer = usm.parse(here.acknowledge(told, message, user))
    assert (answer.number, answer.flags, answer.user) == (77, AUTH | PRIV, b"alice")


def test_nobody_is_answered_who_does_not_ask_for_it() -> None:
    with pytest.raises(RefusedError) as refused:
        security().open(sealed(replace(ALICE, name="charlie")), USERS)
    assert refused.value.report is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": ""},
        {"auth_protocol": "rot13"},
        {"auth_password": "short"},
        {"priv_protocol": "xor"},
        {"priv_password": ""},
        {"auth_protocol": "none"},
    ],
)
def test_a_credential_that_cannot_be_used_is_none(wrong: dict[str, str | int | float | bool | None]) -> None:
    good: dict[str, str | int | float | bool | None] = {
        "user": "alice", "auth_protocol": "SHA-256", "auth_password": "alice-auth-key",
        "priv_protocol": "AES", "priv_password": "alice-priv-key",
    }  # fmt: skip
    assert user_of(good) == ALICE
    assert user_of(good | wrong) is None


def test_t10_no_secret_is_in_what_is_printed_of_a_user() -> None:
    assert "key" not in repr(ALICE)
    assert keys_of(ALICE, ENGINE).auth.hex() not in repr(keys_of(ALICE, ENGINE))


@pytest.mark.skipif(
    shutil.which("snmptrapd") is None or shutil.which("rsyslogd") is None, reason="no peers here"
)
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["traps", "syslog"])
def test_the_bench_hears_all_and_measures_the_peer(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    from agent.cli import main

    arguments = ["bench", kind, "--count", "2000", "--rounds", "1", "--rate", "2000", "--peer"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["items"], told["lost"]) == (2_000, 0)
    assert {"cpu_s", "per_cpu_s", "wall_s", "peak_mb", "peer", "ratio"} <= told.keys()
