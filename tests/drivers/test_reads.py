"""Reads in columns are the reads they were made of, however they are cut and joined."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Read, Status
from drivers.reads import FIELDS, Reads, counted, together

READS = st.builds(
    Read,
    scheme=st.sampled_from(["epc", "beacon"]),
    value=st.binary(max_size=3),
    time=st.floats(0, 10),
    antenna=st.sampled_from([1, 2, "hci0", None]),
    rssi=st.sampled_from([-60.0, None]),
    pc=st.sampled_from([None, 0x3000]),
)
STATUS = Status(None, "online", "", 1.0)


def columns(reads: list[Read]) -> Reads:
    """What is the same in all stands there once."""
    rows = [[getattr(read, field) for field in FIELDS] for read in reads]
    fields = [list(field) for field in zip(*rows, strict=True)] or [[]] * len(FIELDS)
    equal = [field.count(field[0]) == len(field) if field else True for field in fields]
    return Reads(
        [None if same else field for field, same in zip(fields, equal, strict=True)],
        [field[0] if field and same else None for field, same in zip(fields, equal, strict=True)],
        len(reads),
    )


@given(st.lists(READS, max_size=6), st.slices(6))
def test_they_are_a_sequence_of_reads(reads, cut):
    made = columns(reads)
    assert (len(made), [*made], [made[at] for at in range(len(made))]) == (len(reads), reads, reads)
    assert [*made[cut]] == reads[cut]
    assert len(made[cut]) == len(reads[cut])


@given(st.data(), st.lists(READS, min_size=1, max_size=6))
def test_some_of_them_are_taken_by_their_places(data, reads):
    places = data.draw(st.lists(st.integers(0, len(reads) - 1), max_size=4))
    assert columns(reads).some(places) == [reads[at] for at in places]


@given(st.lists(READS, min_size=1, max_size=6))
def test_columns_say_what_the_reads_do(reads):
    made = columns(reads)
    assert [*made.values] == [read.value for read in reads]
    assert [*made.times] == [read.time for read in reads]
    for field in ("antenna", "rssi", "pc"):
        assert made.distinct(field) == {getattr(read, field) for read in reads}


@given(st.lists(st.lists(READS, max_size=4), max_size=4), st.booleans())
def test_joined_they_keep_their_order(parts, status):
    seen = [columns(part) for part in parts] + [STATUS] * status
    whole = together(seen)
    assert [*whole] == [read for part in parts for read in part] + [STATUS] * status
    assert isinstance(whole, Reads) == (bool(parts) and not status)
    assert counted(seen) == len(whole)
