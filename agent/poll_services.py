"""Services that a poll asks by their own protocol: which page, which question, which check."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from agent.reading import Target
from agent.transports import check, exporter, ntp, redfish, sql
from agent.transports.facts import Facts
from agent.transports.http import Http, Page
from agent.transports.plugin import Plugins
from agent.transports.trouble import TroubleError
from rules.plan import Plan
from rules.profile_form import Transport

SECURE = {443, 8443}


class Services:
    """DNS, NTP, SQL, Redfish, exporters, script checks and plug-ins."""

    def __init__(
        self,
        pages: Callable[[], Http],
        clock: Callable[[], datetime],
        checks: Mapping[str, Sequence[str]],
    ) -> None:
        """`pages` gives the HTTP session that all of the agent shares."""
        self._pages, self._clock, self._checks = pages, clock, checks
        self._plugins = Plugins()
        self._ways: dict[Transport, Callable[[Target, Plan, float], Awaitable[Facts]]] = {
            "dns": self._dns,
            "ntp": self._ntp,
            "sql": self._sql,
            "redfish": self._redfish,
            "exporter": self._exporter,
            "check": self._check,
            "plugin": self._plugin,
        }

    @property
    def transports(self) -> tuple[Transport, ...]:
        """The transports that are served here."""
        return tuple(self._ways)

    async def fetch(self, transport: Transport, target: Target, plan: Plan, timeout_s: float) -> Facts:
        """What a service tells; raises TroubleError."""
        return await self._ways[transport](target, plan, timeout_s)

    async def _dns(self, target: Target, _plan: Plan, timeout_s: float) -> Facts:
        from agent.transports import dns  # noqa: PLC0415 - 6 MiB that most agents never need

        return await dns.fetch(target, timeout_s=timeout_s)

    async def _ntp(self, target: Target, _plan: Plan, timeout_s: float) -> Facts:
        return await ntp.fetch(target, clock=self._now, timeout_s=timeout_s)

    async def _sql(self, target: Target, _plan: Plan, timeout_s: float) -> Facts:
        return await sql.fetch(target, timeout_s=timeout_s)

    async def _redfish(self, target: Target, _plan: Plan, timeout_s: float) -> Facts:
        page = page_of(target, redfish.ROOT, json=True, secure=True)
        return await redfish.fetch(self._pages(), page, timeout_s=timeout_s)

    async def _exporter(self, target: Target, plan: Plan, timeout_s: float) -> Facts:
        page = page_of(target, plan.http or exporter.PATH)
        return await exporter.fetch(self._pages(), page, timeout_s=timeout_s)

    async def _check(self, target: Target, _plan: Plan, timeout_s: float) -> Facts:
        return await check.fetch(target, self._checks, timeout_s=timeout_s)

    async def _plugin(self, target: Target, _plan: Plan, timeout_s: float) -> Facts:
        return await self._plugins.fetch(target, timeout_s=timeout_s)

    def _now(self) -> float:
        return self._clock().timestamp()


def page_of(target: Target, path: str, *, json: bool = False, secure: bool = False) -> Page:
    """The page of an HTTP target. `params`: scheme, path, tls, verify, contains; else what is given here."""
    params, credential = target.params, target.credential
    secure = secure or target.port in SECURE or bool(params.get("tls", False))
    scheme = str(params.get("scheme") or ("https" if secure else "http"))
    if scheme not in {"http", "https"}:
        raise TroubleError("configuration", f"'{scheme}' is no scheme for a page.")
    path = str(params.get("path") or path)
    address = f"[{target.address}]" if ":" in target.address else target.address
    port = f":{target.port}" if target.port else ""
    return Page(
        url=f"{scheme}://{address}{port}/{path.removeprefix('/')}",
        user=str(credential.get("user") or ""),
        password=str(credential.get("password") or ""),
        token=str(credential.get("token") or ""),
        verify=params.get("verify", True) not in {False, "false", "no"},
        contains=str(params.get("contains") or ""),
        json=json,
    )


def uses_json(plan: Plan) -> bool:
    """Whether a plan reads its values out of a JSON page."""
    return any(one.json for one in plan.scalars) or any(one.json for one in plan.tables)
