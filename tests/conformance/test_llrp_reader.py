"""The simulated reader keeps the standard: its core, asked by the codec, with time in the test's hand."""

from __future__ import annotations

import struct

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.llrp.codec.enums import StatusCode
from drivers.llrp.codec.values import Message
from drivers.llrp.codec.wire import decode, encode
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.options import FAMILIES
from simulators.llrp_reader.requests import receive


def entries(messages):
    return [tag for message in messages if message.name == "RO_ACCESS_REPORT" for tag in message.children]


def parameter_error(message):
    """The innermost ParameterError's type and its FieldError's number and code."""
    node, path = message.child("LLRPStatus"), []
    while inner := node.child("ParameterError"):
        node = inner
        path.append(node["ParameterType"])
    field = node.child("FieldError")
    return path, field and (field["FieldNum"], field["ErrorCode"])


def test_greets_with_its_clock(bench):
    (greeting,) = bench(now=1000.25).greeting
    data = greeting.children[0]
    assert data.child("UTCTimestamp")["Microseconds"] == 1_000_250_000
    assert data.child("ConnectionAttemptEvent")["Status"] == 0
    (greeting,) = bench(utc=False).greeting
    assert greeting.children[0].child("Uptime")["Microseconds"] == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_capabilities_of_a_family_fit_together(bench, status_of, family):
    """Whatever the capabilities offer is accepted in a ROSpec; the first thing beyond them is not."""
    reader = bench(family)
    answer = reader.ask("GET_READER_CAPABILITIES", RequestedData=0)
    assert status_of(answer) == 0
    band = answer.find("RegulatoryCapabilities", "UHFBandCapabilities")
    powers = [entry["Index"] for entry in band.all("TransmitPowerLevelTableEntry")]
    frequency = band.child("FrequencyInformation")
    table = frequency.child("FrequencyHopTable")
    hop, channel = (table["HopTableID"], 0) if frequency["Hopping"] else (0, 1)
    mode = band.find("C1G2UHFRFModeTable", "C1G2UHFRFModeTableEntry")["ModeIdentifier"]
    wanted = {"HopTableID": hop, "ChannelIndex": channel}
    for power, expected in ((powers[-1], 0), (powers[-1] + 1, StatusCode.M_ParameterError), (0, 100)):
        configuration = element(
            "AntennaConfiguration",
            element("RFTransmitter", TransmitPower=power, **wanted),
            element(
                "C1G2InventoryCommand", element("C1G2RFControl", ModeIndex=mode, Tari=0), TagInventoryStateAware=False
            ),
            AntennaID=1,
        )
        answer = reader.ask("SET_READER_CONFIG", configuration, ResetToFactoryDefault=False)
        assert status_of(answer) == expected
    assert parameter_error(answer) == ([222, 224], (2, StatusCode.A_OutOfRange))


def test_the_speedway_is_like_a_real_one(bench, material):
    """The same as an R420 of firmware 5.14 where both can: region and licence limit the real one's powers to 30 dBm."""
    body = (material / "llrp" / "edgex" / "GetReaderCapabilitiesResponse-000.bytes").read_bytes()
    real = decode(struct.pack(">HII", 1 << 10 | 11, 10 + len(body), 1) + body)
    ours = bench("impinj-speedway").ask("GET_READER_CAPABILITIES", RequestedData=0)
    assert ours.child("GeneralDeviceCapabilities") == real.child("GeneralDeviceCapabilities")
    differs = {"CanDoRFSurvey", "MaxNumAccessSpecs"}
    theirs = real.child("LLRPCapabilities").fields
    assert {name for name, value in ours.child("LLRPCapabilities").fields.items() if value != theirs[name]} <= differs
    ours, real = (each.find("RegulatoryCapabilities", "UHFBandCapabilities") for each in (ours, real))
    modes = [each.child("C1G2UHFRFModeTable").children for each in (ours, real)]
    assert modes[0] == modes[1]
    powers = [[entry.fields for entry in each.all("TransmitPowerLevelTableEntry")] for each in (ours, real)]
    assert powers[0][: len(powers[1])] == powers[1]
    channels = [each.find("FrequencyInformation", "FrequencyHopTable")["Frequency"] for each in (ours, real)]
    assert sorted(channels[0]) == sorted(channels[1])


def test_capabilities_one_part_at_a_time(bench):
    parts = ["GeneralDeviceCapabilities", "LLRPCapabilities", "RegulatoryCapabilities", "C1G2LLRPCapabilities"]
    for asked, part in enumerate(parts, 1):
        answer = bench("plain").ask("GET_READER_CAPABILITIES", RequestedData=asked)
        assert [child.name for child in answer.children] == ["LLRPStatus", part]


