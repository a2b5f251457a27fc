"""`readpoint tune` on a warehouse with known truth, whose antennas differ: what it finds helps on other days, too."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from drivers.contract import Read
from drivers.lines import format_line
from gateway.config.load import load
from gateway.tuning.score import together
from gateway.tuning.settings import Settings
from gateway.tuning.study import Study
from gateway.tuning.trial import load_recording
from gateway.tuning.walk import parse_walk
from simulators.radio import Radio
from simulators.tags import sgtin_96
from simulators.warehouse import Warehouse, aisles
from tests.commands import HEAD, ROOT, readpoint

T0 = 1_790_000_000.0
AISLES = ("aisle-a", "aisle-b", "aisle-c", "aisle-d")
LOUDER = {1: 2.5, 2: -2.5, 3: 2.5, 4: -2.5}
"""dB: neighbours differ by 5."""

SITE = (
    HEAD
    + """\
read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone}
  aisle-b: {uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone}
  aisle-c: {uri: "urn:epc:id:sgln:9521141.12345.aislec", kind: zone}
  aisle-d: {uri: "urn:epc:id:sgln:9521141.12345.aisled", kind: zone, dwell: 1s}
devices:
  reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    antennas:
      1: aisle-a
      2: aisle-b   # the long cable
      3: {read_point: aisle-c}
      4:
        read_point: aisle-d
"""
)


def day(folder: Path, seed: int, louder: dict[int, float], tags: int = 24, seconds: int = 600) -> tuple[Path, Path]:
    """A recording and its truth: tags that wander, each antenna asked twice a second."""
    floor = Warehouse(*aisles(AISLES, "reader"), radio=Radio(gain_error=0.0), seed=seed)
    for tag in range(tags):
        floor.place(sgtin_96(123456, tag), AISLES[tag % 4], T0 + tag / 4, stay=90.0)
    recording, truth = folder / f"day-{seed}.jsonl", folder / f"day-{seed}.csv"
    with recording.open("w") as file:
        for step in range(seconds * 8):
            antenna, now = step % 4 + 1, T0 + step / 8
            for heard in floor.hear("reader", antenna, now):
                read = Read("epc", heard.epc, now, antenna, round(heard.rssi + louder[antenna], 1))
                file.write(format_line("reader", read) + "\n")
    with truth.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("time", "object", "read_point"))
        for change in floor.truth():
            if change.time < T0 + seconds:
                rows.writerow((change.time, change.epc.hex(), change.zone or ""))
    return recording, truth


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return file


def tune(*arguments: str | Path) -> tuple[int, str, str]:
    return readpoint("tune", *arguments)


def document(*arguments: str | Path) -> dict[str, Any]:
    code, out, said = tune(*arguments, "--json")
    assert code == 0, said
    found: dict[str, Any] = json.loads(out)
    return found


def worth(accuracy: dict[str, Any]) -> float:
    return (float(accuracy["f1"]) + float(accuracy["timeRight"])) / 2


def test_offsets_are_found_without_a_truth_and_written_where_they_belong(site: Path, tmp_path: Path) -> None:
    recording, _ = day(tmp_path, 1, LOUDER, tags=40, seconds=400)
    found = document("--config", site, recording)
    gains = {antenna["antenna"]: antenna["gain"] for antenna in found["antennas"]}
    assert gains == {antenna: pytest.approx(gain, abs=1.5) for antenna, gain in LOUDER.items()}
    assert (found["accuracy"], found["keep"]) == (None, False)
    assert {change["path"]: change["line"] for change in found["changes"]} == {
        "devices.reader.antennas.1.rssi_offset_db": 17,
        "devices.reader.antennas.2.rssi_offset_db": 18,
        "devices.reader.antennas.3.rssi_offset_db": 19,
        "devices.reader.antennas.4.rssi_offset_db": 20,
    }
    assert set(found["zones"]) == set(AISLES)
    tuned = tmp_path / "tuned.yaml"
    code, out, _ = tune("--config", site, recording, "--output", tuned)
    assert code == 0
    assert (
        f"{site}:18\n-       2: aisle-b   # the long cable\n+       2: {{read_point: aisle-b, rssi_offset_db: " in out
    )
    again = document("--config", tuned, recording)
    assert (again["keep"], again["changes"]) == (True, [])


def test_what_is_proposed_helps_on_another_day(site: Path, tmp_path: Path) -> None:
    louder = {antenna: 2 * more for antenna, more in LOUDER.items()}
    recording, truth = day(tmp_path, 2, louder, tags=16, seconds=400)
    tuned = tmp_path / "tuned.yaml"
    found = document("--config", site, "--truth", truth, recording, "--output", tuned)
    assert {change["path"].rpartition(".")[2] for change in found["changes"]} >= {"rssi_offset_db"}
    assert worth(found["accuracy"]["after"]) > worth(found["accuracy"]["before"])
    assert worth(found["accuracy"]["after"]["heldOut"]) >= worth(found["accuracy"]["before"]["heldOut"])
    assert found["trials"] <= 70
    other = day(tmp_path, 3, louder)
    assert accuracy(tuned, *other) >= accuracy(site, *other)


def accuracy(config: Path, recording: Path, truth: Path) -> float:
    """Mean of event F1 and share of time right."""
    where = load(config, files=False).site
    study = Study(where, list(where.segments.values()), load_recording(where, recording.read_bytes().splitlines()))
    kinds = dict.fromkeys(study.zones, "zone")
    walked = parse_walk(truth.read_text().splitlines(), kinds, study.name)
    return together(study.trial(study.judge(walked), Settings())).worth


def test_where_the_defaults_are_good_they_stay(site: Path, tmp_path: Path) -> None:
    """A few minutes with few tags: differences between settings are noise."""
    recording, truth = day(tmp_path, 4, dict.fromkeys(LOUDER, 0.0), tags=6, seconds=240)
    code, out, _ = tune("--config", site, "--truth", truth, recording)
    assert code == 0
    assert "keep the settings as they are" in out
    assert "event F1" in out


HEADER = "time,object,read_point\n"


@pytest.mark.parametrize(
    ("walk", "said"),
    [
        ("time,who,where\n", "walk.csv:1: the first line is time,object,read_point"),
        ("", "walk.csv:1: the first line is"),
        (HEADER, "walk.csv:2: there is no row"),
        (HEADER + "1790000000,30361f9e5c07890000000001,aisle-x\n", "walk.csv:2: there is no read point 'aisle-x'; did"),
        (HEADER + "\nnoon,30361f9e5c07890000000001,aisle-a\n", "walk.csv:3: time 'noon' is no RFC 3339 time"),
        (HEADER + "nan,30361f9e5c07890000000001,aisle-a\n", "walk.csv:2: time nan is no time"),
        (HEADER + "46348.4,30361f9e5c07890000000001,aisle-a\n", "walk.csv:2: time 46348.4 is no Unix time"),
        (HEADER + "1790000000,box seven,aisle-a\n", "walk.csv:2: object 'box seven' is neither a URI"),
        (HEADER + "1790000000,aisle-a\n", "walk.csv:2: 2 columns instead of 3"),
        (HEADER + "1790000000,30361f9e5c07890000000001,aisle-a\n", "none of its objects was read"),
    ],
)
def test_a_walk_that_is_none_is_refused_with_its_line(site: Path, tmp_path: Path, walk: str, said: str) -> None:
    recording, truth = tmp_path / "dock.jsonl", tmp_path / "walk.csv"
    recording.write_text(format_line("reader", Read("epc", sgtin_96(123456, 1), T0, 1, -50.0)) + "\n")
    truth.write_text(walk)
    code, out, err = tune("--config", site, "--truth", truth, recording)
    assert (code, out) == (1, "")
    assert said in err


def test_a_walk_on_another_clock_is_told(site: Path, tmp_path: Path) -> None:
    recording, truth = tmp_path / "dock.jsonl", tmp_path / "walk.csv"
    recording.write_text(
        "".join(format_line("reader", Read("epc", sgtin_96(123456, 1), T0 + n, 1, -50.0)) + "\n" for n in range(60))
    )
    name = json.loads(recording.read_text().splitlines()[0])["epc"]
    truth.write_text(HEADER + f"{T0 + 3600},{name},aisle-a\n")
    code, out, said = tune("--config", site, "--truth", truth, recording)
    assert (code, out) == (1, "")
    assert "1 of 1 rows are later than the recording" in said
    truth.write_text(HEADER + f"{T0},{name},aisle-a\n{T0 + 3600},{name},aisle-b\n")
    code, out, said = tune("--config", site, "--truth", truth, recording)
    assert (code, "1 of 2 rows are later" in said, "event F1" in out) == (0, True, True)
    # What was worked out is shown, though it cannot be written.
    code, out, said = tune("--config", site, recording, "--output", tmp_path / "nowhere" / "tuned.yaml")
    assert (code, "keep the offsets" in out, "tuned.yaml: No such file" in said) == (1, True, True)


def test_a_walk_is_read_as_a_spreadsheet_saves_it(site: Path, tmp_path: Path) -> None:
    """Excel's "Unicode text" is UTF-16 with tabs."""
    recording, truth = tmp_path / "dock.jsonl", tmp_path / "walk.csv"
    recording.write_text(format_line("reader", Read("epc", sgtin_96(123456, 1), T0, 1, -50.0)) + "\n")
    name = json.loads(recording.read_text())["epc"]
    lines = "time\tobject\tread_point\r\n", f"{T0}\t{name}\taisle-a\r\n", f"{T0 + 60}\t{name}\taisle-b\r\n"
    truth.write_text("".join(lines), encoding="utf-16", newline="")
    code, out, said = tune("--config", site, "--truth", truth, recording)
    assert (code, "1 of 2 rows are later" in said, "event F1" in out) == (0, True, True), said
    truth.write_bytes(b"PK\x03\x04")
    code, _, said = tune("--config", site, "--truth", truth, recording)
    assert (code, "this is a workbook: save it as CSV" in said) == (1, True)


