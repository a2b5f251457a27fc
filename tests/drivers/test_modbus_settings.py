"""What a technician may write, and what he is told when it is wrong: with its line and what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.modbus import profiles
from drivers.modbus.address import parse
from drivers.modbus.bus import stations
from drivers.modbus.settings import Settings
from gateway.config.load import ConfigError, load

ROOT = Path(__file__).resolve().parents[2]

SITE = """\
version: 1
gateway: {{id: gw-07, site: dc1}}
segments:
  rfid: {{uplink: {{url: "mqtt://127.0.0.1"}}, plain_devices: [{plain}]}}
read_points:
  belt-1: {{uri: "urn:x:belt", kind: checkpoint, gate: {{device: plc, signal: {signal}}}}}
devices:
  scanner: {{driver: llrp, segment: rfid, host: 127.0.0.1, read_point: belt-1}}
  plc:
    driver: modbus
    segment: rfid
{device}
"""


def refusals(tmp_path: Path, device: str, signal: str = "beam", plain: str = "modbus") -> list[str]:
    """What `check` says of a site with that device, one mistake a line."""
    path = tmp_path / "site.yaml"
    text = "\n".join(f"    {line}" for line in device.splitlines())
    path.write_text(SITE.format(device=text, signal=signal, plain=plain))
    try:
        load(path)
    except ConfigError as error:
        return [str(problem).removeprefix(f"{path}:") for problem in error.problems]
    return []


BEAM = "points:\n  beam: {table: discrete, address: 3, signal: true}"

MISTAKES = {
    "url: tcp://10.0.0.5\nprofile: sdm630": (13, "did you mean 'eastron-sdm630'"),
    f"url: tpc://10.0.0.5\n{BEAM}": (12, "did you mean 'tcp'"),
    f"url: rtu://ttyUSB0\n{BEAM}": (12, "three slashes"),
    f"url: 10.0.0.5\n{BEAM}": (12, "tcp://10.0.0.5:502"),
    f"url: tls://10.0.0.5\n{BEAM}": (10, "needs tls:"),
    f"url: tcp://10.0.0.5\nserial: {{baud: 9600}}\n{BEAM}": (10, "rtu:///dev/"),
    "url: tcp://10.0.0.5": (10, "nothing to read"),
    "url: tcp://10.0.0.5\nprofile: janitza\nonly: [powr]": (10, "did you mean 'power'"),
    "url: tcp://10.0.0.5\npoints:\n  a: {address: 1, type: float32}\n  b: {address: 2}": (14, "'a' and 'b' overlap"),
    "url: tcp://10.0.0.5\nprofile: janitza\npoints:\n  mine: {address: 19001}": (10, "'voltage_l1' and 'mine' overlap"),
    "url: tcp://10.0.0.5\npoints:\n  a: {address: 400001}": (14, "from 0 to 65535"),
    "url: tcp://10.0.0.5\npoints:\n  a: {address: 1, uom: kWh}": (14, "did you mean 'KWH'"),
    "url: tcp://10.0.0.5\npoints:\n  a: {address: 1, type: bool}": (14, "needs bit"),
    "url: tcp://10.0.0.5\npoints:\n  a: {address: 1, deadband: 2 per cent}": (14, "2%"),
    "url: tcp://10.0.0.5\npoints:\n  a: {address: 1, type: int17}": (14, "int16"),
    "url: tcp://10.0.0.5\npoints:\n  a: {address: 1, epc_class: boxes}": (14, "https://id.gs1.org/01/"),
    'url: tcp://10.0.0.5\npoints:\n  a: {address: 1, epc_class: "https://id.gs1.org/01/09521141123455"}': (
        14,
        "check digit",
    ),
    "url: tcp://10.0.0.5\npoints:\n  a: {address: 1, observe: {object: crane}}": (14, "urn:epc:id:giai"),
    "url: tcp://10.0.0.5\nunit: 3\nunits:\n  a: {unit: 1, profile: janitza}": (10, "exclude each other"),
    "url: tcp://10.0.0.5\nunits:\n  a: {unit: 1, profile: janitza}\n  b: {unit: 1, profile: janitza}": (
        10,
        "both number 1",
    ),
    f"url: tcp://10.0.0.5\n{BEAM}\nantennas: {{beam: belt-1}}": (15, "no point that reads objects"),
    f"url: tcp://10.0.0.5\n{BEAM}\nretries: 3": (15, "retries"),
}


@pytest.mark.parametrize(("device", "expected"), MISTAKES.items(), ids=lambda value: str(value)[:60])
def test_a_mistake_is_refused_with_its_line_and_what_to_do(
    tmp_path: Path, device: str, expected: tuple[int, str]
) -> None:
    line, words = expected
    found = refusals(tmp_path, device)
    assert [one for one in found if words in one], found
    assert [one for one in found if one.startswith(f"{line}:")], found


def test_the_contracts_device_is_taken_as_it_is_written() -> None:
    one = Settings.model_validate(
        {
            "url": "tcp://10.10.0.40:502",
            "unit": 1,
            "points": {"beam": {"table": "discrete", "address": 3, "signal": True}},
        }
    )
    ((watched, interval),) = stations(one)[0].points
    assert (watched.point.name, watched.point.type, watched.signal, interval) == ("beam", "bool", True, 1.0)
    assert list(one.signal_names(())) == ["beam"]


def test_a_gate_knows_the_signals_there_are(tmp_path: Path) -> None:
    device = f"url: tcp://10.0.0.5\n{BEAM}"
    assert refusals(tmp_path, device) == []
    (found,) = refusals(tmp_path, device, signal="beem")
    assert "did you mean 'beam'" in found


def test_plain_modbus_must_be_accepted_by_the_segment(tmp_path: Path) -> None:
    (found,) = refusals(tmp_path, f"url: tcp://10.0.0.5\n{BEAM}", plain="llrp")
    assert found.startswith("12:")
    assert "plain_devices: [modbus]" in found
    assert refusals(tmp_path, f"url: tcp://127.0.0.1\n{BEAM}", plain="llrp") == []


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("tcp://plc.dc1", "plc.dc1", 502, ""),
        ("tls://10.0.0.5", "10.0.0.5", 802, ""),
        ("rtu+tcp://[fe80::1]:4001", "fe80::1", 4001, ""),
        ("rtu:///dev/ttyUSB0", "", 0, "/dev/ttyUSB0"),
    ],
)
def test_urls(text: str, host: str, port: int, path: str) -> None:
    found = parse(text)
    assert (found.host, found.port, found.path) == (host, port, path)
    assert parse(str(found)) == found


def test_units_share_what_the_device_says_and_written_points_replace_the_profiles() -> None:
    units = {
        "a": {"unit": 1, "profile": "eastron-sdm120", "only": ["power", "voltage"], "interval": "5s"},
        "b": {
            "unit": 2,
            "profile": "eastron-sdm630",
            "points": {
                "power": {"table": "input", "address": 52, "type": "float32", "uom": "WTT", "interval": "100ms"}
            },
        },
    }
    a, b = stations(Settings.model_validate({"url": "tcp://h", "interval": "2s", "units": units, "most": 100}))
    assert {(one.point.name, often) for one, often in a.points} == {("a.power", 5.0), ("a.voltage", 5.0)}
    assert {often for one, often in b.points if one.point.name == "b.power"} == {0.1}
    assert {often for one, often in b.points if one.point.name != "b.power"} == {2.0}
    assert a.most == 80  # the profile's own limit


def test_every_profile_of_the_issue_can_be_named() -> None:
    for name in profiles.names():
        Settings.model_validate({"url": "tcp://h", "profile": name})


@pytest.mark.parametrize("number", [-1, 256])
def test_a_unit_number_fits_a_byte(number: int) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"url": "tcp://h", "profile": "janitza", "unit": number})


def test_settings_load_without_the_library_that_only_the_driver_needs() -> None:
    script = "import sys, drivers.modbus.settings; print('pymodbus' in sys.modules, 'serial' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["False", "False"]
