"""A server as the agent sees one: real HTTP on loopback, msgpack on the wire, a ledger of what it took."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer

from rules import codec, wire
from rules.wire import Answer, Config, Enrol, Enrolled, Report, SeriesAnswer, SeriesDef, SeriesRequest

TYPE = wire.MEDIA_TYPE


@dataclass
class Desk:
    """Takes reports once by (agent, stream, sequence), as the server does; `limit` of items per report."""

    config: Config = field(default_factory=lambda: Config(generation="1"))
    limit: int = 20_000
    reports: dict[tuple[str, int], Report] = field(default_factory=dict)
    order: list[tuple[str, int]] = field(default_factory=list)
    repeats: int = 0
    series: list[SeriesDef] = field(default_factory=list)
    enrolled: list[Enrol] = field(default_factory=list)
    answer: Callable[[Report], Answer | web.Response | None] = lambda _: None
    down: bool = False
    asked: int = 0  # times a configuration was asked for

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=wire.MAX_BODY)
        app.router.add_post("/agent/v1/enrol", self._enrol)
        app.router.add_get("/agent/v1/config", self._config)
        app.router.add_post("/agent/v1/series", self._series)
        app.router.add_post("/agent/v1/reports", self._reports)
        self._server = TestServer(app, host="127.0.0.1")
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def alerts(self) -> list[wire.AlertNews]:
        return [one for key in self.order for one in self.reports[key].alerts]

    async def _enrol(self, request: web.Request) -> web.Response:
        asked = codec.decode(await request.read(), Enrol)
        if asked.token != "right":
            return web.Response(status=403, text="The token is not known.")
        self.enrolled.append(asked)
        return web.Response(body=codec.encode(Enrolled(7, "s3cret")), content_type=TYPE)

    async def _config(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Agent 7:s3cret"
        self.asked += 1
        etag = f'"{self.config.generation}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(body=codec.encode(self.config), content_type=TYPE, headers={"ETag": etag})

    async def _series(self, request: web.Request) -> web.Response:
        asked = codec.decode(await request.read(), SeriesRequest)
        ids = []
        for one in asked.items:
            if one not in self.series:
                self.series.append(one)
            ids.append(self.series.index(one) + 1)
        return web.Response(body=codec.encode(SeriesAnswer(ids)), content_type=TYPE)

    async def _reports(self, request: web.Request) -> web.Response:
        if self.down:
            return web.Response(status=503, headers={"Retry-After": "1"})
        report, refused = codec.decode_report(await request.read())
        assert not refused
        size = sum(len(getattr(report, kind)) for kind in codec.ITEM_KINDS)
        if size > self.limit:
            return web.Response(status=413)
        key = (report.stream, report.sequence)
        if key in self.reports:
            self.repeats += 1
            return web.Response(body=codec.encode(Answer("duplicate")), content_type=TYPE)
        said = self.answer(report)
        if isinstance(said, web.Response):
            return said
        self.reports[key] = report
        self.order.append(key)
        return web.Response(body=codec.encode(said or Answer("accepted")), content_type=TYPE)
