"""Who changed what: a line for each, whatever became of the one before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway import audit
from gateway.control.protocol import Correct

START = 1_795_000_000.0


def test_the_line_after_one_that_was_cut_short_stands_for_itself(tmp_path: Path) -> None:
    (tmp_path / audit.FILE).write_bytes(b'{"asked": {"verb": "cor')  # a power cut
    audit.note(tmp_path, START, {"corrected": [{"stream": "s", "epoch": 1, "events": [[4, 4]]}]})
    assert audit.taken_back(tmp_path).has("s", 1, 4)
    assert (tmp_path / audit.FILE).read_bytes().count(b"\n") == 2


def test_the_audit_file_is_bounded(tmp_path: Path) -> None:
    (tmp_path / audit.FILE).write_bytes(b"x" * audit.MOST)
    audit.note(tmp_path, START, {"corrected": [{"stream": "s", "epoch": 1, "events": [[2, 3], [7, 7]]}]})
    assert (tmp_path / f"{audit.FILE}.1").stat().st_size == audit.MOST
    with (tmp_path / audit.FILE).open("ab") as file:
        file.write(b'{"corrected": [{"stream": "s", "ep')  # a power cut
    known = audit.taken_back(tmp_path)
    assert [number for number in range(10) if known.has("s", 1, number)] == [2, 3, 7]
    assert not known.has("s", 2, 2)


def test_a_line_without_room_is_an_error(tmp_path: Path) -> None:
    (tmp_path / audit.FILE).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        audit.note(tmp_path, START, {"asked": {}})


def test_a_file_that_never_ends_is_read_no_further_than_ours_are_long(tmp_path: Path) -> None:
    (tmp_path / audit.FILE).symlink_to("/dev/zero")
    assert not audit.taken_back(tmp_path).has("s", 1, 1)


class Minutes:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_however_much_is_refused_what_was_changed_stays(tmp_path: Path) -> None:
    """A hundred days of a request every 100 ms, of the longest names there are."""
    real = audit.Asked(tmp_path, START, 0, Correct("dock", 0.0, 1.0))
    await real.begin()
    await real.begin()
    kept = (tmp_path / audit.FILE).read_bytes()
    assert [json.loads(line)["asked"]["device"] for line in kept.splitlines()] == ["dock"]
    clock = Minutes()
    refusals = audit.Refusals(clock)
    wrong = Correct("x" * 10_000, 0.0, 1.0)
    for _ in range(60):
        for _ in range(50):
            await audit.Asked(tmp_path, START, 0, wrong).refuse(refusals, f"there is no device '{wrong.device}'")
        clock.now += 60.0
    await audit.Asked(tmp_path, START, 0, wrong).refuse(refusals, "no")
    assert (tmp_path / audit.FILE).read_bytes() == kept
    files = [tmp_path / f"{audit.REFUSED}.1", tmp_path / audit.REFUSED]
    assert all(file.stat().st_size < audit.MOST_REFUSED + 1000 for file in files)
    lines = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
    assert {line["further"] for line in lines if "further" in line} == {40}
    assert {line["refused"] for line in lines} == {"correct"}


async def test_who_began_was_not_refused(tmp_path: Path) -> None:
    one = audit.Asked(tmp_path, START, 0, Correct("dock", 0.0, 1.0))
    await one.begin()
    await one.refuse(audit.Refusals(), "the disk is full")
    assert not (tmp_path / audit.REFUSED).exists()


async def test_a_refusal_that_cannot_be_noted_is_one_all_the_same(tmp_path: Path) -> None:
    (tmp_path / audit.REFUSED).symlink_to("/dev/full")
    await audit.Asked(tmp_path, START, 0, Correct("dock", 0.0, 1.0)).refuse(audit.Refusals(), "no")
    assert not (tmp_path / audit.FILE).exists()
