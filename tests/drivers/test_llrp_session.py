"""The conversation with a reader, without a network: order, gaps, clocks, faults, silence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from drivers.contract import Disconnected, DriverError, ProtocolViolation, Read, Rejected, Signal, Status, Unreachable
from drivers.llrp.codec.values import Element, Message
from drivers.llrp.codec.wire import decode, encode
from drivers.llrp.session import Memory, Session
from drivers.llrp.settings import Settings
from drivers.reads import together

HOST = 1_790_000_000.0
OK = Element("LLRPStatus", {"StatusCode": 0, "ErrorDescription": ""})


def e(name: str, *children: Element, **fields: Any) -> Element:
    return Element(name, fields, children)


def capabilities(*, vendor: int = 4711, holding: bool = False) -> tuple[Element, ...]:
    return (
        e(
            "GeneralDeviceCapabilities",
            e("ReceiveSensitivityTableEntry", Index=1, ReceiveSensitivityValue=0),
            e("GPIOCapabilities", NumGPIs=2, NumGPOs=0),
            e("PerAntennaAirProtocol", AntennaID=1, ProtocolID=b"\x01"),
            MaxNumberOfAntennaSupported=2,
            CanSetAntennaProperties=False,
            HasUTCClockCapability=True,
            DeviceManufacturerName=vendor,
            ModelName=1,
            ReaderFirmwareVersion="1.0",
        ),
        e(
            "LLRPCapabilities",
            CanDoRFSurvey=False,
            CanReportBufferFillWarning=True,
            SupportsClientRequestOpSpec=False,
            CanDoTagInventoryStateAwareSingulation=False,
            SupportsEventAndReportHolding=holding,
            MaxNumPriorityLevelsSupported=1,
            ClientRequestOpSpecTimeout=0,
            MaxNumROSpecs=1,
            MaxNumSpecsPerROSpec=1,
            MaxNumInventoryParameterSpecsPerAISpec=1,
            MaxNumAccessSpecs=0,
            MaxNumOpSpecsPerAccessSpec=0,
        ),
    )


class Script:
    """A reader of a few lines that answers what a session sends; `overrides` answers by name instead."""

    def __init__(self, settings: Settings | None = None, memory: Memory | None = None, **facts: Any) -> None:
        self.overrides: dict[str, Callable[[Message], list[Message]]] = {}
        self.memory = memory or Memory()
        self.session = Session(settings or Settings(host="reader"), {}, self.memory, now=0.0)
        self.asked: list[str] = []
        self.rospecs: list[Element] = facts.pop("rospecs", [])
        self.hold = facts.pop("hold", False)
        self.facts = facts
        self.received, self.now = HOST, 0.0

    def answer(self, message: Message) -> list[Message]:
        children: tuple[Element, ...] = (OK,)
        if message.name in self.overrides:
            return self.overrides[message.name](message)
        if message.name in {"KEEPALIVE_ACK", "ENABLE_EVENTS_AND_REPORTS", "GET_REPORT"}:
            return []
        if message.name == "GET_SUPPORTED_VERSION":
            error = Element("LLRPStatus", {"StatusCode": 109, "ErrorDescription": ""})
            return [Message("ERROR_MESSAGE", message.id, children=(error,))]
        if message.name == "GET_READER_CAPABILITIES":
            children += capabilities(**self.facts)
        if message.name == "GET_READER_CONFIG":
            children += (e("EventsAndReports", HoldEventsAndReportsUponReconnect=self.hold),)
        if message.name == "GET_ROSPECS":
            children += tuple(self.rospecs)
        if message.name == "ADD_ROSPEC":
            self.rospecs = [_with(message.children[0], CurrentState=0)]
        if message.name == "ENABLE_ROSPEC":
            self.rospecs = [_with(self.rospecs[0], CurrentState=2)]
        if message.name == "DELETE_ROSPEC":
            self.rospecs = []
        return [Message(f"{message.name}_RESPONSE", message.id, message.version, children=children)]

    def say(self, *messages: Message, after: float = 0.0) -> None:
        """Gives the session frames, then answers it until it is content."""
        self.now += after
        self.received += after
        frames = [encode(message) for message in messages]
        self.session.receive(frames, self.received, self.now)
        while self.session.outgoing:
            sent, self.session.outgoing = self.session.outgoing, []
            for message in map(decode, sent):
                self.asked.append(message.name)
                if answers := self.answer(message):
                    self.session.receive([encode(one) for one in answers], self.received, self.now)

    def greet(self, stamp: float | None = None, status: int = 0) -> None:
        self.say(event(e("ConnectionAttemptEvent", Status=status), stamp=self.received if stamp is None else stamp))

    def statuses(self) -> list[tuple[object, str]]:
        return [(one.antenna, one.state) for one in self.session.observations if isinstance(one, Status)]

    def reads(self) -> list[Read]:
        return [one for one in together(self.session.observations) if isinstance(one, Read)]


def _with(element: Element, **fields: Any) -> Element:
    return msgspec.structs.replace(element, fields={**element.fields, **fields})


def event(*children: Element, stamp: float = HOST, clock: str = "UTCTimestamp") -> Message:
    content = e("ReaderEventNotificationData", e(clock, Microseconds=round(stamp * 1e6)), *children)
    return Message("READER_EVENT_NOTIFICATION", 0, children=(content,))


def report(*stamps: float, antenna: int = 1) -> Message:
    tags = (
        e(
            "TagReportData",
            e("EPC_96", EPC=bytes(12)),
            e("AntennaID", AntennaID=antenna),
            e("LastSeenTimestampUTC", Microseconds=round(stamp * 1e6)),
        )
        for stamp in stamps
    )
    return Message("RO_ACCESS_REPORT", 0, children=tuple(tags))


def test_the_order_of_a_first_connection() -> None:
    script = Script()
    script.greet()
    assert script.asked == [
        "GET_SUPPORTED_VERSION",
        "GET_READER_CAPABILITIES",
        "ENABLE_EVENTS_AND_REPORTS",
        "GET_READER_CONFIG",
        "GET_ROSPECS",
        "SET_READER_CONFIG",
        "ADD_ROSPEC",
        "ENABLE_ROSPEC",
        "GET_ROSPECS",
        "GET_READER_CONFIG",
    ]
    assert script.statuses() == [(None, "online")]


def test_a_running_inventory_is_not_disturbed() -> None:
    first = Script()
    first.greet()
    again = Script(memory=first.memory, rospecs=first.rospecs)
    again.greet()
    assert not {"DELETE_ROSPEC", "ADD_ROSPEC", "ENABLE_ROSPEC"} & set(again.asked)
    assert again.statuses() == [(None, "online")]


def test_an_inventory_that_does_not_begin_by_itself_is_started() -> None:
    script = Script()
    script.overrides["ENABLE_ROSPEC"] = lambda ask: [Message("ENABLE_ROSPEC_RESPONSE", ask.id, children=(OK,))]
    script.greet()
    assert script.asked[-3:-1] == ["GET_ROSPECS", "START_ROSPEC"]
    assert script.statuses() == [(None, "online")]


def test_another_inventory_is_replaced() -> None:
    first = Script(Settings(host="reader", session=2))
    first.greet()
    again = Script(rospecs=first.rospecs)
    again.greet()
    assert again.asked[-5:] == ["DELETE_ROSPEC", "ADD_ROSPEC", "ENABLE_ROSPEC", "GET_ROSPECS", "GET_READER_CONFIG"]


@pytest.mark.parametrize("skew", [0.0, 946_684_800.0 - HOST], ids=["right", "year 2000"])
def test_held_reports_come_first_keep_their_times_and_close_the_gap(skew: float) -> None:
    first = Script(holding=True)
    first.greet(stamp=HOST + skew)
    first.say(report(HOST + skew + 1.0), after=1.0)
    heard = first.received
    again = Script(memory=first.memory, rospecs=first.rospecs, hold=True, holding=True)
    again.received = HOST + 30.02
    held = [report(HOST + skew + second) for second in (2.0, 15.0, 29.9)]
    again.overrides["ENABLE_EVENTS_AND_REPORTS"] = lambda _: held
    again.greet(stamp=HOST + skew + 30.0)
    assert [read.time for read in again.reads()] == pytest.approx([HOST + 2, HOST + 15, HOST + 29.9], abs=0.05)
    online = again.session.observations[-1]
    assert isinstance(online, Status)
    assert (online.state, online.time) == ("online", heard)


def test_held_reports_never_lower_the_offset() -> None:
    memory = Memory()
    script = Script(memory=memory, holding=True)
    # the reader's clock was set back by an hour while nobody listened: held stamps look younger than the greeting
    script.overrides["ENABLE_EVENTS_AND_REPORTS"] = lambda _: [report(HOST + 3590.0)]
    script.greet(stamp=HOST)
    assert memory.clock.offset == pytest.approx(0.0, abs=1e-5)


def test_without_holding_the_gap_is_unobserved() -> None:
    first = Script()
    first.greet()
    first.session.lost("gone", HOST + 20)
    offline = first.session.observations[-1]
    assert (offline.state, offline.time) == ("offline", HOST)  # type: ignore[union-attr]  # a Status
    again = Script(memory=first.memory, rospecs=first.rospecs)
    again.received = HOST + 30
    again.greet()
    online = again.session.observations[-1]
    assert (online.state, online.time) == ("online", HOST + 30)  # type: ignore[union-attr]  # a Status


def test_held_reports_with_an_overflow_do_not_close_the_gap() -> None:
    first = Script(holding=True)
    first.greet()
    again = Script(memory=first.memory, rospecs=first.rospecs, hold=True, holding=True)
    again.received = HOST + 30
    overflow = event(e("ReportBufferOverflowErrorEvent"), stamp=HOST + 10)
    again.overrides["ENABLE_EVENTS_AND_REPORTS"] = lambda _: [report(HOST + 2), overflow]
    again.greet()
    told = [one for one in again.session.observations if isinstance(one, Status)]
    assert [(one.state, one.time) for one in told] == [("online", HOST + 30), ("degraded", HOST + 30)]


def test_held_reports_of_an_inventory_that_paused_do_not_close_the_gap() -> None:
    first = Script(holding=True)
    first.greet()
    again = Script(memory=first.memory, rospecs=first.rospecs, hold=True, holding=True)
    again.received = HOST + 30
    pause = [
        event(e("ROSpecEvent", EventType=kind, ROSpecID=1, PreemptingROSpecID=0), stamp=stamp)
        for kind, stamp in ((1, HOST + 10), (0, HOST + 20))
    ]
    again.overrides["ENABLE_EVENTS_AND_REPORTS"] = lambda _: [report(HOST + 2), *pause, report(HOST + 25)]
    again.greet()
    told = [one for one in again.session.observations if isinstance(one, Status)]
    assert [(one.state, one.time) for one in told] == [("online", HOST + 30)]


def test_fresh_reports_correct_a_late_greeting() -> None:
    script = Script()
    script.greet(stamp=HOST - 0.8)
    script.say(report(HOST + 1.0), after=1.0)
    assert script.reads()[0].time == pytest.approx(HOST + 1.0, abs=1e-3)


def test_a_reader_with_uptime_only() -> None:
    script = Script()
    script.say(event(e("ConnectionAttemptEvent", Status=0), stamp=77.0, clock="Uptime"))
    script.say(event(e("GPIEvent", GPIPortNumber=2, GPIEvent=True), stamp=80.0, clock="Uptime"), after=3.2)
    assert script.session.observations[-1] == Signal("gpi2", True, pytest.approx(HOST + 3.0))


def test_inputs_are_told_as_they_are_found() -> None:
    script = Script()
    found = [
        e("GPIPortCurrentState", GPIPortNum=port, Config=True, State=state) for port, state in ((1, 1), (2, 0), (3, 2))
    ]
    script.overrides["GET_READER_CONFIG"] = lambda ask: [
        Message("GET_READER_CONFIG_RESPONSE", ask.id, children=(OK, *found))
    ]
    script.greet()
    assert script.session.observations[:-1] == [Signal("gpi1", True, HOST), Signal("gpi2", False, HOST)]


def test_an_answer_may_wait_behind_much_that_was_held() -> None:
    script = Script(holding=True)
    script.overrides["GET_READER_CONFIG"] = lambda _: []
    script.greet(stamp=HOST)
    for second in range(30):
        script.say(report(HOST - 60 + second), after=1.0)
    assert script.session.deadline == pytest.approx(30.0 + 10.0)


@pytest.mark.parametrize(("status", "words"), [(1, "it opened itself"), (2, "another client"), (3, "does not take")])
def test_a_reader_that_does_not_take_us_says_why(status: int, words: str) -> None:
    with pytest.raises(Unreachable, match=words):
        Script().greet(status=status)


def test_a_refusal_is_told_in_the_readers_words() -> None:
    script = Script()
    error = e(
        "LLRPStatus",
        e(
            "ParameterError",
            e("ParameterError", e("FieldError", FieldNum=2, ErrorCode=301), ParameterType=224, ErrorCode=201),
            ParameterType=177,
            ErrorCode=200,
        ),
        StatusCode=100,
        ErrorDescription="power is not allowed here",
    )
    script.overrides["ADD_ROSPEC"] = lambda ask: [Message("ADD_ROSPEC_RESPONSE", ask.id, children=(error,))]
    with pytest.raises(Rejected) as refused:
        script.greet()
    for words in (
        "ADD_ROSPEC",
        "power is not allowed here",
        "ROSpec > RFTransmitter",
        "2 (TransmitPower)",
        "A_OutOfRange",
    ):
        assert words in str(refused.value)


def test_what_a_reader_cannot_do_is_said_before_anything_is_changed() -> None:
    script = Script(Settings(host="reader", phase=True))
    with pytest.raises(Rejected, match="phase"):
        script.greet()
    assert script.asked == ["GET_SUPPORTED_VERSION", "GET_READER_CAPABILITIES"]


def test_version_1_1_is_used_where_both_know_it() -> None:
    script = Script()
    fields = {"CurrentVersion": 1, "SupportedVersion": 2}
    script.overrides["GET_SUPPORTED_VERSION"] = lambda ask: [
        Message("GET_SUPPORTED_VERSION_RESPONSE", ask.id, 2, {**fields}, (OK,))
    ]
    script.greet()
    assert script.asked[:3] == ["GET_SUPPORTED_VERSION", "SET_PROTOCOL_VERSION", "GET_READER_CAPABILITIES"]
    farewell = script.session.farewell()
    assert farewell is not None
    assert decode(farewell).version == 2


def test_a_reader_that_is_silent_to_the_negotiation_speaks_1_0_1() -> None:
    script = Script()
    script.overrides["GET_SUPPORTED_VERSION"] = lambda _: []
    script.greet()
    script.now = script.session.deadline
    script.session.tick(HOST, script.now)
    script.say()
    assert script.statuses() == [(None, "online")]


def test_a_reader_that_hangs_up_on_the_negotiation_is_not_asked_again() -> None:
    script = Script()
    script.overrides["GET_SUPPORTED_VERSION"] = lambda _: []
    script.greet()
    script.session.lost("the reader closed the connection", HOST)
    again = Script(memory=script.memory)
    again.greet()
    assert again.asked[0] == "GET_READER_CAPABILITIES"


def test_keepalives_are_acknowledged_and_two_missed_end_it() -> None:
    script = Script(Settings.model_validate({"host": "reader", "keepalive": "1s"}))
    script.greet()
    script.say(Message("KEEPALIVE", 7), after=1.0)
    assert script.asked[-1] == "KEEPALIVE_ACK"
    assert script.session.deadline == pytest.approx(1.0 + 2.5)
    script.session.tick(HOST + 3, 3.4)
    with pytest.raises(Disconnected, match="silent"):
        script.session.tick(HOST + 4, 3.5)


def test_garbage_is_no_sign_of_life() -> None:
    script = Script(Settings.model_validate({"host": "reader", "keepalive": "1s"}))
    script.greet()
    before = script.session.deadline
    bad = bytearray(encode(event(e("GPIEvent", GPIPortNumber=1, GPIEvent=True))))
    bad[12:14] = b"\xff\xff"  # the length of the notification's data
    script.session.receive([bytes(bad)], HOST + 1, 1.0)
    assert script.session.deadline == before
    assert script.session.faults.bad_frames == 1
    assert script.statuses()[-1] == (None, "degraded")


def test_a_bad_tag_entry_costs_itself_and_is_told() -> None:
    script = Script()
    script.greet()
    frame = bytearray(encode(report(HOST, HOST + 1, HOST + 2)))
    size = (len(frame) - 10) // 3
    frame[10 + size + 4] = 0xFF  # no parameter begins with this: the second entry cannot be read
    script.session.receive([bytes(frame)], HOST + 3, 1.0)
    assert [read.time for read in script.reads()] == [HOST, HOST + 2]
    assert script.session.faults.bad_entries == 1
    assert script.statuses()[-1] == (None, "degraded")


def test_an_unreadable_answer_ends_it() -> None:
    script = Script()
    script.overrides["GET_SUPPORTED_VERSION"] = lambda _: []
    script.greet()
    frame = bytearray(
        encode(Message("GET_SUPPORTED_VERSION_RESPONSE", 1, 1, {"CurrentVersion": 1, "SupportedVersion": 1}))
    )
    with pytest.raises(ProtocolViolation, match="GET_SUPPORTED_VERSION"):
        script.session.receive([bytes(frame[:5]) + b"\x0b" + bytes(frame[6:11])], HOST, 0.0)


def test_a_silent_answer_ends_it() -> None:
    script = Script()
    script.overrides["ADD_ROSPEC"] = lambda _: []
    script.greet()
    with pytest.raises(Disconnected, match="ADD_ROSPEC"):
        script.session.tick(HOST, script.session.deadline)


def test_no_greeting_is_said() -> None:
    script = Script()
    with pytest.raises(Unreachable, match="did not greet"):
        script.session.tick(HOST, script.session.deadline)


def test_antennas_come_and_go() -> None:
    script = Script()
    connected = [
        e("AntennaProperties", AntennaConnected=antenna == 1, AntennaID=antenna, AntennaGain=0) for antenna in (1, 2)
    ]
    script.overrides["GET_READER_CONFIG"] = lambda ask: [
        Message("GET_READER_CONFIG_RESPONSE", ask.id, children=(OK, *connected))
    ]
    script.greet()
    assert script.statuses() == [(None, "online"), (2, "offline")]
    script.say(event(e("AntennaEvent", EventType=0, AntennaID=1)), report(HOST, antenna=2))
    assert script.statuses()[2:] == [(1, "offline"), (2, "online")]


def test_an_inventory_by_input_is_stopped_until_it_starts() -> None:
    script = Script(Settings.model_validate({"host": "reader", "start": {"gpi": {"port": 1}}}))
    script.greet()
    script.say(event(e("ROSpecEvent", EventType=0, ROSpecID=1, PreemptingROSpecID=0), stamp=HOST + 5))
    script.say(event(e("ROSpecEvent", EventType=1, ROSpecID=1, PreemptingROSpecID=0), stamp=HOST + 9))
    assert script.statuses() == [(None, "stopped"), (None, "online"), (None, "stopped")]


def test_an_inventory_that_stays_stopped_is_set_up_anew() -> None:
    script = Script(Settings.model_validate({"host": "reader", "keepalive": "1h"}))
    script.greet()
    script.say(event(e("ROSpecEvent", EventType=1, ROSpecID=1, PreemptingROSpecID=0)))
    assert script.statuses()[-1] == (None, "stopped")
    with pytest.raises(Disconnected, match="did not begin again"):
        script.session.tick(HOST, script.session.deadline)


def test_a_fault_is_told_and_forgotten_after_a_quiet_minute() -> None:
    script = Script()
    script.greet()
    script.say(event(e("ReaderExceptionEvent", Message="PLL unlocked")), after=1)
    script.say(Message("KEEPALIVE", 1), after=30)
    assert script.statuses()[-1] == (None, "degraded")
    script.say(Message("KEEPALIVE", 2), after=31)
    assert script.statuses()[-1] == (None, "online")


def test_a_reader_that_complains_without_end_is_told_now_and_then() -> None:
    script = Script()
    script.greet()
    for number in range(300):
        script.say(event(e("ReaderExceptionEvent", Message=f"fault {number}")), after=0.01)
    assert 5 <= script.statuses().count((None, "degraded")) <= 4 * 5


def test_the_readers_goodbye_ends_it() -> None:
    script = Script()
    script.greet()
    with pytest.raises(Disconnected, match="closed"):
        script.say(event(e("ConnectionCloseEvent")))


def test_reports_by_interval_are_fetched() -> None:
    script = Script(Settings.model_validate({"host": "reader", "report": {"tags": 0, "interval": "200ms"}}))
    script.greet()
    assert script.session.deadline == pytest.approx(0.2)
    script.session.tick(HOST, 0.2)
    script.say()
    assert script.asked[-1] == "GET_REPORT"
    assert script.session.deadline == pytest.approx(0.4)


def test_a_flood_before_the_answer_ends_it() -> None:
    script = Script()
    script.overrides["GET_SUPPORTED_VERSION"] = lambda _: []
    script.greet()
    flood = encode(report(*[HOST] * 1000))
    with pytest.raises(Disconnected, match="floods"):
        script.session.receive([flood] * 200, HOST, 0.0)


class Liar(Script):
    """A reader whose frames have bytes changed on the way: `flips` says which, of how-manieth frame."""

    def __init__(self, flips: list[tuple[int, int, int]], **facts: Any) -> None:
        super().__init__(**facts)
        self.flips = flips
        self.said = 0

    def bend(self, message: Message) -> bytes:
        frame = bytearray(encode(message))
        for which, where, value in self.flips:
            if which == self.said:
                at = where % len(frame)
                frame[at if at not in range(2, 6) else 6] = value  # the stream itself stays in step
        self.said += 1
        return bytes(frame)

    def run(self, events: list[Message]) -> None:
        for message in events:
            self.session.receive([self.bend(message)], self.received, self.now)
            while self.session.outgoing:
                sent, self.session.outgoing = self.session.outgoing, []
                for answer in [answer for one in map(decode, sent) for answer in self.answer(one)]:
                    self.session.receive([self.bend(answer)], self.received, self.now)


@settings_of_hypothesis(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 16), st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=12),
    st.sampled_from([4711, 25882, 161]),
)
def test_whatever_a_reader_says_it_is_a_value_or_a_driver_error(flips: list[tuple[int, int, int]], vendor: int) -> None:
    liar = Liar(flips, vendor=vendor, holding=True)
    told = [
        event(e("ConnectionAttemptEvent", Status=0)),
        report(HOST, HOST + 1),
        event(e("ReaderExceptionEvent", Message="hot")),
        event(e("AntennaEvent", EventType=0, AntennaID=1)),
        event(e("GPIEvent", GPIPortNumber=1, GPIEvent=True)),
        event(e("ROSpecEvent", EventType=1, ROSpecID=1, PreemptingROSpecID=0)),
        Message("KEEPALIVE", 9),
    ]
    with suppress(DriverError):
        liar.run(told)
        liar.session.tick(HOST, liar.session.deadline)
