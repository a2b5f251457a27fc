"""The ROSpec and AccessSpec an inventory needs, made from choices, and whether a reader already runs the same."""

from __future__ import annotations

from drivers.llrp.choices import AntennaChoice, Choices
from drivers.llrp.codec.enums import (
    AccessReportTriggerType,
    AccessSpecStopTriggerType,
    AirProtocols,
    AISpecStopTriggerType,
    C1G2MemoryBank,
    C1G2StateUnawareAction,
    ROReportTriggerType,
    ROSpecStartTriggerType,
    ROSpecStopTriggerType,
)
from drivers.llrp.codec.values import Bits, Element, Value
from drivers.llrp.settings import Filter, Settings

ROSPEC = 1
ACCESSSPEC = 1
TID_WORDS = 6
"""96 bits: the whole TID of a tag with a serial number (Gen2v2, TID class E2h)."""

_BANKS = {"epc": C1G2MemoryBank.EPC, "tid": C1G2MemoryBank.TID, "user": C1G2MemoryBank.User}
_MOTO_NOTHING: dict[str, Value] = dict.fromkeys(
    ("EnableZoneID", "EnableZoneName", "EnableAntennaPhysicalPortConfig", "EnableGPS", "EnableMLTReport"), False
)
_EPC_POINTER = 32
"""The EPC begins behind CRC and PC (Gen2, 6.3.2.1.2)."""


def rospec(choices: Choices) -> Element:
    """One AISpec over all antennas, started as set, reporting what is asked."""
    antennas = tuple(choice.antenna for choice in choices.antennas)
    inventory = Element(
        "InventoryParameterSpec",
        {"InventoryParameterSpecID": 1, "ProtocolID": int(AirProtocols.EPCGlobalClass1Gen2)},
        tuple(_antenna(choice, choices) for choice in choices.antennas),
    )
    stop = Element(
        "AISpecStopTrigger", {"AISpecStopTriggerType": int(AISpecStopTriggerType.Null), "DurationTrigger": 0}
    )
    return Element(
        "ROSpec",
        {"ROSpecID": ROSPEC, "Priority": 0, "CurrentState": 0},
        (_boundary(choices.settings), Element("AISpec", {"AntennaIDs": antennas}, (stop, inventory)), _report(choices)),
    )


def _boundary(settings: Settings) -> Element:
    if settings.start == "immediate":
        return Element(
            "ROBoundarySpec",
            {},
            (
                Element("ROSpecStartTrigger", {"ROSpecStartTriggerType": int(ROSpecStartTriggerType.Immediate)}),
                Element(
                    "ROSpecStopTrigger",
                    {"ROSpecStopTriggerType": int(ROSpecStopTriggerType.Null), "DurationTriggerValue": 0},
                ),
            ),
        )
    gpi = settings.start.gpi
    high = gpi.level == "high"
    timeout = round(gpi.duration * 1000) if gpi.duration else 0
    start = _gpi_trigger(gpi.port, high=high, timeout=0)
    stop = _gpi_trigger(gpi.port, high=not high, timeout=timeout)
    return Element(
        "ROBoundarySpec",
        {},
        (
            Element("ROSpecStartTrigger", {"ROSpecStartTriggerType": int(ROSpecStartTriggerType.GPI)}, (start,)),
            Element(
                "ROSpecStopTrigger",
                {"ROSpecStopTriggerType": int(ROSpecStopTriggerType.GPI_With_Timeout), "DurationTriggerValue": 0},
                (stop,),
            ),
        ),
    )


def _gpi_trigger(port: int, *, high: bool, timeout: int) -> Element:
    return Element("GPITriggerValue", {"GPIPortNum": port, "GPIEvent": high, "Timeout": timeout})


def _antenna(choice: AntennaChoice, choices: Choices) -> Element:
    children = []
    if choice.sensitivity is not None:
        children.append(Element("RFReceiver", {"ReceiverSensitivity": choice.sensitivity}))
    if choice.power is not None:
        fields: dict[str, Value] = {
            "HopTableID": choice.hop_table,
            "ChannelIndex": choice.channel,
            "TransmitPower": choice.power,
        }
        children.append(Element("RFTransmitter", fields))
    children.append(_command(choices))
    return Element("AntennaConfiguration", {"AntennaID": choice.antenna}, tuple(children))


def _command(choices: Choices) -> Element:
    settings = choices.settings
    children = _filters(settings.filters)
    if choices.mode is not None:
        children.append(Element("C1G2RFControl", {"ModeIndex": choices.mode, "Tari": 0}))
    singulation: dict[str, Value] = {
        "Session": settings.session,
        "TagPopulation": settings.population,
        "TagTransitTime": 0,
    }
    children.append(Element("C1G2SingulationControl", singulation))
    if choices.search is not None:
        children.append(Element("ImpinjInventorySearchMode", {"InventorySearchMode": choices.search}))
    return Element("C1G2InventoryCommand", {"TagInventoryStateAware": False}, tuple(children))


