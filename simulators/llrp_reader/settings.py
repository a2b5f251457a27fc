"""What SET_READER_CONFIG sets and GET_READER_CONFIG shows (section 13.2)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from drivers.llrp.codec.enums import GetReaderConfigRequestedData as Asked
from drivers.llrp.codec.enums import KeepaliveTriggerType, NotificationEventType, StatusCode
from drivers.llrp.codec.values import Element, Message
from simulators.llrp_reader.device import Device
from simulators.llrp_reader.elements import Refused, element, refused_field, refused_parameter, status
from simulators.llrp_reader.plan import ANTENNA, REPORT, check_antenna, check_report

_NO_LOSS = {"PeakRSSI", "AntennaID", "FirstSeenTimestamp"}
_FIELDS = ("ROSpecID", "SpecIndex", "InventoryParameterSpecID", "AntennaID", "ChannelIndex", "PeakRSSI",
           "FirstSeenTimestamp", "LastSeenTimestamp", "TagSeenCount", "AccessSpecID")  # fmt: skip
_KEEPALIVE, _EVENTS, _GPI, _HOLD = 220, 244, 225, 226


class Settings:
    """A reader's configuration; made new at a factory reset."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.notify = dict.fromkeys(NotificationEventType, False)
        self.keepalive = 0.0
        """Seconds between KEEPALIVE messages; 0: none."""
        self.hold = False
        self.inputs_on = dict.fromkeys(device.inputs, False)
        self.antennas: dict[int, Element] = {antenna: _antenna(antenna, device) for antenna in device.antennas}
        self.report = _report()
        self.access_report = element("AccessReportSpec", AccessReportTrigger=0)
        self.extensions = False
        self.link_down = device.options.link_down

    def apply(self, message: Message) -> Settings:
        """The settings after a SET_READER_CONFIG, whole or not at all. Raises `Refused` for what cannot be set."""
        new = Settings(self._device)
        new.extensions = self.extensions  # Impinj's outlive a factory reset
        if not message["ResetToFactoryDefault"]:
            new.__dict__.update({name: _copy(value) for name, value in self.__dict__.items()})
        for child in message.children:
            new._set(child)
        for output in message.all("GPOWriteData"):
            self._device.drive(output["GPOPortNumber"], state=bool(output["GPOData"]))
        return new

    def _set(self, given: Element) -> None:
        """Sets one parameter; a vendor's is taken and has no effect."""
        setters: dict[str, Callable[[Element], None]] = {
            "ReaderEventNotificationSpec": self._set_events,
            "AntennaConfiguration": self._set_antenna,
            "ROReportSpec": self._set_report,
            "AccessReportSpec": self._set_access_report,
            "KeepaliveSpec": self._set_keepalive,
            "GPIPortCurrentState": self._set_input,
            "EventsAndReports": self._set_hold,
            "GPOWriteData": self._check_output,
            "AntennaProperties": self._refuse_properties,
            "ImpinjLinkMonitorConfiguration": self._set_link_monitor,
        }
        if given.name in setters:
            setters[given.name](given)

    def _set_report(self, given: Element) -> None:
        check_report(given, (REPORT,))
        self.report = given

    def _set_access_report(self, given: Element) -> None:
        self.access_report = given

    def _check_output(self, given: Element) -> None:
        if given["GPOPortNumber"] not in self._device.outputs:
            raise refused_parameter("there is no such GPO", (219,), 0, StatusCode.A_OutOfRange)
        if given["GPOPortNumber"] in self._device.stuck:
            raise Refused(status(StatusCode.R_DeviceError, f"GPO {given['GPOPortNumber']} does not switch"))

    def _refuse_properties(self, _given: Element) -> None:
        raise Refused(status(StatusCode.M_UnsupportedParameter, "antenna properties cannot be set"))

    def _set_events(self, given: Element) -> None:
        for state in given.all("EventNotificationState"):
            if state["EventType"] not in self.notify:
                raise refused_parameter("unknown event type", (_EVENTS, 245), 0, StatusCode.A_OutOfRange)
            self.notify[NotificationEventType(state["EventType"])] = state["NotificationState"]

    def _set_antenna(self, given: Element) -> None:
        check_antenna(given, self._device, (ANTENNA,))
        for antenna in self._device.antennas if given["AntennaID"] == 0 else (given["AntennaID"],):
            kept = {child.name: child for child in self.antennas[antenna].children}
            kept.update((child.name, child) for child in given.children)
            self.antennas[antenna] = element("AntennaConfiguration", *kept.values(), AntennaID=antenna)

    def _set_keepalive(self, given: Element) -> None:
        if given["KeepaliveTriggerType"] == KeepaliveTriggerType.Null:
            self.keepalive = 0.0
        elif given["KeepaliveTriggerType"] > KeepaliveTriggerType.Periodic or given["PeriodicTriggerValue"] == 0:
            raise refused_parameter("a keepalive needs a period", (_KEEPALIVE,), 1, StatusCode.A_OutOfRange)
        else:
            self.keepalive = given["PeriodicTriggerValue"] / 1000

    def _set_input(self, given: Element) -> None:
        if given["GPIPortNum"] not in self.inputs_on:
            raise refused_parameter(f"there is no GPI {given['GPIPortNum']}", (_GPI,), 0, StatusCode.A_OutOfRange)
        self.inputs_on[given["GPIPortNum"]] = given["Config"]

    def _set_link_monitor(self, given: Element) -> None:
        self.link_down = given["LinkDownThreshold"] if given["LinkMonitorMode"] == 1 else 0

    def _set_hold(self, given: Element) -> None:
        if given["HoldEventsAndReportsUponReconnect"] and not self._device.holding:
            raise refused_parameter("this reader holds no events and reports", (_HOLD,), 0, StatusCode.A_Invalid)
        self.hold = given["HoldEventsAndReportsUponReconnect"]

    def shown(self, message: Message) -> Iterator[Element]:
        """What a GET_READER_CONFIG asks for, in the response's order."""
        if message["RequestedData"] > Asked.EventsAndReports:
            raise refused_field("unknown requested data", 1, StatusCode.A_OutOfRange)
        if message["AntennaID"] not in (0, *self._device.antennas):
            raise refused_field(f"there is no antenna {message['AntennaID']}", 0, StatusCode.A_OutOfRange)
        if message["GPIPortNum"] not in (0, *self.inputs_on):
            raise refused_field(f"there is no GPI {message['GPIPortNum']}", 2, StatusCode.A_OutOfRange)
        for part, shown in self._parts(message):
            if message["RequestedData"] in (Asked.All, part):
                yield from shown

    def _parts(self, message: Message) -> list[tuple[Asked, list[Element]]]:
        antennas = [message["AntennaID"]] if message["AntennaID"] else list(self._device.antennas)
        inputs = [message["GPIPortNum"]] if message["GPIPortNum"] else list(self.inputs_on)
        outputs = [message["GPOPortNum"]] if message["GPOPortNum"] in self._device.outputs else [*self._device.outputs]
        kind = KeepaliveTriggerType.Periodic if self.keepalive else KeepaliveTriggerType.Null
        period = round(self.keepalive * 1000)
        return [
            (Asked.Identification, [element("Identification", IDType=0, ReaderID=self._identification())]),
            (Asked.AntennaProperties, [self._properties(antenna) for antenna in antennas]),
            (Asked.AntennaConfiguration, [self.antennas[antenna] for antenna in antennas]),
            (Asked.ReaderEventNotificationSpec, [self._events()]),
            (Asked.ROReportSpec, [self.report]),
            (Asked.AccessReportSpec, [self.access_report]),
            (Asked.LLRPConfigurationStateValue, [self._state_value()]),
            (
                Asked.KeepaliveSpec,
                [element("KeepaliveSpec", KeepaliveTriggerType=int(kind), PeriodicTriggerValue=period)],
            ),
            (Asked.GPIPortCurrentState, [self._input(port) for port in inputs]),
            (Asked.GPOWriteData, [self._output(port) for port in outputs]),
            (Asked.EventsAndReports, [element("EventsAndReports", HoldEventsAndReportsUponReconnect=self.hold)]),
        ]

    def _identification(self) -> bytes:
        """An EUI-64 of the family's maker, different for each reader's name."""
        return b"\x00\x16\x25\xff\xfe" + zlib.crc32(self._device.options.name.encode()).to_bytes(4, "big")[:3]

    def _properties(self, antenna: int) -> Element:
        connected = antenna not in self._device.unplugged
        return element("AntennaProperties", AntennaConnected=connected, AntennaID=antenna, AntennaGain=0)

    def _events(self) -> Element:
        states = (
            element("EventNotificationState", EventType=int(kind), NotificationState=on)
            for kind, on in self.notify.items()
        )
        return element("ReaderEventNotificationSpec", *states)

    def _input(self, port: int) -> Element:
        state = int(self._device.inputs[port])
        return element("GPIPortCurrentState", GPIPortNum=port, Config=self.inputs_on[port], State=state)

    def _output(self, port: int) -> Element:
        return element("GPOWriteData", GPOPortNumber=port, GPOData=self._device.outputs[port])

    def _state_value(self) -> Element:
        """Changes whenever the configuration does (section 13.2.2)."""
        parts = (self.notify, self.keepalive, self.hold, self.inputs_on, self.antennas, self.report, self.access_report)
        return element("LLRPConfigurationStateValue", LLRPConfigurationStateValue=zlib.crc32(repr(parts).encode()))


def _copy(value: object) -> object:
    return dict(value) if isinstance(value, dict) else value


def _antenna(antenna: int, device: Device) -> Element:
    kind = device.kind
    mode = kind.modes[0][0]
    return element(
        "AntennaConfiguration",
        element("RFReceiver", ReceiverSensitivity=1),
        element(
            "RFTransmitter",
            HopTableID=int(kind.hopping),
            ChannelIndex=int(not kind.hopping),
            TransmitPower=len(kind.powers),
        ),
        element(
            "C1G2InventoryCommand",
            element("C1G2RFControl", ModeIndex=mode, Tari=0),
            element("C1G2SingulationControl", Session=1, TagPopulation=32, TagTransitTime=0),
            TagInventoryStateAware=False,
        ),
        AntennaID=antenna,
    )


def _report() -> Element:
    memory = element("C1G2EPCMemorySelector", EnableCRC=False, EnablePCBits=False)
    content = element("TagReportContentSelector", memory, **{f"Enable{name}": name in _NO_LOSS for name in _FIELDS})
    return element("ROReportSpec", content, ROReportTrigger=2, N=1)
