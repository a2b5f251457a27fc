"""The simulated reader keeps the standard: its core, asked by the codec, with time in the test's hand."""

from __future__ import annotations

import msgspec
import pytest

from drivers.llrp.codec.enums import NotificationEventType, StatusCode
from drivers.llrp.codec.values import Bits
from simulators.air import Heard, Shelf
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.options import FAMILIES
from simulators.tags import sgtin_96

NOTIFY_ALL = element(
    "ReaderEventNotificationSpec",
    *(element("EventNotificationState", EventType=int(kind), NotificationState=True) for kind in NotificationEventType),
)


def entries(messages):
    return [tag for message in messages if message.name == "RO_ACCESS_REPORT" for tag in message.children]


def events(messages, name):
    data = [m.children[0] for m in messages if m.name == "READER_EVENT_NOTIFICATION"]
    return [each.child(name) for each in data if each.child(name)]


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


def test_configuration_is_shown_as_set_and_reset(bench, status_of):
    reader = bench("zebra-fx")
    everything = {"AntennaID": 0, "RequestedData": 0, "GPIPortNum": 0, "GPOPortNum": 0}
    factory = reader.ask("GET_READER_CONFIG", **everything)
    changes = (
        NOTIFY_ALL,
        element("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=5000),
        element("GPOWriteData", GPOPortNumber=2, GPOData=True),
        element("GPIPortCurrentState", GPIPortNum=3, Config=True, State=2),
        element("EventsAndReports", HoldEventsAndReportsUponReconnect=True),
    )
    assert status_of(reader.ask("SET_READER_CONFIG", *changes, ResetToFactoryDefault=False)) == 0
    shown = reader.ask("GET_READER_CONFIG", **everything)
    assert shown.child("KeepaliveSpec") == changes[1]
    assert shown.child("ReaderEventNotificationSpec") == NOTIFY_ALL
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
    reader = bench("impinj-speedway")
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


def test_a_higher_priority_preempts(bench, specs):
    reader = bench("impinj-r700")
    reader.say("SET_READER_CONFIG", NOTIFY_ALL, ResetToFactoryDefault=False)
    reader.run(specs.rospec(1, priority=3))
    reader.until(1000.3)
    reader.run(specs.rospec(2, priority=1, start=0))
    found = events(reader.say("START_ROSPEC", ROSpecID=2), "ROSpecEvent")
    assert [(e["EventType"], e["ROSpecID"], e["PreemptingROSpecID"]) for e in found] == [(2, 1, 2), (0, 2, 0)]


def test_start_periodic(bench, specs):
    starting = (element("PeriodicTriggerValue", Offset=500, Period=2000),)
    reader = bench()
    reader.say("SET_READER_CONFIG", NOTIFY_ALL, ResetToFactoryDefault=False)
    reader.run(specs.rospec(start=2, starting=starting, stop=1, duration=300))
    said = reader.until(1005)
    data = [m.children[0] for m in said if m.name == "READER_EVENT_NOTIFICATION" and m.children[0].child("ROSpecEvent")]
    assert [each.child("ROSpecEvent")["EventType"] for each in data] == [0, 1, 0, 1, 0, 1]
    times = [each.child("UTCTimestamp")["Microseconds"] / 1e6 for each in data]
    assert times == pytest.approx([1000.5, 1000.8, 1002.5, 1002.8, 1004.5, 1004.8])


def test_start_and_stop_by_input(bench, specs):
    reader = bench()
    enabled = element("GPIPortCurrentState", GPIPortNum=1, Config=True, State=2)
    reader.say("SET_READER_CONFIG", NOTIFY_ALL, enabled, ResetToFactoryDefault=False)

    def edge(state, timeout=0):
        return (element("GPITriggerValue", GPIPortNum=1, GPIEvent=state, Timeout=timeout),)

    reader.run(specs.rospec(start=3, starting=edge(True), stop=2, stopping=edge(False, 700)))
    assert reader.until(1001) == []
    reader.core.set_input(1, True, reader.now)
    assert entries(reader.until(1001.35)) != []
    reader.core.set_input(1, False, reader.now)
    said = reader.until(1002)
    assert events(said, "GPIEvent")[0].fields == {"GPIPortNumber": 1, "GPIEvent": False}
    assert [event["EventType"] for event in events(said, "ROSpecEvent")] == [1]
    reader.core.set_input(1, True, reader.now)
    ends = [event["EventType"] for event in events(reader.until(1003), "ROSpecEvent")]
    assert ends == [0, 1]  # by the timeout


def test_immediate_starts_again_when_it_ends(bench, specs):
    reader = bench()
    reader.say("SET_READER_CONFIG", NOTIFY_ALL, ResetToFactoryDefault=False)
    reader.run(specs.rospec(stop=1, duration=300))
    kinds = [event["EventType"] for event in events(reader.until(1001), "ROSpecEvent")]
    assert kinds == [0, 1, 0, 1, 0, 1, 0]


def test_aispecs_in_turn_with_their_stop_triggers(bench, specs, tags):
    observation = element("TagObservationTrigger", TriggerType=0, NumberOfTags=5, NumberOfAttempts=0, T=0, Timeout=5000)
    ais = [specs.aispec((1,), stop=1, duration=300), specs.aispec((2,), stop=3, trigger=(observation,))]
    reader = bench(air=Shelf(tags, share=2))
    reader.say("SET_READER_CONFIG", NOTIFY_ALL, ResetToFactoryDefault=False)
    reader.run(specs.rospec(start=0, ais=ais, reports=specs.report(trigger=1, n=0)))
    reader.say("START_ROSPEC", ROSpecID=1)
    said = reader.until(1003)
    reports = [message for message in said if message.name == "RO_ACCESS_REPORT"]
    assert [{tag.child("SpecIndex")["SpecIndex"] for tag in each.children} for each in reports] == [{1}, {2}]
    assert [{tag.child("AntennaID")["AntennaID"] for tag in each.children} for each in reports] == [{1}, {2}]
    assert [len(each.children) for each in reports] == [5, 5]
    assert [event["SpecIndex"] for event in events(said, "AISpecEvent")] == [1, 2]


@pytest.mark.parametrize(("kind", "attempts", "quiet", "rounds"), [(1, 0, 400, 5), (2, 3, 0, 6)])
def test_other_tag_observation_triggers(bench, specs, kind, attempts, quiet, rounds):
    """No new tags for T ms; N attempts on each antenna. A round takes 0.1 s, all tags are seen in the first."""
    trigger = element(
        "TagObservationTrigger", TriggerType=kind, NumberOfTags=0, NumberOfAttempts=attempts, T=quiet, Timeout=0
    )
    reader = bench(antennas=2)
    reader.run(
        specs.rospec(
            start=0, ais=[specs.aispec(stop=3, trigger=(trigger,))], reports=specs.report(2, 0, ("TagSeenCount",))
        )
    )
    reader.say("START_ROSPEC", ROSpecID=1)
    found = entries(reader.until(1003))
    assert [tag.child("TagSeenCount")["TagCount"] for tag in found] == [rounds] * 5


@pytest.mark.parametrize(("trigger", "n", "sizes"), [(1, 2, {2}), (2, 5, {5}), (1, 1, {1})])
def test_reports_of_n_tags(bench, specs, trigger, n, sizes):
    reader = bench()
    reader.run(specs.rospec(reports=specs.report(trigger, n)))
    reports = [message for message in reader.until(1002) if message.name == "RO_ACCESS_REPORT"]
    assert len(reports) >= 10
    assert {len(message.children) for message in reports} == sizes


def test_no_report_but_on_demand(bench, specs):
    reader = bench()
    reader.run(specs.rospec(reports=specs.report(trigger=0)))
    assert reader.until(1002) == []
    answer = reader.ask("GET_REPORT")
    assert len(answer.children) == 5 * 4  # tags x antennas
    assert reader.ask("GET_REPORT").children == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_reports_hold_what_was_selected(bench, specs, family, tags):
    reader = bench(family)
    for fields, memory in (
        ((), ()),
        (("AntennaID", "PeakRSSI"), ("PCBits",)),
        (("ROSpecID", "LastSeenTimestamp"), ("CRC",)),
    ):
        reader.say("DELETE_ROSPEC", ROSpecID=0)
        reader.run(specs.rospec(reports=specs.report(1, 5, fields, memory)))
        tag = entries(reader.until(reader.now + 1))[0]
        names = {"LastSeenTimestamp": "LastSeenTimestampUTC"}
        expected = [
            "EPC_96",
            *(names.get(field, field) for field in fields),
            *(f"C1G2_{m[:2] if m == 'PCBits' else m}" for m in memory),
        ]
        assert [child.name for child in tag.children] == expected


def test_accumulation(bench, specs):
    """Section 14.2.3.1: first and last stamp, count, strongest RSSI; apart by antenna only where it is reported."""
    heard = [[Heard(b"\x30" * 12, -60.0)], [Heard(b"\x30" * 12, -50.0)], [Heard(b"\x30" * 12, -70.0)], []]

    class Turns:
        def hear(self, reader, antenna, now):
            return heard.pop(0) if heard else ()

    fields = ("PeakRSSI", "FirstSeenTimestamp", "LastSeenTimestamp", "TagSeenCount")
    reader = bench(air=Turns())
    reader.run(specs.rospec(stop=1, duration=450, start=0, reports=specs.report(2, 0, fields, ())))
    reader.say("START_ROSPEC", ROSpecID=1)
    (tag,) = entries(reader.until(1001))
    assert tag.child("PeakRSSI")["PeakRSSI"] == -50
    assert tag.child("TagSeenCount")["TagCount"] == 3
    assert tag.child("FirstSeenTimestampUTC")["Microseconds"] == pytest.approx(1000.0e6, abs=2)
    assert tag.child("LastSeenTimestampUTC")["Microseconds"] == pytest.approx(1000.2e6, abs=2)


def test_impinj_report_fields(bench, specs, tags):
    wanted = element(
        "ImpinjTagReportContentSelector",
        element("ImpinjEnableSerializedTID", SerializedTIDMode=1),
        element("ImpinjEnableRFPhaseAngle", RFPhaseAngleMode=1),
        element("ImpinjEnablePeakRSSI", PeakRSSIMode=1),
        element("ImpinjEnableRFDopplerFrequency", RFDopplerFrequencyMode=1),
    )
    reader = bench()
    reader.run(specs.rospec(reports=specs.report(1, 5, (), (), wanted)))
    assert [child.name for child in entries(reader.until(1001))[0].children] == ["EPC_96"]  # not enabled yet
    reader.say("IMPINJ_ENABLE_EXTENSIONS")
    reader.say("DELETE_ROSPEC", ROSpecID=0)
    reader.run(specs.rospec(reports=specs.report(1, 5, (), (), wanted)))
    tag = entries(reader.until(1002))[1]
    assert tag.child("ImpinjPeakRSSI")["RSSI"] == -6150
    assert tag.child("ImpinjRFPhaseAngle")["PhaseAngle"] == 1024
    assert tag.child("ImpinjRFDopplerFrequency")["DopplerFrequency"] == 32
    assert b"".join(word.to_bytes(2, "big") for word in tag.child("ImpinjSerializedTID")["TID"]) == tags[1].tid


def test_epcs_of_any_length(bench, specs):
    lengths = (4, 12, 16, 62)
    air = Shelf([Heard(bytes(range(n)), -60.0, pc=n // 2 << 11) for n in lengths])
    reader = bench(air=air)
    reader.run(specs.rospec(reports=specs.report(1, 4, ())))
    found = [tag.children[0]["EPC"] for tag in entries(reader.until(1001))[:4]]
    assert [each.data if isinstance(each, Bits) else each for each in found] == [bytes(range(n)) for n in lengths]
    assert [each.count for each in found if isinstance(each, Bits)] == [32, 128, 496]


def configuration(*filters):
    return element(
        "AntennaConfiguration", element("C1G2InventoryCommand", *filters, TagInventoryStateAware=False), AntennaID=0
    )


def select(epc_prefix, action, bits=None):
    mask = Bits(len(epc_prefix) * 8 if bits is None else bits, epc_prefix)
    return element(
        "C1G2Filter",
        element("C1G2TagInventoryMask", MB=1, Pointer=32, TagMask=mask),
        element("C1G2TagInventoryStateUnawareFilterAction", Action=action),
        T=1,
    )


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ([select(sgtin_96(123456, 3), 0)], {3}),
        ([select(sgtin_96(123456, 3), 4)], {0, 1, 2, 4}),
        ([select(b"\x31", 0)], set()),
        ([select(b"\x30", 0, 4)], {0, 1, 2, 3, 4}),
        ([select(b"\x30", 1), select(sgtin_96(123456, 3), 3)], {0, 1, 2, 4}),
    ],
)
def test_filters(bench, specs, tags, filters, left):
    reader = bench()
    reader.run(specs.rospec(ais=[specs.aispec(configurations=(configuration(*filters),))]))
    found = {tag.children[0]["EPC"] for tag in entries(reader.until(1001))}
    assert found == {tags[n].epc for n in left}


def test_too_many_filters(bench, specs):
    spec = specs.rospec(ais=[specs.aispec(configurations=(configuration(select(b"\x30", 0), select(b"\x30", 0)),))])
    path, _ = parameter_error(bench("plain").ask("ADD_ROSPEC", spec))
    assert path == [177, 183, 186, 222, 330, 331]


def test_less_power_hears_less(bench, specs, tags):
    def power(index):
        return element(
            "AntennaConfiguration",
            element("RFTransmitter", HopTableID=1, ChannelIndex=0, TransmitPower=index),
            AntennaID=0,
        )

    loud, low = bench(), bench()
    for reader, index in ((loud, 91), (low, 1)):
        reader.run(
            specs.rospec(ais=[specs.aispec(configurations=(power(index),))], reports=specs.report(fields=("PeakRSSI",)))
        )
    assert {tag.child("PeakRSSI")["PeakRSSI"] for tag in entries(loud.until(1001))} >= {-60, -64}
    assert {tag.child("PeakRSSI")["PeakRSSI"] for tag in entries(low.until(1001))} == {-83, -84}  # 22.5 dB less


def test_a_lenient_reader_takes_a_wrong_hop_table_and_stays_deaf(bench, specs, status_of):
    wrong = element(
        "AntennaConfiguration", element("RFTransmitter", HopTableID=9, ChannelIndex=1, TransmitPower=1), AntennaID=0
    )
    spec = specs.rospec(ais=[specs.aispec(configurations=(wrong,))])
    zebra = bench("zebra-fx")
    zebra.run(spec)
    assert zebra.until(1002) == []
    assert status_of(bench("impinj-speedway").ask("ADD_ROSPEC", spec)) == StatusCode.M_ParameterError


def accessspec(target=b"", count=0):
    bits = Bits(len(target) * 8, target)
    ones = Bits(len(target) * 8, b"\xff" * len(target))
    return element(
        "AccessSpec",
        element("AccessSpecStopTrigger", AccessSpecStopTrigger=int(count > 0), OperationCountValue=count),
        element(
            "AccessCommand",
            element("C1G2TagSpec", element("C1G2TargetTag", MB=1, Match=True, Pointer=32, TagMask=ones, TagData=bits)),
            element("C1G2Read", OpSpecID=5, AccessPassword=0, MB=2, WordPointer=0, WordCount=6),
        ),
        AccessSpecID=3,
        AntennaID=0,
        ProtocolID=1,
        CurrentState=False,
        ROSpecID=0,
    )


def test_access_reads_the_tid(bench, specs, tags, status_of):
    reader = bench()
    assert status_of(reader.ask("ADD_ACCESSSPEC", accessspec(tags[2].epc))) == 0
    assert status_of(reader.ask("ADD_ACCESSSPEC", accessspec())) == StatusCode.M_ParameterError
    reader.run(specs.rospec(reports=specs.report(1, 5, ("AccessSpecID",))))
    assert all(tag.child("C1G2ReadOpSpecResult") is None for tag in entries(reader.until(1001)))
    assert status_of(reader.ask("ENABLE_ACCESSSPEC", AccessSpecID=0)) == 0
    assert reader.ask("GET_ACCESSSPECS").child("AccessSpec")["CurrentState"] is True
    found = [tag for tag in entries(reader.until(1002)) if tag.child("C1G2ReadOpSpecResult")]
    assert {tag.children[0]["EPC"] for tag in found} == {tags[2].epc}
    result = found[0].child("C1G2ReadOpSpecResult")
    assert (result["Result"], result["OpSpecID"], found[0].child("AccessSpecID")["AccessSpecID"]) == (0, 5, 3)
    assert b"".join(word.to_bytes(2, "big") for word in result["ReadData"]) == tags[2].tid
    assert status_of(reader.ask("DELETE_ACCESSSPEC", AccessSpecID=0)) == 0
    assert status_of(reader.ask("DISABLE_ACCESSSPEC", AccessSpecID=3)) == StatusCode.M_FieldError


def test_counted_access_ends(bench, specs, tags):
    reader = bench()
    reader.say("ADD_ACCESSSPEC", accessspec(count=3))
    reader.say("ENABLE_ACCESSSPEC", AccessSpecID=3)
    reader.run(specs.rospec())
    found = [tag for tag in entries(reader.until(1002)) if tag.child("C1G2ReadOpSpecResult")]
    assert len(found) == 3
    assert reader.ask("GET_ACCESSSPECS").child("AccessSpec")["CurrentState"] is False


def test_keepalives(bench):
    reader = bench()
    reader.say(
        "SET_READER_CONFIG",
        element("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=500),
        ResetToFactoryDefault=False,
    )
    assert [message.name for message in reader.until(1002.1)] == ["KEEPALIVE"] * 4
    assert reader.say("KEEPALIVE_ACK") == []


def test_holds_until_released_with_the_reads_own_times(bench, specs):
    reader = bench("zebra-fx")
    hold = element("EventsAndReports", HoldEventsAndReportsUponReconnect=True)
    reader.say("SET_READER_CONFIG", NOTIFY_ALL, hold, ResetToFactoryDefault=False)
    reader.run(specs.rospec(reports=specs.report(1, 5)))
    reader.until(1001)
    reader.core.disconnect()
    assert reader.until(1031, step=0.1) == []
    reader.core.connect(reader.now)
    assert [message.name for message in reader.until(1032, step=0.1)] == ["READER_EVENT_NOTIFICATION"]
    stamps = [
        tag.child("LastSeenTimestampUTC")["Microseconds"] / 1e6
        for tag in entries(reader.say("ENABLE_EVENTS_AND_REPORTS"))
    ]
    assert stamps == sorted(stamps)
    assert len(stamps) == 5 * 31 * 10
    assert (stamps[0], stamps[-1]) == pytest.approx((1001, 1032), abs=0.2)
    assert entries(reader.until(1033))


def test_without_holding_the_gap_is_lost(bench, specs):
    reader = bench("plain")
    reader.run(specs.rospec())
    reader.until(1001)
    reader.core.disconnect()
    reader.until(1010)
    reader.core.connect(reader.now)
    assert entries(reader.take()) == []
    assert entries(reader.until(1011))


def test_a_full_buffer_warns_and_says_what_happened(bench, specs):
    reader = bench("zebra-fx", buffer=100)
    hold = element("EventsAndReports", HoldEventsAndReportsUponReconnect=True)
    reader.say("SET_READER_CONFIG", NOTIFY_ALL, hold, ResetToFactoryDefault=False)
    reader.run(specs.rospec(reports=specs.report(1, 5)))
    reader.core.disconnect()
    reader.until(1010, step=0.1)
    reader.core.connect(reader.now)
    said = reader.say("ENABLE_EVENTS_AND_REPORTS")
    assert len(entries(said)) == 100
    assert events(said, "ReportBufferLevelWarningEvent")[0]["ReportBufferPercentageFull"] >= 80
    assert len(events(said, "ReportBufferOverflowErrorEvent")) == 1


def test_antennas_come_and_go(bench, specs):
    reader = bench(antennas=2)
    reader.say("SET_READER_CONFIG", NOTIFY_ALL, ResetToFactoryDefault=False)
    reader.run(specs.rospec())
    reader.core.set_antenna(2, reader.now, up=False)
    said = reader.until(1001)
    assert [(e["EventType"], e["AntennaID"]) for e in events(said, "AntennaEvent")] == [(0, 2)]
    assert {tag.child("AntennaID")["AntennaID"] for tag in entries(said)} == {1}
    shown = reader.ask("GET_READER_CONFIG", AntennaID=0, RequestedData=2, GPIPortNum=0, GPOPortNum=0)
    assert [each["AntennaConnected"] for each in shown.all("AntennaProperties")] == [True, False]
