"""Flipped bits and destroyed pages, everywhere in the database and its log: nothing wrong is ever sent, nothing is lost
but what is declared, and the outbox works again at the third start at the latest.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.outbox import database, high_water, quarantine
from gateway.outbox.store import Outbox, OutboxFailed, open_outbox
from tests.crash_images import Image, lay, photograph
from tests.ledger import Ledger
from tests.outbox_lives import SETTINGS, declare, look, work

WORKS = 44
FULL_LOG = 46
"""Works after which all of the log is in the file, too: what damages it takes back what the file has."""

SOAK = 20
"""Flips a page."""

BESIDE = 30
"""Bytes of a row before its channel."""

STARTS = 3
BOUND = 60.0
FRAME_HEADER, LOG_HEADER = 24, 32
"""Bytes (https://www.sqlite.org/fileformat2.html#walformat)."""


class Hurt(NamedTuple):
    """Where, in which file, and what stands there now."""

    name: str
    at: int
    data: bytes


def opened(folder: Path):
    return open_outbox(folder, "rfid", SETTINGS, machine_id="box-1", declare=declare().loss)


async def taken(ledger: Ledger, outbox: Outbox, life: object, most: int = 1 << 30) -> None:
    """All that waits is sent, oldest first."""
    for lane in ("historical", "live"):
        while most and (rows := await outbox.claim(lane, min(most, 100), 1 << 20)):
            most -= len(rows)
            for row in rows:
                ledger.deliver(json.loads(row.payload), lane, life)
            outbox.settle([row.rowid for row in rows])


async def whole(folder: Path, works: int = WORKS) -> tuple[Image, Ledger]:
    """A running outbox with a file and a log, its mark up to date, and all that it promised."""
    ledger = Ledger()
    async with opened(folder) as outbox:
        outbox.listen(lambda rows: [ledger.record(json.loads(row.payload)) for row in rows])
        for number in range(works):
            outbox.put(work(5 + 5 * number))
            if number % 5 == 0:
                await outbox.flush()
                await taken(ledger, outbox, "before", 4)
        outbox.dead([row.rowid for row in await outbox.claim("live", 1, 1 << 20)], "0x99")
        await outbox.flush()
        async with asyncio.timeout(BOUND):
            while (mark := high_water.read(folder)) is None or mark.last < await outbox.position():  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.02)
        image = photograph(folder)
    assert ledger.faults == [] or all("lost" in fault or "hole" in fault for fault in ledger.faults)
    return image, ledger


async def works_again(ledger: Ledger, folder: Path) -> None:
    """The gateway is started until it stays, and sends all it has."""
    for start in range(STARTS):
        if await stays(ledger, folder, start):
            return
    raise AssertionError(f"not within {STARTS} starts")


async def stays(ledger: Ledger, folder: Path, start: int) -> bool:
    """Whether a start finds nothing that ends it."""
    try:
        async with opened(folder) as outbox, asyncio.timeout(BOUND):
            while quarantine.unsaved(folder):  # noqa: ASYNC110 - another thread unlinks it
                await asyncio.sleep(0.002)
            await outbox.flush()
            await taken(ledger, outbox, start)
            outbox.put(work(1_000_005))
            await outbox.flush()
            await taken(ledger, outbox, start)
    except OutboxFailed as error:
        if not any(words in str(error) for words in ("malformed", "decode", "too big")):
            raise
        return False
    return True


def hurt(image: Image, folder: Path, one: Hurt) -> Image:
    path = str(folder / one.name)
    content = bytearray(image[path] or b"")
    content[one.at : one.at + len(one.data)] = one.data
    return {**image, path: bytes(content)}


