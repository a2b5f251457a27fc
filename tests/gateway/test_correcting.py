"""`readpoint correct`: what is taken back, where that leaves things, and that asking twice declares nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.contract import Read
from examples.central.databases import Sqlite
from examples.central.subscriber import Central
from gateway import audit
from gateway.config.site import Gateway
from gateway.config.site import Outbox as Settings
from gateway.control.protocol import Correct
from gateway.correcting import Place, correcting
from gateway.corrections import Affected, Event, Placement, read
from gateway.location.engine import Engine
from gateway.messages import Composer
from gateway.model import Identity, Port, ReadPoint, Rules, Work
from gateway.outbox.store import Outbox, open_outbox
from gateway.outbox.values import Row
from tests.validation import violations

Json = dict[str, Any]
START = 1_795_000_000.0
ZONES = ("a", "b", "c")
URI = "urn:epc:id:sgln:9521141.12345."
POINTS = {name: ReadPoint(name, f"{URI}{name}", "zone", presence_timeout=12.0, dwell=0.5) for name in ZONES}
BELT = ReadPoint("belt", f"{URI}belt", "checkpoint", dedup=0.5)
RULES = Rules(
    {**POINTS, "belt": BELT},
    (Port("dock", 1, "a"), Port("dock", 2, "b"), Port("other", 1, "c"), Port("scanner", None, "belt")),
)
WHERE = {"a": ("dock", 1), "b": ("dock", 2), "c": ("other", 1), "belt": ("scanner", None)}
ALWAYS = (0.0, 2.0e9)


def identify(seen: Read) -> Identity:
    return Identity(f"urn:epc:id:sgtin:9521141.012345.{seen.value.decode()}", "sgtin", "instance")


class Box:
    """A gateway without devices: what is read is decided and stored, as the pipeline does it."""

    def __init__(self, outbox: Outbox, folder: Path) -> None:
        self.outbox = outbox
        self.now = max(START, outbox.stats.oldest_pending or START)
        self.engine = Engine(RULES, identify, outbox.presence())
        self.composer = Composer(Gateway("gw-07", "dc1"), "rfid", RULES.read_points)
        self.stored: list[Row] = []
        self.folder = folder
        outbox.listen(self.stored.extend)

    def _store(self, outcomes: Sequence[Any]) -> None:
        for one in outcomes:
            drafts = () if one.transition is None else (self.composer.epcis(one.transition),)
            self.outbox.put(Work(drafts, one.presence))

    def stays(self, tag: str, zone: str, seconds: float) -> None:
        """Read there ten times a second."""
        device, antenna = WHERE[zone]
        for _ in range(max(1, round(seconds * 10))):
            self.now += 0.1
            self._store(self.engine.feed(device, [Read("epc", tag.encode(), self.now, antenna, -50.0)], self.now))
        self.passes(0.2)

    def passes(self, seconds: float) -> None:
        """Nothing is read."""
        self.now += seconds
        self._store(self.engine.advance(self.now))
        while (due := self.engine.deadline) is not None and due <= self.now:
            self._store(self.engine.advance(self.now))

    async def correct(
        self,
        device: str = "dock",
        stretch: tuple[float, float] = ALWAYS,
        *,
        dry_run: bool = False,
        antennas: tuple[str, ...] = (),
        begin: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[list[Json], Json]:
        zones = {point.uri: name for name, point in POINTS.items()}
        asked = Correct(device, *stretch, "incorrect_data", dry_run, antennas)
        noted = audit.Asked(self.folder, self.now, os.getuid(), asked)
        devices = ("dock", "other", "scanner")
        place = Place(self.outbox, self.engine, zones, devices, self.folder, lambda: self.now, begin or noted.begin)
        *events, done = [json.loads(line) async for line in correcting(place, asked)]
        return events, done

    async def events(self) -> list[Json]:
        """All that was ever stored, as it goes out."""
        await self.outbox.flush()
        await asyncio.sleep(0)
        return [json.loads(row.payload) for row in self.stored]

    def standing(self) -> dict[str, str]:
        return {uri: zone for zone, uris in self.engine.standing().items() for uri in uris}

    async def forget(self, upto: int) -> None:
        """As retention does it, at once: rows up to a row id are gone."""

        def delete(connection: Any) -> None:
            gone = connection.execute("DELETE FROM events WHERE id <= ?", (upto,)).rowcount
            connection.execute("UPDATE epochs SET gone = gone + ? WHERE epoch = ?", (gone, self.outbox.epoch))

        await self.outbox.look(delete)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Box]:
    now = [START]
    async with open_outbox(folder, "rfid", Settings(), machine_id="m", clock=lambda: now[0]) as outbox:
        box = Box(outbox, folder)
        yield box


def rule(events: list[Json]) -> dict[str, str]:
    """The contract's rule of placement, told in order: object → zone."""
    back = {event["data"]["eventID"] for event in events if "errorDeclaration" in event["data"]}
    told = [event for event in events if event["data"]["eventID"] not in back]
    told.sort(key=lambda one: (one["data"]["eventTime"], one["epoch"], int(one["sequence"])))
    newest: dict[str, tuple[str, str]] = {}
    ended: set[str] = set()
    for event in told:
        transition = event["data"]["readpoint:observation"]["transition"]
        here = event["stream"], event["data"]["readPoint"]["id"].removeprefix(URI)
        if transition in ("arrived", "moved"):
            newest[event["subject"]] = here
            ended.discard(event["subject"])
        elif transition == "departed" and newest.get(event["subject"]) == here:
            ended.add(event["subject"])
    return {thing: where for thing, (_, where) in newest.items() if thing not in ended}


