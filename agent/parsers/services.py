"""Services as (name, state): systemctl, rc-status, service, lssrc, svcs. States: running, stopped, failed."""

from collections.abc import Iterator

from agent.parsers.text import lines

Service = tuple[str, str]
MAX_NAME = 120


def read_systemd(text: str) -> Iterator[Service]:
    """`systemctl list-units --type=service --all --plain --no-legend`: UNIT LOAD ACTIVE SUB DESCRIPTION."""
    for line in lines(text):
        words = line.replace("●", " ").split()
        if len(words) < 4 or not words[0].endswith(".service") or words[1] == "not-found":
            continue
        state = "failed" if "failed" in words[2:4] else "running" if words[3] == "running" else "stopped"
        yield words[0].removesuffix(".service")[:MAX_NAME], state


def read_openrc(text: str) -> Iterator[Service]:
    """`rc-status -a`: ` sshd    [  started  ]`."""
    states = {"started": "running", "stopped": "stopped", "crashed": "failed"}
    for line in lines(text):
        name, found, rest = line.partition("[")
        words = rest.strip(" ]").split()
        if found and words and words[0] in states and name.strip():
            yield name.strip()[:MAX_NAME], states[words[0]]


def read_enabled(text: str) -> Iterator[Service]:
    """`service -e` of FreeBSD, `rcctl ls started` of OpenBSD: a path or a name a line."""
    for line in lines(text):
        word = line.split()[0].rpartition("/")[2]
        yield word[:MAX_NAME], "running"


def read_lssrc(text: str) -> Iterator[Service]:
    """`lssrc -a` of AIX: Subsystem Group PID Status, where group and PID may be absent."""
    states = {"active": "running", "inoperative": "stopped"}
    for line in lines(text):
        words = line.split()
        if len(words) >= 2 and words[-1] in states:
            yield words[0][:MAX_NAME], states[words[-1]]


def read_smf(text: str) -> Iterator[Service]:
    """`svcs -H -a -o STATE,FMRI` of Solaris."""
    states = {"online": "running", "degraded": "failed", "maintenance": "failed"}
    for line in lines(text):
        state, _, name = line.strip().partition(" ")
        if ":" in name:
            known = states.get(state.rstrip("*"), "stopped")
            yield name.strip().removeprefix("svc:/").removesuffix(":default")[:MAX_NAME], known
