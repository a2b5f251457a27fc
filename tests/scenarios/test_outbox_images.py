"""Crash images: whatever part of what was not synced is on the disk, all that was recorded is found, or declared."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.outbox import database
from tests import strace
from tests.crash_images import OPTIONS, Disk, Image, Op, lay, photograph, recorded
from tests.ledger import Ledger
from tests.outbox_lives import APART, Life, Nursery, kill, look, read

QUICK = 300
SOAK = 24_000
"""Asked for; where a life ends between them there are some fewer."""
WORKS = 60
FAILING = (16, 17, 18)
"""From which fdatasync on all of a life fail: the first of these that is a commit's, not the mark's beside the file."""

pytestmark = pytest.mark.skipif(strace.forbidden() is not None, reason=str(strace.forbidden()))


class Recording:
    """A folder as it was, one life on it with all that asked of the disk, and what was promised before."""

    def __init__(self, folder: Path, before: Ledger, base: Image, ops: list[Op]) -> None:
        self.folder = folder
        self.base = base
        self.ops = ops
        self._before = before

    def play(self) -> Iterator[tuple[Disk, Ledger, Op]]:
        """After each operation: what may be on the disk, and what was promised so far."""
        disk, ledger = Disk(self.base, self.folder), self._before.fork()
        for op in self.ops:
            disk.do(op)
            if op.kind == "promise":
                promised(ledger, op.data)
            yield disk, ledger, op


def promised(ledger: Ledger, data: bytes) -> None:
    """Lines of a diary."""
    for line in data.splitlines():
        kind, _, text = line.decode().partition("\t")
        if kind == "recorded":
            ledger.record(json.loads(text))
        elif kind in {"live", "historical"}:
            ledger.deliver(json.loads(text), kind, "recorded")


def first_life(folder: Path) -> Ledger:
    """Nothing is there."""
    return Ledger()


def after_a_kill(folder: Path) -> Ledger:
    """A file with its log, as a killed process leaves them."""
    ledger = Ledger()
    with Nursery() as nursery:
        process = nursery.begin(Life(str(folder / "box"), str(folder / "before"), 5))
        while len((folder / "before").read_bytes() if (folder / "before").exists() else b"") < 100_000:
            nursery.idle(0.005)
        kill(process)
        nursery.end()
    read(ledger, folder / "before")
    return ledger


def damaged(folder: Path) -> Ledger:
    """The same after a clean end, with a page destroyed: the life recorded sets it aside and saves what is whole."""
    ledger = Ledger()
    with Nursery() as nursery:
        nursery.begin(Life(str(folder / "box"), str(folder / "before"), 5, 100))
        assert nursery.end() == 0
    read(ledger, folder / "before")
    with (folder / "box" / database.FILE).open("r+b") as file:
        file.seek(file.seek(0, 2) // 2 // database.PAGE * database.PAGE)
        file.write(b"\xa5" * database.PAGE)
    return ledger


LIVES = {"first": first_life, "killed": after_a_kill, "damaged": damaged, "unsynced": first_life}


def record(folder: Path, kind: str) -> Recording:
    """A life of some works, under strace."""
    folder.mkdir()
    before = LIVES[kind](folder)
    box = folder / "box"
    base = photograph(box)
    with Nursery() as nursery:
        ops = _failing(nursery, folder) if kind == "unsynced" else []
        ops += _watched(nursery, folder, "diary", WORKS, ends=0)
    recording = Recording(box, before, base, ops)
    for disk, ledger, _ in recording.play():
        whole, sure = disk.whole(), ledger
    assert whole == photograph(box), "the model and the kernel agree"
    assert len(sure.recorded) > len(before.recorded)
    return recording


def _failing(nursery: Nursery, folder: Path) -> list[Op]:
    """A life that ends because nothing gets to the disk any more, in the middle of a commit."""
    for number in FAILING:
        shutil.rmtree(folder / "box", ignore_errors=True)
        (folder / "failing").unlink(missing_ok=True)
        fault = f"inject=fdatasync:error=EIO:when={number}+"
        ops = _watched(nursery, folder, "failing", WORKS, "-e", fault, ends=3)
        if next(op for op in ops if op.kind == "failed").path.endswith("-wal"):
            return ops
    raise AssertionError("no commit among these")


def _watched(nursery: Nursery, folder: Path, name: str, works: int, *options: str, ends: int) -> list[Op]:
    """One life, and what it asked of the disk."""
    box, diary, log = folder / "box", folder / name, folder / f"{name}.log"
    process = nursery.begin(Life(str(box), str(diary), 5 + APART * len(name), works, waits=True))
    with strace.attached(process, *OPTIONS, *options, log=log) as tracer:
        nursery.let_go(process)
        assert nursery.end() == ends
        strace.ended(tracer)
    return recorded(log, box, diary)


def holds(image: Image, recording: Recording, ledger: Ledger, scratch: Path, *, honest: bool) -> None:
    """An outbox opened on this image keeps the invariant; on an `honest` disk nothing had to be declared lost."""
    shutil.rmtree(scratch, ignore_errors=True)
    lay(image, recording.folder, scratch)
    after = ledger.fork()
    look(after, scratch)
    assert after.faults == []
    assert not honest or after.given_up == []


def enumerate_images(folder: Path, kind: str, most: int, scratch: Path) -> dict[str, int]:
    """About `most` images: all that was done up to an operation, only what was synced, and parts of the rest."""
    recording = record(folder / kind, kind)
    luck = random.Random(f"{kind} {most}")
    sizes = {"whole": 0, "bare": 0, "part": 0}
    moments = len(recording.ops)
    parts = max(1, most // moments - 2)
    chance = min(1.0, most / (moments * (2 + parts)))
    for disk, ledger, _ in recording.play():
        images: list[tuple[str, Image]] = []
        if luck.random() < chance:
            images.append(("whole", disk.whole()))
        if disk.unsynced:
            images += [("bare", disk.bare())] if luck.random() < chance else []
            images += [("part", disk.some(luck)) for _ in range(parts) if luck.random() < chance]
        for name, image in images:
            holds(image, recording, ledger, scratch, honest=kind != "damaged")
            sizes[name] += 1
    return sizes


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: nothing here depends on what its own fsync does."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder) / "image"


@pytest.mark.parametrize("kind", LIVES)
def test_whatever_is_on_the_disk_after_a_power_cut_what_was_recorded_is_found(tmp_path, scratch, kind):
    sizes = enumerate_images(tmp_path, kind, QUICK // len(LIVES), scratch)
    assert sum(sizes.values()) > QUICK // len(LIVES) // 2
    assert min(sizes.values()) > 0


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", LIVES)
def test_twenty_thousand_crash_images(tmp_path, scratch, kind):
    sizes = enumerate_images(tmp_path, kind, SOAK // len(LIVES), scratch)
    print(f"crash images of a life ({kind}): {sizes}, 0 recorded lost, 0 undeclared holes")