async def test_one_antenna_alone_is_taken_back(tmp_path: Path) -> None:
    """1 is of a, 2 of b; what 2 had a part in stays where 1 had none."""
    async with opened(tmp_path) as box:
        box.stays("1", "b", 4.0)
        box.stays("2", "a", 4.0)
        box.stays("1", "a", 5.0)
        await box.events()
        assert set(box.standing().values()) == {"a"}
        with pytest.raises(ValueError, match=r"no event of 'dock' in that stretch names its antenna 9: they name 1, 2"):
            await box.correct(antennas=("9",))
        declared, done = await box.correct(antennas=("1",))
        assert [(one["object"][-1], one["transition"], one["readPoint"]) for one in declared] == [
            ("2", "arrived", URI + "a"),
            ("1", "moved", URI + "a"),
        ]
        assert (done["declared"], done["antennas"], done["placed"]) == (2, ["1"], 2)
        assert box.standing() == rule(await box.events())
        assert set(box.standing().values()) == {"b"}
        asked, noted = [json.loads(line) for line in (tmp_path / audit.FILE).read_text().splitlines()]
        assert asked["asked"]["antennas"] == noted["antennas"] == ["1"]
        _, again = await box.correct(antennas=("1",))
        assert (again["declared"], again["already"]) == (0, 2)
        _, rest = await box.correct(antennas=("1", "2"))
        assert (rest["declared"], rest["already"]) == (1, 2)
        assert box.standing() == {}


async def test_swapped_antennas_are_taken_back_and_the_object_is_where_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        box.stays("1", "a", 4.0)
        swapped = box.now - 1.0  # when somebody moved is an estimate: a stretch begins a little earlier
        box.stays("1", "b", 5.0)  # antenna 2 is at a now
        box.stays("2", "b", 4.0)
        before = await box.events()
        assert box.standing() == {identify(Read("epc", tag, 0.0)).uri: "b" for tag in (b"1", b"2")}

        shown, done = await box.correct(stretch=(swapped, box.now), dry_run=True)
        assert [(one["transition"], one["readPoint"]) for one in shown] == [
            ("moved", URI + "b"),
            ("arrived", URI + "b"),
        ]
        assert (done["declared"], done["placed"], done["dryRun"]) == (2, 2, True)
        assert await box.events() == before
        assert not (tmp_path / audit.FILE).exists()

        declared, done = await box.correct(stretch=(swapped, box.now))
        assert declared == shown
        assert (done["declared"], done["already"], done["unknown"]) == (2, 0, 0)
        events = await box.events()
        assert box.standing() == rule(events) == {before[0]["subject"]: "a"}
        for said, correction in zip(before[1:], events[len(before) :], strict=True):
            assert correction["id"] != said["id"]
            assert correction["data"].pop("errorDeclaration") == {
                "declarationTime": correction["time"],
                "reason": "incorrect_data",
            }
            assert correction["data"] == said["data"]
            assert (correction["subject"], correction["source"]) == (said["subject"], said["source"])
            assert int(correction["sequence"]) > int(before[-1]["sequence"])
        box.stays("2", "a", 4.0)
        assert box.standing() == rule(await box.events()) == dict.fromkeys({one["subject"] for one in before}, "a")