def test_a_site_without_zones_and_a_recording_without_tags(site: Path, tmp_path: Path) -> None:
    recording = tmp_path / "dock.jsonl"
    recording.write_text("")
    code, out, said = tune("--config", site, recording)
    assert (code, out) == (1, "")
    assert "nothing was read in a zone in 0 lines: is it the right recording" in said
    recording.write_text(format_line("another", Read("epc", sgtin_96(123456, 1), T0, 1, -50.0)) + "\n")
    code, _, said = tune("--config", site, recording)
    assert (code, "in 1 lines: is it the right recording" in said) == (1, True)
    belts = tmp_path / "belts.yaml"
    belts.write_text(
        SITE.replace("kind: zone, dwell: 1s", "kind: checkpoint").replace("kind: zone", "kind: checkpoint")
    )
    code, _, said = tune("--config", belts, recording)
    assert (code, "there is no zone here" in said) == (2, True)
    recording.write_text("{}\n")
    code, _, said = tune("--config", site, recording)
    assert (code, f"{recording}:1: no line of a recording" in said) == (1, True)


def test_an_interrupt_ends_the_search_quietly(site: Path, tmp_path: Path) -> None:
    recording, truth = day(tmp_path, 5, LOUDER, seconds=120)
    command = [sys.executable, "-m", "gateway", "tune", "--config", site, "--truth", truth, *[recording] * 20]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, bufsize=0) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"reading: 0 lines")
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in said
