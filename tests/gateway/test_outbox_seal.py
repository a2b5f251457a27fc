"""The seal of what is present: whatever bit flips in the table, nothing that was not written is believed."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.config.site import Outbox as Settings
from gateway.model import Identity, Present, Work
from gateway.outbox import database, migrations
from gateway.outbox.inspect import stopped
from gateway.outbox.presence import Presence
from gateway.outbox.seal import TOUCH
from gateway.outbox.store import Outbox, open_outbox

OLD = Path(__file__).parents[1] / "cases" / "outbox" / "version-0004.sql"
NOON = 1_790_000_000.125
STEP = 1 / 1024
"""Seconds: what a seal tells apart of `last_seen`."""

PALLET = Present(
    Identity("urn:epc:id:sscc:952012.03456789123", "sscc", "instance", "https://id.gs1.org/00/095201234567891235", 0),
    "aisle-a",
    NOON,
    NOON + 60.0,
    "zone",
)
BOX = Present(
    Identity("urn:epc:id:sgtin:9521141.012345.7", "sgtin", "instance", "https://id.gs1.org/01/09521141123454/21/7", 1),
    "belt-1",
    NOON,
    NOON,
    "checkpoint",
)
ITEM = Present(Identity("urn:epc:id:sgtin:9521141.012345.8", "sgtin", "class"), "belt-2", NOON, NOON, "checkpoint", 3)
ALL = (PALLET, BOX, ITEM)
times = st.floats(0.0, 4e9)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Outbox]:
    async with open_outbox(folder, "rfid", Settings(linger=0.001), machine_id="box-1") as outbox:
        yield outbox


def written(path: Path) -> bytes:
    """A file with all of them in it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrations.migrate(connection, str(path))
        presence = Presence(connection)
        presence.load()
        presence.apply([Work((), ALL)], 0.0)
    return path.read_bytes()


