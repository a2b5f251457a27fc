"""`readpoint explain` as a person and a script meet it: streams, exit codes, files."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).resolve().parents[2]
EPC = "3074257bf7194e4000001a85"
URN = "urn:epc:id:sgtin:0614141.812345.6789"

SITE = """\
version: 1
gateway: {id: gw-07, site: dc1, timezone: Europe/Madrid, state_dir: state, run_dir: run}
segments:
  rfid: {uplink: {url: "mqtt://127.0.0.1:1883"}, plain_devices: [llrp]}
  yard: {uplink: {url: "mqtt://127.0.0.1:1883"}, plain_devices: [llrp]}
read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone}
  aisle-b: {uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone}
  gate-1: {uri: "urn:epc:id:sgln:9521141.12345.gate1", kind: checkpoint}
devices:
  reader: {driver: llrp, segment: rfid, host: 127.0.0.1, antennas: {1: aisle-a, 2: aisle-b}}
  post: {driver: llrp, segment: yard, host: 127.0.0.2, read_point: gate-1}
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a site and a recording: a tag in aisle-a for ten seconds, then past the gate."""
    (tmp_path / "site.yaml").write_text(SITE)
    lines = [
        {"time": 1790000000 + n / 10, "device": "reader", "antenna": 1, "epc": EPC, "rssi": -50} for n in range(100)
    ]
    lines.append({"time": 1790000020, "device": "post", "epc": EPC, "rssi": -60})
    (tmp_path / "dock.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def explain(here: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "explain", *arguments],
        input=given,
        capture_output=True,
        timeout=120,
        check=False,
        cwd=here,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONUTF8": "1"},
    )
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


RECORDED = ("--config", "site.yaml", "--recording", "dock.jsonl")


def test_a_picture_under_the_name_of_another_kind_is_refused(here: Path) -> None:
    done = explain(here, URN, *RECORDED, "--svg", "why.PNG")
    assert done.returncode == 2
    assert "name it why.svg" in done.stderr
    assert not (here / "why.PNG").exists()


def test_a_person_reads_a_table_and_reasons_and_gets_a_picture_a_segment(here: Path) -> None:
    done = explain(here, URN, *RECORDED, "--svg", "why.svg")
    assert done.returncode == 0, done.stderr
    assert "16:13:20.0" in done.stdout
    assert "arrived aisle-a: first heard at 16:13:20.0" in done.stdout
    assert "observed gate-1: at its first read" in done.stdout
    for name in ("why-rfid.svg", "why-yard.svg"):
        ET.fromstring((here / name).read_text())
        assert name in done.stderr


def test_a_picture_that_has_no_room_is_named(here: Path) -> None:
    (here / "why-rfid.svg").symlink_to("/dev/full")
    done = explain(here, URN, *RECORDED, "--svg", "why.svg")
    assert done.returncode == 1
    assert done.stderr == "Error: why-rfid.svg: No space left on device\n"


def test_a_script_reads_json(here: Path) -> None:
    done = explain(here, EPC, *RECORDED, "--segment", "rfid", "--json", "--every", "2s")
    [value] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (value["segment"], value["object"], value["zone"], value["reads"]) == ("rfid", URN, "aisle-a", 100)
    assert [row["zones"].keys() >= {"aisle-a"} for row in value["rows"]] == [True] * 5
    assert [event["what"] for event in value["events"]] == ["arrived aisle-a"]


def test_a_window_on_the_sites_clock(here: Path) -> None:
    done = explain(here, EPC, *RECORDED, "--from", "16:13:25", "--to", "2026-09-21T14:13:27Z", "--json")
    values = {value["segment"]: value for value in map(json.loads, done.stdout.splitlines())}
    assert values["rfid"]["reads"] == 21
    assert values["rfid"]["zone"] == "aisle-a"


def test_a_packed_recording_and_one_through_a_pipe(here: Path) -> None:
    packed = gzip.compress((here / "dock.jsonl").read_bytes())
    (here / "dock.jsonl.gz").write_bytes(packed)
    for source, given in (("dock.jsonl.gz", b""), ("-", packed)):
        done = explain(here, EPC, "--config", "site.yaml", "--recording", source, "--json", given=given)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 2


def test_who_was_not_read_is_told_so_with_near_names(here: Path) -> None:
    done = explain(here, EPC[:-1] + "4", *RECORDED)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Error: '{EPC[:-1]}4' was not read" in done.stderr
    assert f"did you mean {URN} ({EPC}), read" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Missing argument 'EPC'"),
        ([EPC, "--recording", "dock.jsonl"], 2, "--recording needs --config"),
        ([EPC, *RECORDED, "--from", "soon"], 2, "'soon' is no time"),
        ([EPC, *RECORDED, "--from", "2026-09-21T14:13:20"], 2, "has no offset"),
        (
            [EPC, *RECORDED, "--from", "2026-09-21T14:13:27Z", "--to", "2026-09-21T14:13:25Z"],
            2,
            "--to is before --from",
        ),
        ([EPC, *RECORDED, "--every", "1ms"], 2, "--every is 100ms at least"),
        ([EPC, *RECORDED, "--segment", "rfd"], 2, "did you mean 'rfid'?"),
        ([EPC, "--recording", "no-such.jsonl"], 2, "no-such.jsonl"),
        ([EPC, "--run-dir", "nowhere"], 1, "no gateway runs here"),
        ([EPC, "--run-dir", "nowhere"], 1, "or explain a recording: --recording FILE --config FILE"),
        ([EPC, "--config", "site.yaml", "--recording", "site.yaml"], 1, "site.yaml:1: no line of a recording"),
        ([EPC, "--config", "dock.jsonl", "--recording", "dock.jsonl"], 78, "dock.jsonl:"),
    ],
)
def test_says_what_is_wrong_on_stderr(here: Path, arguments: list[str], code: int, said: str) -> None:
    done = explain(here, *arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr


def test_a_window_in_which_nothing_was_read_says_so(here: Path) -> None:
    done = explain(here, EPC, *RECORDED, "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-01T01:00:00Z")
    assert done.returncode == 0
    assert "it was not heard in this time: without --from and --to" in done.stdout


def test_an_empty_recording_says_that_nothing_was_read(here: Path) -> None:
    (here / "empty.jsonl").write_text("\n")
    done = explain(here, EPC, "--config", "site.yaml", "--recording", "empty.jsonl")
    assert done.returncode == 1
    assert "nothing was read at all" in done.stderr
