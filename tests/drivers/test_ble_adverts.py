"""What advertisements say: outside vectors, makers' manuals, and whatever a stranger may send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ble.adverts import Advert, parse, patterns, understand
from drivers.ble.bthome import bthome
from drivers.ble.frames import FORMATS, GRAVITY, Frame, Malformed
from drivers.ble.ruuvi import format_3, format_5, formats_2_and_4
from drivers.ble.vendors import ela, kontakt, minew
from drivers.contract import Read
from gateway.identity.resolve import Resolver

MAC = "54:48:E6:8F:80:A5"
KEYS = {"5448e68f80a5": bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")}
"""bthome.io/encryption, the worked example."""


def frames(raw: str) -> tuple[Frame, ...]:
    return understand(parse(bytes.fromhex(raw)), FORMATS, {}).frames


def only(raw: str) -> Frame:
    (frame,) = frames(raw)
    return frame


def values(frame: Frame) -> dict[str, Any]:
    return {point.name: point.value for point in frame.points}


def vectors(material: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((material / "ble" / name).read_text())
    return found


def told(frame: str, said: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """What beacontools expects, as our URI and units."""
    points: dict[str, Any] = {}
    if said.get("voltage") is not None:
        points["voltage"] = said["voltage"] / 1000
    if said.get("temperature") is not None:
        points["temperature"] = pytest.approx(said["temperature"], abs=0.001)
    if said.get("battery_level") is not None:
        points["battery"] = said["battery_level"]
    if said.get("is_moving") is not None:
        points["motion"] = said["is_moving"]
    for axis, value in zip("xyz", said.get("acceleration") or (), strict=False):
        points[f"acceleration_{axis}"] = pytest.approx(value * GRAVITY, abs=0.001)
    uris = {
        "IBeaconAdvertisement": "urn:readpoint:ibeacon:{uuid}:{major}:{minor}",
        "EddystoneUIDFrame": "urn:readpoint:eddystone:{namespace}:{instance}",
        "EddystoneURLFrame": "urn:readpoint:eddystone:url:https%3A%2F%2Fgithub.com%2Fcitruz",
        "EstimoteNearable": "urn:readpoint:ble:estimote:{identifier}",
        "EstimoteTelemetryFrameA": "urn:readpoint:ble:estimote:{identifier}",
        "EstimoteTelemetryFrameB": "urn:readpoint:ble:estimote:{identifier}",
    }
    return (uris[frame].format(**said) if frame in uris else None), points


UNRESOLVED = ("EddystoneEIDFrame", "EddystoneEncryptedTLMFrame")


def test_every_vector_of_beacontools(material: Path) -> None:
    cases = vectors(material, "beacontools_eddystone_ibeacon.json")
    assert len(cases) == 21
    for case in cases:
        found = frames(case["advertisement"])
        if case["frame"] in (None, "ExposureNotificationFrame"):
            assert found == (), case["test"]
            continue
        (frame,) = found
        assert frame.unresolved == (case["frame"] in UNRESOLVED)
        assert (frame.uri, values(frame)) == told(case["frame"], case["values"]), case["test"]


def expected_of_ruuvi(said: dict[str, Any]) -> dict[str, Any]:
    points = {name: pytest.approx(said[name], abs=0.006) for name in ("humidity", "temperature", "pressure")}
    if "battery" in said:
        points["voltage"] = pytest.approx(said["battery"] / 1000)
        for axis in "xyz":
            points[f"acceleration_{axis}"] = pytest.approx(said[f"acceleration_{axis}"] * GRAVITY / 1000, abs=1e-3)
    if "movement_counter" in said:
        points["movements"] = said["movement_counter"]
    return points


def test_every_vector_of_ruuvitag_sensor(material: Path) -> None:
    for case in vectors(material, "ruuvitag.json"):
        said = case["values"]
        if case["decoder"] == "UrlDecoder":
            assert values(formats_2_and_4(case["payload"])) == expected_of_ruuvi(said)
            continue
        payload = bytes.fromhex(case["payload"])
        if case["decoder"] == "Df3Decoder":
            assert values(format_3(payload)) == expected_of_ruuvi(said)
        elif said is not None:
            frame = format_5(payload[:24])
            assert values(frame) == {
                name: value
                for name, value in expected_of_ruuvi(
                    {key: v if v is not None else 0 for key, v in said.items()}
                ).items()
                if name in values(frame)
            }
            assert frame.uri == (None if said["mac"] == "ffffffffffff" else f"urn:readpoint:ble:{said['mac']}")


def test_ruuvi_says_what_it_does_not_know_by_leaving_it_out() -> None:
    """docs.ruuvi.com, data format 5: the vector of invalid values."""
    frame = format_5(bytes.fromhex("058000FFFFFFFF800080008000FFFFFFFFFFFFFFFFFFFFFF"))
    assert frame == Frame(rank=4)


def test_makers_own_documents(material: Path) -> None:
    cases = {case["vendor"]: case for case in vectors(material, "vendor_docs.json")}
    tag = only(cases["Minew"]["adv"])
    assert (tag.uri, values(tag)) == ("urn:readpoint:ble:abcde4021300", {"battery": 100})
    knot = values(only(cases["MikroTik"]["manufacturer_data_raw"]))
    assert (knot["temperature"], knot["battery"], knot["reed"]) == (28.625, 95, False)
    assert knot["acceleration_z"] == pytest.approx(0.0078)
    said = cases["generic"]["expected"]
    beacon = only("0201061aff4c0002150112233445566778899aabbccddeeff003e807d0c5")
    assert beacon.uri == f"urn:readpoint:ibeacon:{said['uuid']}:{said['major']}:{said['minor']}"


def test_altbeacon_behind_any_company() -> None:
    frame = only("1bff1801beac" + "00112233445566778899aabbccddeeff00010002" + "c501")
    assert frame.uri == "urn:readpoint:ble:altbeacon:00112233445566778899aabbccddeeff00010002"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("a1016315803200aabbccddeeff", {"battery": 99, "temperature": 21.5, "humidity": 50}),
        ("a1024501aabbccddeeff", {"battery": 69, "light": True}),
        ("a10364ff8000000080aabbccddeeff", {"battery": 100, "acceleration_y": 0}),
    ],
)
def test_minew(payload: str, said: dict[str, Any]) -> None:
    """Payloads of advlib's tests (reelyActive, MIT)."""
    frame = minew(bytes.fromhex(payload))
    assert frame is not None
    assert frame.uri == "urn:readpoint:ble:ffeeddccbbaa"
    assert values(frame).items() >= said.items()


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("12850a", {"temperature": 26.93}),
        ("213012b80a", {"humidity": 48, "temperature": 27.44}),
        ("320a00", {"magnet": False, "magnet_count": 5}),
        ("420d00f145", {"motion": True, "motion_count": 6, "battery": 69}),
        ("f2ac0b", {"voltage": 2.988}),
        ("56b8ffecffacfc", {"acceleration_x": pytest.approx(-0.072 * GRAVITY, abs=1e-4)}),
    ],
)
def test_ela(payload: str, said: dict[str, Any]) -> None:
    """Payloads of docs.elainnovation.com as advlib's tests have them."""
    frame = ela(bytes.fromhex(payload))
    assert frame is not None
    assert frame.uri is None
    assert {name: values(frame)[name] for name in said} == said


