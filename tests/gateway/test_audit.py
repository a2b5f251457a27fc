"""Who changed what: a line for each, whatever became of the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import audit

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
