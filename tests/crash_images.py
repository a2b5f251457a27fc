"""What a disk may hold after a power cut: images enumerated from everything a process asked of its files.

The model is stricter than ext4's: what fsync(2) or fdatasync(2) of a file returned for is there; of what was written
to it since, any part may be, in any order, and of each write any of its 512-byte sectors. Names are there once their
folder was synced; of those made, moved or removed since, the first few are (a journal keeps their order). Where a
sync failed, what was written before it is seen by whoever reads, and never gets to the disk, as Linux has it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
SHARED = "-shm"
"""How the names of files end that are memory shared by processes, and mean nothing after a crash."""

TRACED = (
    "trace=openat,pwrite64,write,pwritev,writev,ftruncate,truncate,fallocate,fsync,fdatasync,unlink,unlinkat,rename,"
    "renameat,renameat2,mkdir,rmdir,link,linkat,symlink,creat,copy_file_range,sendfile"
)
OPTIONS = ("-y", "-xx", "-s", "1048576", "-e", TRACED)
"""For strace: paths of descriptors, and all bytes of everything."""

_LINE = re.compile(rb"^(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*?)>)?")
_RESUMED = re.compile(rb"^(\d+) +<\.\.\. \w+ resumed>(.*)$", re.DOTALL)
_FILE = re.compile(rb"^\d+<([^>]*)>(\(deleted\))?(?:, )?(.*)$", re.DOTALL)
_TEXT = re.compile(rb'"([^"]*)"')


_SYNCS = {"fsync", "fdatasync"}


class Op(NamedTuple):
    """One thing asked of the disk, done. `data` is what was written at `at`, a truncation's new size is `at`."""

    kind: str
    path: str
    at: int = 0
    data: bytes = b""
    to: str = ""


def recorded(log: Path, folder: Path, diary: Path) -> list[Op]:
    """From strace's log, what a process did in a folder; what it wrote into its diary is a `promise`."""
    ops: list[Op] = []
    ends: dict[str, int] = {}
    for line in _joined(log):
        found = _LINE.match(line)
        if found is None:
            continue
        call, arguments, failed = found[2].decode(), found[3], int(found[4]) < 0
        if failed and call not in _SYNCS:
            continue
        op = _of_file(call, arguments, ends) if _FILE.match(arguments) else _of_name(call, arguments)
        op = op._replace(kind="failed") if op is not None and failed else op
        if op is None or op.path.endswith(SHARED):
            continue
        if op.path == str(diary):
            ops.append(op._replace(kind="promise"))
        elif op.path == str(folder) or op.path.startswith(f"{folder}/"):
            ops.append(op)
    return ops


def _joined(log: Path) -> Iterator[bytes]:
    """Calls during which another thread's was logged are on two lines: they are done where they end."""
    begun: dict[bytes, bytes] = {}
    for line in log.read_bytes().splitlines():
        if line.endswith(b"<unfinished ...>"):
            begun[line.split(b" ", 1)[0]] = line[: -len(b"<unfinished ...>")]
        elif (found := _RESUMED.match(line)) is not None:
            yield begun.pop(found[1], b"").rstrip() + found[2].lstrip()
        else:
            yield line


def _plain(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode())


def _of_file(call: str, arguments: bytes, ends: dict[str, int]) -> Op | None:
    """A call on a descriptor."""
    found = _FILE.match(arguments)
    assert found is not None
    name, gone, rest = found.groups()
    if not name.startswith(b"\\x2f") or gone:
        return None
    path = _plain(name).decode()
    if call in _SYNCS:
        return Op("sync", path)
    if call == "ftruncate":
        return Op("truncate", path, int(rest))
    if call == "fallocate":
        return Op("grow", path, sum(int(number) for number in rest.split(b", ")[1:]))
    assert call in {"pwrite64", "write"}, f"this model knows nothing of {call}"
    text = _TEXT.match(rest)
    assert text is not None
    data = _plain(text[1])
    at = int(rest.rpartition(b", ")[2]) if call == "pwrite64" else ends.get(path, 0)
    ends[path] = at + len(data) if call == "write" else ends.get(path, 0)
    return Op("write", path, at, data)


def _of_name(call: str, arguments: bytes) -> Op | None:
    """A call on a path."""
    names = [_plain(name).decode() for name in _TEXT.findall(arguments)]
    if call == "openat":
        flags = arguments.rpartition(b'"')[2]
        if b"O_CREAT" not in flags:
            return None
        return Op("create", names[0], at=int(b"O_TRUNC" in flags))
    if call in {"unlink", "rmdir", "mkdir"}:
        return Op(call, names[0])
    if call == "unlinkat":  # relative to a descriptor, as rmtree does it
        return Op("rmdir" if b"AT_REMOVEDIR" in arguments else "unlink", names[0])
    assert call == "rename", f"this model knows nothing of {call}"
    return Op("rename", names[0], to=names[1])