def _filters(filters: tuple[Filter, ...]) -> list[Element]:
    """Select commands in order: the first sets the flag of every tag, the later ones add or take away."""
    action = C1G2StateUnawareAction
    ordered = sorted(filters, key=lambda one: one.action == "exclude")
    elements = []
    for position, one in enumerate(ordered):
        first = position == 0
        if one.action == "include":
            chosen = action.Select_Unselect if first else action.Select_DoNothing
        else:
            chosen = action.Unselect_Select if first else action.Unselect_DoNothing
        elements.append(_filter(one, chosen))
    return elements


def _filter(one: Filter, action: int) -> Element:
    pointer = one.pointer if one.pointer is not None else (_EPC_POINTER if one.bank == "epc" else 0)
    mask = bytes.fromhex(one.mask)
    count = one.bits or len(mask) * 8
    kept = (int.from_bytes(mask) >> (len(mask) * 8 - count)) << (-count % 8)
    bits = Bits(count, kept.to_bytes((count + 7) // 8))
    fields: dict[str, Value] = {"MB": int(_BANKS[one.bank]), "Pointer": pointer, "TagMask": bits}
    return Element(
        "C1G2Filter",
        {"T": 1},  # do not truncate
        (
            Element("C1G2TagInventoryMask", fields),
            Element("C1G2TagInventoryStateUnawareFilterAction", {"Action": int(action)}),
        ),
    )


def _report(choices: Choices) -> Element:
    fields: dict[str, Value] = dict.fromkeys(
        ("EnableROSpecID", "EnableSpecIndex", "EnableInventoryParameterSpecID", "EnableAccessSpecID"), False
    )
    fields |= dict.fromkeys(
        (
            "EnableAntennaID",
            "EnableChannelIndex",
            "EnablePeakRSSI",
            "EnableFirstSeenTimestamp",
            "EnableLastSeenTimestamp",
            "EnableTagSeenCount",
        ),
        True,
    )
    memory = Element("C1G2EPCMemorySelector", {"EnableCRC": False, "EnablePCBits": True})
    trigger = ROReportTriggerType.Upon_N_Tags_Or_End_Of_ROSpec
    children = [Element("TagReportContentSelector", fields, (memory,)), *_vendor_report(choices)]
    return Element(
        "ROReportSpec", {"ROReportTrigger": int(trigger), "N": choices.settings.report.tags}, tuple(children)
    )


def _vendor_report(choices: Choices) -> list[Element]:
    settings = choices.settings
    if not choices.capabilities.impinj:
        return (
            [Element("MotoTagReportContentSelector", {**_MOTO_NOTHING, "EnablePhase": True})] if settings.phase else []
        )
    asked = (
        (settings.tid, Element("ImpinjEnableSerializedTID", {"SerializedTIDMode": 1})),
        (settings.phase, Element("ImpinjEnableRFPhaseAngle", {"RFPhaseAngleMode": 1})),
        (settings.fine_rssi, Element("ImpinjEnablePeakRSSI", {"PeakRSSIMode": 1})),
        (settings.doppler, Element("ImpinjEnableRFDopplerFrequency", {"RFDopplerFrequencyMode": 1})),
    )
    children = tuple(element for on, element in asked if on)
    return [Element("ImpinjTagReportContentSelector", {}, children)] if children else []


def access_spec(choices: Choices) -> Element | None:
    """A read of each tag's TID where it is asked for and the reader has no way of its own to report it."""
    if not choices.settings.tid or choices.capabilities.impinj:
        return None
    no_bits = Bits(0, b"")
    every_tag: dict[str, Value] = {"MB": 0, "Match": True, "Pointer": 0, "TagMask": no_bits, "TagData": no_bits}
    read: dict[str, Value] = {
        "OpSpecID": 1,
        "AccessPassword": 0,
        "MB": int(C1G2MemoryBank.TID),
        "WordPointer": 0,
        "WordCount": TID_WORDS,
    }
    command = (Element("C1G2TagSpec", {}, (Element("C1G2TargetTag", every_tag),)), Element("C1G2Read", read))
    stop: dict[str, Value] = {"AccessSpecStopTrigger": int(AccessSpecStopTriggerType.Null), "OperationCountValue": 0}
    report = int(AccessReportTriggerType.Whenever_ROReport_Is_Generated)
    return Element(
        "AccessSpec",
        {
            "AccessSpecID": ACCESSSPEC,
            "AntennaID": 0,
            "ProtocolID": int(AirProtocols.EPCGlobalClass1Gen2),
            "CurrentState": False,
            "ROSpecID": ROSPEC,
        },
        (
            Element("AccessSpecStopTrigger", stop),
            Element("AccessCommand", {}, command),
            Element("AccessReportSpec", {"AccessReportTrigger": report}),
        ),
    )


def same(wanted: Element, running: Element) -> bool:
    """Whether a reader's spec is the wanted one, whatever its state and the order it tells its parameters in."""
    return _plain(wanted) == _plain(running)


def _plain(element: Element) -> tuple[object, ...]:
    fields = tuple(sorted((key, repr(value)) for key, value in element.fields.items() if key != "CurrentState"))
    return element.name, fields, tuple(sorted((_plain(child) for child in element.children), key=repr))
