"""Register maps against those of other projects, and SunSpec devices that are asked what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from drivers.modbus import profiles
from drivers.modbus.registers import Block, Point, decode, overlaps, plan
from drivers.modbus.sunspec import Found, discover
from simulators.modbus_plc.bank import Bank

OURS = {
    "sdm72v2": "eastron-sdm72",
    "sdm120": "eastron-sdm120",
    "sdm230": "eastron-sdm230",
    "sdm": "eastron-sdm630",
    "iem3000": "schneider-iem3000",
    "janitza": "janitza",
    "dtsu666": "chint-dtsu666",
    "pac2200": "siemens-pac2200",
}
WORDS = {
    "Cosphi": "power_factor",
    "Import": "energy_import",
    "Export": "energy_export",
    "Sum": "energy_total",
    "ReactiveImport": "reactive_energy_import",
    "ReactiveExport": "reactive_energy_export",
    "ReactiveSum": "reactive_energy_total",
    "THD": "voltage_thd",
}
AVERAGES = {"Voltage", "Current"}
"""Of the iEM3000: what that project calls Voltage is the average."""
WRONG = {("pac2200", "Frequency")}
"""46 there: in the middle of a value. Siemens' own table has odd offsets alone, and frequency at 55."""


def our_name(meter: str, theirs: str) -> str:
    base, phase = re.fullmatch(r"(.*?)(L[123])?", theirs).groups()  # type: ignore[union-attr]
    name = WORDS.get(base) or re.sub(r"(?<!^)(?=[A-Z])", "_", base).lower()
    if meter == "iem3000" and theirs in AVERAGES:
        name += "_average"
    return f"{name}_{phase.lower()}" if phase else name


@pytest.mark.parametrize("meter", OURS)
def test_addresses_are_those_of_another_project(material: Path, meter: str) -> None:
    theirs = json.loads((material / "modbus" / "meters" / "mbmd_meter_maps.json").read_text())[meter]
    ours = {named.point.name: named.point for named in profiles.profile(OURS[meter]).points}
    table = {"ReadInputReg": "input", "ReadHoldingReg": "holding"}[theirs["function"]]
    for name, one in theirs["points"].items():
        if (meter, name) in WRONG:
            continue
        point = ours.pop(our_name(meter, name))
        assert (point.table, point.address) == (table, one["address"]), name
    assert not ours.keys() - {"frequency"}


@pytest.mark.parametrize("name", [name for name in profiles.names() if name != profiles.SUNSPEC])
def test_a_profile_is_sound(name: str) -> None:
    profile = profiles.profile(name)
    found = [named.point for named in profile.points]
    assert not list(overlaps(found))
    assert len({point.name for point in found}) == len(found)
    assert all(re.fullmatch(r"[A-Z0-9]{2,3}", named.uom or "") for named in profile.points)
    assert all(block.count <= profile.most for block in plan(found, 0, profile.most))
    assert profile.title


@pytest.mark.parametrize("number", [1, 201, 203, 213])
def test_sunspec_models_are_as_published(material: Path, number: int) -> None:
    published = json.loads((material / "modbus" / "sunspec" / "json" / f"model_{number}.json").read_text())
    place, at = {}, 0
    for point in published["group"]["points"]:
        place[at] = point
        at += point["size"]
    names = {point["name"]: at for at, point in place.items()}
    units = {"A": "AMP", "V": "VLT", "W": "WTT", "VA": "D46", "var": "D44", "Hz": "HTZ", "Wh": "WHR", "Pct": "P1"}
    for named in profiles.sunspec_models()[number].points:
        point, theirs = named.point, place[named.point.address]
        kind = {"acc32": "uint32", "enum16": "uint16"}.get(theirs["type"], theirs["type"])
        assert (point.type, point.size) == (kind, theirs["size"]), theirs["name"]
        assert point.exponent == (names[theirs["sf"]] if "sf" in theirs else None), theirs["name"]
        assert named.uom == units.get(theirs.get("units"), "C62" if theirs.get("units") == "PF" else None)


def ask(bank: Bank) -> Found:
    """The discovery against a device."""
    asking = discover(profiles.sunspec_models())
    block = next(asking)
    for _ in range(200):
        try:
            block = asking.send(bank.read("holding", block.address, block.count))
        except StopIteration as end:
            found: Found = end.value
            return found
    raise AssertionError("it asks for ever")


def device(base: int, *models: tuple[int, Sequence[int]]) -> Bank:
    bank = Bank()
    bank.words("holding", base, [0x5375, 0x6E53])
    at = base + 2
    for number, words in models:
        bank.words("holding", at, [number, len(words), *words])
        at += 2 + len(words)
    bank.words("holding", at, [0xFFFF, 0])
    return bank


@pytest.mark.parametrize("base", [0, 40000, 50000])
def test_a_meter_is_found_wherever_it_begins_and_read_with_its_scale_factors(base: int) -> None:
    meter = [0] * 105
    meter[5], meter[6] = 2301, 2302  # PhV, PhVphA at 7, 8
    meter[13] = 0xFFFF  # V_SF: 10^-1
    meter[16] = -1500 & 0xFFFF  # W at 18
    meter[20] = 1  # W_SF
    meter[1] = 0x8000  # AphA: not implemented
    bank = device(base, (1, [0x4D6B] + [0] * 65), (203, meter), (64110, [0] * 9))
    common, found = ask(bank)
    assert values(bank, common)["manufacturer"] == "Mk"
    seen = values(bank, found)
    assert (seen["voltage"], seen["voltage_l1"], seen["power"]) == (230.1, 230.2, -15000)
    assert "reason" in str(seen["current_l1"])


def values(bank: Bank, found: tuple[profiles.Named, ...]) -> dict[str, Any]:
    """All of a model, in as few reads as it takes."""
    seen = {}
    for block in plan([named.point for named in found], gap=125):
        words = bank.read("holding", block.address, block.count)
        assert words is not None
        seen |= {point.name: decode(point, block, words) for point in block.points}
    return seen


def test_a_model_is_read_at_once() -> None:
    (found,) = ask(device(40000, (203, [0] * 105)))
    assert len(plan([named.point for named in found], gap=125)) == 1


def test_two_meters_in_one_device_have_names_of_their_own() -> None:
    one, other = ask(device(40000, (203, [0] * 105), (203, [0] * 105)))
    assert not {named.point.name for named in one} & {named.point.name for named in other}
    assert "power_2" in {named.point.name for named in other}


def test_a_model_that_is_shorter_gives_what_it_has_and_no_sunspec_gives_nothing() -> None:
    ((*found,),) = ask(device(40000, (203, [0] * 20)))
    assert {named.point.span[1] for named in found} <= set(range(40002 + 23))
    assert ask(Bank()) == []


def test_models_without_end_come_to_an_end() -> None:
    bank = Bank()
    bank.words("holding", 40000, [0x5375, 0x6E53, *[203, 0] * 5000])
    assert len(ask(bank)) <= 64


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("sdm630", "eastron-sdm630"),
        ("Eastron SDM-630", "eastron-sdm630"),
        ("janiza", "janitza"),
        ("pac2200", "siemens-pac2200"),
    ],
)
def test_the_nearest_name(wrong: str, right: str) -> None:
    assert f"'{right}'" in profiles.nearest(wrong, profiles.names())


def test_a_point_moved_by_discovery_stays_a_point() -> None:
    (found,) = ask(device(40000, (213, [0] * 124)))
    block = Block("holding", 40000, 125)
    assert all(isinstance(named.point, Point) and named.point.address > block.address for named in found)
