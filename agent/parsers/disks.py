"""df(1) as rows of the table `disks`: POSIX's form (`df -P -k`), which Solaris' `df -k` shares."""

from collections.abc import Iterator, Mapping

from agent.parsers.text import floats, lines
from agent.transports.facts import Raw
from agent.transports.trouble import clean

UNREAL = frozenset(
    """tmpfs devtmpfs overlay squashfs proc sysfs ramfs efivarfs cgroup2 none procfs devfs fdescfs linprocfs
    linsysfs kernfs ptyfs mfs nullfs autofs ctfs objfs mntfs sharefs dev swap lofs map fd /proc iso9660
    udf cd9660""".split()
)
MAX_ROWS = 500


def read(text: str, kinds: Mapping[str, str]) -> Iterator[dict[str, Raw]]:
    """Rows with their file system's kind out of `kinds` by mount; those that hold no data are left out."""
    for line in lines(text)[1 : MAX_ROWS + 1]:
        words = line.split(None, 5)
        if len(words) < 6:
            continue
        numbers = floats(" ".join(words[1:4]))
        mount = words[5].strip()
        kind = kinds.get(mount, "")
        if len(numbers) < 3 or kind in UNREAL or words[0] in UNREAL or numbers[0] <= 0:
            continue
        usable = numbers[1] + numbers[2]
        yield {
            "mount": clean(mount, 200),
            "device": clean(words[0], 200),
            "fstype": clean(kind, 50),
            "size_bytes": numbers[0] * 1024,
            "used_bytes": numbers[1] * 1024,
            "used_ratio": min(1.0, numbers[1] / usable) if usable > 0 else 1.0,
        }
