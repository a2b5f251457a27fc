"""Grouping of rows into publications."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.outbox.values import Row
from gateway.uplink.batches import BATCH_TYPE, EVENT_TYPE, group, rowids

NOW = 1_790_000_000.0


def row(rowid: int, name: str | None = "aisle-a", size: int = 10, stored: float = NOW) -> Row:
    payload = json.dumps({"specversion": "1.0", "sequence": str(rowid), "pad": "x" * size}, separators=(",", ":"))
    return Row(rowid, "epcis", name, rowid, 1, stored, payload.encode())


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 2000), st.booleans()), max_size=60),
    st.integers(500, 5000),
)
def test_every_row_travels_once_in_order_and_within_the_limit(
    shapes: list[tuple[str | None, int, bool]], limit: int
) -> None:
    rows = [row(number, name, size, NOW - 60 * late) for number, (name, size, late) in enumerate(shapes)]
    publications = group(rows, "live", limit=limit)
    assert sorted(rowids(publications)) == list(range(len(rows)))
    for name in ("a", "b", None):
        sent = rowids(publication for publication in publications if publication.name == name)
        assert sent == [one.rowid for one in rows if one.name == name]
    for publication in publications:
        assert {one.name for one in publication.rows} == {publication.name}
        payload = publication.payload(NOW)
        assert len(payload) <= limit or len(publication.rows) == 1
        assert isinstance(json.loads(payload), list) == (publication.content_type == BATCH_TYPE)


def test_a_lone_event_is_an_object_and_company_makes_an_array() -> None:
    (alone,) = group([row(1)], "live")
    (together,) = group([row(1), row(2)], "live")
    assert (alone.content_type, alone.payload(NOW)) == (EVENT_TYPE, row(1).payload)
    assert [event["sequence"] for event in json.loads(together.payload(NOW))] == ["1", "2"]


def test_batches_can_be_turned_off() -> None:
    assert [len(one.rows) for one in group([row(1), row(2)], "live", batch=False)] == [1, 1]


def test_what_waited_over_five_seconds_is_historical_and_stored_bytes_stay() -> None:
    (publication,) = group([row(1, stored=NOW - 5.0), row(2, stored=NOW - 5.001)], "historical")
    fresh, late = json.loads(publication.payload(NOW))
    assert "historical" not in fresh
    assert late.pop("historical") is True
    assert late == json.loads(row(2).payload)


def test_a_full_batch_is_close_to_the_100_kb_of_the_contract() -> None:
    publications = group([row(number, size=1000) for number in range(500)], "live")
    # Up to one event, and the marks that none of these needed, are left free.
    assert all(97_000 < len(one.payload(NOW)) <= 100_000 for one in publications[:-1])