def test_vendors_parts(bench, status_of):
    impinj, zebra = bench("impinj-speedway"), bench("zebra-fx")
    assert impinj.ask("GET_READER_CAPABILITIES", RequestedData=0).child("ImpinjDetailedVersion") is None
    assert status_of(impinj.ask("IMPINJ_ENABLE_EXTENSIONS")) == 0
    assert impinj.ask("GET_READER_CAPABILITIES", RequestedData=0).child("ImpinjDetailedVersion")
    assert zebra.ask("GET_READER_CAPABILITIES", RequestedData=0).child("MotoGeneralCapabilities")
    refused = zebra.ask("IMPINJ_ENABLE_EXTENSIONS")
    assert (refused.name, status_of(refused)) == ("ERROR_MESSAGE", StatusCode.M_UnsupportedMessage)


def test_versions(bench, status_of):
    old, new = bench("plain"), bench("zebra-fx")
    assert status_of(old.ask("GET_SUPPORTED_VERSION")) == StatusCode.M_UnsupportedMessage
    answer = new.ask("GET_SUPPORTED_VERSION")
    assert (answer["CurrentVersion"], answer["SupportedVersion"], status_of(answer)) == (1, 2, 0)
    assert status_of(new.ask("SET_PROTOCOL_VERSION", ProtocolVersion=3)) == StatusCode.M_UnsupportedVersion
    assert status_of(new.ask("SET_PROTOCOL_VERSION", ProtocolVersion=2)) == 0
    assert status_of(new.ask("GET_ROSPECS")) == StatusCode.M_UnsupportedVersion  # still sent as 1.0.1


def test_unknown_and_broken_messages_are_answered(bench, status_of):
    reader = bench()
    answer = reader.ask("UNKNOWN", type=999, data=b"\x01")
    assert (answer.name, status_of(answer)) == ("ERROR_MESSAGE", StatusCode.M_UnsupportedMessage)
    assert status_of(reader.ask("UNKNOWN", type=20, data=b"\x00\xb1\x00\x99")) == StatusCode.M_ParameterError


