"""Who is a tag, under which name, what of it is told, and what is kept of strangers: nothing."""

from __future__ import annotations

import gc
import tracemalloc

from drivers.ble.adverts import Advert, parse
from drivers.ble.condition import AGAIN, Condition
from drivers.ble.frames import FORMATS
from drivers.ble.pseudonyms import Pseudonyms
from drivers.ble.told import Telling
from drivers.ble.tracker import Rules, Tracker
from drivers.contract import Measurement, Read

T0 = 1_790_000_000.0
TAG = "AC:23:3F:A0:00:01"
IBEACON = "1aff4c000215e2c56db5dffb48d2b060d0f5a71096e000010002c5"
URI = "urn:readpoint:ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2"
UID = "1716aafe00e3123456789012346789010000000000010000"
TLM = "1116aafe20000b1813000000146700002ac4"
PHONE = "10ff4c0010050b1c2d3e4f"


def tracker(**rules: object) -> Tracker:
    return Tracker(Rules(**({"formats": FORMATS} | rules)), Condition(Pseudonyms(b"key")))


def heard(raw: str, address: str = TAG, rssi: float | None = -60.0, *, random: bool = False) -> Advert:
    found = parse(bytes.fromhex(raw), address, rssi)
    return Advert(address, found.manufacturer, found.service, found.name, rssi, random)


def reads(found: Tracker) -> list[tuple[str, float | None]]:
    return [(seen.value.decode(), seen.rssi) for seen in found.take() if isinstance(seen, Read)]


def points(found: Tracker) -> dict[str, object]:
    return {seen.point.rpartition("/")[2]: seen.value for seen in found.take() if isinstance(seen, Measurement)}


def test_a_read_has_the_payloads_name_the_adapter_and_the_level() -> None:
    found = tracker()
    found.hear(heard(IBEACON, random=True), "hci1", T0)
    (read,) = found.take()
    assert read == Read("beacon", URI.encode(), T0, "hci1", -60.0, received=T0)
    for level in (-127.0, 127.0, None):
        found.hear(heard(IBEACON, rssi=level), "hci1", T0)
        assert reads(found) == [(URI, None)]


def test_telemetry_in_turn_with_a_name_belongs_to_it() -> None:
    found = tracker()
    found.hear(heard(TLM), "hci0", T0)
    assert found.take() == [], "how a beacon is does not say who it is"
    found.hear(heard(UID), "hci0", T0 + 1)
    found.hear(heard(TLM), "hci0", T0 + 2)
    seen = found.take()
    uri = "urn:readpoint:eddystone:12345678901234678901:000000000001"
    assert {one.value.decode() for one in seen if isinstance(one, Read)} == {uri}
    assert {one.point for one in seen if isinstance(one, Measurement)} == {f"{uri}/voltage", f"{uri}/temperature"}


def test_a_random_address_is_no_name_and_a_static_one_is() -> None:
    found = tracker()
    bthome = "0716d2fc4002ca09"
    found.hear(heard(bthome, "4A:00:00:00:00:01", random=True), "hci0", T0)
    found.hear(heard(bthome, "CA:00:00:00:00:01", random=True), "hci0", T0)
    found.hear(heard(bthome, "4A:00:00:00:00:01"), "hci0", T0)
    assert reads(found) == [("urn:readpoint:ble:ca0000000001", -60.0), ("urn:readpoint:ble:4a0000000001", -60.0)]


def test_the_payloads_name_goes_before_the_address_and_stays() -> None:
    found = tracker()
    telemetry, location = "08166afe0303052815", "0e166afe05f4250a01414243444546"
    found.hear(heard(telemetry), "hci0", T0)
    found.hear(heard(location), "hci0", T0)
    found.hear(heard(telemetry), "hci0", T0)
    assert [uri for uri, _ in reads(found)] == [
        "urn:readpoint:ble:ac233fa00001",
        "urn:readpoint:ble:kontakt:ABCDEF",
        "urn:readpoint:ble:kontakt:ABCDEF",
    ]


def test_what_is_known_is_told_again_under_a_better_name() -> None:
    found = tracker()
    found.hear(heard("0716d2fc4002ca09"), "hci0", T0)
    both = heard(IBEACON + "0716d2fc4002ca09")
    found.hear(both, "hci0", T0 + 1)
    told = [seen.point for seen in found.take() if isinstance(seen, Measurement)]
    assert told == ["urn:readpoint:ble:ac233fa00001/temperature", f"{URI}/temperature"]


def test_lists_name_tags_of_other_formats() -> None:
    found = tracker(formats=(), addresses={"ac233fa00001"}, names=("P ID *",))
    found.hear(heard(PHONE), "hci0", T0)
    found.hear(heard("0909" + b"P ID 007".hex(), "4A:00:00:00:00:02", random=True), "hci0", T0)
    found.hear(heard("0909" + b"X ID 007".hex(), "4A:00:00:00:00:03", random=True), "hci0", T0)
    assert [uri for uri, _ in reads(found)] == [
        "urn:readpoint:ble:ac233fa00001",
        "urn:readpoint:ble:name:P%20ID%20007",
    ]
    assert found.counts.strangers == 1


