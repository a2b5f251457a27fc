"""The write-ahead log keeps within its share of `max_size`, whatever it is that is written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Identity, Present, Sighting, Work
from gateway.outbox import database, quarantine
from gateway.outbox.store import open_outbox

BOUND = 60.0
MiB = 2**20
ALLOWED = 2 * MiB
"""A quarter of `max_size`."""

ONE_COMMIT = MiB


def outbox_in(folder: Path):
    return open_outbox(folder, "rfid", Settings(linger=0.0, max_size=4 * ALLOWED), machine_id="box-1")


def log_size(folder: Path) -> int:
    """What it is now is the most it was since the last checkpoint."""
    return (folder / f"{database.FILE}-wal").stat().st_size


def event(number: int, size: int = 16) -> Work:
    return Work((Draft("epcis", "dock-1", bytes(16), b'"n":%d,"pad":"%s"' % (number, Random(number).randbytes(size))),))


async def test_what_is_seen_again_and_again_is_written_to_the_file_in_time(tmp_path):
    tags = [f"urn:epc:id:sgtin:9521141.012345.{number}" for number in range(5000)]
    here = tuple(Present(Identity(uri, "sgtin", "instance"), "dock-1", 1.0, 1.0, "zone") for uri in tags)
    largest = 0
    async with outbox_in(tmp_path) as outbox:
        outbox.put(Work((), here))
        for minute in range(20):
            outbox.touch([Sighting(uri, "dock-1", 60.0 * minute) for uri in tags])
            outbox.put(event(minute))
            await outbox.flush()
            largest = max(largest, log_size(tmp_path))
    assert ALLOWED // 2 < largest <= ALLOWED + ONE_COMMIT


async def test_what_is_saved_of_a_damaged_file_goes_on_to_the_file_in_time(tmp_path):
    async with outbox_in(tmp_path) as outbox:
        for number in range(3500):
            outbox.put(event(number, 600))
        await outbox.flush()
    with (tmp_path / database.FILE).open("r+b") as file:
        file.seek(file.seek(0, 2) // 2 // database.PAGE * database.PAGE)
        file.write(b"\xa5" * database.PAGE)
    async with outbox_in(tmp_path) as outbox:
        async with asyncio.timeout(BOUND):
            while quarantine.unsaved(tmp_path):  # noqa: ASYNC110 - another thread unlinks it
                await asyncio.sleep(0.02)
        await outbox.flush()
        assert outbox.stats.pending > 3400
        assert log_size(tmp_path) <= ALLOWED + ONE_COMMIT
