"""What a monitor sees: families of metrics, alerts that ask for them, what disks say of their wear."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from gateway.health import DeviceHealth
from gateway.overview import ClockView, LocationView, OutboxView, Overview, UplinkView
from gateway.troubles import troubles
from gateway.uplink.timings import Timings
from gateway.visible.families import GIVEN_UP, Families, Seen
from gateway.visible.wear import Wear, wear
from tests.gateway.test_timing import NOON, row

ROOT = Path(__file__).resolve().parents[2]
MANUAL = (ROOT / "docs" / "monitoring.md").read_text()
PROMTOOL = shutil.which("promtool")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def view(**parts: Any) -> Overview:
    """A segment in which every count is another number."""
    uplink = UplinkView(
        "broker:8883",
        "5",
        "online",
        published=11,
        events=12,
        in_flight=13,
        refused={"0x87": 14},
        acks=15,
        ignored=16,
        repeated=17,
        unheard=18,
        unanswered=19,
        connects=5,
        given_up={"0x99": 20, "disconnect": 21},
    )
    outbox = OutboxView(
        "rfid-3f2a5b6c",
        7,
        pending=31,
        sent=32,
        dead=33,
        stored=34,
        corrupt=35,
        commits=36,
        oldest=NOON - 37.5,
        size=38,
        max_size=39,
        hours=1.5,
    )
    location = LocationView(
        reads=1000,
        decided=9,
        events={"arrived": 5, "departed": 4},
        present=51,
        late=1,
        unplaced=2,
        ignored=3,
        weak=4,
        gated=5,
        refused=6,
        strays=52,
        future=53,
        waiting=54,
        dropped=55,
    )
    devices = (
        DeviceHealth("dock", "online", since=NOON, last_read=NOON - 3.0, reads=61, failures=62),
        DeviceHealth("belt", "offline", "no answer", failures=63),
        DeviceHealth("gate", "degraded", "its report buffer is 90 % full", last_read=NOON),
        DeviceHealth("desk", "degraded", "bug in the driver", broken=True),
    )
    clock = ClockView("holdover", -0.25, 71.0)
    named = {"uplink": uplink, "outbox": outbox, "location": location, "devices": devices, "clock": clock} | parts
    return Overview("rfid", "gw-07.rfid", "1.2.3", 99, NOON - 100.0, "digest", **named)


DISK = Wear("mmcblk0", "a", 0.3)


def text(*views: Overview, disks: tuple[Wear, ...] = (DISK,), timings: Timings | None = None) -> str:
    """What is shown of these segments."""
    registry = CollectorRegistry()
    registry.register(families(*views, disks=disks, timings=timings))
    return generate_latest(registry).decode()


def families(*views: Overview, disks: tuple[Wear, ...] = (), timings: Timings | None = None) -> Families:
    seen = [Seen(one, timings or Timings()) for one in views]
    return Families(lambda: seen, lambda: disks, lambda: NOON)


def samples(shown: str) -> Samples:
    """As Prometheus reads it."""
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(shown)
        for one in family.samples
    }


def of(found: Samples, name: str, **labels: str) -> float:
    return found[f"readpoint_{name}", frozenset(labels.items())]


def test_each_count_is_where_its_name_says() -> None:
    timings = Timings()
    timings.acknowledged([row(NOON - 0.2, NOON)] * 3, "live", 0.004, NOON)
    found = samples(text(view(), timings=timings))
    rfid = {"segment": "rfid"}
    expected = {
        "uplink_publications_total": 11,
        "uplink_events_total": 12,
        "uplink_in_flight": 13,
        "uplink_receipts_total": 15,
        "uplink_ignored_messages_total": 16,
        "uplink_repeated_events_total": 17,
        "uplink_unheard_publications_total": 18,
        "uplink_unanswered_publications_total": 19,
        "uplink_reconnects_total": 4,
        "uplink_up": 1,
        "uplink_alarm": 0,
        "stored_events_total": 34,
        "outbox_commits_total": 36,
        "outbox_oldest_pending_seconds": 37.5,
        "outbox_size_bytes": 38,
        "outbox_limit_bytes": 39,
        "outbox_room_seconds": 5400,
        "outbox_full": 0,
        "present_objects": 51,
        "stray_tags_total": 52,
        "future_reads_total": 53,
        "inbox_observations": 54,
        "shed_observations_total": 55,
        "duplicate_reads_total": 1000 - (1 + 2 + 3 + 4 + 5 + 6) - 5,
        "start_time_seconds": NOON - 100.0,
        "publish_seconds_count": 1,
    }
    assert {name: of(found, name, **rfid) for name in expected} == expected
    assert of(found, "reads_total", result="taken", **rfid) == 1000 - 21
    assert of(found, "reads_total", result="weak", **rfid) == 4
    assert of(found, "events_total", transition="departed", **rfid) == 4
    assert of(found, "outbox_events", state="dead", **rfid) == 33
    assert of(found, "dead_letters_total", reason="0x99", **rfid) == 20
    assert of(found, "dead_letters_total", reason="corrupt", **rfid) == 35
    assert of(found, "uplink_refused_publications_total", reason="0x87", **rfid) == 14
    assert of(found, "publish_seconds_bucket", le="0.005", **rfid) == 1
    assert of(found, "delivery_seconds_bucket", le="0.25", lane="live", **rfid) == 3
    assert of(found, "delivery_seconds_count", lane="historical", **rfid) == 0
    assert of(found, "device_up", device="dock", **rfid) == 1
    assert of(found, "device_up", device="belt", **rfid) == 0
    assert of(found, "device_degraded", device="dock", **rfid) == 0
    assert of(found, "device_reads_total", device="dock", **rfid) == 61
    assert of(found, "device_reconnects_total", device="belt", **rfid) == 63
    assert of(found, "device_last_read_timestamp_seconds", device="dock", **rfid) == NOON - 3.0
    assert of(found, "clock_offset_seconds") == -0.25
    assert of(found, "clock_unsynchronized_seconds") == 71.0
    assert of(found, "clock_set") == 1
    assert of(found, "disk_wear_ratio", disk="mmcblk0", type="a") == 0.3


def test_a_degraded_device_is_up_unless_its_driver_ended() -> None:
    found = samples(text(view()))
    seen = {
        device: (
            of(found, "device_up", device=device, segment="rfid"),
            of(found, "device_degraded", device=device, segment="rfid"),
        )
        for device in ("gate", "desk")
    }
    assert seen == {"gate": (1, 1), "desk": (0, 1)}


def test_every_reason_of_a_dead_letter_is_shown_before_the_first() -> None:
    """A count that appears with its first burst in it is no increase."""
    found = samples(text(view(uplink=UplinkView("broker:8883", "5", "online"), outbox=OutboxView("s", 1))))
    shown = {dict(labels)["reason"]: value for (name, labels), value in found.items() if "dead_letters" in name}
    assert shown == dict.fromkeys(("0x90", "0x95", "0x99", "disconnect", "corrupt"), 0)


def test_what_is_not_known_is_not_shown() -> None:
    found = samples(text(view(outbox=OutboxView("s", 1)), disks=()))
    names = {name for name, _ in found}
    assert not names & {"readpoint_outbox_room_seconds", "readpoint_disk_wear_ratio"}
    assert (
        "readpoint_device_last_read_timestamp_seconds",
        frozenset({"segment": "rfid", "device": "belt"}.items()),
    ) not in found
    assert of(found, "outbox_oldest_pending_seconds", segment="rfid") == 0.0
    assert samples(text(disks=())) == {}, "a process without segments shows none"


def test_a_counter_never_falls_because_an_event_came_later_than_its_reads() -> None:
    seen = [Seen(view(location=LocationView(reads=10)), Timings())]
    shown = Families(lambda: seen, list, lambda: NOON)

    def repeats() -> float:
        (family,) = [one for one in shown.collect() if one.name == "readpoint_duplicate_reads"]
        return family.samples[0].value

    assert repeats() == 10
    seen[0] = Seen(view(location=LocationView(reads=10, events={"arrived": 1})), Timings())
    assert repeats() == 10
    seen[0] = Seen(view(location=LocationView(reads=12, events={"arrived": 1})), Timings())
    assert repeats() == 11


def test_two_segments_are_one_family() -> None:
    shown = text(view(), msgspec.structs.replace(view(), segment="ble"))
    assert shown.count("# TYPE readpoint_reads_total counter") == 1
    found = samples(shown)
    assert of(found, "present_objects", segment="ble") == of(found, "present_objects", segment="rfid")


def test_the_manual_has_every_metric_and_no_other() -> None:
    """Name, type, labels and help are those that are shown."""
    line = r"^\| `(readpoint_[a-z_]+)` \| (counter|gauge|histogram) \| ([a-z, ]*) \| (.+) \|$"
    rows = re.findall(line, MANUAL, re.MULTILINE)
    shown = []
    for family in families(view(), disks=(DISK,)).collect():
        labels = [name for name in family.samples[0].labels if name != "le"]
        suffix = "_total" if family.type == "counter" else ""
        shown.append((family.name + suffix, family.type, ", ".join(labels), family.documentation))
    assert [(name, kind, labels.strip(), help_) for name, kind, labels, help_ in rows] == shown


def test_the_alerts_ask_for_metrics_that_are_there() -> None:
    rules = (ROOT / "config" / "monitoring" / "alerts.yaml").read_text()
    asked = set(re.findall(r"\breadpoint_[a-z_]+", rules))
    names = {name for name, _ in samples(text(view()))}
    of_centre = {name for name in asked if name.startswith("readpoint_centre_")}
    assert asked - of_centre <= names
    assert of_centre <= set(re.findall(r"^\| `(readpoint_centre_[a-z_]+)", MANUAL, re.MULTILINE))
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert alerts == re.findall(r"^\| `(Readpoint\w+)` \|", MANUAL, re.MULTILINE)


def test_the_alerts_are_tested_with_series_as_they_are_shown() -> None:
    """Labels of a series, and reasons of dead letters, are those that a gateway has."""
    shown: dict[str, set[frozenset[str]]] = {}
    for name, labels in samples(text(view())):
        shown.setdefault(name, set()).add(frozenset(dict(labels)) - {"le"})
    cases = (ROOT / "tests" / "cases" / "alerts" / "alerts_test.yaml").read_text()
    tried = re.findall(r"series: '(readpoint_[a-z_]+)\{(.*?)\}'", cases)
    assert tried
    for name, labels in tried:
        if not name.startswith("readpoint_centre_"):
            said = set(re.findall(r"(\w+)=", labels)) - {"instance", "job", "le"}
            assert said in shown[name], name
    reasons = {*GIVEN_UP, "corrupt"}
    assert set(re.findall(r'dead_letters_total\{.*?reason="(\w+)"\}', cases)) <= reasons


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: apt-get install prometheus")
@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("check metrics", text(view())),
        ("check rules config/monitoring/alerts.yaml", ""),
        ("test rules tests/cases/alerts/alerts_test.yaml", ""),
    ],
    ids=("metrics", "rules", "alerts"),
)
def test_promtool_finds_nothing_wrong(arguments: str, shown: str) -> None:
    assert PROMTOOL is not None
    command = [PROMTOOL, *arguments.split()]
    done = subprocess.run(command, input=shown, capture_output=True, text=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not shown or done.stdout + done.stderr == "", "not even a hint"


def test_without_metrics_nothing_is_imported_for_them() -> None:
    code = "import sys, gateway.app; assert not {'prometheus_client', 'gateway.visible.shown'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_clock_that_is_wrong_needs_a_person() -> None:
    well = view(devices=(), outbox=OutboxView("s", 1), location=LocationView())
    assert troubles(well) == []
    alarmed = msgspec.structs.replace(well, clock=ClockView("unset", alarm="clock not set"))
    assert troubles(alarmed) == ["clock not set"]


def test_reads_that_were_shed_need_a_person_while_it_lasts() -> None:
    well = view(devices=(), outbox=OutboxView("s", 1), location=LocationView(dropped=3))
    assert troubles(well) == []
    [trouble] = troubles(msgspec.structs.replace(well, location=LocationView(dropped=3, shedding=True)))
    assert "3 reads were shed" in trouble


@pytest.mark.parametrize(
    ("said", "shares"),
    [
        ("0x01 0x03\n", {"a": 0.1, "b": 0.3}),
        ("0x0b 0x0A\n", {"a": 1.1, "b": 1.0}),
        ("0x00 0x02\n", {"b": 0.2}),
        ("0x02\n", {"a": 0.2}),
        ("0xff 0x02", {"b": 0.2}),
        ("", {}),
        ("unknown", {}),
    ],
)
def test_wear_is_what_the_disk_says(tmp_path: Path, said: str, shares: dict[str, float]) -> None:
    """JESD84-B51, section 7.4.3: tenths of the life time, 0x0B above it, 0 not defined."""
    (tmp_path / "sda" / "device").mkdir(parents=True)
    told = tmp_path / "mmcblk0" / "device" / "life_time"
    told.parent.mkdir(parents=True)
    told.write_text(said)
    assert {one.kind: one.share for one in wear(tmp_path)} == pytest.approx(shares)
