"""What a salvage does not meet on its way through the rows, an index beside them still names."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Work
from gateway.outbox import database, salvage
from gateway.outbox.claims import Claims
from gateway.outbox.database import FILE, PAGE
from gateway.outbox.ledger import Ledger
from gateway.outbox.restore import Restoring, seed
from gateway.outbox.room import Room
from gateway.outbox.salvage import Books, Chunk, OldEpoch
from gateway.outbox.store import open_outbox

ROWS = 300
_LEAF = 13
"""A page of rows (SQLite's file format, section 1.6)."""


def varint(page: bytes, at: int) -> tuple[int, int]:
    """A number of at most two bytes, and where it ends."""
    return (page[at], at + 1) if page[at] < 128 else ((page[at] & 127) << 7 | page[at + 1], at + 2)


def change_the_key(file: Path, rowid: int) -> None:
    """Another bit in the key of one row: it stands where it stood and says that it is far behind."""
    content = bytearray(file.read_bytes())
    for start in range(PAGE, len(content), PAGE):
        page = bytes(content[start : start + PAGE])
        for cell in range(int.from_bytes(page[3:5]) if page[0] == _LEAF else 0):
            at = int.from_bytes(page[8 + 2 * cell : 10 + 2 * cell])
            _, key = varint(page, at)
            if varint(page, key)[0] == rowid and b"epcis" in page[key : key + 80]:
                content[start + key] |= 0x40
                file.write_bytes(content)
                return
    raise AssertionError("no such row")


def test_what_is_saved_out_of_order_is_sent_all_the_same(tmp_path: Path) -> None:
    with closing(database.open_file(tmp_path / FILE)) as connection:
        seed(connection, Books([OldEpoch("old", 1, 0.0, 0, 9, 0)], 9), 1.0)
        life = database.begin(connection, "rfid", "box-1", 1.0, (1, 9))
        ledger = Ledger(connection, life, None)
        claims = Claims(ledger.next_rowid)
        claims.take("historical", (9,))
        room = Room(tmp_path, connection, 1 << 26)
        room.restore()
        saved = [(number, 1, number, 0, 0.0, 0.0, 0, "epcis", None, None, b"{}") for number in (5, 3)]
        Restoring(connection, ledger, life, claims, room, lambda: 1.0)(Chunk(saved, []), "synced")
    assert claims.bounds("historical")[0] < 3


@pytest.mark.parametrize("rowid", range(196, 206))
async def test_a_row_whose_key_is_wrong_hides_no_other(tmp_path: Path, rowid: int) -> None:
    pads = random.Random(rowid)  # what cannot be compressed keeps few rows on a page
    async with open_outbox(tmp_path, "rfid", Settings(), machine_id="box-1") as outbox:
        for _ in range(ROWS):
            outbox.put(Work((Draft("epcis", "dock-1", bytes(16), b'"pad":"%b"' % pads.randbytes(150).hex().encode()),)))
    change_the_key(tmp_path / FILE, rowid)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        found = list(salvage.chunks(connection, ROWS))
    met = {row[2] for chunk in found for row in chunk.rows}
    gone = {number for chunk in found for first, last in chunk.gone for number in range(first, last + 1)}
    assert met | gone >= set(range(1, ROWS + 1))
    assert len(gone) < 30
