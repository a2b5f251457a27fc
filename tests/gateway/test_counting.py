"""A count against what is present: each object once, and what is in one of both alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.counting import PAGE, Place, Scan, compare, pages
from gateway.identity.scanned import known

HERE, THERE, YARD = Place("rfid", "aisle-a"), Place("rfid", "aisle-b"), Place("ble", "yard")


def uri(number: int) -> str:
    return f"urn:epc:id:giai:9521141.pallet{number}"


def scans(*numbers: int) -> list[Scan]:
    return [Scan(line, f"tag {number}", known(uri(number))) for line, number in enumerate(numbers, 2)]


def test_missing_extra_and_misplaced_are_told_apart() -> None:
    present = {HERE: [uri(1), uri(2), uri(3)], THERE: [uri(4)], YARD: [uri(5), uri(6)]}
    count = compare(HERE, scans(1, 2, 4, 5, 9, 1), present)
    assert (count.counted, count.present, count.matched, count.repeated) == (5, 3, 2, 1)
    assert [(one.id, one.read_point) for one in count.missing] == [(uri(3), "aisle-a")]
    assert [(one.identifier, one.line) for one in count.extra] == [("tag 9", 6)]
    assert [(one.id, one.line, one.read_point, one.segment) for one in count.misplaced] == [
        (uri(4), 4, "aisle-b", "rfid"),
        (uri(5), 5, "yard", "ble"),
    ]
    assert count.accuracy == 2 / 6  # 1 and 2 are in both; 1, 2, 3, 4, 5, 9 in either


def test_nothing_where_nothing_is_present_is_right() -> None:
    count = compare(HERE, [], {THERE: [uri(1)]})
    assert (count.accuracy, count.counted, count.present) == (1.0, 0, 0)


Numbers = st.sets(st.integers(0, 12))


@given(st.lists(st.integers(0, 12)), Numbers, Numbers)
def test_every_object_is_in_exactly_one_of_the_lists(counted: list[int], here: set[int], there: set[int]) -> None:
    there -= here
    count = compare(HERE, scans(*counted), {HERE: map(uri, here), THERE: map(uri, there)})
    assert count.matched == len(set(counted) & here)
    assert {one.id for one in count.missing} == {uri(number) for number in here - set(counted)}
    assert {one.id for one in count.misplaced} == {uri(number) for number in set(counted) & there}
    assert len(count.extra) == len(set(counted) - here - there)
    either = set(counted) | here
    assert count.accuracy == (len(set(counted) & here) / len(either) if either else 1.0)


def test_pages_are_small_and_hold_all() -> None:
    standing = {"aisle-a": [uri(number) for number in range(20_000)], "aisle-b": [], "aisle-c": [uri(-1)]}
    made = list(pages(standing))
    assert [one for page in made if page.zone == "aisle-a" for one in page.ids] == standing["aisle-a"]
    assert [page.ids for page in made if page.zone == "aisle-c"] == [(uri(-1),)]
    assert "aisle-b" not in {page.zone for page in made}
    assert all(sum(map(len, page.ids)) < PAGE + 100 for page in made)
