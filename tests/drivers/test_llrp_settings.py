"""What can be set, what is refused, and that sample, documentation and settings say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from drivers.llrp.settings import PortSettings, Settings
from gateway.config.load import load

ROOT = Path(__file__).resolve().parents[2]
SHARED = {"driver", "segment", "antennas", "read_point", "side", "signals"}


def test_host_alone_is_enough() -> None:
    assert Settings(host="10.10.0.21").address == ("10.10.0.21", 5084)


def test_tls_has_its_own_port() -> None:
    settings = Settings.model_validate({"host": "r", "tls": {"ca": "ca.pem"}})
    assert settings.address == ("r", 5085)
    assert settings.secure


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tls": {}}, "either ca or fingerprint"),
        ({"tls": {"ca": "a", "fingerprint": "0" * 64}}, "either ca or fingerprint"),
        ({"tls": {"fingerprint": "aa:bb"}}, "64 hex digits"),
        ({"tls": {"ca": "a", "key": "k"}}, "key without cert"),
        ({"keepalive": 5}, "has no unit"),
        ({"keepalive": "0s"}, "longer than zero"),
        ({"filters": [{"mask": "3"}]}, "whole bytes in hex"),
        ({"filters": [{"mask": "30", "bits": 9}]}, "only 8"),
        ({"report": {"tags": 0}}, "never report"),
        ({"session": 4}, "less than or equal to 3"),
        ({"session": "1"}, "valid integer"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"start": {"gpi": {"port": 0}}}, "greater than or equal to 1"),
        ({"regoin": "etsi"}, "regoin"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate({"host": "reader", **given})


def test_the_sample_is_valid() -> None:
    assert load(ROOT / "drivers/llrp/sample.yaml").warnings == []
    document = YAML(typ="safe").load((ROOT / "drivers/llrp/sample.yaml").read_text("utf-8"))
    device = document["devices"]["dock-reader"]
    Settings.model_validate({key: value for key, value in device.items() if key not in SHARED})
    for port in device["antennas"].values():
        own = {} if isinstance(port, str) else {key: value for key, value in port.items() if key not in SHARED}
        PortSettings.model_validate(own)


@pytest.mark.parametrize("kind", [Settings, PortSettings])
def test_the_documentation_names_every_setting(kind: type[Settings | PortSettings]) -> None:
    text = (ROOT / "docs/drivers/llrp.md").read_text("utf-8")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    for name in kind.model_fields:
        assert any(f"`{name}`" in line.split("|")[1] for line in tables), name