def test_ela_names_itself_by_its_number() -> None:
    assert only("0aff570706aabbccddeeff").uri == "urn:readpoint:ble:aabbccddeeff"


def test_kontakt() -> None:
    """developer.kontakt.io: location packet, plain profile, and telemetry as fields of length, identifier, value."""
    for payload in ("05f4250a01414243444546", "0206010764f4414243444546"):
        frame = kontakt(bytes.fromhex(payload))
        assert frame is not None
        assert frame.uri == "urn:readpoint:ble:kontakt:ABCDEF"
    telemetry = kontakt(bytes.fromhex("03" + "0601" + "00e1f505" + "5f" + "0305" + "2815" + "02" + "12" + "30"))
    assert telemetry is not None
    assert values(telemetry) == {"battery": 95, "light": 40, "temperature": 21, "humidity": 48}
    with pytest.raises(Malformed):
        kontakt(bytes.fromhex("0306010000"))


def test_bthome_plain_and_encrypted() -> None:
    """The examples of bthome.io/format and bthome.io/encryption."""
    assert values(bthome(bytes.fromhex("4002ca0903bf13"), MAC, {})) == {"temperature": 25.06, "humidity": 50.55}
    secret = bytes.fromhex("41a47266c95f730011223378237214")
    assert values(bthome(secret, MAC, KEYS)) == {"temperature": 25.06, "humidity": 50.55}
    assert bthome(secret, MAC, {}).unresolved
    with pytest.raises(Malformed, match="key"):
        bthome(secret[:-1] + b"\0", MAC, KEYS)
    assert values(bthome(bytes.fromhex("40016102100d2101fe0102"), MAC, {})) == {
        "battery": 97,
        "temperature": pytest.approx(33.44),
        "motion": True,
    }, "what is behind an object of an unknown kind is left"
    assert values(bthome(bytes.fromhex("40020000021000"), MAC, {})) == {"temperature": 0, "temperature_2": 0.16}