class _File:
    """Content: what is on the disk for certain, what was done since, and what a reader sees meanwhile."""

    def __init__(self, durable: bytes = b"") -> None:
        self.durable = durable
        self.since: list[Op] = []
        self.seen = durable

    def do(self, op: Op) -> None:
        self.since.append(op)
        self.seen = _done(self.seen, [op])

    def synced(self) -> None:
        self.durable = _done(self.durable, self.since)
        self.since = []

    def failed(self) -> None:
        """The pages count as written, and are not."""
        self.since = []


def _done(content: bytes, ops: Sequence[Op]) -> bytes:
    now = bytearray(content)
    for op in ops:
        if op.kind == "truncate":
            now = now[: op.at] + bytes(max(0, op.at - len(now)))
        elif op.kind == "grow":
            now += bytes(max(0, op.at - len(now)))
        else:
            now += bytes(max(0, op.at + len(op.data) - len(now)))
            now[op.at : op.at + len(op.data)] = op.data
    return bytes(now)


def _sectors(op: Op) -> list[Op]:
    """A write as the sectors it touches."""
    if op.kind != "write":
        return [op]
    cuts = [op.at, *range(op.at // SECTOR * SECTOR + SECTOR, op.at + len(op.data), SECTOR), op.at + len(op.data)]
    return [op._replace(at=low, data=op.data[low - op.at : high - op.at]) for low, high in pairwise(cuts)]


Names = dict[str, _File | None]
"""What a path is: a file, or a folder."""

Image = dict[str, bytes | None]
"""The same, with its content."""


def _rename(names: Names, op: Op, file: _File | None) -> None:
    if op.kind in {"create", "mkdir"}:
        names[op.path] = file
    elif op.kind == "rename":
        names.pop(op.path, None)
        names[op.to] = file
    else:
        names.pop(op.path, None)


class Disk:
    """Takes operations in their order; gives, at any moment, what may be left of them."""

    def __init__(self, base: Image, folder: Path) -> None:
        self._folder = str(folder)
        self._live: Names = {path: None if content is None else _File(content) for path, content in base.items()}
        self._names = dict(self._live)
        self._since: list[tuple[Op, _File | None]] = []

    def do(self, op: Op) -> None:
        """One more."""
        file = self._live.get(op.path)
        if op.kind == "promise" or (op.kind == "mkdir" and op.path == self._folder):
            return
        if op.kind == "sync":
            self._sync(file)
        elif op.kind == "failed":
            if file is not None:
                file.failed()
        elif op.kind in {"write", "truncate", "grow"}:
            assert file is not None, op
            file.do(op)
        elif op.kind == "create" and op.path in self._live:
            if op.at and file is not None:
                file.do(Op("truncate", op.path, 0))
        else:
            file = _File() if op.kind == "create" else file
            self._since.append((op, file))
            _rename(self._live, op, file)

    def _sync(self, file: _File | None) -> None:
        if file is not None:
            file.synced()
        else:  # of a folder: the journal goes out whole
            self._names, self._since = dict(self._live), []

    @property
    def unsynced(self) -> int:
        """Operations of which nobody knows whether they are there."""
        return len(self._since) + sum(len(file.since) for file in self._live.values() if file is not None)

    def whole(self) -> Image:
        """Everything done is there: the process was killed, the power stayed."""
        return {path: None if file is None else file.seen for path, file in self._live.items()}

    def bare(self) -> Image:
        """Nothing is there but what was synced."""
        return {path: None if file is None else file.durable for path, file in self._names.items()}

    def some(self, luck: random.Random) -> Image:
        """A part of what was not synced is there."""
        names = dict(self._names)
        for op, file in self._since[: luck.randint(0, len(self._since))]:
            _rename(names, op, file)
        return {path: None if file is None else self._partly(file, luck) for path, file in names.items()}

    @staticmethod
    def _partly(file: _File, luck: random.Random) -> bytes:
        share, torn = luck.choice((0.1, 0.5, 0.9, 0.98)), luck.random() < 0.5
        ops = [piece for op in file.since for piece in (_sectors(op) if torn else [op])]
        return _done(file.durable, [op for op in ops if luck.random() < share])


def lay(image: Image, folder: Path, to: Path) -> None:
    """Make real files of an image of a folder, in another one that is not there yet."""
    to.mkdir(parents=True)
    for path, content in sorted(image.items()):
        place = to / Path(path).relative_to(folder)
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def photograph(folder: Path) -> Image:
    """What is in a folder now."""
    return {
        str(path): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
        if not path.name.endswith(SHARED)
    }
