"""The simulated reader inventories as ROSpecs and AccessSpecs say: triggers, reports, filters, holding."""

from __future__ import annotations

import pytest

from drivers.llrp.codec.enums import StatusCode
from drivers.llrp.codec.values import Bits
from simulators.air import Heard, Shelf
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.options import FAMILIES
from simulators.tags import sgtin_96


def entries(messages):
    return [tag for message in messages if message.name == "RO_ACCESS_REPORT" for tag in message.children]


def events(messages, name):
    data = [m.children[0] for m in messages if m.name == "READER_EVENT_NOTIFICATION"]
    return [each.child(name) for each in data if each.child(name)]


def test_a_higher_priority_preempts(bench, specs):
    reader = bench("zebra-fx")
    reader.say("SET_READER_CONFIG", specs.notify_all, ResetToFactoryDefault=False)
    reader.run(specs.rospec(1, priority=3))
    reader.until(1000.3)
    reader.run(specs.rospec(2, priority=1, start=0))
    found = events(reader.say("START_ROSPEC", ROSpecID=2), "ROSpecEvent")
    assert [(e["EventType"], e["ROSpecID"], e["PreemptingROSpecID"]) for e in found] == [(2, 1, 2), (0, 2, 0)]


def test_start_periodic(bench, specs):
    starting = (element("PeriodicTriggerValue", Offset=500, Period=2000),)
    reader = bench()
    reader.say("SET_READER_CONFIG", specs.notify_all, ResetToFactoryDefault=False)
    reader.run(specs.rospec(start=2, starting=starting, stop=1, duration=300))
    said = reader.until(1005)
    data = [m.children[0] for m in said if m.name == "READER_EVENT_NOTIFICATION" and m.children[0].child("ROSpecEvent")]
    assert [each.child("ROSpecEvent")["EventType"] for each in data] == [0, 1, 0, 1, 0, 1]
    times = [each.child("UTCTimestamp")["Microseconds"] / 1e6 for each in data]
    assert times == pytest.approx([1000.5, 1000.8, 1002.5, 1002.8, 1004.5, 1004.8])


def test_start_and_stop_by_input(bench, specs):
    reader = bench()
    enabled = element("GPIPortCurrentState", GPIPortNum=1, Config=True, State=2)
    reader.say("SET_READER_CONFIG", specs.notify_all, enabled, ResetToFactoryDefault=False)

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
    reader.say("SET_READER_CONFIG", specs.notify_all, ResetToFactoryDefault=False)
    reader.run(specs.rospec(stop=1, duration=300))
    kinds = [event["EventType"] for event in events(reader.until(1001), "ROSpecEvent")]
    assert kinds == [0, 1, 0, 1, 0, 1, 0]


def test_what_the_client_stopped_stays_stopped(bench, specs):
    reader = bench("impinj-r700")
    reader.run(specs.rospec(1))
    reader.say("STOP_ROSPEC", ROSpecID=1)
    reader.run(specs.rospec(2, start=0))
    reader.say("START_ROSPEC", ROSpecID=2)
    reader.until(1001)
    reader.say("STOP_ROSPEC", ROSpecID=2)
    assert reader.until(1002) == []
    reader.say("DISABLE_ROSPEC", ROSpecID=1)
    reader.say("ENABLE_ROSPEC", ROSpecID=1)
    assert {tag.child("ROSpecID")["ROSpecID"] for tag in entries(reader.until(1003))} == {1}


def test_aispecs_in_turn_with_their_stop_triggers(bench, specs, tags):
    observation = element("TagObservationTrigger", TriggerType=0, NumberOfTags=5, NumberOfAttempts=0, T=0, Timeout=5000)
    ais = [specs.aispec((1,), stop=1, duration=300), specs.aispec((2,), stop=3, trigger=(observation,))]
    reader = bench(air=Shelf(tags, share=2))
    reader.say("SET_READER_CONFIG", specs.notify_all, ResetToFactoryDefault=False)
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


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ([(sgtin_96(123456, 3), 0)], {3}),
        ([(sgtin_96(123456, 3), 4)], {0, 1, 2, 4}),
        ([(b"\x31", 0)], set()),
        ([(b"\x30", 0, 4)], {0, 1, 2, 3, 4}),
        ([(b"\x30", 1), (sgtin_96(123456, 3), 3)], {0, 1, 2, 4}),
    ],
)
def test_filters(bench, specs, tags, filters, left):
    reader = bench()
    reader.run(
        specs.rospec(
            ais=[specs.aispec(configurations=(specs.configuration(*(specs.select(*each) for each in filters)),))]
        )
    )
    found = {tag.children[0]["EPC"] for tag in entries(reader.until(1001))}
    assert found == {tags[n].epc for n in left}


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


