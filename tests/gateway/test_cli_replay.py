"""`readpoint replay` of several files, packed ones too, and with other parameters: as a person and a script meet it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.commands import HEAD, readpoint

T0 = 1_790_000_000.0

SITE = (
    HEAD
    + """\
read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: 10s}
  aisle-b: {uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone, presence_timeout: 10s}
devices:
  reader: {driver: llrp, segment: rfid, host: 127.0.0.1, antennas: {1: aisle-a, 2: aisle-b}}
"""
)


def line(time: float, antenna: int = 1) -> str:
    read = {"time": T0 + time, "device": "reader", "antenna": antenna, "epc": "3074257bf7194e4000001a85", "rssi": -55}
    return json.dumps(read) + "\n"


def walk() -> list[str]:
    """A minute in the first aisle, a silence of 20 s, a minute in the other; time ends 40 s later."""
    lines = [line(step / 4) for step in range(240)] + [line(80 + step / 4, 2) for step in range(240)]
    return [*lines, json.dumps({"time": T0 + 180, "device": "reader", "state": "online"}) + "\n"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    return file


def replay(*arguments: str | Path, given: bytes = b"") -> tuple[int, str, str]:
    return readpoint("replay", *arguments, given=given)


def transitions(out: str) -> list[str]:
    return [json.loads(one)["data"]["readpoint:observation"]["transition"] for one in out.splitlines()]


def test_several_files_are_one_recording_packed_or_not(site: Path, tmp_path: Path) -> None:
    lines = walk()
    whole, first, second = tmp_path / "whole.jsonl", tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl"
    whole.write_text("".join(lines))
    first.write_bytes(gzip.compress("".join(lines[:200]).encode()))
    second.write_text("".join(lines[200:]).removesuffix("\n"))
    code, one, _ = replay("--config", site, whole)
    assert (code, transitions(one)) == (0, ["arrived", "departed", "arrived", "departed"])
    code, several, said = replay("--config", site, first, second)
    assert (code, said) == (0, "")
    assert [json.loads(each)["data"]["eventTime"] for each in several.splitlines()] == [
        json.loads(each)["data"]["eventTime"] for each in one.splitlines()
    ]
    code, piped, _ = replay("--config", site, "-", given=gzip.compress("".join(lines).encode()))
    assert (code, transitions(piped)) == (0, transitions(one))


def test_a_byte_order_mark_before_a_recording_is_nothing(site: Path, tmp_path: Path) -> None:
    parts = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    parts[0].write_text("".join(walk()[:200]), encoding="utf-8-sig")
    parts[1].write_text("".join(walk()[200:]), encoding="utf-8-sig")
    code, out, err = replay("--config", site, *parts)
    assert (code, transitions(out)) == (0, ["arrived", "departed", "arrived", "departed"]), err


def test_a_bad_line_is_named_by_its_file(site: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl.gz"
    first.write_text(line(0) + line(1))
    second.write_bytes(gzip.compress((line(2) + "{}\n").encode()))
    code, _, said = replay("--config", site, first, second)
    assert (code, said.startswith(f"{second}:2: no line of a recording")) == (1, True)
    assert said.endswith("mend or remove that line, or name what `readpoint record` wrote\n")


def test_what_decided_nothing_is_said_on_stderr(site: Path, tmp_path: Path) -> None:
    empty, strange = tmp_path / "empty.jsonl", tmp_path / "strange.jsonl"
    empty.write_text("")
    strange.write_text("".join(walk()).replace('"reader"', '"dock\\u001b"'))
    assert replay("--config", site, empty) == (0, "", f"{empty}: nothing is recorded there: 0 lines\n")
    code, out, said = replay("--config", site, strange)
    assert (code, out) == (0, "")
    first, second = said.splitlines()
    assert first == "481 lines are of device 'dock\\x1b', which site.yaml does not have: they decided nothing"
    assert second.startswith("site.yaml: no event in 481 lines: `readpoint explain EPC`")


def test_compared_times_are_those_of_the_sites_clock(tmp_path: Path) -> None:
    site, other, recording = tmp_path / "site.yaml", tmp_path / "other.yaml", tmp_path / "walk.jsonl"
    site.write_text(SITE.replace("site: dc1", "site: dc1, timezone: Asia/Kathmandu"))
    other.write_text(SITE.replace("presence_timeout: 10s", "presence_timeout: 30s"))
    recording.write_text("".join(walk()))
    _, out, _ = replay("--config", site, recording, "--compare", other)
    assert "+05:45" in out


def test_a_gzip_file_that_was_cut_off_says_so_and_gives_what_it_has(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "cut.jsonl.gz"
    file.write_bytes(gzip.compress("".join(walk()).encode(), compresslevel=0)[:-2000])
    code, out, said = replay("--config", site, file)
    assert (code, "this gzip file is damaged or cut off" in said) == (1, True)
    assert transitions(out)[0] == "arrived"


def test_compare_says_when_both_decide_the_same(site: Path, tmp_path: Path) -> None:
    other, recording = tmp_path / "other.yaml", tmp_path / "walk.jsonl"
    other.write_text(SITE.replace("presence_timeout: 10s", "presence_timeout: 11s"))
    recording.write_text("".join(walk()))
    code, out, said = replay("--config", site, recording, "--compare", other)
    assert (code, out, said) == (0, "site.yaml and other.yaml decide the same: 4 events\n", "")
    code, out, _ = replay("--config", site, recording, "--compare", other, "--json")
    document = json.loads(out)
    assert (code, document["equal"], document["same"], document["differences"]) == (0, True, 4, [])


def test_compare_shows_what_is_lost_and_added_and_reads_a_pipe_twice(site: Path, tmp_path: Path) -> None:
    """With 30 s of patience the silence of 20 s is no departure: the tag moves."""
    other = tmp_path / "other.yaml"
    other.write_text(SITE.replace("presence_timeout: 10s", "presence_timeout: 30s"))
    given = "".join(walk()).encode()
    code, out, _ = replay("--config", site, "-", "--compare", other, given=given)
    last = out.splitlines()[-1]
    assert code == 0
    assert last.startswith("4 events with site.yaml, 3 with other.yaml: 2 the same, 2 lost, 1 added")
    assert "urn:epc:id:sgtin:0614141.812345.6789" in out
    code, out, _ = replay("--config", site, "-", "--compare", other, "--json", given=given)
    document = json.loads(out)
    found = [(each["what"], each["transition"]) for each in document["differences"]]
    assert sorted(found) == [("added", "moved"), ("lost", "arrived"), ("lost", "departed")]
    assert {each["what"]: (each["before"] is None, each["after"] is None) for each in document["differences"]} == {
        "lost": (False, True),
        "added": (True, False),
    }


def test_compare_refuses_what_makes_no_sense(site: Path, tmp_path: Path) -> None:
    recording = tmp_path / "walk.jsonl"
    recording.write_text(line(0))
    code, _, said = replay("--config", site, recording, "--compare", site, "--all")
    assert (code, "leave --all out" in said) == (2, True)
    code, _, said = replay("--config", site, recording, "--json")
    assert (code, "goes with --compare" in said) == (2, True)
    broken = tmp_path / "broken.yaml"
    broken.write_text(SITE.replace("version: 1", "version: 2"))
    code, _, said = replay("--config", site, recording, "--compare", broken)
    assert (code, said.startswith(f"{broken}:1:10: ")) == (78, True)
