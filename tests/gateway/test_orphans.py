"""Identifiers without a GS1 id are listed, with where and when; however many there are, it stays small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Read
from gateway.identity.mapping import IdentityMap
from gateway.identity.orphans import Orphans
from gateway.identity.resolve import identify
from gateway.model import Identity, Sighting, Source, Transition, TransitionKind

TAG = identify(Read("epc", bytes.fromhex("E2806894000050061C5A1234"), 0.0))
SSCC = Identity("urn:epc:id:sscc:952012.03456789123", "sscc", "instance", "https://id.gs1.org/00/095201234567891235")


def code(name: object) -> Identity:
    return Identity(f"urn:readpoint:code:{name}", "code", "code")


def event(identity: Identity, time: float, reads: int, kind: TransitionKind = "observed") -> Transition:
    sources = (Source("other", 4, reads, None),)
    return Transition(kind, identity, "belt", time, time, time, time, reads, sources)


def test_only_what_has_no_gs1_id_is_listed() -> None:
    orphans = Orphans()
    for identity in (TAG, SSCC, Identity("urn:epc:id:gid:1.2.3", "gid", "instance")):
        orphans.meet(identity, 5.0, "dock-reader", 1, "dock-1")
    [one] = orphans.listed()
    assert (one.identifier, one.first_seen, one.last_seen, one.reads) == (TAG.uri, 5.0, 5.0, 1)
    assert (one.device, one.antenna, one.read_point) == ("dock-reader", 1, "dock-1")


def test_events_and_presence_say_how_often_where_and_until_when() -> None:
    orphans = Orphans()
    orphans.meet(TAG, 5.0, "reader", 1, "aisle-a")
    orphans.told(event(TAG, 6.0, 3))
    orphans.told(event(TAG, 8.0, 4))
    orphans.told(event(SSCC, 9.0, 100))
    [one] = orphans.listed()
    assert (one.first_seen, one.last_seen, one.reads) == (5.0, 8.0, 7)
    assert (one.device, one.antenna, one.read_point) == ("other", 4, "belt")
    [one] = orphans.listed([Sighting(TAG.uri, "belt", 99.0), Sighting(SSCC.uri, "belt", 100.0)])
    assert one.last_seen == 99.0


def test_what_a_new_map_names_is_no_longer_listed() -> None:
    orphans, names = Orphans(), IdentityMap()
    names.add(2, TAG.uri, "urn:epc:id:giai:9521141.pallet7")
    for identity in (TAG, code("x")):
        orphans.meet(identity, 5.0, "reader", None, "belt")
    orphans.replace(None)
    assert len(orphans) == 2
    orphans.replace(names.find)
    assert [one.identifier for one in orphans.listed()] == [code("x").uri]


def test_the_latest_come_first_and_the_frequent_stay() -> None:
    orphans = Orphans(most=100)
    orphans.meet(TAG, 0.0, "reader", 1, "belt")
    orphans.told(event(TAG, 0.0, 1000))
    for number in range(2000):
        orphans.meet(code(number), 1.0 + number, "scanner", None, "belt")
    assert (len(orphans), orphans.forgotten) == (100, 1901)
    listed = orphans.listed()
    assert listed[0].identifier == code(1999).uri
    assert listed[-1].identifier == TAG.uri


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.floats(0, 1e9)), max_size=200))
def test_it_is_bounded_and_its_times_are_in_order(steps: list[tuple[bool, int, float]]) -> None:
    orphans = Orphans(most=8)
    for met, number, time in steps:
        if met:
            orphans.meet(code(number), time, "scanner", None, "belt")
        else:
            orphans.told(event(code(number), time, 1))
        assert len(orphans) <= 8
    for one in orphans.listed():
        assert one.first_seen <= one.last_seen
        assert one.reads >= 1


def test_what_had_to_make_room_comes_back_with_its_next_event() -> None:
    orphans = Orphans(most=1)
    for name in "ab":
        orphans.meet(code(name), 1.0, "scanner", None, "belt")
    orphans.told(event(code("a"), 9.0, 2))
    [one] = orphans.listed()
    assert (one.identifier, one.reads, one.read_point, one.last_seen) == (code("a").uri, 2, "belt", 9.0)


def test_what_ends_under_its_old_name_is_not_listed_anew() -> None:
    orphans, names = Orphans(), IdentityMap()
    names.add(2, TAG.uri, "urn:epc:id:giai:9521141.pallet7")
    orphans.meet(TAG, 5.0, "reader", 1, "dock")
    orphans.replace(names.find)
    orphans.told(event(TAG, 9.0, 2, "departed"))
    orphans.told(event(TAG, 9.0, 2, "passed"))
    assert not orphans.listed()
