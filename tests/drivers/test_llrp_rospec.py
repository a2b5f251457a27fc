"""ROSpec, AccessSpec and reader configuration, as a reader gets them over the wire."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from drivers.llrp.capabilities import IMPINJ, Capabilities, Level
from drivers.llrp.choices import choose
from drivers.llrp.codec.values import Bits, Element, Message
from drivers.llrp.codec.wire import decode, encode
from drivers.llrp.reader_config import reader_config
from drivers.llrp.rospec import access_spec, rospec, same
from drivers.llrp.settings import PortSettings, Settings
from tests.capabilities import PLAIN

READER = msgspec.structs.replace(
    PLAIN, max_access_specs=4, max_filters=0, powers=(Level(1, 10.0), Level(9, 30.0)), sensitivities=(), modes=(7,)
)
OCTANE = msgspec.structs.replace(READER, manufacturer=IMPINJ, holding=True, buffer_warning=True)


def made(capabilities: Capabilities = READER, ports: dict[Any, PortSettings] | None = None, **given: Any) -> Element:
    """The ROSpec after a trip over the wire."""
    chosen = choose(Settings.model_validate({"host": "r", **given}), ports or {}, capabilities)
    frame = encode(Message("ADD_ROSPEC", 1, children=(rospec(chosen),)))
    found = decode(frame).child("ROSpec")
    assert found is not None
    return found


def command(spec: Element) -> Element:
    found = spec.find("AISpec", "InventoryParameterSpec", "AntennaConfiguration", "C1G2InventoryCommand")
    assert found is not None
    return found


def selector(spec: Element) -> Element:
    found = spec.find("ROReportSpec", "TagReportContentSelector")
    assert found is not None
    return found


def test_each_antenna_has_its_own_power_and_channel() -> None:
    ports = {2: PortSettings(power_dbm=12, channel=2), 1: PortSettings()}
    spec = made(ports=ports)
    inventory = spec.find("AISpec", "InventoryParameterSpec")
    assert inventory is not None
    assert spec.find("AISpec")["AntennaIDs"] == (1, 2)  # type: ignore[index]  # found above
    said = [(one["AntennaID"], one.child("RFTransmitter")) for one in inventory.all("AntennaConfiguration")]
    assert [(antenna, sender and sender.fields) for antenna, sender in said] == [
        (1, {"HopTableID": 0, "ChannelIndex": 1, "TransmitPower": 9}),
        (2, {"HopTableID": 0, "ChannelIndex": 2, "TransmitPower": 1}),
    ]


def test_gen2_parameters_and_pc_bits() -> None:
    spec = made(session=2, population=200)
    assert command(spec).child("C1G2SingulationControl").fields == {  # type: ignore[union-attr]
        "Session": 2,
        "TagPopulation": 200,
        "TagTransitTime": 0,
    }
    assert command(spec).child("C1G2RFControl").fields == {"ModeIndex": 7, "Tari": 0}  # type: ignore[union-attr]
    memory = selector(spec).child("C1G2EPCMemorySelector")
    assert memory is not None
    assert memory.fields == {"EnableCRC": False, "EnablePCBits": True}
    assert selector(spec)["EnableLastSeenTimestamp"]


def test_filters_first_set_then_add_then_take_away() -> None:
    masks = [
        {"mask": "e280", "bank": "tid", "action": "exclude"},
        {"mask": "30", "bits": 5},
        {"mask": "3034", "pointer": 40},
    ]
    filters = command(made(filters=masks)).all("C1G2Filter")
    said = [
        (one.child("C1G2TagInventoryMask"), one.child("C1G2TagInventoryStateUnawareFilterAction")) for one in filters
    ]
    assert [(mask and mask.fields, action and action["Action"]) for mask, action in said] == [
        ({"MB": 1, "Pointer": 32, "TagMask": Bits(5, b"\x30")}, 0),
        ({"MB": 1, "Pointer": 40, "TagMask": Bits(16, b"\x30\x34")}, 1),
        ({"MB": 2, "Pointer": 0, "TagMask": Bits(16, b"\xe2\x80")}, 3),
    ]


def test_a_mask_is_cut_to_its_bits() -> None:
    mask = made(filters=[{"mask": "ffff", "bits": 11}]).find(
        "AISpec",
        "InventoryParameterSpec",
        "AntennaConfiguration",
        "C1G2InventoryCommand",
        "C1G2Filter",
        "C1G2TagInventoryMask",
    )
    assert mask is not None
    assert mask["TagMask"] == Bits(11, b"\xff\xe0")


def test_start_by_input() -> None:
    spec = made(start={"gpi": {"port": 2, "level": "low", "duration": "1500ms"}})
    start, stop = (spec.find("ROBoundarySpec", name) for name in ("ROSpecStartTrigger", "ROSpecStopTrigger"))
    assert start is not None
    assert stop is not None
    assert start["ROSpecStartTriggerType"] == 3
    assert start.children[0].fields == {"GPIPortNum": 2, "GPIEvent": False, "Timeout": 0}
    assert stop["ROSpecStopTriggerType"] == 2
    assert stop.children[0].fields == {"GPIPortNum": 2, "GPIEvent": True, "Timeout": 1500}


def test_impinj_reports_what_is_asked_and_nothing_else() -> None:
    asked = made(OCTANE, phase=True, tid=True, search_mode="tag_focus")
    content = asked.find("ROReportSpec", "ImpinjTagReportContentSelector")
    assert content is not None
    assert [child.name for child in content.children] == ["ImpinjEnableSerializedTID", "ImpinjEnableRFPhaseAngle"]
    search = command(asked).child("ImpinjInventorySearchMode")
    assert search is not None
    assert search["InventorySearchMode"] == 3
    assert made(OCTANE).find("ROReportSpec", "ImpinjTagReportContentSelector") is None


def test_tid_without_impinj_is_an_access_spec() -> None:
    settings = Settings(host="r", tid=True)
    assert access_spec(choose(settings, {}, OCTANE)) is None
    wanted = access_spec(choose(settings, {}, READER))
    assert wanted is not None
    sent = Message("ADD_ACCESSSPEC", 1, children=(wanted,))
    assert decode(encode(sent)) == sent
    read = wanted.find("AccessCommand", "C1G2Read")
    assert read is not None
    assert (read["MB"], read["WordPointer"], read["WordCount"]) == (2, 0, 6)


@pytest.mark.parametrize("capabilities", [READER, OCTANE], ids=["plain", "octane"])
def test_holding_is_asked_for_only_where_the_reader_can(capabilities: Capabilities) -> None:
    settings = Settings.model_validate({"host": "r", "keepalive": "250ms"})
    sent = reader_config(choose(settings, {}, capabilities))
    assert decode(encode(sent)).children == sent.children
    assert (sent.child("EventsAndReports") is not None) == capabilities.holding
    assert [one["GPIPortNum"] for one in sent.all("GPIPortCurrentState")] == [1, 2]
    keepalive = sent.child("KeepaliveSpec")
    assert keepalive is not None
    assert keepalive.fields == {"KeepaliveTriggerType": 1, "PeriodicTriggerValue": 250}


def test_the_same_rospec_is_recognised_whatever_its_state_and_order() -> None:
    wanted = made(filters=[{"mask": "30"}])
    running = msgspec.structs.replace(
        wanted, fields={**wanted.fields, "CurrentState": 2}, children=tuple(reversed(wanted.children))
    )
    assert same(wanted, running)
    assert not same(wanted, made())
    assert not same(made(), wanted)
    assert not same(wanted, made(filters=[{"mask": "31"}]))
