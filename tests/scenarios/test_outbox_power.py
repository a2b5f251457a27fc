"""Power cuts: a file system that stops in the middle of everything (ext4's shutdown ioctl), and is mounted again."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger import Ledger
from tests.outbox_lives import APART, Life, Nursery, kill, look, read

CUTS = 10
SOAK = 200
READY = 30.0
"""Seconds: ten times what is aimed at, which is printed."""

EXT4_IOC_SHUTDOWN = 0x8004587D
"""linux/fs/ext4/ext4.h: _IOR('X', 125, __u32)."""

SYNCED, JOURNAL_FLUSHED, AT_ONCE = range(3)
"""What is still done: everything, what is in the journal, nothing."""

ROOM = 8 << 20
"""So much that nothing has to go for want of it."""

_BOUND = 60.0
_IMAGE = 32 << 20


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=_BOUND, check=False)


class Ext4:
    """A file system in a file, on a loop device."""

    def __init__(self, folder: Path) -> None:
        self.at = folder / "disk"
        self._image = folder / "disk.ext4"
        self._mounted = False
        self.at.mkdir()
        with self._image.open("wb") as file:
            file.truncate(_IMAGE)

    def make(self) -> str | None:
        """Why it cannot be made or mounted here; None where it was."""
        if os.geteuid() != 0:
            return "needs root"
        if shutil.which("mkfs.ext4") is None:
            return "mkfs.ext4 is not installed: apt-get install e2fsprogs"
        made = _run("mkfs.ext4", "-q", "-F", self._image)
        return (made.stderr if made.returncode else self._mount()) or None

    def _mount(self) -> str:
        done = _run("mount", "-o", "loop", self._image, self.at)
        self._mounted = not done.returncode
        return done.stderr.strip()

    def cut(self, how: int) -> None:
        """From now on nothing is read or written."""
        descriptor = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(descriptor)

    def power_up(self) -> None:
        """The journal is read, as after a power cut."""
        self.gone()
        assert self._mount() == ""

    def gone(self) -> None:
        """Unmount it, if it is mounted."""
        if self._mounted:  # a file system without power does not even say that it is mounted
            self._mounted = False
            assert _run("umount", self.at).stderr == ""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Ext4]:
    """Mounted; a skip says why it cannot be."""
    made = Ext4(tmp_path)
    try:
        cannot = made.make()
        if cannot is not None:
            pytest.skip(f"no loop-mounted ext4: {cannot}")
        yield made
    finally:
        made.gone()


def cut_power(folder: Path, disk: Ext4, cuts: int) -> tuple[Ledger, float, Counter[int]]:
    """Lives on that disk, each ended by a power cut: the ledger, and the longest that one took to open."""
    luck = random.Random(20261123)
    hows: Counter[int] = Counter()
    with Nursery() as nursery:
        for life in range(cuts):
            orders = Life(str(disk.at / "box"), str(folder / f"{life}.diary"), 5 + life * APART, max_size=ROOM)
            process = nursery.begin(orders)
            nursery.idle(luck.uniform(0.02, 0.3))
            how = luck.choice((AT_ONCE, AT_ONCE, JOURNAL_FLUSHED, SYNCED))
            disk.cut(how)
            hows[how] += 1
            kill(process)
            nursery.end()
            disk.power_up()
    ledger, opened = Ledger(), [0.0]
    for life in range(cuts):
        opened += [float(text) for text in read(ledger, folder / f"{life}.diary")["open"]]
    look(ledger, disk.at / "box")
    return ledger, max(opened), hows


@pytest.mark.root
def test_nothing_recorded_is_lost_in_a_power_cut(tmp_path, disk):
    ledger, _, _ = cut_power(tmp_path, disk, CUTS)
    assert len(ledger.recorded) > CUTS
    assert ledger.faults == []
    assert ledger.given_up == []


@pytest.mark.root
@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_power_cuts(tmp_path, disk):
    ledger, opened, hows = cut_power(tmp_path, disk, SOAK)
    print(f"{SOAK} power cuts ({hows[AT_ONCE]} at once): {ledger}; open again in {opened:.3f} s at most")
    assert ledger.faults == []
    assert ledger.given_up == []
    assert opened <= READY