def test_what_nobody_asked_for_is_counted_and_forgotten() -> None:
    found = tracker(formats=("ruuvi",))
    for raw in (PHONE, IBEACON, "17166ffd0d3b4f65584c582160571dd19010d41c2660ee34", "0909" + b"Anna 007".hex()):
        found.hear(heard(raw, "5F:CA:FE:00:00:01", random=True), "hci0", T0)
    assert (found.take(), len(found), found.counts.strangers) == ([], 0, 4)


def test_who_only_their_owner_can_name_is_counted() -> None:
    found = tracker()
    found.hear(heard("0d16aafe30e34549445f74657374"), "hci0", T0)
    assert (found.take(), len(found), found.counts.unresolved) == ([], 0, 1)


def test_measurements_by_deadband_and_interval() -> None:
    found = tracker(telling=Telling(least=10.0, most=100.0, deadbands={"temperature": 0.5}))

    def warm(celsius: float, at: float) -> dict[str, object]:
        raw = int(celsius * 100).to_bytes(2, "little", signed=True).hex()
        found.hear(heard("0716d2fc4002" + raw), "hci0", T0 + at)
        return points(found)

    assert warm(20.0, 0) == {"temperature": 20.0}
    assert warm(20.4, 20) == {}, "inside the deadband"
    assert warm(21.0, 25) == {"temperature": 21.0}
    assert warm(25.0, 30) == {}, "too soon"
    assert warm(25.0, 36) == {"temperature": 25.0}, "what did not fit then is told later"
    assert warm(25.0, 135) == {}
    assert warm(25.0, 137) == {"temperature": 25.0}, "and now and then what did not change"


def test_on_and_off_are_told_at_once() -> None:
    found = tracker()
    said = []
    for at, moving in enumerate((1, 1, 0, 1)):
        found.hear(heard(f"0616d2fc40210{moving}"), "hci0", T0 + at)
        said.append(points(found))
    assert said == [{"motion": True}, {}, {"motion": False}, {"motion": True}]


def test_counters_are_told_now_and_then() -> None:
    found = tracker()
    found.hear(heard(PHONE), "hci0", T0)
    found.count(T0)
    found.count(T0 + 599)
    assert found.take() == []
    found.count(T0 + 600)
    assert points(found)["advertisements_strangers"] == 1.0


def test_ten_thousand_addresses_a_minute_do_not_grow_memory() -> None:
    found = tracker(capacity=2000)

    def minute(number: int) -> None:
        for index in range(10_000):
            serial = number * 10_000 + index
            minor = f"{serial % 65536:04x}"
            address = f"{serial:012X}"
            found.hear(heard(IBEACON[:-6] + minor + "c5", address), "hci0", T0 + serial / 167)
            found.hear(heard(PHONE, address), "hci0", T0 + serial / 167)
        found.take()

    minute(0)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    minute(1)
    minute(2)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(found) == 2000
    assert found.counts.forgotten == 28_000
    # What was there before the trace began is replaced by as much: 2,000 tags of some 1.5 kB.
    assert grown < 2000 * 4096


def test_what_nobody_takes_is_shed_and_counted() -> None:
    found = tracker()
    for index in range(51_000):
        found.hear(heard(IBEACON), "hci0", T0 + index)
    assert len(found.take()) <= 50_000
    assert found.counts.shed == 5_000


def test_a_broken_payload_is_shown_without_its_senders_address() -> None:
    condition = Condition(Pseudonyms(b"key"))
    found = Tracker(Rules(FORMATS), condition)
    first = condition.news(T0)
    assert first is not None
    assert (first.state, first.cause) == ("online", "")
    found.hear(heard("0716aafe09e3dead", "5F:CA:FE:00:00:01", random=True), "hci0", T0 + 1)
    found.hear(heard(IBEACON), "hci0", T0 + 1)
    assert reads(found) == [(URI, -60.0)], "good data goes on"
    assert condition.news(T0 + 1) is None, "not every few moments"
    said = condition.news(T0 + 6)
    assert said is not None
    assert said.state == "degraded"
    assert "09e3dead" in said.cause
    assert "eddystone" in said.cause
    assert "CA:FE" not in said.cause.upper()
    assert "5FCAFE" not in said.cause.upper()
    over = condition.news(T0 + 2 + AGAIN)
    assert over is not None
    assert (over.state, over.cause) == ("online", "")


def test_a_pseudonym_changes_with_the_day_and_with_the_key() -> None:
    one, other = Pseudonyms(b"key"), Pseudonyms(b"other")
    noon = 43_200.0
    assert one.of(TAG, noon) == one.of(TAG.lower(), noon + 3600)
    assert len({one.of(TAG, noon), one.of(TAG, noon + 86_400), other.of(TAG, noon), one.of(TAG[:-1] + "2", noon)}) == 4
