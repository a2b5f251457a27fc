"""Serial ports in a site file: what `check` says of those that are not there, here and for another machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.check import check
from gateway.config.load import load
from gateway.config.problem import ConfigError

SITE = """\
version: 1
gateway: {id: gw-07, site: dc1}
segments:
  rfid: {uplink: {url: "mqtt://127.0.0.1"}}
read_points:
  belt-1: {uri: "urn:epc:id:sgln:9521141.12345.belt1", kind: checkpoint}
devices:
  belt-scanner: {driver: barcode, segment: rfid, read_point: belt-1, port: PORT}
"""
LASTING = "/dev/serial/by-id/usb-Honeywell_1900-if00"


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ports of this machine, as if."""
    there = ["/dev/serial/by-id/usb-Honeywell_1900-if01", "/dev/ttyS4"]
    monkeypatch.setattr("drivers.serial_ports.present", lambda: there)
    return there


def site(folder: Path, port: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(SITE.replace("PORT", port))
    return path


def checked(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(check, [str(one) for one in arguments], standalone_mode=False)
    return done.return_value, done.output


def test_an_unknown_port_is_refused_with_the_ports_there_are(tmp_path: Path, ports: list[str]) -> None:
    path = site(tmp_path, "/dev/ttyS44")
    code, said = checked(path)
    assert code == 78
    assert f"{path}:8:" in said
    assert "unknown-port: devices.belt-scanner.port: there is no serial port /dev/ttyS44" in said
    assert all(port in said for port in ports)
    assert "did you mean '/dev/ttyS4'?" in said


def test_a_machine_without_ports_says_so(tmp_path: Path, ports: list[str]) -> None:
    ports.clear()
    assert "this machine has no serial port" in checked(site(tmp_path, "/dev/ttyUSB0"))[1]


@pytest.mark.usefixtures("ports")
def test_a_lasting_name_that_is_not_there_may_be_unplugged(tmp_path: Path) -> None:
    code, said = checked(site(tmp_path, LASTING))
    assert code == 0
    assert "unplugged-port" in said
    assert "did you mean '/dev/serial/by-id/usb-Honeywell_1900-if01'?" in said


@pytest.mark.usefixtures("ports")
def test_for_another_machine_no_port_is_asked_for(tmp_path: Path) -> None:
    code, said = checked("--elsewhere", site(tmp_path, "/dev/ttyS44"))
    assert code == 0
    assert "port" not in said.partition("good")[0]


def test_who_runs_is_not_refused(tmp_path: Path) -> None:
    assert load(site(tmp_path, "/dev/ttyS44")).warnings == []


def test_a_port_that_is_there_is_good(tmp_path: Path) -> None:
    assert checked(site(tmp_path, "/dev/null"))[0] == 0


def test_two_devices_of_one_port(tmp_path: Path) -> None:
    path = site(tmp_path, LASTING)
    again = "  other: {driver: barcode, segment: rfid, read_point: belt-1, port: " + LASTING + "}\n"
    path.write_text(path.read_text() + again)
    with pytest.raises(ConfigError) as refused:
        load(path)
    [problem] = refused.value.problems
    assert (problem.code, problem.line, problem.path) == ("same-port", 9, "devices.other.port")


@pytest.mark.parametrize(
    ("port", "code", "remedy"),
    [
        ("ttyUSB0", "bad-value", "/dev/serial/by-id/NAME"),
        ("socket://10.0.0.9", "bad-value", "socket://HOST:PORT"),
        ("socket://10.0.0.9:4001", "plain-not-allowed", "plain_devices: [barcode]"),
    ],
)
def test_addresses_that_cannot_be(tmp_path: Path, port: str, code: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(site(tmp_path, port))
    [problem] = refused.value.problems
    assert (problem.code, problem.line) == (code, 8)
    assert remedy in problem.text
