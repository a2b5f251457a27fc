"""`readpoint outbox` on the queue of a stopped gateway, which may start at any time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.config.site import Outbox
from gateway.model import Draft, Work
from gateway.outbox.inspect import stopped
from gateway.outbox.lock import exclusive
from gateway.outbox.store import open_outbox
from gateway.outbox.values import OutboxLocked
from tests.commands import ROOT


async def _fill(folder: Path, count: int) -> None:
    async with open_outbox(folder, "rfid", Outbox(linger=0.0), machine_id="m") as outbox:
        for _ in range(count):
            outbox.put(Work((Draft("epcis", "dock-1", bytes(16), b'"n":1'),)))
        await outbox.flush()


def test_who_does_not_read_the_list_keeps_no_gateway_from_starting(tmp_path: Path) -> None:
    """A pager that stands still, say: a pipe takes 64 KiB and then waits."""
    asyncio.run(_fill(tmp_path, 2000))
    listed = [sys.executable, "-m", "gateway", "outbox", "list", "--json", "--limit", "2000", "--file", str(tmp_path)]
    with subprocess.Popen(listed, stdout=subprocess.PIPE, cwd=ROOT, text=True) as asked:
        assert asked.stdout is not None
        first = asked.stdout.readline()
        with exclusive(tmp_path, time.time()):
            pass
        assert asked.poll() is None, "it would have to be printing still"
        assert (first[:10], len(asked.stdout.readlines())) == ('{"rowid":1', 1999)


def test_who_only_looks_makes_no_lock(tmp_path: Path) -> None:
    """Made by root it would be root's, and no gateway could start."""
    asyncio.run(_fill(tmp_path, 1))
    (tmp_path / "outbox.lock").unlink()
    with stopped(tmp_path) as rows:
        assert rows.count()["pending"] == 1
    assert not (tmp_path / "outbox.lock").exists()
    with stopped(tmp_path, change=True), pytest.raises(OutboxLocked), stopped(tmp_path):
        pass
