"""A ROSpec, checked against what the reader can do, as the plan of its execution (sections 11.2 and 14.2.2)."""

from __future__ import annotations

import msgspec

from drivers.llrp.codec.enums import (
    AirProtocols,
    AISpecStopTriggerType,
    ROReportTriggerType,
    ROSpecStartTriggerType,
    ROSpecStopTriggerType,
    StatusCode,
)
from drivers.llrp.codec.values import Element
from simulators.llrp_reader.device import Device
from simulators.llrp_reader.elements import Refused, refused_field, refused_parameter, required, status
from simulators.llrp_reader.selection import Filters

ROSPEC, BOUNDARY, START, STOP, GPI_TRIGGER, AISPEC, AI_STOP, INVENTORY, ANTENNA = (
    177,
    178,
    179,
    182,
    181,
    183,
    184,
    186,
    222,
)
RECEIVER, TRANSMITTER, COMMAND, FILTER, RF_CONTROL, REPORT = 223, 224, 330, 331, 335, 237
_OUT_OF_RANGE = StatusCode.A_OutOfRange


class Gpi(msgspec.Struct, frozen=True):
    """An input's edge: its port, the state it changes to, and after how many seconds to stop anyway (0: never)."""

    port: int
    state: bool
    timeout: float


class Observation(msgspec.Struct, frozen=True):
    """TagObservationTrigger: times in seconds."""

    kind: int
    tags: int
    attempts: int
    quiet: float
    timeout: float


class AiPlan(msgspec.Struct, frozen=True):
    """One AISpec: where it listens and when it stops."""

    index: int
    inventory: int
    antennas: tuple[int, ...]
    stop: int
    duration: float
    gpi: Gpi | None
    observation: Observation | None
    configurations: tuple[Element, ...]


class Plan(msgspec.Struct, frozen=True):
    """One ROSpec. `offset` and `period` in seconds; `starts` the UTC start of a periodic one, by the reader's clock."""

    id: int
    priority: int
    start: int
    offset: float
    period: float
    starts: float | None
    start_gpi: Gpi | None
    stop: int
    duration: float
    stop_gpi: Gpi | None
    ais: tuple[AiPlan, ...]
    report: Element | None


class View(msgspec.Struct, frozen=True):
    """How one antenna listens in one AISpec."""

    filters: Filters
    loss: float
    """dB below the reader's full power."""
    deaf: bool
    """Configured with a channel, hop table or mode that the reader has not."""
    channel: int


def plan(rospec: Element, device: Device) -> Plan:
    """The plan of a ROSpec. Raises `Refused` naming the field or parameter that this reader does not take."""
    _check_fields(rospec, device.kind.priorities)
    boundary = required(rospec, "ROBoundarySpec")
    start, stop = required(boundary, "ROSpecStartTrigger"), required(boundary, "ROSpecStopTrigger")
    periodic, start_gpi = _start(start, device)
    clock = periodic.child("UTCTimestamp") if periodic else None
    stop_kind = stop["ROSpecStopTriggerType"]
    if stop_kind > ROSpecStopTriggerType.GPI_With_Timeout:
        raise refused_parameter("unknown ROSpec stop trigger", (ROSPEC, BOUNDARY, STOP), 0, _OUT_OF_RANGE)
    stop_gpi = stop_kind == ROSpecStopTriggerType.GPI_With_Timeout
    report = rospec.child("ROReportSpec")
    if report is not None:
        check_report(report, (ROSPEC, REPORT))
    return Plan(
        id=rospec["ROSpecID"],
        priority=rospec["Priority"],
        start=start["ROSpecStartTriggerType"],
        offset=periodic["Offset"] / 1000 if periodic else 0.0,
        period=periodic["Period"] / 1000 if periodic else 0.0,
        starts=clock["Microseconds"] / 1e6 if clock else None,
        start_gpi=start_gpi,
        stop=stop_kind,
        duration=stop["DurationTriggerValue"] / 1000,
        stop_gpi=_gpi(stop, device, (ROSPEC, BOUNDARY, STOP)) if stop_gpi else None,
        ais=tuple(_ai(spec, index, device) for index, spec in enumerate(_specs(rospec), 1)),
        report=report,
    )


def check_report(report: Element, path: tuple[int, ...]) -> None:
    """Refuses a ROReportSpec that means nothing."""
    required(report, "TagReportContentSelector")
    if report["ROReportTrigger"] > ROReportTriggerType.Upon_N_Tags_Or_End_Of_ROSpec:
        raise refused_parameter("unknown report trigger", path, 0, _OUT_OF_RANGE)


