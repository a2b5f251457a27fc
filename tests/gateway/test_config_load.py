"""A site file → frozen types, or every mistake in it, each with its place, its code and a way out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.llrp.settings import PortSettings, Settings
from gateway.config.load import Loaded, load
from gateway.config.problem import CODES, ConfigError, Problem
from gateway.config.site import Gateway, Outbox, Segment, Uplink
from gateway.model import ByDirection, Gate, Port, ReadPoint, Rules

MINIMAL = (Path(__file__).parents[2] / "config" / "minimal.yaml").read_text()
SITE = (Path(__file__).parents[1] / "cases" / "config" / "site.yaml").read_text()

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str) -> Path:
        path = tmp_path / "site.yaml"
        path.write_bytes(text.encode())
        return path

    return _write


def problems(path: Path) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        load(path)
    return error.value.problems


def warnings(loaded: Loaded) -> list[tuple[str, str]]:
    return [(warning.code, warning.path) for warning in loaded.warnings]


def test_a_whole_site(write: Write, tmp_path: Path) -> None:
    text = SITE.replace(
        "kind: portal",
        "kind: portal, location: {in: 'urn:x:y'}, biz_step: receiving, gate: {device: a, signal: gpi1, hold: 2s}",
    )
    text = text.replace(
        "kind: zone", "kind: zone, presence_timeout: 45s, accept: [sgtin, 'urn:epc:id:giai:*'], rssi_floor_dbm: -70"
    )
    loaded = load(write(text))
    site = loaded.site
    assert loaded.warnings == []
    assert list(site.segments) == ["rfid", "yard"]
    assert site.identity("rfid") == "gw-07.rfid"
    assert (site.path, site.digest) == (tmp_path / "site.yaml", hashlib.sha256(text.encode()).hexdigest())
    rules = site.segments["rfid"].rules
    assert list(rules.read_points) == ["aisle", "dock"]
    assert rules.ports == (
        Port("a", 1, "aisle"),
        Port("a", 2, "dock", side="inside"),
        Port("b", 1, "dock", side="outside"),
    )
    assert site.segments["yard"].rules.ports == (Port("c", None, "belt"),)
    dock, aisle = rules.read_points["dock"], rules.read_points["aisle"]
    assert (dock.location, dock.biz_step) == (ByDirection(into="urn:x:y"), ByDirection("receiving", "receiving"))
    assert dock.gate == Gate("a", "gpi1", 2.0)
    assert (aisle.presence_timeout, dock.presence_timeout) == (45.0, None)
    assert (aisle.accept, aisle.rssi_floor_dbm) == (("sgtin", "urn:epc:id:giai:*"), -70)
    assert aisle.freeze_max == 86400.0


def test_what_the_file_does_not_say_is_what_the_types_say(write: Write) -> None:
    """Defaults stand twice, for technicians and in the frozen types: they are the same."""
    found = load(write(MINIMAL)).site
    segment = found.segments["rfid"]
    assert found.gateway == Gateway("gw-1", "lab")
    assert segment.uplink == Uplink("127.0.0.1", 1883, secure=False)
    assert segment.outbox == Outbox()
    shelf = ReadPoint("shelf", "urn:epc:id:sgln:9521141.12345.shelf", "zone")
    rules = Rules({"shelf": shelf}, (Port("reader", None, "shelf"),))
    assert segment == Segment("rfid", segment.uplink, plain_devices=("llrp",), rules=rules)


def test_shared_keys_are_the_gateways_the_rest_the_drivers(write: Write) -> None:
    antenna = "{read_point: aisle, power_dbm: 26.5, rssi_offset_db: -1.5, rssi_floor_dbm: -68}"
    text = SITE.replace("antennas: {1: aisle", f"session: 2, keepalive: 500ms, antennas: {{1: {antenna}")
    site = load(write(text)).site
    device = site.devices["a"]
    assert device.settings == Settings(host="10.0.0.1", session=2, keepalive=0.5)
    assert device.ports == {1: PortSettings(power_dbm=26.5), 2: PortSettings()}
    assert site.segments["rfid"].rules.ports[0] == Port("a", 1, "aisle", rssi_offset_db=-1.5, rssi_floor_dbm=-68)


def test_uplink_and_outbox(write: Write, tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    tls = "tls: {ca: ca.pem, cert: cert.pem, key: key.pem}"
    uplink = f'{{url: "mqtts://broker", {tls}, protocol: "3.1.1", grace: 200ms}}'
    text = SITE.replace(
        '{url: "mqtt://127.0.0.1"}, plain', f"{uplink}, outbox: {{max_size: 64MiB, keep_sent: 1h}}, plain", 1
    )
    loaded = load(write(text))
    assert loaded.warnings == []
    found = loaded.site.segments["rfid"]
    assert (found.uplink.host, found.uplink.port, found.uplink.secure) == ("broker", 8883, True)
    assert (found.uplink.protocol, found.uplink.grace, found.uplink.window) == ("3.1.1", 0.2, 20)
    assert (found.uplink.tls.ca, found.uplink.tls.key) == (tmp_path / "ca.pem", tmp_path / "key.pem")
    assert (found.outbox.max_size, found.outbox.keep_sent, found.outbox.linger) == (64 * 2**20, 3600.0, 0.02)
    plain = loaded.site.segments["yard"].uplink
    assert (plain.host, plain.port, plain.secure) == ("127.0.0.1", 1883, False)


def test_paths_are_relative_to_the_file(write: Write, tmp_path: Path) -> None:
    site = load(write(SITE.replace("site: dc1", "site: dc1, state_dir: state, run_dir: /run/x"))).site
    assert (site.gateway.state_dir, site.gateway.run_dir) == (tmp_path / "state", Path("/run/x"))


WARNINGS = [
    ("points:\n", "points:\n  spare: {uri: 'urn:x:spare', kind: zone}\n", [("unused-read-point", "read_points.spare")]),
    (
        "  a: {driver",
        "  x: {driver: llrp, segment: rfid, host: 10.0.0.1, read_point: aisle}\n  a: {driver",
        [("same-host", "devices.a.host")],
    ),
    ("side: outside", "side: inside", [("one-sided-portal", "read_points.dock")]),
    ("kind: zone", "kind: zone, gate: {device: a, signal: gpi1}", [("no-effect", "read_points.aisle.gate")]),
    ("kind: zone", "kind: zone, dedup: 5s", [("no-effect", "read_points.aisle.dedup")]),
    ("1: aisle", "1: {read_point: aisle, side: inside}", [("no-effect", "devices.a.antennas.1.side")]),
    ('"mqtt://127.0.0.1"', "mqtts://broker", [("no-certificate", "segments.rfid.uplink.url")]),
    ("  yard:", '  dmz: {uplink: {url: "mqtt://localhost"}}\n  yard:', [("unused-segment", "segments.dmz")]),
    ('"mqtt://127.0.0.1"', '"mqtt://broker", insecure_ok: true', []),
    ("segment: rfid, host: 10.0.0.1", "segment: rfid, host: 127.0.0.1", []),
]


@pytest.mark.parametrize(("old", "new", "expected"), WARNINGS)
def test_oddities_are_warnings(old: str, new: str, expected: list[tuple[str, str]], write: Write) -> None:
    text = SITE.replace(old, new, 1)
    assert text != SITE
    assert warnings(load(write(text))) == expected


def test_a_key_that_others_may_read(write: Write, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
    (tmp_path / "key.pem").chmod(0o644)
    text = SITE.replace('"mqtt://127.0.0.1"', "mqtts://broker, tls: {cert: cert.pem, key: key.pem}", 1)
    assert warnings(load(write(text))) == [("key-permissions", "segments.rfid.uplink.tls.key")]


def test_files_of_segments_this_process_does_not_run(write: Write) -> None:
    text = SITE.replace('"mqtt://127.0.0.1"', "mqtts://broker, tls: {cert: cert.pem, key: key.pem}", 1)
    path = write(text)
    assert [problem.code for problem in problems(path)] == ["file-missing", "file-missing"]
    assert load(path, segments=["yard"]).site.segments.keys() == {"rfid", "yard"}


def test_no_file(tmp_path: Path) -> None:
    absent, folder = tmp_path / "absent.yaml", tmp_path
    assert str(problems(absent)[0]) == f"{absent}:1:1: file-missing: there is no such file"
    assert problems(folder)[0].code == "file-unreadable"


def test_a_site_with_anchors_and_merge_keys(write: Write) -> None:
    text = SITE.replace("b: {driver: llrp, segment: rfid, host: 10.0.0.2,", "b: {<<: *reader, host: 10.0.0.2,")
    text = text.replace("a: {driver", "a: &reader {driver")
    site = load(write(text)).site
    assert site.devices["b"].settings == Settings(host="10.0.0.2")
    text = text.replace("{<<: *reader, ", "{<<: *reader, sesion: 1, ")
    assert [problem.code for problem in problems(write(text))] == ["unknown-key"]


def test_what_it_prints_is_one_line(write: Write) -> None:
    (problem,) = problems(write(SITE.replace("site: dc1", 'site: dc1, "a\\nb\\x1b[31m\\u2028": 1')))
    assert "\n" not in str(problem)
    assert "\x1b" not in str(problem)
    str(problem).encode()


WORDS = st.sampled_from(
    [
        *(
            "version",
            "gateway",
            "segments",
            "read_points",
            "devices",
            "rfid",
            "uplink",
            "url",
            "tls",
            "antennas",
            "driver",
        ),
        *(
            "llrp",
            "host",
            "read_point",
            "side",
            "kind",
            "portal",
            "gate",
            "device",
            "segment",
            "in",
            "location",
            "start",
        ),
    ]
)
SCALARS = st.sampled_from(["", "''", ".nan", "1e999", "5s", "mqtt://[", "mqtt://h:-1", "true", "null", "-1", "0", "7"])
VALUES = st.recursive(
    WORDS | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(-1, 3), inner, max_size=5),
    max_leaves=15,
)
STARTS = st.sampled_from(["", SITE, SITE.partition("devices:")[0], SITE.partition("read_points:")[0]])


def flow(value: object) -> str:
    """YAML in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value)


def refused(path: Path) -> list[Problem]:
    try:
        load(path)
    except ConfigError as error:
        return error.problems
    return []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(extra=st.dictionaries(WORDS, VALUES, max_size=6), text=STARTS, data=st.data())
def test_any_site_loads_or_says_why(extra: dict[str, object], text: str, data: st.DataObject, tmp_path: Path) -> None:
    """Whole trees of wrong things at the right places, and a right site with a piece cut out or put in."""
    if text and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + flow(data.draw(VALUES)) + text[at + data.draw(st.integers(0, 9)) :]
    else:
        text += "\n".join(f"{key}: {flow(value)}" for key, value in extra.items())
    path = tmp_path / "fuzz.yaml"
    path.write_text(text)
    for problem in refused(path):
        assert problem.line >= 1
        assert problem.code in CODES
        assert str(problem)
