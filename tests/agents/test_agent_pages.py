"""The pages and the API of agents, as people and programs use them."""

import gzip
import re
from collections.abc import Callable

import numpy as np

from rules import codec, wire
from server.agents import credentials
from tests.desk_client import Desk


async def agent_post(
    desk: Desk, path: str, body: bytes, proof: str = "", **headers: str
) -> tuple[int, bytes]:
    """What an agent's request is answered."""
    given = {"Content-Type": wire.MEDIA_TYPE, **headers}
    if proof:
        given["Authorization"] = f"Agent {proof}"
    response = await desk.stranger._client.post(path, data=body, headers=given)
    return response.status, await response.read()


async def joined(desk: Desk, name: str = "agent-b1") -> tuple[int, str]:
    """Let an agent join through the console and the wire; its id and its proof."""
    text = await (await desk.admin.post("/settings/agents/tokens", {"name": name, "site": "HQ"})).text()
    token = re.search(r"--token (\S+?)<", text)
    assert token is not None
    ask = codec.encode(wire.Enrol(token[1], name, "srv-1", "0.1"))
    status, answer = await agent_post(desk, "/agent/v1/enrol", ask)
    assert status == 200
    enrolled = codec.decode(answer, wire.Enrolled)
    return enrolled.agent_id, f"{enrolled.agent_id}:{enrolled.secret}"


async def test_agt_6_an_agent_joins_gets_its_device_and_delivers(desk: Desk) -> None:
    agent_id, proof = await joined(desk)
    form = {
        "name": "UPS-B1-A",
        "address": "127.10.1.11",
        "port": "1161",
        "transport": "snmp",
        "every_s": "30",
        "credential_id": "new",
        "community": "rocommunity",
    }
    response = await desk.admin.post(f"/settings/agents/{agent_id}/targets", form)
    assert response.status == 303
    headers = {"Authorization": f"Agent {proof}"}
    response = await desk.stranger._client.get("/agent/v1/config", headers=headers)
    config = codec.decode(await response.read(), wire.Config)
    target = config.targets[0]
    assert (target.address, target.port, target.credential["community"]) == (
        "127.10.1.11",
        1161,
        "rocommunity",
    )
    again = {**headers, "If-None-Match": response.headers["ETag"]}
    assert (await desk.stranger._client.get("/agent/v1/config", headers=again)).status == 304

    wanted = wire.SeriesRequest([wire.SeriesDef(f"t{target.id}", "ups_output_volts", unit="V")])
    status, body = await agent_post(desk, "/agent/v1/series", codec.encode(wanted), proof)
    series = codec.decode(body, wire.SeriesAnswer).ids
    assert status == 200
    at = 1795175940.0
    block = wire.SampleBlock(at, np.array(series, "<u4").tobytes(), np.array([230.5], "<f8").tobytes())
    seen = wire.Observation(f"t{target.id}", at, "ups", "UPS-B1-A", {"serial": ["SN1"]})
    report = wire.Report(
        agent=agent_id, stream="samples", sequence=1, sent_at=at, samples=[block], observations=[seen]
    )
    for expected in ("accepted", "duplicate"):
        status, body = await agent_post(desk, "/agent/v1/reports", codec.encode(report), proof)
        assert (status, codec.decode(body, wire.Answer).status) == (200, expected)
    page = await desk.text(f"/settings/agents/{agent_id}")
    assert "UPS-B1-A" in page
    assert "CI-" in page
    listed = await desk.json("/api/v1/series?metric=ups_output_volts")
    assert listed["items"][0]["last_value"] == 230.5
    points = await desk.json(f"/api/v1/series/{series[0]}/points?last=1h")
    assert points["values"] == [230.5]
    chart = await desk.json(
        f"/metrics/chart.json?ci={listed['items'][0]['ci']}&metric=ups_output_volts&last=1h"
    )
    assert chart["series"][0]["points"][-1][1] == 230.5
    assert chart["series"][0]["unit"] == "V"


async def test_zstd_and_gzip_bodies_are_read_and_bombs_are_not(desk: Desk) -> None:
    agent_id, proof = await joined(desk)
    packers: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd}
    for sequence, (name, pack) in enumerate(packers.items(), 1):
        coded = {"Content-Encoding": name}
        report = wire.Report(agent=agent_id, stream="samples", sequence=sequence, sent_at=0.0)
        packed = pack(codec.encode(report))
        status, body = await agent_post(
            desk, "/agent/v1/reports", packed, proof, **{"Content-Encoding": name}
        )
        assert (status, codec.decode(body, wire.Answer).status) == (200, "accepted")
        bomb = pack(bytes(64 * 1024 * 1024))
        status, body = await agent_post(desk, "/agent/v1/reports", bomb, proof, **coded)
        assert status == 413
        assert b"8388608" in body