async def test_every_correction_is_valid(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        box.stays("1", "a", 2.0)
        await box.correct()
        [_, correction] = await box.events()
        topic = "readpoint/v1/dc1/rfid/gw-07.rfid/epcis/a"
        assert violations(topic, json.dumps(correction).encode()) == []


async def test_who_asks_twice_declares_nothing_twice(tmp_path: Path) -> None:
    """Nor after a restart, nor where the corrections are sent and gone while what they correct still waits."""
    async with opened(tmp_path) as box:
        box.stays("1", "a", 2.0)
        box.stays("1", "b", 6.0)
        _, first = await box.correct()
        _, second = await box.correct()
        assert (first["declared"], second["declared"], second["already"], second["placed"]) == (2, 0, 2, 0)
        assert len(await box.events()) == 4
    async with opened(tmp_path) as box:
        box.now = START + 60.0
        await box.outbox.look(lambda sql: sql.execute("DELETE FROM events WHERE sequence > 2"))
        _, third = await box.correct()
        assert (third["declared"], third["already"]) == (0, 2)


async def test_other_devices_other_times_and_passing_by_are_left_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        box.stays("1", "c", 2.0)
        box.stays("2", "belt", 0.1)
        first = box.now
        box.stays("3", "a", 2.0)
        _, done = await box.correct(stretch=(START, first))
        assert done["declared"] == 0
        events, done = await box.correct("scanner")
        assert [one["transition"] for one in events] == ["observed"]
        assert done["placed"] == 0
        assert box.standing() == rule(await box.events())
        assert set(box.standing().values()) == {"a", "c"}


async def test_it_says_what_can_no_longer_be_declared(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        box.stays("1", "a", 2.0)
        box.stays("2", "a", 2.0)
        box.stays("1", "b", 3.0)
        events = await box.events()
        assert [int(one["sequence"]) for one in events] == [1, 2, 3]
        await box.forget(2)
        _, done = await box.correct()
        assert done["gone"] == [{"stream": box.outbox.stream, "epoch": 1, "from": 1, "to": 2}]
        assert (done["declared"], done["unknown"]) == (1, 2)
        # The arrival in `a` is gone, but the move that is taken back said where from.
        assert box.standing() == rule(await box.events())
        assert set(box.standing().values()) == {"a"}


async def test_a_departure_that_is_gone_ends_no_other_placement(tmp_path: Path) -> None:
    """The move is taken back; that the object then left where it never was is no longer in the outbox, but is known."""
    async with opened(tmp_path) as box:
        box.stays("1", "a", 2.0)
        box.stays("1", "b", 6.0)
        box.passes(20.0)
        _, moved, departed = await box.events()
        assert box.standing() == {}
        await box.outbox.look(lambda sql: sql.execute("DELETE FROM events WHERE sequence = 3"))
        at = datetime.fromisoformat(moved["data"]["eventTime"]).timestamp()
        _, done = await box.correct(stretch=(at, at + 0.001))
        assert (done["declared"], done["placed"]) == (1, 1)
        assert box.standing() == rule(await box.events()) == {departed["subject"]: "a"}
        box.passes(20.0)
        assert box.standing() == rule(await box.events()) == {}


def test_what_was_told_meanwhile_stands() -> None:
    """The object came back to the same zone while the outbox was looked through: that is not taken back."""
    said = [arrived("a", 1), arrived("b", 2)]
    one = Affected(said[0])
    for number, event in enumerate(said):
        one.tell(event, taken_back=number == 1)
    before, after = (URI + "b", START + 2), (URI + "b", START + 9)
    assert one.stands(before, before) == (True, Placement(START + 1, 1, 1, "s", URI + "a"))
    assert one.stands(before, after) == (False, None)
    assert one.stands(before, None) == (True, Placement(START + 1, 1, 1, "s", URI + "a"))


def arrived(zone: str, number: int) -> Event:
    thing = Identity("urn:x:1", "raw", "instance")
    place = "arrived", URI + zone, None, thing, frozenset({("dock", "1")}), False
    return Event(f"urn:uuid:{uuid.uuid4()}", "s", 1, number, START + number, *place)


async def test_a_stretch_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        with pytest.raises(ValueError, match="ends before"):
            await box.correct(stretch=(2.0, 1.0))


async def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        with pytest.raises(ValueError, match=r"no device 'dokc', .*: there are dock, other, scanner"):
            await box.correct("dokc")


async def test_what_was_done_is_in_the_audit_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        box.stays("1", "a", 2.0)
        await box.correct(dry_run=True)
        assert not (tmp_path / audit.FILE).exists()
        await box.correct()
        await box.correct()  # changes nothing
        asked, done = [json.loads(line) for line in (tmp_path / audit.FILE).read_bytes().splitlines()]
        assert (asked["uid"], asked["asked"]["verb"]) == (os.getuid(), "correct")
        assert asked["asked"]["device"] == "dock"
        assert datetime.fromisoformat(asked["time"]).timestamp() == pytest.approx(box.now, abs=0.001)
        assert done["corrected"] == [{"stream": box.outbox.stream, "epoch": 1, "events": [[1, 1]]}]
        assert (tmp_path / audit.FILE).stat().st_mode & 0o777 == 0o600


async def test_who_cannot_be_noted_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        box.stays("1", "a", 2.0)
        before = await box.events()
        (tmp_path / audit.FILE).symlink_to("/dev/full")  # every write to it fails, and says that there is no room
        with pytest.raises(ValueError, match=r"nothing was changed, for it cannot be noted who did: .*No space left"):
            await box.correct()
        assert await box.events() == before
        assert len(box.standing()) == 1


async def test_what_was_done_and_cannot_be_noted_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path) as box:
        box.stays("1", "a", 2.0)

        async def then_full() -> None:
            (tmp_path / audit.FILE).symlink_to("/dev/full")

        with pytest.raises(ValueError, match=r"1 events are declared wrong, and that cannot be noted in audit.jsonl"):
            await box.correct(begin=then_full)
        (tmp_path / audit.FILE).unlink()
        done = await box.correct()
        assert (done[-1]["declared"], done[-1]["already"]) == (0, 1)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("stays"),
            st.sampled_from("123"),
            st.sampled_from((*ZONES, "belt")),
            st.sampled_from((0.3, 1.5, 3.0)),
        ),
        st.tuples(st.just("passes"), st.sampled_from((0.5, 5.0, 14.0))),
        st.tuples(st.just("correct"), st.sampled_from(("dock", "other")), st.floats(0, 1), st.floats(0, 1)),
        st.tuples(st.just("forget"), st.floats(0, 1)),
    ),
    max_size=14,
)