def places(image: Image, folder: Path) -> Iterator[tuple[str, int, int]]:
    """File, begin and length of every page of the database, and of every frame of the log that is in use."""
    size = len(image[str(folder / database.FILE)] or b"")
    yield from ((database.FILE, at, database.PAGE) for at in range(0, size, database.PAGE))
    name = f"{database.FILE}-wal"
    log = image[str(folder / name)] or b""
    yield name, 0, LOG_HEADER
    for at in range(LOG_HEADER, len(log), FRAME_HEADER + database.PAGE):
        if log[at + 8 : at + 16] == log[16:24]:  # the salts of this log, not of one before
            yield name, at, FRAME_HEADER + database.PAGE


def hold(image: Image, ledger: Ledger, folder: Path, scratch: Path, one: Hurt) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    lay(hurt(image, folder, one), folder, scratch)
    after = ledger.fork()
    asyncio.run(works_again(after, scratch))
    look(after, scratch)
    assert after.faults == [], one._replace(data=one.data[:8])


def flipped(content: bytes, at: int, length: int, luck: random.Random) -> Hurt:
    where = at + luck.randrange(length)
    return Hurt("", where, bytes([content[where] ^ (1 << luck.randrange(8))]))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: nothing here depends on what its own fsync does."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder) / "image"


def everywhere(folder: Path, scratch: Path, flips: int, destroyed: int, works: int = WORKS) -> Counter[str]:
    """So many bits flipped in each page and frame, one at a time, and every so manieth destroyed; how many of each."""
    luck = random.Random(20261125)
    image, ledger = asyncio.run(whole(folder, works))
    done: Counter[str] = Counter()
    for number, (name, at, length) in enumerate(places(image, folder)):
        content = image[str(folder / name)] or b""
        for _ in range(flips if name == database.FILE else max(1, flips)):
            hold(image, ledger, folder, scratch, flipped(content, at, length, luck)._replace(name=name))
            done[f"bits of {name}"] += 1
        if number % destroyed == 0:
            hold(image, ledger, folder, scratch, Hurt(name, at, luck.randbytes(length)))
            done[f"pages of {name}"] += 1
    return done


def test_a_flipped_bit_or_a_destroyed_page_costs_nothing_undeclared(tmp_path, scratch):
    done = everywhere(tmp_path, scratch, flips=0, destroyed=4)
    assert min(done.values()) > 1
    assert len(done) == 3


def test_a_destroyed_frame_of_a_log_that_is_in_the_file_too_costs_nothing_undeclared(tmp_path, scratch):
    """What the log then still says is older than the file: together they contradict each other."""
    image, ledger = asyncio.run(whole(tmp_path, FULL_LOG))
    log = f"{database.FILE}-wal"
    frames = [(at, length) for name, at, length in places(image, tmp_path) if name == log]
    assert len(frames) > 10
    for at, length in frames:
        hold(image, ledger, tmp_path, scratch, Hurt(log, at, random.Random(at).randbytes(length)))


def test_what_stands_beside_an_event_is_under_no_checksum_and_costs_it_nothing(tmp_path, scratch):
    """Its record's header, its numbers, its state, its times; and how the tables were made."""
    luck = random.Random(20261126)
    image, ledger = asyncio.run(whole(tmp_path))
    content = image[str(tmp_path / database.FILE)] or b""
    columns = content.rindex(b"telemetrydock-1")
    for at in [*range(columns - BESIDE, columns), content.index(b"crc INTEGER"), content.index(b"state = 0")]:
        hold(image, ledger, tmp_path, scratch, flipped(content, at, 1, luck)._replace(name=database.FILE))
    for text in (b"telemetrydock-1", b"urn:n:", b"TABLE events"):  # no longer UTF-8
        at = content.rindex(text) + 1
        hold(image, ledger, tmp_path, scratch, Hurt(database.FILE, at, bytes([content[at] | 0x80])))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_bits_of_every_page(tmp_path, scratch):
    done = everywhere(tmp_path, scratch, flips=SOAK, destroyed=1)
    print(f"damaged, one at a time: {dict(done)}; nothing wrong sent, 0 lost undeclared, 0 undeclared holes")