def zstd(body: bytes) -> bytes:
    from backports import zstd as packing

    packed: bytes = packing.compress(body)
    return packed


async def test_bad_bodies_and_bad_proofs_are_refused_in_plain_words(desk: Desk) -> None:
    agent_id, proof = await joined(desk)
    assert (await agent_post(desk, "/agent/v1/reports", b"\xc1", proof))[0] == 422
    assert (await agent_post(desk, "/agent/v1/reports", b"", proof))[0] == 422
    report = codec.encode(wire.Report(agent=agent_id + 1, stream="samples", sequence=1, sent_at=0.0))
    assert (await agent_post(desk, "/agent/v1/reports", report, proof))[0] == 403
    for wrong in ("", "x:y", f"{agent_id}:", f"{agent_id}:wrong", "99999999999999999999:x"):
        assert (await agent_post(desk, "/agent/v1/reports", report, wrong))[0] == 401
    assert (await agent_post(desk, "/agent/v1/enrol", b"\x90"))[0] == 422


async def test_a_revocation_counts_at_once(desk: Desk) -> None:
    agent_id, proof = await joined(desk)
    response = await desk.admin.post(f"/settings/agents/{agent_id}/revoke")
    assert response.status == 303
    report = codec.encode(wire.Report(agent=agent_id, stream="samples", sequence=1, sent_at=0.0))
    assert (await agent_post(desk, "/agent/v1/reports", report, proof))[0] == 401


async def test_a_stranger_sees_no_agent_and_a_reader_changes_none(desk: Desk) -> None:
    agent_id, _ = await joined(desk)
    for path in ("/settings/agents", f"/settings/agents/{agent_id}", "/settings/credentials"):
        assert (await desk.charlie.get(path)).status == 403
    assert (await desk.bob.get(f"/settings/agents/{agent_id}")).status == 200
    for path in ("revoke", "token", "targets"):
        assert (await desk.bob.post(f"/settings/agents/{agent_id}/{path}")).status == 403


async def test_a_form_that_cannot_be_taken_says_why_beside_the_field(desk: Desk) -> None:
    agent_id, _ = await joined(desk)
    form = {"name": "x", "address": "-o x", "transport": "snmp", "every_s": "60"}
    response = await desk.admin.post(f"/settings/agents/{agent_id}/targets", form)
    text = await response.text()
    assert response.status == 422
    assert 'id="err-address"' in text
    assert 'value="x"' in text


async def test_a_credential_for_network_devices_holds_their_key_and_enable_password(desk: Desk) -> None:
    form = {"name": "core", "transport": "ssh", "user": "watch", "password": "canary-1", "enable": "canary-2"}
    assert (await desk.admin.post("/settings/credentials", {**form, "host_key": "SHA256:abc"})).status == 303
    listed = await (await desk.admin.get("/api/v1/credentials")).json()
    assert sorted(listed[0]["fields"]) == ["enable", "host_key", "password", "user"]
    assert "canary" not in await desk.admin.text("/settings/credentials")


async def test_every_kind_that_needs_a_sign_in_can_be_chosen_and_takes_its_own_fields(desk: Desk) -> None:
    page = await desk.admin.text("/settings/credentials")
    kinds = [kind for kind, fields in credentials.FIELDS.items() if fields]
    for kind in kinds:
        assert f'<option value="{kind}"' in page
        form = {"name": kind, "transport": kind} | dict.fromkeys(
            set(credentials.FIELDS[kind]) - {"version", "auth_protocol", "priv_protocol"}, "canary-7"
        )
        assert set(form) - {"name", "transport"} <= set(re.findall(r'name="(\w+)"', page))
        assert (await desk.admin.post("/settings/credentials", form)).status == 303
    listed = await (await desk.admin.get("/api/v1/credentials")).json()
    assert {one["transport"] for one in listed} == set(kinds)
    assert "Passphrase" in await desk.admin.text("/settings/credentials")


async def test_a_credential_is_written_and_never_shown(desk: Desk) -> None:
    form = {
        "name": "UPS",
        "transport": "snmp",
        "version": "3",
        "user": "monitor",
        "auth_protocol": "sha256",
        "auth_password": "canary-auth-9",
        "priv_protocol": "aes",
        "priv_password": "canary-priv-9",
    }
    assert (await desk.admin.post("/settings/credentials", form)).status == 303
    page = await desk.admin.text("/settings/credentials")
    listed = await (await desk.admin.get("/api/v1/credentials")).text()
    for text in (page, listed):
        assert "UPS" in text
        assert "canary" not in text
