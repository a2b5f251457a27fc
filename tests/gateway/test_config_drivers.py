"""Drivers of other distributions: their settings are judged like ours; a broken one costs its devices, not the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers import registry
from gateway.config import variants
from gateway.config.load import ConfigError, load
from gateway.config.schema import schema

PACKAGE = """\
from typing import Annotated
from pydantic import Field
from drivers.contract import SecretRef, Settings
from drivers.registry import Entry

class Scale(Settings):
    '''A scale that weighs what stands on it.'''
    port: str
    '''Serial port.'''
    password: SecretRef | None = None
    '''Its password.'''
    loads: tuple[str, ...] = Field((), strict=False)
    '''Its signals.'''

    def signal_names(self, antennas):
        return {*self.loads, *antennas}

class ScalePort(Settings):
    '''One platform of it.'''

SCALE = Entry("scale_plugin:Scale", "scale_plugin:Scale", "scale_plugin:ScalePort", reads=False)
"""
SITE = """\
version: 1
gateway: {id: gw-07, site: dc1}
segments: {rfid: {uplink: {url: "mqtt://127.0.0.1"}, plain_devices: [llrp]}}
read_points: {aisle: {uri: "urn:x:aisle", kind: zone}}
drivers: [scale, broken]
devices:
  reader: {driver: llrp, segment: rfid, host: 10.0.0.1, antennas: {1: aisle}}
"""


def forget() -> None:
    registry._others.cache_clear()
    variants.variant.cache_clear()
    variants.trouble.cache_clear()


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another distribution with a good driver and a broken one, installed in a folder of its own."""
    folder = tmp_path / "site-packages"
    info = folder / "scale_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scale-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[readpoint.drivers]\nscale = scale_plugin:SCALE\nbroken = absent_module:X\n"
    )
    (folder / "scale_plugin.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield tmp_path / "site.yaml"
    sys.modules.pop("scale_plugin", None)
    forget()


def mistakes(path: Path, device: str) -> list[tuple[str, str, str]]:
    path.write_text(f"{SITE}  other: {{segment: rfid, {device}}}\n")
    with pytest.raises(ConfigError) as error:
        load(path)
    return [(problem.code, problem.path, problem.text) for problem in error.value.problems]


def test_a_driver_of_another_distribution(plugin: Path) -> None:
    plugin.write_text(
        f"{SITE}  other: {{segment: rfid, driver: scale, port: /dev/ttyUSB0, password: '${{file:pw}}'}}\n"
    )
    device = load(plugin).site.devices["other"]
    assert device.settings.model_dump() == {"port": "/dev/ttyUSB0", "password": "${file:pw}", "loads": ()}
    assert "scale.device" not in schema()["definitions"]
    assert "scale.device" in schema(["scale"])["definitions"]


@pytest.mark.parametrize(
    ("before", "line"), [("", "drivers: [scale]"), ("drivers: [broken]\n", "drivers: [broken, scale]")]
)
def test_an_unlisted_driver_is_refused_with_the_line_to_add_and_not_imported(
    plugin: Path, before: str, line: str
) -> None:
    device = "  other: {segment: rfid, driver: scale, port: /dev/ttyUSB0}\n"
    plugin.write_text(SITE.replace("drivers: [scale, broken]\n", before) + device)
    with pytest.raises(ConfigError) as error:
        load(plugin)
    [problem] = error.value.problems
    assert (problem.code, problem.path) == ("unlisted-driver", "devices.other.driver")
    assert "it comes with scale-plugin 1.0" in problem.text
    assert problem.text.endswith(line)
    assert "scale_plugin" not in sys.modules
    plugin.write_text(SITE.replace("drivers: [scale, broken]", line) + device)
    load(plugin)


def test_nothing_is_imported_that_is_only_listed(plugin: Path) -> None:
    plugin.write_text(SITE)
    load(plugin)
    assert "scale_plugin" not in sys.modules


def test_a_listed_driver_that_nobody_brings(plugin: Path) -> None:
    plugin.write_text(SITE.replace("[scale, broken]", "[llrp, scael, acme]"))
    with pytest.raises(ConfigError) as error:
        load(plugin)
    assert [(one.code, one.path) for one in error.value.problems] == [
        ("unknown-driver", "drivers.1"),
        ("unknown-driver", "drivers.2"),
    ]
    assert "did you mean 'scale'?" in error.value.problems[0].text
    assert "install it into the environment" in error.value.problems[1].text
    assert [(one.code, one.path) for one in error.value.warnings] == [("no-effect", "drivers.0")]


def test_a_name_that_two_distributions_bring_is_nobodys(plugin: Path, tmp_path: Path) -> None:
    info = tmp_path / "site-packages" / "rival-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[readpoint.drivers]\nscale = scale_plugin:SCALE\nllrp = rival:LLRP\n")
    forget()
    (mistake,) = mistakes(plugin, "driver: scale, port: a")
    assert mistake[0] == "unknown-driver"
    assert "both bring it, uninstall one" in mistake[2]
    assert registry.installed() == ["broken", "scale"], "ours are ours"


def test_a_secret_in_the_file(plugin: Path) -> None:
    (mistake,) = mistakes(plugin, "driver: scale, port: a, password: hunter2")
    assert mistake[:2] == ("secret-inline", "devices.other.password")
    assert "hunter2" not in mistake[2]
    assert "${file:PATH}" in mistake[2]


def test_the_nearest_drivers_settings_judge_a_misspelt_one(plugin: Path) -> None:
    found = mistakes(plugin, "driver: scael, prot: a")
    assert {code for code, _, _ in found} == {"unknown-driver", "missing", "unknown-key"}
    assert "did you mean 'port'?" in next(text for code, _, text in found if code == "unknown-key")


def test_without_a_driver_the_keys_tell_which_was_meant(plugin: Path) -> None:
    found = mistakes(plugin, "port: 5")
    assert [code for code, _, _ in found] == ["missing", "wrong-type"]


def test_a_broken_driver_is_an_error_of_its_devices(plugin: Path) -> None:
    (mistake,) = mistakes(plugin, "driver: broken, anything: 1")
    assert mistake[:2] == ("unknown-driver", "devices.other.driver")
    assert "installed but cannot be loaded (ModuleNotFoundError: No module named 'absent_module')" in mistake[2]


@pytest.mark.parametrize(
    ("scale", "signal", "text"),
    [
        ("loads: [full, empty]", "ful", "its signals are empty, full; did you mean 'full'?"),
        ("antennas: {left: aisle}", "right", "its signals are left"),
        ("password: '${file:pw}'", "full", "its settings name none"),
        ("loads: [full, empty]", "full", None),
        ("antennas: {left: aisle}", "left", None),
    ],
)
def test_a_gate_opens_by_a_signal_that_its_device_s_settings_name(
    plugin: Path, scale: str, signal: str, text: str | None
) -> None:
    gate = f"kind: checkpoint, gate: {{device: other, signal: {signal}}}"
    other = f"  other: {{segment: rfid, driver: scale, port: COM1, {scale}}}\n"
    plugin.write_text(SITE.replace("kind: zone", gate) + other)
    try:
        load(plugin)
    except ConfigError as error:
        [problem] = error.problems
        assert (problem.code, problem.path) == ("unknown-signal", "read_points.aisle.gate.signal")
        assert text is not None
        assert text in problem.text
    else:
        assert text is None