def check_antenna(configuration: Element, device: Device, path: tuple[int, ...]) -> None:
    """Refuses an AntennaConfiguration that this reader cannot follow; `path` leads to it."""
    kind = device.kind
    if configuration["AntennaID"] not in (0, *device.antennas):
        text = f"antenna {configuration['AntennaID']} is none of this reader's {len(device.antennas)}"
        raise refused_parameter(text, path, 0, _OUT_OF_RANGE)
    receiver, transmitter = configuration.child("RFReceiver"), configuration.child("RFTransmitter")
    if receiver is not None and receiver["ReceiverSensitivity"] > len(kind.sensitivities):
        raise refused_parameter("receiver sensitivity is not in the table", (*path, RECEIVER), 0, _OUT_OF_RANGE)
    if transmitter is not None:
        if not 1 <= transmitter["TransmitPower"] <= len(kind.powers):
            text = f"transmit power index {transmitter['TransmitPower']} is not in the table of {len(kind.powers)}"
            raise refused_parameter(text, (*path, TRANSMITTER), 2, _OUT_OF_RANGE)
        if kind.strict and not _tuned(transmitter, device):
            field = 0 if kind.hopping else 1
            raise refused_parameter("no such hop table or channel", (*path, TRANSMITTER), field, _OUT_OF_RANGE)
    for command in configuration.all("C1G2InventoryCommand"):
        _check_command(command, device, (*path, COMMAND))


def view(antenna: int, own: tuple[Element, ...], defaults: tuple[Element, ...], device: Device) -> View:
    """How an antenna listens: as the AISpec says of it, else of all (AntennaID 0), else as the reader is configured."""
    ranked = sorted((each for each in own if each["AntennaID"] in (0, antenna)), key=_is_for_all)
    ranked += [each for each in defaults if each["AntennaID"] == antenna]
    transmitter = next((found for each in ranked if (found := each.child("RFTransmitter"))), None)
    command = next((found for each in ranked if (found := each.child("C1G2InventoryCommand"))), None)
    control = command.child("C1G2RFControl") if command else None
    deaf = control is not None and not _has_mode(control, device)
    powers, loss, channel = device.kind.powers, 0.0, 1
    if transmitter is not None:
        loss = (powers[-1] - powers[transmitter["TransmitPower"] - 1]) / 100
        deaf = deaf or not _tuned(transmitter, device)
        channel = channel if device.kind.hopping else transmitter["ChannelIndex"]
    return View(Filters(command.all("C1G2Filter") if command else []), loss, deaf, channel)


def _is_for_all(configuration: Element) -> bool:
    return bool(configuration["AntennaID"] == 0)


def _tuned(transmitter: Element, device: Device) -> bool:
    if device.kind.hopping:
        return bool(transmitter["HopTableID"] == 1)
    return bool(1 <= transmitter["ChannelIndex"] <= len(device.kind.frequencies))


def _has_mode(control: Element, device: Device) -> bool:
    return any(mode[0] == control["ModeIndex"] for mode in device.kind.modes)


def _check_command(command: Element, device: Device, path: tuple[int, ...]) -> None:
    if command["TagInventoryStateAware"]:
        raise refused_parameter("tag inventory state aware singulation is not supported", path, 0, StatusCode.A_Invalid)
    control = command.child("C1G2RFControl")
    if control is not None and device.kind.strict and not _has_mode(control, device):
        text = f"mode {control['ModeIndex']} is not in the table"
        raise refused_parameter(text, (*path, RF_CONTROL), 0, _OUT_OF_RANGE)
    if len(command.all("C1G2Filter")) > device.kind.filters:
        text = f"at most {device.kind.filters} filters a query"
        raise refused_parameter(text, (*path, FILTER), None, StatusCode.P_OverflowParameter)
    for each in command.all("C1G2Filter"):
        required(each, "C1G2TagInventoryMask")


def _check_fields(rospec: Element, priorities: int) -> None:
    if rospec["ROSpecID"] == 0:
        raise refused_parameter("ROSpecID 0 means all and names none", (ROSPEC,), 0, StatusCode.A_Invalid)
    if rospec["Priority"] >= priorities:
        raise refused_parameter(f"priorities are 0 to {priorities - 1}", (ROSPEC,), 1, _OUT_OF_RANGE)
    if rospec["CurrentState"] != 0:
        raise refused_parameter("a ROSpec is added disabled", (ROSPEC,), 2, StatusCode.A_Invalid)


