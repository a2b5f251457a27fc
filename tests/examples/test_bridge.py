"""The bridge to EPCIS repositories: passages merged, order kept, sent again until it is taken, valid for GS1."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from examples.central import bridge as shell
from examples.central.bridge import HOLD, Bridge, poster
from examples.central.databases import Sqlite, connect
from examples.central.subscriber import Central
from tests import postgres
from tests.examples.events import GOLDEN, clock, golden, numbered, payload, placed, topic

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]


class Repository:
    """A capture endpoint that answers as it is told, 202 when it is not, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.refuses: set[str] = set()
        self.tried: list[Json] = []
        self.taken: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self._changed = threading.Condition()

    def take(self, document: Json) -> int:
        self.tried.append(document)
        if self.refuses & {event["eventID"] for event in document["epcisBody"]["eventList"]}:
            return 400
        status = self.answers.pop(0) if self.answers else 202
        if status == 202:
            with self._changed:
                self.taken.append(document)
                self._changed.notify_all()
        return status

    def until(self, documents: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.taken) >= documents, 60), "it did not come"

    @property
    def events(self) -> list[Json]:
        return [event for document in self.taken for event in document["epcisBody"]["eventList"]]


@contextmanager
def listening(repository: Repository) -> Iterator[str]:
    class Capture(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            repository.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(repository.take(json.loads(body)) if self.path == "/capture" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Not to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Capture) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/capture"
        finally:
            server.shutdown()
            thread.join()


def passed(sequence: int, serial: int, index: int, count: int, passage: int = 1, **more: Any) -> Json:
    """One of those who crossed the dock together."""
    made = numbered(golden("epcis-passed")["payload"], 17, sequence)
    thing = f"urn:epc:id:sscc:952012.0345678{serial:04}"
    made["subject"], made["data"]["epcList"], made["data"]["eventID"] = thing, [thing], made["id"]
    made["data"]["eventTime"] = clock(serial)
    crossing = {"id": f"0192f7c1-6b2e-7c3a-9d11-{passage:012x}", "count": count, "index": index, **more}
    made["data"]["readpoint:observation"]["passage"] = crossing
    return made


def correction(of: Json, sequence: int) -> Json:
    made = numbered(of, 17, sequence)
    made["data"]["errorDeclaration"] = {"declarationTime": clock(60), "reason": "incorrect_data"}
    return made


class Stand:
    """The centre's database, the bridge and a repository."""

    def __init__(self, database: Any, repository: Repository, address: str) -> None:
        self.now = 0.0
        self.repository = repository
        self.central = Central(database)
        self.bridge = Bridge(database, poster(address, "secret"), lambda: self.now)

    async def store(self, *events: Json) -> None:
        await self.central.take([(topic(event, "dock-1"), payload(event)) for event in events])
        assert self.central.kpis.count["rejected"] == 0

    async def all(self) -> int:
        """Collect and deliver until there is nothing more, or no success; the last answer."""
        while True:
            collected = await self.bridge.collect()
            status = await self.bridge.deliver()
            while 200 <= status < 300 and status != 204:
                status = await self.bridge.deliver()
            if status != 204 or not collected:
                return status


@pytest.fixture
def repository() -> Repository:
    return Repository()


@pytest.fixture
def stand(repository: Repository) -> Iterator[Stand]:
    with listening(repository) as address:
        made = Stand(Sqlite(":memory:"), repository, address)
        asyncio.run(made.central.start())
        yield made


def things(event: Json) -> list[str]:
    return [thing[-2:] for thing in event["epcList"]]


async def test_a_passage_is_one_event_and_order_is_kept(stand: Stand) -> None:
    before = placed("arrived", "urn:epc:id:sscc:952012.03456780090", "aislea", 1, 17, 1)
    after = placed("departed", "urn:epc:id:sscc:952012.03456780091", "aislea", 2, 17, 4)
    await stand.store(before, passed(2, 11, 1, 3), passed(3, 12, 2, 3), after, passed(5, 13, 3, 3))
    assert await stand.all() == 204
    [document] = stand.repository.taken
    events = document["epcisBody"]["eventList"]
    assert [things(event) for event in events] == [["90"], ["11", "12", "13"], ["91"]]
    merged = events[1]
    assert merged["eventTime"] == clock(13)
    assert (merged["bizStep"], merged["disposition"], merged["action"]) == ("receiving", "in_progress", "OBSERVE")
    assert merged["eventID"] not in {event["id"] for event in (before, after)}
    headers = stand.repository.headers[0]
    assert (headers["gs1-epcis-version"], headers["authorization"]) == ("2.0.0", "Bearer secret")
    assert await stand.all() == 204
    assert len(stand.repository.tried) == 1


async def test_an_incomplete_passage_is_waited_for_but_not_for_ever(stand: Stand) -> None:
    behind = placed("arrived", "urn:epc:id:sscc:952012.03456780090", "aislea", 1, 17, 3)
    await stand.store(passed(1, 11, 1, 3), behind)
    assert await stand.bridge.collect() == 0
    assert stand.bridge.held
    stand.now = HOLD - 1
    await stand.store(passed(2, 12, 2, 3))
    assert await stand.bridge.collect() == 0
    stand.now = HOLD
    assert await stand.all() == 204
    await stand.store(passed(4, 13, 3, 3, late=True))
    assert await stand.all() == 204
    assert [things(event) for event in stand.repository.events] == [["11", "12"], ["90"], ["13"]]


async def test_what_was_not_taken_is_sent_again_as_it_was(stand: Stand) -> None:
    await stand.store(passed(1, 11, 1, 2), passed(2, 12, 2, 2))
    stand.repository.answers = [503, 429, 401]
    assert [await stand.all() for _ in range(3)] == [503, 429, 401]
    await stand.store(placed("arrived", "urn:epc:id:sscc:952012.03456780090", "aislea", 1, 17, 3))
    assert await stand.all() == 204
    tried = stand.repository.tried
    assert tried[0] == tried[1] == tried[2] == tried[3]
    assert [things(event) for event in stand.repository.events] == [["11", "12"], ["90"]]


async def test_a_repository_that_is_away_loses_nothing(stand: Stand, free_port: int) -> None:
    await stand.store(passed(1, 11, 1, 1))
    await stand.bridge.collect()
    deaf = Bridge(stand.central.database, poster(f"http://127.0.0.1:{free_port}/capture"))
    assert await deaf.deliver() == 0
    await stand.all()
    assert len(stand.repository.taken) == 1


async def test_one_event_that_is_refused_stands_alone_in_the_end(stand: Stand) -> None:
    events = [placed("arrived", f"urn:epc:id:sscc:952012.034567800{at}", "aislea", at, 17, at) for at in range(10, 19)]
    stand.repository.refuses = {events[4]["id"]}
    await stand.store(*events)
    while (status := await stand.all()) == 400:
        pass
    assert status == 204
    assert [things(event) for event in stand.repository.events] == [
        [f"{at}"] for at in (10, 11, 12, 13, 15, 16, 17, 18)
    ]
    [(why, event)] = await stand.central.database.run("SELECT why, payload FROM rejected")
    assert (why, json.loads(event)["eventID"]) == ("HTTP 400", events[4]["id"])


async def test_a_part_of_a_passage_is_taken_back(stand: Stand) -> None:
    members = [passed(at, 10 + at, at, 3) for at in (1, 2, 3)]
    await stand.store(*members)
    assert await stand.all() == 204
    await stand.store(correction(members[1], 4), correction(members[0], 5), correction(members[2], 6))
    assert await stand.all() == 204
    merged, wrong, left, wrong_again, alone, wrong_at_last = stand.repository.events
    assert wrong["eventID"] == merged["eventID"]
    assert wrong["errorDeclaration"]["reason"] == "incorrect_data"
    assert wrong["errorDeclaration"]["correctiveEventIDs"] == [left["eventID"]]
    assert [things(left), things(alone)] == [["11", "13"], ["13"]]
    assert (wrong_again["eventID"], wrong_at_last["eventID"]) == (left["eventID"], alone["eventID"])
    assert "correctiveEventIDs" not in wrong_at_last["errorDeclaration"]


async def test_an_event_that_stood_alone_is_taken_back_as_it_is(stand: Stand) -> None:
    event = placed("arrived", "urn:epc:id:sscc:952012.03456780090", "aislea", 1, 17, 1)
    await stand.store(event, correction(event, 2))
    assert await stand.all() == 204
    said, wrong = stand.repository.events
    assert said["eventID"] == wrong["eventID"] == event["id"]
    assert wrong["errorDeclaration"]["declarationTime"] == clock(60)


@pytest.mark.parametrize("together", [False, True])
async def test_a_correction_that_comes_first_leaves_nothing_valid(stand: Stand, *, together: bool) -> None:
    """Order of delivery is not promised."""
    alone = placed("arrived", "urn:epc:id:sscc:952012.03456780090", "aislea", 1, 17, 1)
    members = [passed(at, 10 + at, at - 1, 2) for at in (2, 3)]
    events = [correction(alone, 4), correction(members[0], 5), alone, *members]
    for part in [events] if together else [events[:2], events[2:]]:
        await stand.store(*part)
        assert await stand.all() == 204
    said = [(things(event), "errorDeclaration" in event) for event in stand.repository.events]
    assert said == [(["90"], True), (["12"], True), (["13"], False)]


async def test_nobody_declares_wrong_what_another_said(stand: Stand) -> None:
    members = [passed(at, 10 + at, at, 2) for at in (1, 2)]
    event = placed("arrived", "urn:epc:id:sscc:952012.03456780090", "aislea", 1, 17, 3)
    wrong = [correction(of, 1) for of in (members[0], event)]
    for sequence, one in enumerate(wrong, start=1):
        other = placed("arrived", "urn:epc:id:sscc:952012.03456780090", "aislea", 1, 1, sequence, "yard-00000001")
        one |= {name: other[name] for name in ("id", "source", "stream", "epoch", "sequence")}
    await stand.store(*members, event, *wrong)
    assert await stand.all() == 204
    assert [things(event) for event in stand.repository.events] == [["11", "12"], ["90"]]


async def test_passages_are_waited_for_at_the_same_time(stand: Stand) -> None:
    await stand.store(*(passed(at, 10 + at, 1, 2, passage=at) for at in range(1, 6)))
    assert await stand.bridge.collect() == 0
    stand.now = HOLD - 1
    await stand.store(passed(6, 16, 1, 2, passage=6))
    assert await stand.bridge.collect() == 0
    stand.now = HOLD
    assert await stand.all() == 204
    assert [things(event) for event in stand.repository.events] == [["11"], ["12"], ["13"], ["14"], ["15"]]
    assert stand.bridge.held  # the sixth has been seen for a second
    stand.now = 2 * HOLD - 1
    assert await stand.all() == 204
    assert len(stand.repository.events) == 6


async def test_who_is_told_late_is_not_the_one_who_is_missing(stand: Stand) -> None:
    await stand.store(passed(1, 11, 1, 2), passed(2, 13, 3, 3, late=True))
    assert await stand.bridge.collect() == 0
    await stand.store(passed(3, 12, 2, 2))
    assert await stand.all() == 204
    assert [things(event) for event in stand.repository.events] == [["11", "13", "12"]]


async def test_passages_of_two_gateways_are_two_whatever_their_names(stand: Stand) -> None:
    mine, other = passed(1, 11, 1, 2), passed(2, 12, 2, 2)
    other |= {"source": "urn:readpoint:dc1:gw-07.yard", "stream": "yard-00000001", "sequence": "1"}
    await stand.store(mine, other)
    assert await stand.bridge.collect() == 0
    stand.now = HOLD
    assert await stand.all() == 204
    assert [things(event) for event in stand.repository.events] == [["11"], ["12"]]


async def test_documents_are_valid_for_gs1(stand: Stand, material: Path) -> None:
    schema = json.loads((material / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
    names = sorted(path.stem for path in GOLDEN.glob("epcis-*.json") if "passed" not in path.stem)
    events = [numbered(golden(name)["payload"], 17, number) for number, name in enumerate(names, start=1)]
    members = [passed(len(names) + at, 10 + at, at, 2) for at in (1, 2)]
    of_class = copy.deepcopy(golden("epcis-observed-class")["payload"]["data"]["quantityList"])
    del members[1]["data"]["epcList"]
    members[1]["data"]["quantityList"] = of_class
    await stand.store(*events, *members, correction(members[0], 40))
    assert await stand.all() == 204
    assert len(stand.repository.events) == len(names) + 1 + 2
    for document in stand.repository.taken:
        validator.validate(document)


@pytest.mark.skipif(postgres.BIN is None, reason="PostgreSQL is not installed: apt-get install postgresql")
async def test_on_postgresql_too(repository: Repository) -> None:
    with postgres.postgres() as address, listening(repository) as capture:
        database = await connect(address)
        stand = Stand(database, repository, capture)
        await stand.central.start()
        members = [passed(at, 10 + at, at, 3) for at in (1, 2, 3)]
        await stand.store(*members, correction(members[0], 4))
        repository.refuses = {"nothing"}
        repository.answers = [503]
        assert await stand.all() == 503
        assert await stand.all() == 204
        assert [things(event) for event in repository.events] == [["11", "12", "13"], ["11", "12", "13"], ["12", "13"]]
        await database.close()


async def test_as_a_process_it_goes_on_until_all_is_taken(repository: Repository, tmp_path: Path) -> None:
    repository.answers = [503]
    file = tmp_path / "central.sqlite3"
    with listening(repository) as address:
        stand = Stand(Sqlite(str(file)), repository, address)
        await stand.central.start()
        await stand.store(passed(1, 11, 1, 2), passed(2, 12, 2, 2))
        words = ["-m", "examples.central.bridge", "--database", str(file), "--capture", address]
        process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
        try:
            await asyncio.to_thread(repository.until, 1)
            await stand.store(placed("arrived", "urn:epc:id:sscc:952012.03456780090", "aislea", 1, 17, 3))
            await asyncio.to_thread(repository.until, 2)
        finally:
            process.kill()
            await process.wait()
    assert [things(event) for event in repository.events] == [["11", "12"], ["90"]]
    assert len(repository.tried) == 3


def test_its_command_says_what_it_needs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["bridge"])
    with pytest.raises(SystemExit):
        shell.main()
    assert "--capture" in capsys.readouterr().err
