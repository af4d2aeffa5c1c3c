from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from agent.reading import Target
from agent.transports.snmp import Ask, Device, Snmp, walk
from agent.transports.trouble import TroubleError


class Snmpd(Protocol):
    """The snmpd of conftest."""

    port: int

    def start(self) -> None: ...
    def stop(self) -> None: ...


SECRET = "correct horse battery"
SYSTEM, SYS_NAME, SYS_UPTIME = "1.3.6.1.2.1.1", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0"
IF_DESCR, IF_IN = "1.3.6.1.2.1.2.2.1.2", "1.3.6.1.2.1.2.2.1.10"


@pytest.fixture
async def snmp() -> AsyncIterator[Snmp]:
    one = Snmp()
    yield one
    one.close()


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_real_snmpd_is_read_by_get_and_walk(snmp: Snmp, snmpd: int, version: str) -> None:
    target = Target("t1", "x", "127.0.0.1", snmpd, {"community": "watch", "version": version})
    found = await walk(snmp, target, [SYSTEM, IF_DESCR], ["1.3.6.1.2.1.1.6.0", "1.3.6.1.4.1.424242.1.0"])
    assert found.values[SYS_NAME] == b"bench-switch"
    assert found.values["1.3.6.1.2.1.1.6.0"] == b"B1"
    assert "1.3.6.1.4.1.424242.1.0" not in found.values
    assert b"lo" in [value for oid, value in found.values.items() if oid.startswith(IF_DESCR)]
    assert not found.truncated


async def test_polls_of_a_real_device_agree_before_and_after_learning(snmp: Snmp, snmpd: int) -> None:
    target = Target("t1", "x", "127.0.0.1", snmpd, {"community": "watch"})
    device = Device(target, Ask.of([SYS_NAME, SYS_UPTIME], [[IF_DESCR, IF_IN]]))
    first = await snmp.fetch(device, timeout_s=5.0)
    for _ in range(4):
        again = await snmp.fetch(device, timeout_s=5.0)
        assert again.shape.keys == first.shape.keys
        assert again.values[0] == b"bench-switch"
        assert isinstance(again.values[1], int)
        assert isinstance(first.values[1], int)
        assert again.values[1] >= first.values[1]
        assert again.values[2] == first.values[2]
    assert device.session is not None
    assert device.session.layouts


async def test_a_wrong_community_is_silence(snmp: Snmp, snmpd: int) -> None:
    target = Target("t1", "x", "127.0.0.1", snmpd, {"community": "wrong"})
    with pytest.raises(TroubleError) as caught:
        await walk(snmp, target, [SYSTEM], timeout_s=0.6)
    assert caught.value.reason == "no_answer"


@pytest.mark.parametrize(
    ("user", "auth", "priv"),
    [
        ("md5des", "MD5", "DES"),
        ("sha1aes", "SHA1", "AES128"),
        ("sha224aes", "SHA224", "AES"),
        ("sha256aes256", "SHA-256", "AES256"),
        ("sha384aes", "SHA384", "AES"),
        ("sha512aes192", "SHA512", "AES192"),
    ],
)
async def test_v3_reads_the_same_with_every_digest_and_cipher(
    snmp: Snmp, snmpd: int, user: str, auth: str, priv: str
) -> None:
    credential = {"version": "3", "user": user, "auth_protocol": auth, "auth_password": SECRET,
                  "priv_protocol": priv, "priv_password": SECRET}  # fmt: skip
    target = Target("t1", "x", "127.0.0.1", snmpd, dict(credential))
    found = await walk(snmp, target, [IF_DESCR], [SYS_NAME, "1.3.6.1.4.1.424242.1.0"], timeout_s=8.0)
    assert found.values[SYS_NAME] == b"bench-switch"
    assert b"lo" in found.values.values()
    assert "1.3.6.1.4.1.424242.1.0" not in found.values


@pytest.mark.parametrize(
    "wrong", [{"auth_password": "not the password"}, {"user": "stranger"}, {"auth_protocol": "SHA512"}]
)
async def test_v3_security_errors_are_told_and_never_retried_weaker(
    snmp: Snmp, snmpd: int, wrong: dict[str, str]
) -> None:
    credential = {"version": "3", "user": "sha1aes", "auth_protocol": "SHA1", "auth_password": SECRET,
                  "priv_protocol": "AES", "priv_password": SECRET} | wrong  # fmt: skip
    target = Target("t1", "x", "127.0.0.1", snmpd, dict(credential))
    with pytest.raises(TroubleError) as caught:
        await walk(snmp, target, [SYSTEM], timeout_s=6.0)
    assert caught.value.reason == "security"


async def test_v3_goes_on_after_the_device_started_again(snmp: Snmp, snmpd_process: Snmpd) -> None:
    credential = {"version": "3", "user": "sha1aes", "auth_protocol": "SHA1", "auth_password": SECRET,
                  "priv_protocol": "AES", "priv_password": SECRET}  # fmt: skip
    target = Target("t1", "x", "127.0.0.1", snmpd_process.port, dict(credential))
    device = Device(target, Ask.of([SYS_NAME], []))
    assert (await snmp.fetch(device, timeout_s=5.0)).values == [b"bench-switch"]
    snmpd_process.stop()
    snmpd_process.start()
    assert (await snmp.fetch(device, timeout_s=5.0)).values == [b"bench-switch"]


async def test_a_v3_credential_that_lacks_something_is_told_before_anything_is_sent(snmp: Snmp) -> None:
    target = Target("t1", "x", "127.0.0.1", 9, {"version": "3", "user": "u", "auth_protocol": "ROT13"})
    with pytest.raises(TroubleError) as caught:
        await walk(snmp, target, [SYSTEM], timeout_s=1.0)
    assert caught.value.reason == "configuration"
