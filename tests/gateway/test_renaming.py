"""Another identity map while things are present: who departs, who arrives, who notices nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drivers.contract import Read
from gateway.location.engine import Engine
from gateway.model import Port, Present, ReadPoint, Rules
from tests.gateway.conftest import Walk, identify, make_rules, make_zones

ZONE = make_zones(1, presence_timeout=10.0)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Tag → its present name; without one its own."""
    known: dict[str, str] = {}

    def named(read: Read) -> Any:
        name = known.get(read.value.decode(), read.value.decode())
        return identify(Read("epc", name.encode(), read.time, pc=read.pc))

    monkeypatch.setattr("tests.gateway.conftest.identify", named)
    return known


def told(walk: Walk) -> list[tuple[str, str, str | None]]:
    return [(one.kind, one.object.uri.removeprefix("urn:test:"), one.reason) for one in walk.events]


def test_read_under_another_name_it_departs_and_arrives_at_once(
    walk: Callable[..., Walk], names: dict[str, str]
) -> None:
    floor = walk(ZONE)
    floor.read(0.0)
    floor.read(1.0)
    names["a"] = "pallet"
    floor.engine.rename()
    floor.read(2.0)
    assert told(floor) == [("arrived", "a", None), ("departed", "a", "configuration"), ("arrived", "pallet", None)]
    assert [one.time for one in floor.events] == [0.0, 1.0, 2.0]
    floor.stay(2.5, 60.0)
    floor.reach(100.0)
    assert told(floor)[3:] == [("departed", "pallet", "timeout")]


def test_who_keeps_the_name_notices_nothing(walk: Callable[..., Walk], names: dict[str, str]) -> None:
    floor = walk(ZONE)
    floor.stay(0.0, 5.0)
    names["b"] = "pallet"
    floor.engine.rename()
    floor.engine.rename()
    floor.stay(5.0, 20.0)
    assert told(floor) == [("arrived", "a", None)]
    floor.reach(60.0)
    assert told(floor) == [("arrived", "a", None), ("departed", "a", "timeout")]


def test_who_is_gone_departs_under_the_name_it_came_with(walk: Callable[..., Walk], names: dict[str, str]) -> None:
    floor = walk(ZONE)
    floor.read(0.0)
    names["a"] = "pallet"
    floor.engine.rename()
    floor.reach(60.0)
    assert told(floor) == [("arrived", "a", None), ("departed", "a", "timeout")]
    floor.read(61.0)
    assert told(floor)[2:] == [("arrived", "pallet", None)]


def test_two_tags_that_become_one_object_are_there_once(walk: Callable[..., Walk], names: dict[str, str]) -> None:
    floor = walk(ZONE)
    floor.read(0.0, tag="a")
    floor.read(0.0, tag="b")
    names.update(a="pallet", b="pallet")
    floor.engine.rename()
    floor.read(1.0, tag="a")
    floor.read(1.0, tag="b")
    assert told(floor)[2:] == [
        ("departed", "a", "configuration"),
        ("arrived", "pallet", None),
        ("departed", "b", "configuration"),
    ]


def test_one_object_of_two_tags_stays_while_one_of_them_keeps_it(
    walk: Callable[..., Walk], names: dict[str, str]
) -> None:
    names.update(a="pallet", b="pallet")
    floor = walk(ZONE)
    floor.read(0.0, tag="a")
    floor.read(0.0, tag="b")
    names["a"] = "other"
    floor.engine.rename()
    floor.read(1.0, tag="b")
    floor.read(1.0, tag="a")
    assert told(floor)[1:] == [("arrived", "other", None)]


def test_a_name_that_is_not_wanted_leaves_by_silence(walk: Callable[..., Walk], names: dict[str, str]) -> None:
    floor = walk(make_zones(1, presence_timeout=10.0, ignore=("urn:test:pallet",)))
    floor.read(0.0)
    names["a"] = "pallet"
    floor.engine.rename()
    floor.stay(0.5, 30.0)
    assert told(floor) == [("arrived", "a", None), ("departed", "a", "timeout")]
    del names["a"]
    floor.engine.rename()
    floor.read(31.0)
    assert told(floor)[2:] == [("arrived", "a", None)], "what was refused is looked at again"


def test_a_checkpoint_sees_it_under_its_new_name(walk: Callable[..., Walk], names: dict[str, str]) -> None:
    belt = make_rules([ReadPoint("belt", "urn:test:belt", "checkpoint")], [Port("reader", 1, "belt")])
    floor = walk(belt)
    floor.read(0.0, tag="a")
    floor.read(0.0, tag="b")
    names["a"] = "pallet"
    floor.engine.rename()
    floor.read(1.0, tag="a")
    floor.read(1.0, tag="b")
    floor.read(2.0, tag="a")
    assert told(floor) == [("observed", "a", None), ("observed", "b", None), ("observed", "pallet", None)]
    floor.reach(60.0)
    assert not floor.stored


def test_what_was_there_before_the_start_under_another_name_leaves_by_silence(
    walk: Callable[..., Walk], names: dict[str, str]
) -> None:
    names["a"] = "pallet"
    before = Present(identify(Read("epc", b"a", 0.0)), "z1", 0.0, 5.0, "zone")
    floor = walk(ZONE, [before])
    floor.reach(10.0)
    floor.stay(10.0, 30.0)
    assert told(floor) == [("arrived", "pallet", None), ("departed", "a", "unobserved")]


DOOR = make_rules(
    [ReadPoint("dock", "urn:test:dock", "portal")],
    [Port("reader", 1, "dock", "outside"), Port("reader", 2, "dock", "inside")],
)


def crossing(floor: Walk, begin: float) -> None:
    """From the outside to the inside, past both antennas."""
    for step in range(20):
        at = begin + step * 0.2
        floor.read(at, 1 if step < 10 else 2, -50.0 - abs(step % 10 - 5))


def test_a_passage_under_way_ends_under_the_name_it_began_with(
    walk: Callable[..., Walk], names: dict[str, str]
) -> None:
    floor = walk(DOOR)
    for step in range(20):
        if step == 10:
            names["a"] = "pallet"
            floor.engine.rename()
        floor.read(step * 0.2, 1 if step < 10 else 2, -50.0 - abs(step % 10 - 5))
    floor.reach(20.0)
    assert [(one.object.uri, one.direction) for one in floor.events] == [("urn:test:a", "in")]
    crossing(floor, 30.0)
    floor.reach(60.0)
    assert [(one.object.uri, one.direction) for one in floor.events[1:]] == [("urn:test:pallet", "in")]
    floor.reach(300.0)
    assert floor.engine.deadline is None


def test_it_is_told_once_of_each_identity_that_is_looked_up() -> None:
    met: list[tuple[object, ...]] = []
    rules: Rules = ZONE
    engine = Engine(rules, identify, met=lambda identity, *rest: met.append((identity.uri, *rest)))
    for time in (5.0, 6.0, 7.0):
        engine.feed("reader", [Read("epc", b"a", time, 1)], time)
    assert met == [("urn:test:a", 5.0, "reader", 1, "z1")]
