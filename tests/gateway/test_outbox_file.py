"""The file over its lives: streams, epochs, versions, the lock, and a look from outside."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Work
from gateway.outbox import database, migrations
from gateway.outbox.inspect import stopped
from gateway.outbox.room import is_full
from gateway.outbox.store import OutboxError, OutboxLocked, open_outbox

QUICK = Settings(linger=0.001)
OLD = Path(__file__).parents[1] / "cases" / "outbox"


def work(*numbers: int) -> Work:
    return Work(tuple(Draft("epcis", "dock-1", number.to_bytes(16, "big"), b'"n":%d' % number) for number in numbers))


def outbox_in(folder: Path, machine_id: str = "box-1", **options: str):
    return open_outbox(folder, "rfid", QUICK, machine_id=machine_id, **options)


async def test_the_epoch_grows_at_every_start_and_numbers_start_again_at_one(tmp_path):
    seen = []
    for number in range(3):
        async with outbox_in(tmp_path) as outbox:
            outbox.put(work(number, number))
            await outbox.flush()
            rows = await outbox.claim("live", 9, 1 << 20)
            seen.append((outbox.stream, outbox.epoch, [row.sequence for row in rows]))
    assert re.fullmatch(r"rfid-[0-9a-f]{8}", seen[0][0])
    assert [stream for stream, _, _ in seen] == [seen[0][0]] * 3
    assert [epoch for _, epoch, _ in seen] == [1, 2, 3]
    assert [sequences for _, _, sequences in seen] == [[1, 2]] * 3


async def test_another_machine_starts_another_stream_and_keeps_what_is_pending(tmp_path):
    async with outbox_in(tmp_path) as outbox:
        outbox.put(work(1))
        first = outbox.stream, outbox.epoch
        assert outbox.previous_stream is None
    async with outbox_in(tmp_path, "box-2") as outbox:
        second = outbox.stream, outbox.epoch
        assert second[0] != first[0]
        assert outbox.previous_stream == first[0]
        [row] = await outbox.claim("historical", 9, 1 << 20)
        assert b'"stream":"%b"' % first[0].encode() in row.payload
        assert [(state.stream, state.epoch, state.pending) for state in await outbox.epochs()] == [
            (*first, 1),
            (*second, 0),
        ]
    async with outbox_in(tmp_path, "box-2") as outbox:
        assert outbox.stream == second[0]
        assert outbox.previous_stream == first[0]


async def test_another_identity_starts_another_stream(tmp_path):
    """A box is set up as `test` and shipped: its events come from somebody else now, and are counted anew."""
    streams = []
    for identity in ("", "test/gw-1", "test/gw-1", "dc1/gw-1", "dc1/gw-1"):
        async with outbox_in(tmp_path, identity=identity) as outbox:
            outbox.put(work(1))
            streams.append(outbox.stream)
    # What an earlier version wrote knows the machine alone: it is whose it says now.
    before, first, again, shipped, stays = streams
    assert before == first == again != shipped == stays


async def test_epochs_without_rows_are_forgotten_and_row_ids_never_come_back(tmp_path):
    for _ in range(5):
        async with outbox_in(tmp_path) as outbox:
            epochs = await outbox.epochs()
    assert [epoch.epoch for epoch in epochs] == [4, 5]
    async with outbox_in(tmp_path) as outbox:
        outbox.put(work(1, 2, 3))
        await outbox.flush()
        outbox.settle([row.rowid for row in await outbox.claim("live", 9, 1 << 20)])
    async with open_outbox(tmp_path, "rfid", Settings(linger=0.001, keep_sent=0.0), machine_id="box-1") as outbox:
        outbox.put(work(4))
        await outbox.flush()
        [entry] = await outbox.rows()
        assert entry.rowid == 4


async def test_the_folder_and_its_files_are_the_owner_s_alone(tmp_path):
    folder = tmp_path / "state" / "rfid"
    async with outbox_in(folder) as outbox:
        outbox.put(work(1))
        await outbox.flush()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / database.FILE).stat().st_mode) == 0o600


async def test_a_clean_end_leaves_one_whole_file(tmp_path):
    async with outbox_in(tmp_path) as outbox:
        outbox.put(work(1))
    assert not [item for item in tmp_path.iterdir() if item.name.endswith(("-wal", "-shm"))]
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA application_id").fetchone()[0] == 0x52504F42
        assert connection.execute("PRAGMA user_version").fetchone()[0] == max(migrations.scripts())


def test_a_commit_is_on_the_disk(tmp_path):
    """WAL with synchronous=FULL (2): after a COMMIT neither a crash nor a power cut takes it back."""
    with closing(database.open_file(tmp_path / "outbox.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2


async def test_nothing_is_written_outside_the_folder(tmp_path):
    """SQLite keeps what a statement may have to undo in a temporary file, where the disk may be another, and full."""
    async with outbox_in(tmp_path) as outbox:
        for _ in range(2):
            outbox.put(work(*range(3000)))
            await outbox.flush()
            rows = await outbox.claim("live", 3000, 1 << 24)
            assert len(rows) == 3000
            outbox.settle([row.rowid for row in rows])
            await outbox.flush()
        files = {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
        assert str(tmp_path / database.FILE) in files
        assert not [name for name in files if "etilqs" in name]


async def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path):
    async with outbox_in(tmp_path) as outbox:
        with pytest.raises(OutboxLocked, match=f"in use by process {os.getpid()} since 20"):
            async with outbox_in(tmp_path):
                pass
        with pytest.raises(OutboxLocked, match=f"process {os.getpid()}"), stopped(tmp_path):
            pass
        with pytest.raises(OutboxLocked, match="a gateway has it open"), stopped(tmp_path / "outbox.db"):
            pass
        outbox.put(work(1))
        await outbox.flush()
    async with outbox_in(tmp_path) as outbox:
        assert outbox.stats.pending == 1


async def test_a_file_that_may_not_be_opened_is_not_called_damaged(tmp_path):
    folder = tmp_path / ("x" * 200) / ("y" * 200) / ("z" * 200)  # longer than SQLite opens, whoever asks
    folder.mkdir(parents=True)
    (folder / "outbox.db").write_bytes(b"SQLite format 3")
    for path, change in ((folder, False), (folder, True), (folder / "outbox.db", False)):
        with pytest.raises(OutboxError, match="ask as the user whose file it is"), stopped(path, change=change):
            pass


async def test_a_text_that_is_none_is_damage_to_who_asks_from_outside(tmp_path):
    async with outbox_in(tmp_path):
        pass
    file = tmp_path / "outbox.db"
    whole = file.read_bytes()
    assert b"CREATE TABLE" in whole
    file.write_bytes(whole.replace(b"CREATE TABLE", b"CROATE TABLE").replace(b"streams", b"\xcftreams"))
    with pytest.raises(OutboxError, match="cannot be read"), stopped(tmp_path):
        pass


async def test_a_file_whose_tables_no_step_fits_is_set_aside(tmp_path):
    """A flipped bit in a name of a column, found by the first start of a newer version."""
    file = tmp_path / "outbox.db"
    newest = max(migrations.scripts())
    with closing(sqlite3.connect(file)) as connection:
        migrations.migrate(connection, str(file), {n: text for n, text in migrations.scripts().items() if n < newest})
        connection.execute("ALTER TABLE presence RENAME COLUMN last_seen TO last_sean")
    async with outbox_in(tmp_path) as outbox:
        outbox.put(work(1))
        await outbox.flush()
    assert [one.name[:6] for one in (tmp_path / "quarantine").iterdir()] == ["000001"]


def test_an_error_without_a_code_is_no_full_disk():
    assert not is_full(sqlite3.OperationalError("Could not decode to UTF-8 column 'uri'"))


async def test_a_lock_file_full_of_nonsense_still_names_somebody(tmp_path):
    async with outbox_in(tmp_path):
        (tmp_path / "outbox.lock").write_bytes(b"\xff{")
        with pytest.raises(OutboxLocked, match="another process"):
            async with outbox_in(tmp_path):
                pass


async def test_a_stopped_outbox_can_be_looked_at_without_a_change(tmp_path):
    async with outbox_in(tmp_path) as outbox:
        outbox.put(work(1, 2, 3))
        await outbox.flush()
        rows = await outbox.claim("live", 2, 1 << 20)
        outbox.settle([rows[0].rowid])
        outbox.dead([rows[1].rowid], "0x99")
        epoch = outbox.epoch
    before = (tmp_path / database.FILE).read_bytes()
    with stopped(tmp_path) as outside:
        assert outside.count() == {"pending": 1, "sent": 1, "confirmed": 0, "dead": 1}
        assert [(entry.sequence, entry.reason) for entry in outside.rows("dead")] == [(2, "0x99")]
        assert outside.show(epoch, 1).payload == rows[0].payload
        assert list(outside.payloads())[:2] == [row.payload for row in rows]
    assert (tmp_path / database.FILE).read_bytes() == before
    with pytest.raises(OutboxError, match="no outbox here"), stopped(tmp_path / "nowhere"):
        pass


async def test_a_file_of_others_is_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(OutboxError, match="not an outbox"):
        async with outbox_in(tmp_path):
            pass


async def test_a_newer_version_is_refused(tmp_path):
    async with outbox_in(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(OutboxError, match="newer readpoint"):
        async with outbox_in(tmp_path):
            pass


@pytest.mark.parametrize("version", [1])
async def test_every_old_version_upgrades_with_its_rows(tmp_path, version):
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection:
        connection.executescript((OLD / f"version-{version:04d}.sql").read_text(encoding="utf-8"))
    async with outbox_in(tmp_path, "the machine it was made on") as outbox:
        assert outbox.stream == "rfid-3f2a5b6c"
        assert outbox.epoch > 7
        assert (outbox.stats.pending, outbox.stats.sent, outbox.stats.dead) == (2, 1, 1)
        rows = await outbox.claim("historical", 9, 1 << 20)
        assert [(row.epoch, row.sequence, row.channel, row.name) for row in rows] == [
            (7, 3, "epcis", "dock-1"),
            (7, 4, "health", "dock-reader"),
        ]
        assert [json.loads(row.payload)["sequence"] for row in rows] == ["3", "4"]
        assert [present.read_point for present in outbox.presence()] == ["aisle-a"]
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == max(migrations.scripts())


def test_a_next_version_is_applied_once_and_whole_or_not_at_all(tmp_path):
    path = tmp_path / database.FILE
    with closing(database.open_file(path)) as connection:
        now = max(migrations.scripts())
        broken = {**migrations.scripts(), now + 1: "CREATE TABLE extra (a); INSERT INTO nowhere VALUES (1);"}
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            migrations.migrate(connection, str(path), broken)
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)
        assert connection.execute("PRAGMA user_version").fetchone()[0] == now
        good = {**migrations.scripts(), now + 1: "CREATE TABLE extra (a);", now + 2: "ALTER TABLE extra ADD COLUMN b;"}
        assert migrations.migrate(connection, str(path), good) == now
        assert migrations.migrate(connection, str(path), good) == now + 2
        assert connection.execute("PRAGMA user_version").fetchone()[0] == now + 2


def test_claims_and_purges_use_their_indexes(tmp_path):
    with closing(database.open_file(tmp_path / database.FILE)) as connection:
        for statement, index in [
            ("SELECT id FROM events WHERE state = 0 AND id > 5 AND id < 9 ORDER BY id", "events_pending"),
            ("SELECT count(*) FROM events WHERE state = 3", "events_dead"),
            ("SELECT id, state FROM events WHERE id > 5 ORDER BY id LIMIT 3", "INTEGER PRIMARY KEY"),
            ("DELETE FROM events WHERE id > 5 AND id <= 9 AND state IN (1, 2)", "INTEGER PRIMARY KEY"),
        ]:
            plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
            assert index in plan
            assert "TEMP B-TREE" not in plan


async def test_a_state_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutboxError, match="must own this folder"):
        async with outbox_in(tmp_path / "file" / "rfid"):
            pass


async def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / database.FILE).mkdir()
    with pytest.raises(OutboxError, match="read-only or failing"):
        async with outbox_in(tmp_path):
            pass