Snapshot = tuple[Json, dict[str, str]]


async def holds(central: Central, snapshots: Sequence[Snapshot]) -> None:
    """A centre has, as of each snapshot, what that said."""
    for as_of, standing in snapshots:
        for zone in ZONES:
            there = {uri for uri, where in standing.items() if where == zone}
            assert await central.store.present("urn:readpoint:dc1:gw-07.rfid", as_of, f"{URI}{zone}") == there


@given(STEPS, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_taken_back_gateway_and_centre_agree(steps: list[Any], leave: bool, mix: random.Random) -> None:  # noqa: FBT001 - drawn
    """Also where the oldest rows are gone, and in whatever order and how often events and corrections are delivered."""

    async def play(folder: Path) -> None:
        snapshots: list[Snapshot] = []
        async with opened(folder) as box:
            for what, *how in [*steps, *([("passes", 60.0)] if leave else [])]:
                if what == "correct":
                    device, begin, end = how
                    span = box.now - START
                    times = sorted((START - 1 + begin * span, START + 1 + end * span))
                    await box.correct(device, (times[0], times[1]))
                elif what == "forget":
                    await box.outbox.flush()
                    await box.forget(int(how[0] * len(await box.events())))
                else:
                    getattr(box, what)(*how)
                told = await box.events()
                standing = box.standing()
                assert standing == rule(told)
                as_of = {"stream": box.outbox.stream, "epoch": box.outbox.epoch, "sequence": str(len(told))}
                snapshots.append((as_of, standing))
            present = {(one.object.uri, one.read_point) for one in box.engine.present()}
        async with opened(folder) as box:
            assert {(one.object.uri, one.read_point) for one in box.outbox.presence() if one.kind == "zone"} == present
        deliveries = told + mix.sample(told, len(told) // 2) if steps or leave else []
        mix.shuffle(deliveries)
        central = Central(Sqlite(":memory:"))
        await central.start()
        home = "readpoint/v1/dc1/rfid/gw-07.rfid/epcis/"
        for event in deliveries:
            name = event["data"]["readPoint"]["id"].removeprefix(URI)
            await central.take([(home + name, json.dumps(event).encode())])
        assert central.kpis.count["rejected"] == 0
        await holds(central, snapshots)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


async def test_decisions_made_meanwhile_stand(tmp_path: Path) -> None:
    """The gateway goes on deciding while it looks through its outbox."""
    async with opened(tmp_path) as box:
        for turn in range(30):
            box.stays(str(turn % 5), "ab"[turn % 2], 0.5)
        await box.outbox.flush()
        correcting = asyncio.create_task(box.correct())
        mix = random.Random(7)
        for _ in range(300):  # and not for ever: here it decides faster than any floor, and faster than it looks
            box.stays(str(mix.randrange(5)), mix.choice(ZONES), 0.5)
            await asyncio.sleep(0)
        _, done = await correcting
        assert done["declared"] > 0
        assert box.standing() == rule(await box.events())


def test_what_is_damaged_is_no_event() -> None:
    good = {
        "subject": "urn:x:1", "stream": "s", "epoch": 1, "sequence": "7",
        "data": {"eventID": f"urn:uuid:{uuid.uuid4()}", "eventTime": "2026-11-21T17:42:03.950Z",
                 "readPoint": {"id": "urn:x:p"}, "readpoint:observation": {"transition": "arrived", "sources": []}},
    }  # fmt: skip
    assert read(json.dumps(good).encode()) is not None
    for wrong in ({"sequence": "x"}, {"epoch": "1"}, {"data": {}}, {"data": good["data"] | {"eventID": "urn:uuid:1"}}):  # type: ignore[operator]
        assert read(json.dumps(good | wrong).encode()) is None
    assert read(b"\xff{") is None