def _specs(rospec: Element) -> list[Element]:
    if rospec.child("RFSurveySpec") is not None:
        raise Refused(status(StatusCode.M_UnsupportedParameter, "this reader does no RF surveys"))
    specs = rospec.all("AISpec")
    if not specs:
        raise Refused(status(StatusCode.M_MissingParameter, "ROSpec has no AISpec"))
    return specs


def _start(start: Element, device: Device) -> tuple[Element | None, Gpi | None]:
    path = (ROSPEC, BOUNDARY, START)
    kind = start["ROSpecStartTriggerType"]
    if kind == ROSpecStartTriggerType.Periodic:
        periodic = required(start, "PeriodicTriggerValue")
        if periodic.child("UTCTimestamp") is not None and not device.utc:
            raise refused_parameter(
                "this reader has no UTC clock to start by", (*path, 180, 128), 0, StatusCode.A_Invalid
            )
        return periodic, None
    if kind == ROSpecStartTriggerType.GPI:
        return None, _gpi(start, device, path)
    if kind > ROSpecStartTriggerType.GPI:
        raise refused_parameter("unknown ROSpec start trigger", path, 0, _OUT_OF_RANGE)
    return None, None


def _gpi(trigger: Element, device: Device, path: tuple[int, ...]) -> Gpi:
    value = required(trigger, "GPITriggerValue")
    if value["GPIPortNum"] not in device.inputs:
        raise refused_parameter(f"there is no GPI {value['GPIPortNum']}", (*path, GPI_TRIGGER), 0, _OUT_OF_RANGE)
    return Gpi(value["GPIPortNum"], value["GPIEvent"], value["Timeout"] / 1000)


def _ai(spec: Element, index: int, device: Device) -> AiPlan:
    path = (ROSPEC, AISPEC)
    trigger, inventories = required(spec, "AISpecStopTrigger"), spec.all("InventoryParameterSpec")
    if len(inventories) != 1:
        code = StatusCode.P_OverflowParameter if inventories else StatusCode.P_MissingParameter
        raise refused_parameter("an AISpec takes one InventoryParameterSpec", (*path, INVENTORY), None, code)
    (inventory,) = inventories
    if inventory["ProtocolID"] != AirProtocols.EPCGlobalClass1Gen2:
        raise refused_parameter("only EPCglobal Class 1 Gen 2", (*path, INVENTORY), 1, StatusCode.A_Invalid)
    configurations = tuple(inventory.all("AntennaConfiguration"))
    for configuration in configurations:
        check_antenna(configuration, device, (*path, INVENTORY, ANTENNA))
    kind = trigger["AISpecStopTriggerType"]
    if kind > AISpecStopTriggerType.Tag_Observation:
        raise refused_parameter("unknown AISpec stop trigger", (*path, AI_STOP), 0, _OUT_OF_RANGE)
    return AiPlan(
        index=index,
        inventory=inventory["InventoryParameterSpecID"],
        antennas=_antennas(spec, device, path),
        stop=kind,
        duration=trigger["DurationTrigger"] / 1000,
        gpi=_gpi(trigger, device, (*path, AI_STOP)) if kind == AISpecStopTriggerType.GPI_With_Timeout else None,
        observation=_observation(trigger) if kind == AISpecStopTriggerType.Tag_Observation else None,
        configurations=configurations,
    )


def _antennas(spec: Element, device: Device, path: tuple[int, ...]) -> tuple[int, ...]:
    asked: tuple[int, ...] = spec["AntennaIDs"]
    if asked == (0,):
        return tuple(device.antennas)
    if not asked or any(antenna not in device.antennas for antenna in asked):
        raise refused_parameter(f"antennas {asked} are not all this reader's", path, 0, _OUT_OF_RANGE)
    return asked


def _observation(trigger: Element) -> Observation:
    value = required(trigger, "TagObservationTrigger")
    if value["TriggerType"] > 2:
        raise refused_field("unknown tag observation trigger", 0, _OUT_OF_RANGE)
    return Observation(
        value["TriggerType"],
        value["NumberOfTags"],
        value["NumberOfAttempts"],
        value["T"] / 1000,
        value["Timeout"] / 1000,
    )
