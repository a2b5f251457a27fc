"""The presence table: whoever comes, goes and comes again, and whatever is rolled back, it says what was last said."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.config.site import Outbox as Settings
from gateway.model import Absent, Draft, Identity, Present, Work
from gateway.outbox import database, migrations
from gateway.outbox.presence import LINGER, Presence
from gateway.outbox.store import open_outbox

DRAFT = Draft("epcis", "dock-1", bytes(16), b'"n":1')


def there(name: str, point: str = "dock-1", time: float = 100.0) -> Present:
    kind = "checkpoint" if point == "belt-1" else "zone"
    return Present(Identity(name, "sgtin", "instance", f"https://id.gs1.org/{name}"), point, time, time, kind)


NAMES = st.sampled_from("abcdef")
POINTS = st.sampled_from(["belt-1", "belt-2", "belt-3", "dock-1"])
CHANGES = st.one_of(
    st.builds(there, NAMES, POINTS, st.integers(1, 99)),
    st.builds(Absent, NAMES, POINTS),
)
WORKS = st.builds(
    lambda changes, event: Work((DRAFT,) if event else (), tuple(changes)), st.lists(CHANGES, max_size=4), st.booleans()
)
STEPS = st.tuples(st.lists(WORKS, max_size=3), st.sampled_from(["commit", "fail", "restart"]), st.floats(0, 2 * LINGER))


def outbox_in(folder: Path):
    return open_outbox(folder, "rfid", Settings(linger=0.001), machine_id="box-1")


def said(known: dict[tuple[str, str], Present], works: list[Work]) -> dict[tuple[str, str], Present]:
    """What is present after the works, by the plainest of books."""
    known = dict(known)
    for change in (change for work in works for change in work.presence):
        if isinstance(change, Absent):
            known.pop((change.uri, change.read_point), None)
        else:
            known[change.object.uri, change.read_point] = change
    return known


def slotted(known: dict[tuple[str, str], Present], works: list[Work]) -> list[Work]:
    """As an engine says it: who comes to belt 2 or 3 has the lowest slot that is free there, and leaves it so."""
    slots = {key: one.slot for key, one in known.items() if one.slot is not None}
    made = []
    for work in works:
        changes = []
        for change in work.presence:
            point = change.read_point
            key = (change.uri if isinstance(change, Absent) else change.object.uri, point)
            if point not in ("belt-2", "belt-3") or (isinstance(change, Absent) and key not in slots):
                changes.append(change if point not in ("belt-2", "belt-3") else None)
            elif isinstance(change, Absent):
                changes.append(replace(change, slot=slots.pop(key)))
            else:
                taken = {slot for (_, where), slot in slots.items() if where == point}
                slots.setdefault(key, next(slot for slot in range(10) if slot not in taken))
                thing = replace(change.object, digital_link=None)
                changes.append(replace(change, object=thing, kind="checkpoint", slot=slots[key]))
        made.append(replace(work, presence=tuple(filter(None, changes))))
    return made


def transact(connection: sqlite3.Connection, presence: Presence, works: list[Work], now: float, how: str) -> None:
    with suppress(sqlite3.OperationalError), presence.transaction():
        connection.execute("BEGIN")
        try:
            presence.apply(works, now)
            connection.execute("INSERT INTO nowhere VALUES (1)" if how == "fail" else "COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_the_table_is_what_was_said_whatever_is_rolled_back(steps):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.migrate(connection, ":memory:")
        presence, now = Presence(connection), 0.0
        presence.load()
        known: dict[tuple[str, str], Present] = {}
        for said_so, how, later in steps:
            now += later
            works = slotted(known, said_so)
            transact(connection, presence, works, now, how)
            if how != "fail":
                known = said(known, works)
            if how == "restart":
                transact(connection, presence, [], now + 2 * LINGER, "commit")
                assert presence.due == float("inf")
                presence = Presence(connection)
                assert {(one.object.uri, one.read_point): one for one in presence.load()[0]} == known
            # Present at once; absent at the latest when it is due.
            found = connection.execute("SELECT uri, read_point, since FROM presence").fetchall()
            assert len({row[:2] for row in found}) == len(found)
            assert {(*key, one.since) for key, one in known.items()} <= set(found)
            assert len(found) == len(known) or presence.due < float("inf")


def test_an_absence_with_an_event_is_in_the_file_with_it_and_one_without_waits_to_be_replaced(tmp_path):
    with closing(database.open_file(tmp_path / "x.db")) as connection:
        presence = Presence(connection)
        presence.load()

        def rows() -> list[tuple[int, str]]:
            return connection.execute("SELECT id, uri FROM presence ORDER BY id").fetchall()

        presence.apply([Work((DRAFT,), (there("a"), there("b"), there("c")))], 0.0)
        presence.apply([Work((DRAFT,), (Absent("b", "dock-1"),))], 0.0)
        assert rows() == [(1, "a"), (3, "c")]
        presence.apply([Work((), (Absent("a", "dock-1"),))], 0.0)
        assert rows() == [(1, "a"), (3, "c")]
        presence.apply([Work((DRAFT,), (there("d"),))], 0.1)
        assert rows() == [(1, "d"), (3, "c")]
        presence.apply([Work((), (Absent("c", "dock-1"),))], 0.2)
        presence.apply([], 0.2 + 2 * LINGER)
        assert rows() == [(1, "d")]


async def test_an_object_that_comes_back_is_present_whatever_waited(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(Work((DRAFT,), (there("a"), there("b"))))
        outbox.put(Work((), (Absent("a", "dock-1"), Absent("b", "dock-1"))))
        await outbox.flush()
        outbox.put(Work((DRAFT,), (there("a", time=105.0),)))
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert outbox.presence() == [there("a", time=105.0)]


async def test_the_wal_has_its_size_from_the_start_and_keeps_it(tmp_path):
    async with outbox_in(tmp_path) as outbox:
        outbox.put(Work((DRAFT,), (there("a"),)))
        await outbox.flush()
        wal = tmp_path / f"{database.FILE}-wal"
        size, blocks = wal.stat().st_size, wal.stat().st_blocks
        assert size >= 4 << 20
        assert blocks * 512 >= size, "blocks that are not there yet are written about as well as written"
        for _ in range(50):
            outbox.put(Work((DRAFT,), (there("a"),)))
            await outbox.flush()
        assert (wal.stat().st_size, wal.stat().st_blocks) == (size, blocks)


def test_who_comes_and_goes_in_one_commit_does_not_bring_back_whose_place_it_took():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.migrate(connection, ":memory:")
        presence = Presence(connection)
        presence.load()
        a, b = there("a", "belt-1"), there("b", "belt-1")
        transact(connection, presence, [Work((), (a,))], 0.0, "commit")
        transact(connection, presence, [Work((), (Absent("a", "belt-1"), b, Absent("b", "belt-1")))], 0.0, "commit")
        transact(connection, presence, [], 0.0, "fail")
        transact(connection, presence, [], 2 * LINGER, "commit")
        assert presence.load() == ([], 0)


def test_last_seen_goes_to_who_has_the_slot_and_to_nobody_who_took_it_since():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.migrate(connection, ":memory:")
        presence = Presence(connection)
        presence.load()
        a, b = (replace(there(name, "belt-1"), slot=7) for name in "ab")
        transact(connection, presence, [Work((), (a,))], 0.0, "commit")
        presence.touch({("a", "belt-1", 7): 160.0, ("a", "belt-1", 8): 170.0, ("b", "belt-1", 7): 180.0})
        assert [one.last_seen for one in presence.load()[0]] == [160.0]
        transact(connection, presence, [Work((), (Absent("a", "belt-1", 7), b))], 0.0, "commit")
        presence.touch({("a", "belt-1", 7): 200.0})
        assert [(one.object.uri, one.slot, one.last_seen) for one in presence.load()[0]] == [("b", 7, 100.0)]
