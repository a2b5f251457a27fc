"""The files of a recording: whole lines alone, however it ends; rotation, packing, and a disk that is full."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gateway.cli.recorder import Recorder, Rotation

ROOT = Path(__file__).resolve().parents[2]


def line(number: int) -> bytes:
    return b'{"time": %d, "device": "reader", "antenna": 1, "epc": "3074257bf7194e4000001a85"}' % number


def text(files: list[Path]) -> bytes:
    return b"".join(gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes() for file in files)


def test_lines_are_added_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "dock.jsonl"
    file.write_bytes(line(1) + b"\n" + line(2)[:20])
    with Recorder(file) as recorder:
        recorder.write(line(3))
        recorder.write(b'{"time": 4, "device": "reader", "state": "offline"}')
    assert file.read_bytes().splitlines()[:3] == [line(1), line(2)[:20], line(3)]
    assert (recorder.lines, recorder.reads) == (2, 1)


def test_rotated_files_sort_by_time_are_bounded_and_hold_every_line(tmp_path: Path) -> None:
    target = tmp_path / "dock.jsonl"
    times = iter([1_790_000_000.0] * 3 + [1_790_000_100.0] * 20)
    with Recorder(target, Rotation(size=200), clock=lambda: next(times)) as recorder:
        for number in range(12):
            recorder.write(line(number))
    files = sorted(tmp_path.iterdir())
    assert (len(files), recorder.files) == (6, 6)
    assert files[0].name == "dock-20260921T141320.000Z.jsonl"
    assert files[1].name == "dock-20260921T141320.001Z.jsonl", "the same time, and behind"
    assert text(files) == b"".join(line(number) + b"\n" for number in range(12))
    assert all(len(file.read_bytes()) <= 200 for file in files)


def test_the_oldest_go_and_finished_ones_are_packed(tmp_path: Path) -> None:
    target = tmp_path / "dock.jsonl"
    (tmp_path / "dock-20200101T000000.000Z.jsonl.gz").write_bytes(b"of an earlier recording")
    others = [tmp_path / "dock-old.jsonl", tmp_path / "dock.jsonl"]
    for other in others:
        other.write_bytes(b"not ours")
    with Recorder(target, Rotation(size=200, keep=3, packed=True)) as recorder:
        for number in range(12):
            recorder.write(line(number))
    files = sorted(set(tmp_path.iterdir()) - set(others))
    assert {file.suffix for file in files} == {".gz"}
    assert len(files) == 3
    assert text(files) == b"".join(line(number) + b"\n" for number in range(6, 12))
    assert all(other.read_bytes() == b"not ours" for other in others)


def test_a_line_longer_than_a_file_may_be_has_its_own(tmp_path: Path) -> None:
    with Recorder(tmp_path / "dock.jsonl", Rotation(size=50)) as recorder:
        recorder.write(line(1))
        recorder.write(line(2))
    assert [file.read_bytes() for file in sorted(tmp_path.iterdir())] == [line(1) + b"\n", line(2) + b"\n"]


def test_a_full_disk_keeps_whole_lines_and_says_so(tmp_path: Path) -> None:
    """The kernel ends the file in the middle of a line, as it does where the disk ends (EFBIG for ENOSPC)."""
    file = tmp_path / "dock.jsonl"
    script = f"""
from pathlib import Path
from gateway.cli.recorder import Recorder
import click
try:
    with Recorder(Path({str(file)!r})) as recorder:
        while True:
            recorder.write({line(1)!r})
except click.ClickException as error:
    print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    kept = 1000 // (len(line(1)) + 1)
    assert f"no room for more (File too large): {kept} whole lines are kept" in done.stdout
    assert file.read_bytes() == (line(1) + b"\n") * kept


def test_a_full_disk_costs_nothing_of_a_file_that_stdout_is_added_to(tmp_path: Path) -> None:
    file = tmp_path / "dock.jsonl"
    file.write_bytes(before := (line(0) + b"\n") * 5)
    script = f"""
from pathlib import Path
from gateway.cli.recorder import Recorder
with Recorder(Path("-")) as recorder:
    while True:
        recorder.write({line(1)!r})
"""
    with file.open("ab") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", script],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            cwd=ROOT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        )
    assert "no room for more" in done.stderr
    kept = (1000 - len(before)) // (len(line(1)) + 1)
    assert file.read_bytes() == before + (line(1) + b"\n") * kept


@pytest.mark.parametrize("rotation", [None, Rotation(size=200)])
def test_where_nothing_could_be_recorded_nothing_is_left(tmp_path: Path, rotation: Rotation | None) -> None:
    with pytest.raises(RuntimeError), Recorder(tmp_path / "dock.jsonl", rotation):
        raise RuntimeError("refused")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_there_stays_and_so_does_one_with_lines(tmp_path: Path) -> None:
    there, new = tmp_path / "there.jsonl", tmp_path / "new.jsonl"
    there.touch()

    def refused(file: Path, lines: int) -> None:
        with Recorder(file) as recorder:
            for number in range(lines):
                recorder.write(line(number))
            raise RuntimeError("refused")

    for file, lines in ((there, 0), (new, 1)):
        with pytest.raises(RuntimeError):
            refused(file, lines)
    assert (there.read_bytes(), new.read_bytes()) == (b"", line(0) + b"\n")


def test_no_room_at_all_is_said_as_well() -> None:
    with pytest.raises(click.ClickException, match="no room for more"), Recorder(Path("/dev/full")) as recorder:
        recorder.write(line(1))
