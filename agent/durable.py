"""Files that must be there after a power cut: synced, with their directory, or the program stops.

A failed sync is never tried again as if nothing had happened: what was written may be lost, and the next
sync may claim success. Source: fsync(2); "Can Applications Recover from fsync Failures?", USENIX ATC 2020.
"""

import os
from pathlib import Path


class StorageFailedError(OSError):
    """A write or sync failed. The program must end and name the file."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, f"{path} could not be written safely: {error.strerror or error}.")
        self.path = path


def sync(descriptor: int, path: Path) -> None:
    """Bring an open file to the disk; raises StorageFailedError."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise StorageFailedError(path, error) from error


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk; raises StorageFailedError."""
    if os.name == "nt":  # Windows keeps names without it, and cannot open directories
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError as error:
        raise StorageFailedError(path, error) from error
    try:
        sync(descriptor, path)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Put a file in the place of another, whole or not at all; raises StorageFailedError."""
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            sync(file.fileno(), new)
        new.replace(path)
    except StorageFailedError:
        raise
    except OSError as error:
        raise StorageFailedError(path, error) from error
    sync_directory(path.parent)
