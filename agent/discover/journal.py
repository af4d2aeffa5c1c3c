"""What a run has behind it, on the disk, so that a restart goes on instead of beginning anew.

A line for each step: `d 12` address 12 is done and told; `a` one of them was alive; `t ADDRESS 7` the
credential 7 is about to be tried there; `o ADDRESS 7` it opened the device; `e` the run has ended. Done is
written once what was found is in the outbox; a try is written before it begins. A line that was cut off by
a crash is left out.
"""

from pathlib import Path
from typing import IO

from rules.numbers import whole


class Journal:
    """The journal of one run, read where there is one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: set[int] = set()
        self.alive = 0
        self.tried: set[tuple[str, int]] = set()
        self.ended = False
        self._waiting: list[str] = []
        self._file: IO[str] | None = None
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for line in text.split("\n")[:-1]:
            self._read(line.split(" "))

    def _read(self, words: list[str]) -> None:
        number = whole(words[-1])
        if words[0] == "d" and len(words) == 2 and number is not None:
            self.done.add(number)
        elif words[0] == "t" and len(words) == 3 and number is not None:
            self.tried.add((words[1], number))
        elif words[0] == "o" and len(words) == 3 and number is not None:
            self.tried.discard((words[1], number))
        elif words[0] == "a":
            self.alive += 1
        elif words[0] == "e":
            self.ended = True

    def trying(self, address: str, credential: int) -> None:
        """A credential is about to be tried."""
        self._write(f"t {address} {credential}\n")

    def opened(self, address: str, credential: int) -> None:
        """A credential was taken: to try it again harms nobody."""
        self._write(f"o {address} {credential}\n")

    def looked(self, place: int, *, alive: bool) -> None:
        """An address is done; kept once `settle` is called."""
        self.done.add(place)
        self.alive += alive
        self._waiting.append(f"d {place}\n{'a' + chr(10) if alive else ''}")

    def end(self) -> None:
        """The run has ended; kept once `settle` is called."""
        self.ended = True
        self._waiting.append("e\n")

    def settle(self) -> None:
        """What was found is on the disk: so may be that it was."""
        if self._waiting:
            lines, self._waiting = "".join(self._waiting), []
            self._write(lines)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, text: str) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self.path.open("a", encoding="utf-8")
        self._file.write(text)
        self._file.flush()