def flipped(content: bytearray, bits: range) -> Iterator[tuple[int, sqlite3.Connection]]:
    """The file with each of these bits flipped, one at a time, in memory."""
    for bit in bits:
        content[bit // 8] ^= 1 << bit % 8
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.deserialize(bytes(content))
            yield bit, connection
        content[bit // 8] ^= 1 << bit % 8


def near(one: Present) -> Present:
    """The same, `last_seen` as far as a seal tells."""
    return replace(one, last_seen=int(one.last_seen / STEP) * STEP)


def test_every_bit_of_every_row(tmp_path: Path) -> None:
    """Each bit of the page of the table, one at a time: what is believed was written; or SQLite itself finds it."""
    path = tmp_path / database.FILE
    content = bytearray(written(path))
    at = content.index(PALLET.object.uri.encode())
    first = min(content.index(one.object.uri.encode()) for one in ALL) - 24
    page = at // database.PAGE * database.PAGE
    believed = damaged = 0
    for bit, connection in flipped(content, range(first * 8, (page + database.PAGE) * 8)):
        try:
            found, lost = Presence(connection).load()
        except sqlite3.DatabaseError as error:
            assert database.is_damage(error), (bit, error)  # noqa: PT017 - most raise nothing
            continue
        believed += len(found)
        damaged += lost
        assert {near(one) for one in found} <= {near(one) for one in ALL}, bit
    assert damaged > 1000
    assert believed > 2 * damaged


@pytest.mark.parametrize(
    "change",
    [
        "uri = 'urn:epc:id:sscc:952012.03456789122'",
        "read_point = 'aisle-b'",
        "scheme = 'sgtin'",
        "kind = 'class'",
        "digital_link = NULL",
        "filter = 1",
        "since = since + 0.0625",
        "last_seen = last_seen + 0.0625",
        "last_seen = 9e999",
        "read_point_kind = NULL",
        "id = 77",
        "uri = CAST(x'75726eff' AS TEXT)",
    ],
)
async def test_a_row_that_is_not_as_it_was_is_told_once_and_gone(tmp_path: Path, change: str) -> None:
    async with opened(tmp_path) as outbox:
        outbox.put(Work((), ALL))
        await outbox.flush()
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection:
        connection.execute(f"UPDATE presence SET {change} WHERE uri LIKE '%:sscc:%'")
        connection.commit()
    async with opened(tmp_path) as outbox:
        assert set(outbox.presence()) == {BOX, ITEM}
        assert outbox.fresh
        assert outbox.stats.saved == "1 rows of what was present were damaged: those objects arrive anew"
        outbox.put(Work((), (replace(PALLET, since=NOON + 99.0, last_seen=NOON + 99.0),)))
        await outbox.flush()
    async with opened(tmp_path) as outbox:
        assert {one.since for one in outbox.presence() if one.object == PALLET.object} == {NOON + 99.0}
        assert len(outbox.presence()) == 3
        assert (outbox.fresh, outbox.stats.saved) == (False, None)


def test_a_damaged_name_of_a_checkpoint_takes_nobody_else_s_places() -> None:
    """Its slots are numbers below its own: who has them must not be who comes to another."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.migrate(connection, ":memory:")
        presence = Presence(connection)
        presence.load()
        presence.apply([Work((), (ITEM, replace(ITEM, slot=4)))], 0.0)
        connection.execute("UPDATE presence SET read_point = 'belt-3' WHERE id % 16 = 4")
        presence = Presence(connection)
        assert presence.load() == ([ITEM], 1)
        other = replace(BOX, object=replace(BOX.object, digital_link=None, filter=None), read_point="belt-3", slot=3)
        presence.apply([Work((), (other,))], 1.0, closing=True)
        found, damaged = Presence(connection).load()
        assert (set(found), damaged) == ({ITEM, other}, 0)


@settings(max_examples=200)
@given(times, times, st.lists(times, max_size=4))
def test_a_later_last_seen_keeps_the_seal(since: float, seen: float, later: list[float]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.migrate(connection, ":memory:")
        presence = Presence(connection)
        presence.load()
        presence.apply([Work((), (replace(ITEM, since=since, last_seen=seen),))], 0.0)
        for time in later:
            presence.touch({(ITEM.object.uri, "belt-2", 3): time})
        found, damaged = presence.load()
    assert (damaged, [one.last_seen for one in found]) == (0, [max([seen, *later])])


def test_a_row_that_is_damaged_while_it_is_used_stops_no_other(tmp_path: Path) -> None:
    written(tmp_path / database.FILE)
    with closing(sqlite3.connect(tmp_path / database.FILE, isolation_level=None)) as connection:
        connection.execute("UPDATE presence SET last_seen = 1e300, seal = 9223372036854775807 WHERE id = 1")
        for place, uri in connection.execute("SELECT id, uri FROM presence").fetchall():
            connection.execute(TOUCH, (NOON + 500.0, place, uri))
        found, damaged = Presence(connection).load()
    assert (damaged, [one.last_seen for one in found]) == (1, [NOON + 500.0] * 2)


def test_whatever_bit_has_flipped_in_a_file_of_version_4_it_upgrades_or_is_damaged(tmp_path: Path) -> None:
    """Nothing else may keep a gateway from starting; bits of its rows."""
    path = tmp_path / database.FILE
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD.read_text(encoding="utf-8"))
    content = bytearray(path.read_bytes())
    at = content.index(b"urn:epc:id:sgtin:9521141.012345.8")
    page = at // database.PAGE * database.PAGE
    upgraded = 0
    for bit, connection in flipped(content, range((at - 24) * 8, (page + database.PAGE) * 8)):
        if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            continue  # as it is found before
        try:
            migrations.migrate(connection, "old")
            found, lost = Presence(connection).load()
        except sqlite3.DatabaseError as error:
            assert database.is_damage(error), (bit, error)  # noqa: PT017 - most raise nothing
        else:
            upgraded += 1
            assert len(found) + lost <= 3
    assert upgraded > 1000


@pytest.mark.parametrize(
    "change",
    ["last_seen = NULL", "last_seen = 'x'", "since = 9e999", "last_seen = 1e300", "uri = NULL", "read_point = x'00'",
     "kind = 7", "filter = 'x'", "read_point_kind = x'41'", "digital_link = 1.5"],
)  # fmt: skip
def test_who_asks_from_outside_is_told_of_a_damaged_row_of_version_4(tmp_path: Path, change: str) -> None:
    """No seal tells of it, and no start has looked at the file."""
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection, connection:
        loose = OLD.read_text().replace("STRICT", "").replace(" TEXT NOT NULL", "").replace(" REAL NOT NULL", "")
        connection.executescript(
            loose.replace(" TEXT ", " ").replace(" TEXT,", ",").replace("filter INTEGER", "filter")
        )
        connection.execute(f"UPDATE presence SET {change} WHERE id = 1")
    with stopped(tmp_path) as rows:
        assert [one.read_point for one in rows.present()] == ["belt-1", "belt-2"]
        assert rows.damaged == 1


async def test_a_file_of_version_4_is_believed_and_sealed(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection:
        connection.executescript(OLD.read_text(encoding="utf-8"))
    then = 1_790_000_001.25
    told = [
        ("aisle-a", then, then + 60.0, None),
        ("belt-1", then + 5, then + 6, None),
        ("belt-2", then + 7, then + 8, 3),
    ]
    with stopped(tmp_path) as outside:
        seen = outside.present()
        assert [(one.read_point, one.since, one.last_seen, one.slot) for one in seen] == told
        assert outside.count()["pending"] == 2
    async with opened(tmp_path) as outbox:
        assert outbox.presence() == seen
        assert (outbox.stats.pending, outbox.stats.sent, outbox.fresh) == (2, 1, False)
        outbox.put(Work((), (replace(seen[0], last_seen=then + 90.0),)))
        await outbox.flush()
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM presence WHERE seal IS NULL").fetchone() == (0,)
    async with opened(tmp_path) as outbox:
        assert [one.last_seen for one in outbox.presence()] == [then + 90.0, then + 6, then + 8]
