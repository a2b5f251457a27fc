"""SIGKILL at random moments: what was acknowledged after its COMMIT is there, whole, once, without a hole.

This file is also the process that is killed: started as a script it forks, on request, a child that stores events and
writes each event's number to a pipe when told that it is stored.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from gateway.config.site import Outbox as Settings
from gateway.model import Absent, Draft, Identity, Present, Work
from gateway.outbox.inspect import stopped
from gateway.outbox.store import open_outbox

KILLS = 60
LIFE = 1_000_000
"""Numbers apart that two lives start."""
SETTINGS = Settings(linger=0.002)
ACK = struct.Struct("<Q")


def _work(first: int, count: int, acknowledge: int) -> Work:
    """Some events, the last one's number present, and the first one's of the work before gone."""
    drafts = tuple(
        Draft("epcis", "dock-1", number.to_bytes(16, "big"), b'"number":%d,"work":[%d,%d]' % (number, first, count))
        for number in range(first, first + count)
    )
    here = Present(Identity(f"urn:n:{first}", "raw", "instance"), "dock-1", float(first), float(first))
    gone = Absent(f"urn:n:{first - 5}", "dock-1")
    return Work(drafts, (here, gone), (lambda: _tell(acknowledge, first),))


def _tell(pipe: int, number: int) -> None:
    os.write(pipe, ACK.pack(number))


async def _child(folder: Path, start: int, acknowledge: int) -> None:
    """Store and send for ever: works of 1 to 5 events at `start`, `start` + 5, …; half of the claimed is settled."""
    async with open_outbox(folder, "rfid", SETTINGS, machine_id="box-1") as outbox:
        first = start
        while True:
            for _ in range(20):
                outbox.put(_work(first, 1 + first // 5 % 5, acknowledge))
                first += 5
            rows = await outbox.claim("live", 40, 1 << 20)
            outbox.settle([row.rowid for row in rows[::2]])
            outbox.release([row.rowid for row in rows[1::2]])
            await outbox.drained(100)


def _nursery(folder: Path) -> None:
    """Fork a child for each number read from stdin; its process id, then how it ended, are lines on stderr."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(_child(folder, int(line), sys.stdout.fileno()))
            finally:
                os._exit(1)
        print(child, file=sys.stderr, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=sys.stderr, flush=True)


def _numbers(pipe: int, until: float) -> list[int]:
    """What is acknowledged until then."""
    found: list[int] = []
    while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
        found += [value for (value,) in ACK.iter_unpack(os.read(pipe, ACK.size * 512))]
        if time.monotonic() >= until and not select.select([pipe], [], [], 0)[0]:
            break
    return found


def _live_and_die(nursery: subprocess.Popen[bytes], start: int, seconds: float) -> list[int]:
    """One life of the outbox, ended by SIGKILL after so many seconds: what it acknowledged."""
    nursery.stdin.write(b"%d\n" % start)
    child = int(nursery.stderr.readline())
    acknowledged = _numbers(nursery.stdout.fileno(), time.monotonic() + seconds)
    os.kill(child, signal.SIGKILL)
    assert int(nursery.stderr.readline()) == -signal.SIGKILL
    return acknowledged + _numbers(nursery.stdout.fileno(), 0.0)


def test_nothing_acknowledged_is_lost_whenever_the_process_dies(tmp_path):
    luck = random.Random(20261121)
    acknowledged: set[int] = set()
    nursery = subprocess.Popen(
        [sys.executable, __file__, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    with nursery:
        for kill in range(KILLS):
            acknowledged.update(_live_and_die(nursery, 5 + kill * LIFE, luck.uniform(0.0, 0.12)))
        nursery.stdin.close()
    assert len(acknowledged) > KILLS

    sequences: dict[int, list[int]] = defaultdict(list)
    works: dict[tuple[int, int], list[int]] = defaultdict(list)
    with stopped(tmp_path) as outside:
        for entry in outside.rows(limit=10**9):
            sequences[entry.epoch].append(entry.sequence)
            event = json.loads(outside.show(entry.epoch, entry.sequence).payload)
            assert (event["epoch"], event["sequence"]) == (entry.epoch, str(entry.sequence))
            works[tuple(event["work"])].append(event["number"])

    assert acknowledged <= {first for first, _ in works}, "acknowledged and lost"
    assert [numbers for (first, count), numbers in works.items() if numbers != list(range(first, first + count))] == []
    assert [epoch for epoch, seen in sequences.items() if seen != list(range(1, len(seen) + 1))] == []
    assert list(sequences) == sorted(sequences)

    last_of_each_life = {first // LIFE: first for first, _ in sorted(works)}
    present = asyncio.run(_present(tmp_path))
    assert present == {f"urn:n:{first}" for first in last_of_each_life.values()}


async def _present(folder: Path) -> set[str]:
    async with open_outbox(folder, "rfid", SETTINGS, machine_id="box-1") as outbox:
        assert outbox.epoch > KILLS // 2
        return {present.object.uri for present in outbox.presence()}


if __name__ == "__main__":
    _nursery(Path(sys.argv[1]))
