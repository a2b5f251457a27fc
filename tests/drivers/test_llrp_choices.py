"""Capabilities of real and simulated shape, and what is asked held against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.contract import Rejected
from drivers.llrp.capabilities import IMPINJ, Capabilities, Level, parse
from drivers.llrp.choices import choose
from drivers.llrp.codec.wire import decode
from drivers.llrp.settings import PortSettings, Settings
from tests.capabilities import PLAIN

HOPPING = msgspec.structs.replace(PLAIN, hopping=True, hop_tables=(3, 5), channels=(), standard=1, country=840)
OCTANE = msgspec.structs.replace(HOPPING, manufacturer=IMPINJ, modes=(0, 1000, 1002))


def settings(**given: Any) -> Settings:
    return Settings.model_validate({"host": "reader", **given})


def port(**given: Any) -> PortSettings:
    return PortSettings.model_validate(given)


def test_a_real_speedway_is_understood(material: Path) -> None:
    body = (material / "llrp" / "edgex" / "GetReaderCapabilitiesResponse-000.bytes").read_bytes()
    header = (1 << 10 | 11).to_bytes(2) + (len(body) + 10).to_bytes(4) + bytes(4)
    found = parse(decode(header + body))
    assert (found.manufacturer, found.model, found.firmware) == (IMPINJ, 2001002, "5.14.0.240")
    assert (found.antennas, found.gpis, found.holding, found.hopping) == (4, 4, True, True)
    assert (found.powers[0], found.powers[-1]) == (Level(1, 10.0), Level(81, 30.0))
    assert (found.standard, found.country, found.hop_tables) == (1, 840, (1,))
    assert 1000 in found.modes
    assert found.max_access_specs == 1508
    assert "Impinj" in found.title


@pytest.mark.parametrize(("asked", "index"), [(None, 4), (10, 1), (19.99, 1), (20, 2), (30, 3), (31.5, 4)], ids=str)
def test_power_is_the_nearest_level_not_above(asked: float | None, index: int) -> None:
    chosen = choose(settings(), {1: port(power_dbm=asked)}, PLAIN)
    assert chosen.antennas[0].power == index


def test_without_ports_every_antenna_takes_part() -> None:
    assert [one.antenna for one in choose(settings(), {}, PLAIN).antennas] == [1, 2]


@pytest.mark.parametrize(
    ("capabilities", "given", "expected"),
    [(PLAIN, {}, (0, 1)), (PLAIN, {"channel": 2}, (0, 2)), (HOPPING, {}, (3, 0)), (HOPPING, {"hop_table": 5}, (5, 0))],
)
def test_hop_table_or_channel_follows_the_region(
    capabilities: Capabilities, given: dict[str, int], expected: tuple[int, int]
) -> None:
    chosen = choose(settings(**given), {1: port()}, capabilities).antennas[0]
    assert (chosen.hop_table, chosen.channel) == expected


@pytest.mark.parametrize(
    ("capabilities", "asked", "mode"),
    [
        (PLAIN, None, 7),
        (PLAIN, 9, 9),
        (PLAIN, "9", 9),
        (OCTANE, None, 1002),
        (OCTANE, "AutoSetDenseReader", 1000),
        (msgspec.structs.replace(PLAIN, modes=()), None, None),
    ],
)
def test_mode(capabilities: Capabilities, asked: int | str | None, mode: int | None) -> None:
    assert choose(settings(mode=asked), {}, capabilities).mode == mode


@pytest.mark.parametrize(
    ("capabilities", "given", "ports", "words"),
    [
        (PLAIN, {}, {1: {"power_dbm": 33}}, ["antennas.1.power_dbm: 33 dBm", "10 to 31.5"]),
        (PLAIN, {}, {1: {"power_dbm": 5}}, ["antennas.1.power_dbm"]),
        (PLAIN, {}, {3: {}}, ["antennas.3", "1 to 2"]),
        (PLAIN, {}, {"hci0": {}}, ["antennas.hci0"]),
        (PLAIN, {}, {1: {"deafness_db": 30}}, ["deafness_db"]),
        (PLAIN, {"mode": 8}, {}, ["mode: 8", "7, 9"]),
        (OCTANE, {"mode": "Fastest"}, {}, ["mode: 'Fastest'", "1002 (AutoSetDenseReaderDeepScan)"]),
        (PLAIN, {"hop_table": 1}, {}, ["hop_table", "fixed channels"]),
        (PLAIN, {"channel": 3}, {}, ["channel: 3", "1 to 2"]),
        (HOPPING, {"channel": 1}, {}, ["channel", "hops"]),
        (HOPPING, {"hop_table": 4}, {}, ["hop_table: 4", "3, 5"]),
        (PLAIN, {"region": "fcc"}, {}, ["region: fcc", "ETSI_302_208"]),
        (PLAIN, {"phase": True, "search_mode": "tag_focus"}, {}, ["phase", "search_mode"]),
        (PLAIN, {"tid": True}, {}, ["tid"]),
        (PLAIN, {"start": {"gpi": {"port": 3}}}, {}, ["start.gpi.port: 3", "2 inputs"]),
        (PLAIN, {"filters": [{"mask": "30"}] * 3}, {}, ["filters: 3"]),
        (PLAIN, {"mode": 1, "region": "japan"}, {9: {}}, ["mode: 1", "region: japan", "antennas.9"]),
    ],
)
def test_what_a_reader_cannot_do_is_said_at_once(
    capabilities: Capabilities, given: dict[str, Any], ports: dict[Any, Any], words: list[str]
) -> None:
    with pytest.raises(Rejected) as refused:
        choose(settings(**given), {name: port(**one) for name, one in ports.items()}, capabilities)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(("region", "capabilities"), [("etsi", PLAIN), ("fcc", HOPPING)])
def test_the_right_region_is_no_problem(region: str, capabilities: Capabilities) -> None:
    assert choose(settings(region=region), {}, capabilities).antennas