def test_access_reads_the_tid(bench, specs, tags, status_of):
    reader = bench()
    assert status_of(reader.ask("ADD_ACCESSSPEC", specs.accessspec(tags[2].epc))) == 0
    assert status_of(reader.ask("ADD_ACCESSSPEC", specs.accessspec())) == StatusCode.M_ParameterError
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
    reader.say("ADD_ACCESSSPEC", specs.accessspec(count=3))
    reader.say("ENABLE_ACCESSSPEC", AccessSpecID=3)
    reader.run(specs.rospec())
    found = [tag for tag in entries(reader.until(1002)) if tag.child("C1G2ReadOpSpecResult")]
    assert len(found) == 3
    assert reader.ask("GET_ACCESSSPECS").child("AccessSpec")["CurrentState"] is False


def test_holds_until_released_with_the_reads_own_times(bench, specs):
    reader = bench("zebra-fx")
    hold = element("EventsAndReports", HoldEventsAndReportsUponReconnect=True)
    reader.say("SET_READER_CONFIG", specs.notify_all, hold, ResetToFactoryDefault=False)
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
    reader.say("SET_READER_CONFIG", specs.notify_all, hold, ResetToFactoryDefault=False)
    reader.run(specs.rospec(reports=specs.report(1, 5)))
    reader.core.disconnect()
    reader.until(1010, step=0.1)
    reader.core.connect(reader.now)
    said = reader.say("ENABLE_EVENTS_AND_REPORTS")
    assert len(entries(said)) == 100
    assert events(said, "ReportBufferLevelWarningEvent")[0]["ReportBufferPercentageFull"] >= 80
    assert len(events(said, "ReportBufferOverflowErrorEvent")) == 1


def test_a_client_that_does_not_read_costs_a_bounded_buffer(bench, specs):
    reader = bench("plain", buffer=100)
    reader.run(specs.rospec(reports=specs.report(1, 5)))
    reader.core.link.stall(stalled=True, now=reader.now)
    assert reader.until(1010) == []
    reader.core.link.stall(stalled=False, now=reader.now)
    said = reader.take()
    assert len(entries(said)) == 100
    assert len(events(said, "ReportBufferOverflowErrorEvent")) == 1


def test_hops_over_the_whole_table(bench, specs):
    reader = bench()
    reader.say("SET_READER_CONFIG", specs.notify_all, ResetToFactoryDefault=False)
    reader.run(specs.rospec(reports=specs.report(1, 5, ("ChannelIndex",))))
    said = reader.until(1021)  # 50 channels, 0.4 s each
    assert {hop["NextChannelIndex"] for hop in events(said, "HoppingEvent")} == set(range(1, 51))
    assert {tag.child("ChannelIndex")["ChannelIndex"] for tag in entries(said)} == set(range(1, 51))


def test_antennas_come_and_go(bench, specs):
    reader = bench(antennas=2)
    reader.say("SET_READER_CONFIG", specs.notify_all, ResetToFactoryDefault=False)
    reader.run(specs.rospec())
    reader.core.set_antenna(2, reader.now, up=False)
    said = reader.until(1001)
    assert [(e["EventType"], e["AntennaID"]) for e in events(said, "AntennaEvent")] == [(0, 2)]
    assert {tag.child("AntennaID")["AntennaID"] for tag in entries(said)} == {1}
    shown = reader.ask("GET_READER_CONFIG", AntennaID=0, RequestedData=2, GPIPortNum=0, GPOPortNum=0)
    assert [each["AntennaConnected"] for each in shown.all("AntennaProperties")] == [True, False]