def test_patterns_of_a_passive_scan_find_what_we_understand() -> None:
    found = patterns(["ibeacon", "altbeacon"], ["P ID *"])
    assert (0, 0xFF, b"\x4c\x00\x02\x15") in found
    assert (2, 0xFF, b"\xbe\xac") in found
    assert {content for _, kind, content in found if kind in (8, 9)} == {b"P ID "}


@given(st.binary(max_size=300))
def test_no_advertisement_surprises(data: bytes) -> None:
    understand(parse(data, MAC), FORMATS, KEYS)


_SERVICE = st.sampled_from(["feaa", "fcd2", "ffe1", "fe6a", "fe9a"]).map("0000{}-0000-1000-8000-00805f9b34fb".format)
_COMPANY = st.sampled_from([0x4C, 0x499, 0x757, 0x94F, 0x15D, 1])
_FIRST = st.sampled_from(
    [b"", b"\x02\x15", b"\xbe\xac", b"\x03", b"\x05", b"\x20\x00", b"\x10\x00\x03", b"\xa1", b"\x41"]
)
_PAYLOAD = st.builds(bytes.__add__, _FIRST, st.binary(max_size=40))


@given(st.dictionaries(_COMPANY, _PAYLOAD, max_size=3), st.dictionaries(_SERVICE, _PAYLOAD, max_size=3))
def test_no_payload_surprises(manufacturer: dict[int, bytes], service: dict[str, bytes]) -> None:
    for frame in understand(Advert(MAC, manufacturer, service), FORMATS, KEYS).frames:
        if frame.uri is not None:
            assert Resolver().resolve(Read("beacon", frame.uri.encode(), 0.0)).uri == frame.uri
        assert len(frame.points) <= 300


def test_a_url_is_a_name_that_the_gateway_takes_as_it_is() -> None:
    """Eddystone-URL: scheme 0x03, text, 0x00 for `.com/`; the longest there can be, and a tilde."""
    for text in (b"a~b\x00", b"\x04" * 17):
        frame = only((bytes([len(text) + 6]) + b"\x16\xaa\xfe\x10\x00\x03" + text).hex())
        assert frame.uri is not None
        resolved = Resolver().resolve(Read("beacon", frame.uri.encode(), 0.0))
        assert (resolved.uri, resolved.scheme) == (frame.uri, "eddystone")