def test_configuration_is_shown_as_set_and_reset(bench, status_of, specs):
    reader = bench("zebra-fx")
    everything = {"AntennaID": 0, "RequestedData": 0, "GPIPortNum": 0, "GPOPortNum": 0}
    factory = reader.ask("GET_READER_CONFIG", **everything)
    changes = (
        specs.notify_all,
        element("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=5000),
        element("GPOWriteData", GPOPortNumber=2, GPOData=True),
        element("GPIPortCurrentState", GPIPortNum=3, Config=True, State=2),
        element("EventsAndReports", HoldEventsAndReportsUponReconnect=True),
    )
    assert status_of(reader.ask("SET_READER_CONFIG", *changes, ResetToFactoryDefault=False)) == 0
    shown = reader.ask("GET_READER_CONFIG", **everything)
    assert shown.child("KeepaliveSpec") == changes[1]
    assert shown.child("ReaderEventNotificationSpec") == specs.notify_all
    assert shown.child("EventsAndReports") == changes[4]
    assert [each["Config"] for each in shown.all("GPIPortCurrentState")] == [False, False, True, False]
    assert [each["GPOData"] for each in shown.all("GPOWriteData")] == [False, True, False, False]
    state = "LLRPConfigurationStateValue"
    assert shown.child(state) != factory.child(state)
    assert status_of(reader.ask("SET_READER_CONFIG", ResetToFactoryDefault=True)) == 0
    assert reader.ask("GET_READER_CONFIG", **everything).child(state) == factory.child(state)
    one = reader.ask("GET_READER_CONFIG", AntennaID=2, RequestedData=3, GPIPortNum=0, GPOPortNum=0)
    assert [each["AntennaID"] for each in one.all("AntennaConfiguration")] == [2]


def test_a_bad_configuration_changes_nothing(bench, status_of):
    reader = bench("plain")
    keepalive = element("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=5000)
    hold = element("EventsAndReports", HoldEventsAndReportsUponReconnect=True)
    assert status_of(reader.ask("SET_READER_CONFIG", keepalive, hold, ResetToFactoryDefault=False)) == 100
    shown = reader.ask("GET_READER_CONFIG", AntennaID=0, RequestedData=8, GPIPortNum=0, GPOPortNum=0)
    assert shown.child("KeepaliveSpec")["KeepaliveTriggerType"] == 0


@pytest.mark.parametrize("name", ["START_ROSPEC", "STOP_ROSPEC", "ENABLE_ROSPEC", "DISABLE_ROSPEC", "DELETE_ROSPEC"])
def test_unknown_rospec(bench, status_of, name):
    answer = bench().ask(name, ROSpecID=9)
    assert status_of(answer) == StatusCode.M_FieldError
    error = answer.find("LLRPStatus", "FieldError")
    assert (error["FieldNum"], error["ErrorCode"]) == (0, StatusCode.A_Invalid)


def test_rospecs_that_cannot_be(bench, specs, status_of):
    reader = bench("impinj-r700", antennas=2)
    bad = {
        "number": (specs.rospec(number=0), [177], (0, StatusCode.A_Invalid)),
        "priority": (specs.rospec(priority=8), [177], (1, StatusCode.A_OutOfRange)),
        "state": (
            msgspec.structs.replace(specs.rospec(), fields={"ROSpecID": 1, "Priority": 0, "CurrentState": 2}),
            [177],
            (2, StatusCode.A_Invalid),
        ),
        "antenna": (specs.rospec(ais=[specs.aispec(antennas=(1, 3))]), [177, 183], (0, StatusCode.A_OutOfRange)),
        "trigger": (specs.rospec(reports=specs.report(trigger=7)), [177, 237], (0, StatusCode.A_OutOfRange)),
        "input": (
            specs.rospec(start=3, starting=(element("GPITriggerValue", GPIPortNum=9, GPIEvent=True, Timeout=0),)),
            [177, 178, 179, 181],
            (0, StatusCode.A_OutOfRange),
        ),
    }
    for what, (spec, path, field) in bad.items():
        answer = reader.ask("ADD_ROSPEC", spec)
        assert status_of(answer) == StatusCode.M_ParameterError, what
        assert parameter_error(answer) == (path, field), what
    assert status_of(reader.ask("ADD_ROSPEC")) == StatusCode.M_MissingParameter
    assert status_of(reader.ask("ADD_ROSPEC", specs.rospec())) == 0
    assert status_of(reader.ask("ADD_ROSPEC", specs.rospec())) == StatusCode.M_ParameterError  # the same again
    assert len(reader.ask("GET_ROSPECS").all("ROSpec")) == 1


def test_life_of_a_rospec(bench, specs, status_of):
    reader = bench("impinj-r700")
    for number in (1, 2):
        reader.ask("ADD_ROSPEC", specs.rospec(number, start=0))

    def states():
        return [spec["CurrentState"] for spec in reader.ask("GET_ROSPECS").all("ROSpec")]

    assert status_of(reader.ask("START_ROSPEC", ROSpecID=1)) == StatusCode.M_FieldError  # disabled
    assert states() == [0, 0]
    reader.ask("ENABLE_ROSPEC", ROSpecID=0)
    assert states() == [1, 1]
    assert status_of(reader.ask("START_ROSPEC", ROSpecID=1)) == 0
    assert states() == [2, 1]
    assert status_of(reader.ask("START_ROSPEC", ROSpecID=2)) == StatusCode.R_DeviceError
    assert entries(reader.until(1001))
    assert status_of(reader.ask("STOP_ROSPEC", ROSpecID=1)) == 0
    assert states() == [1, 1]
    assert reader.until(1002) == []
    reader.ask("START_ROSPEC", ROSpecID=2)
    reader.ask("DISABLE_ROSPEC", ROSpecID=0)
    assert states() == [0, 0]
    assert status_of(reader.ask("DELETE_ROSPEC", ROSpecID=0)) == 0
    assert states() == []


def test_keepalives(bench):
    reader = bench()
    reader.say(
        "SET_READER_CONFIG",
        element("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=500),
        ResetToFactoryDefault=False,
    )
    assert [message.name for message in reader.until(1002.1)] == ["KEEPALIVE"] * 4
    assert reader.say("KEEPALIVE_ACK") == []


def test_too_many_filters(bench, specs):
    spec = specs.rospec(
        ais=[specs.aispec(configurations=(specs.configuration(specs.select(b"\x30", 0), specs.select(b"\x30", 0)),))]
    )
    path, _ = parameter_error(bench("plain").ask("ADD_ROSPEC", spec))
    assert path == [177, 183, 186, 222, 330, 331]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_bring_it_down(bench, specs, data):
    """Frames with bits flipped, cut and repeated are answered one by one; the reader goes on reading."""
    reader = bench("impinj-r700")
    good = [
        Message(
            "ADD_ROSPEC",
            1,
            1,
            {},
            (specs.rospec(ais=[specs.aispec(configurations=(specs.configuration(specs.select(b"0", 0)),))]),),
        ),
        Message("ENABLE_ROSPEC", 2, 1, {"ROSpecID": 0}),
        Message("ADD_ACCESSSPEC", 3, 1, {}, (specs.accessspec(b"\x30"),)),
        Message("ENABLE_ACCESSSPEC", 4, 1, {"AccessSpecID": 0}),
        Message(
            "SET_READER_CONFIG",
            5,
            1,
            {"ResetToFactoryDefault": False},
            (specs.notify_all, specs.configuration(), specs.report()),
        ),
        Message("GET_READER_CONFIG", 6, 1, {"AntennaID": 0, "RequestedData": 0, "GPIPortNum": 0, "GPOPortNum": 0}),
        Message("GET_REPORT", 7),
    ]
    for message in good:
        frame = bytearray(encode(message))
        for _ in range(data.draw(st.integers(0, 3))):
            position = data.draw(st.integers(0, len(frame) - 1))
            if not 2 <= position < 6:  # the length has its own test: the framer's
                frame[position] ^= 1 << data.draw(st.integers(0, 7))
        receive(reader.core, bytes(frame), reader.now)
        reader.until(reader.now + 0.25, step=0.05)
    reader.core.link.version = 1
    assert reader.ask("GET_ROSPECS").name == "GET_ROSPECS_RESPONSE"
