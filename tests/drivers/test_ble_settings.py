"""What `check` says about a BLE device: every mistake, where it stands, and what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.problem import ConfigError

ROOT = Path(__file__).resolve().parents[2]
SITE = """version: 1
gateway: {{id: gw-07, site: dc1}}
segments: {{ble: {{uplink: {{url: "mqtt://127.0.0.1:1883"}}}}}}
read_points: {{aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone}}}}
devices:
  beacons: {{driver: ble, segment: ble, {keys}}}
"""


def refusal(tmp_path: Path, keys: str) -> str:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(keys=keys))
    with pytest.raises(ConfigError) as refused:
        load(path)
    return str(refused.value)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("read_point: aisle-a, formats: [ibecon]", "did you mean 'ibeacon'"),
        ("read_point: aisle-a, formats: []", "nothing to hear: name formats"),
        ("read_point: aisle-a, adapter: eth0", "bluetoothctl list"),
        ("antennas: {1: aisle-a}", "adapters are called hci0"),
        ("antennas: {hci1: aisle-a}, adapter: hci0", "remove adapter"),
        ("read_point: aisle-a, addresses: [AC23]", "12 hex digits"),
        ('read_point: aisle-a, names: ["*"]', "'P ID *'"),
        ('read_point: aisle-a, scanning: passive, addresses: ["AC:23:3F:A0:00:01"]', "write scanning: active"),
        ('read_point: aisle-a, keys: {"AC:23:3F:A0:00:01": "00112233"}', "secrets never stand in this file"),
        (
            'read_point: aisle-a, formats: [ruuvi], keys: {"AC:23:3F:A0:00:01": "${file:k}"}',
            "add bthome to formats",
        ),
        ("read_point: aisle-a, telemetry: {min_interval: 1h}", "max_interval is shorter"),
        ("read_point: aisle-a, silence: 90", "no unit"),
    ],
)
def test_refused_with_line_and_remedy(tmp_path: Path, keys: str, said: str) -> None:
    refused = refusal(tmp_path, keys)
    assert said in refused
    assert "site.yaml:6:" in refused


def test_the_sample_is_good() -> None:
    assert load(ROOT / "drivers" / "ble" / "sample.yaml").warnings == []


def test_who_does_not_use_it_does_not_load_bluetooth_or_ciphers() -> None:
    script = (
        "import sys; from drivers import registry; registry.entry('ble').settings_type(); "
        "print(sorted({'bleak', 'dbus_fast', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
