"""The sample sites, the schema beside them and the examples in the manual are what the gateway takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from drivers.registry import names
from gateway.config.document import parse, plain
from gateway.config.load import load
from gateway.config.problem import CODES, ConfigError
from gateway.config.schema import schema

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "config").glob("*.yaml"))
MANUAL = (ROOT / "docs" / "configuration.md").read_text()


def with_files(text: str, folder: Path) -> Path:
    """The site in a folder that has the files it names."""
    for name in re.findall(r"[\w.-]+\.(?:pem|key|token)\b", text):
        (folder / name).write_text("a certificate or a key")
        (folder / name).chmod(0o600)
    for name in re.findall(r"\bidentities: ([\w.-]+)", text):
        (folder / name).write_text("identifier,id\n")
    path = folder / "site.yaml"
    path.write_text(text)
    return path


def example(fence: str) -> list[str]:
    return re.findall(rf"^```{fence}\n(.*?)^```", MANUAL, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_loads_without_a_word(sample: Path, tmp_path: Path) -> None:
    assert load(with_files(sample.read_text(), tmp_path)).warnings == []


def test_the_sample_of_all_families_has_all_drivers() -> None:
    root, _ = parse((ROOT / "config" / "families.yaml").read_bytes())
    assert root is not None
    devices = plain(root)["devices"].values()
    assert sorted(one["driver"] for one in devices) == names()


def test_the_contracts_example_is_taken_as_it_is_written(material: Path, tmp_path: Path) -> None:
    """Only files and ports that this machine does not have may be missing."""
    contract = material.parent / "contract.md"
    if not contract.is_file():
        pytest.skip(f"the contract is not here (looked in {contract.parent})")
    text = re.findall(r"^```yaml\n(.*?)^```", contract.read_text(), flags=re.DOTALL | re.MULTILINE)[0]
    bare = tmp_path / "bare.yaml"
    bare.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(bare, ports=True)
    assert {one.code for one in refused.value.problems} == {"file-missing"}
    assert {one.code for one in refused.value.warnings} == {"unplugged-port"}
    assert load(bare, files=False).warnings == []
    for name in ("handhelds.pem", "handhelds.key", "handhelds.token"):
        (tmp_path / name).write_text("a certificate, a key or a token")
        (tmp_path / name).chmod(0o600)
    assert load(with_files(text, tmp_path)).warnings == []
    sample = (ROOT / "config" / "families.yaml").read_bytes()
    assert as_values(sample) == as_values(text.encode()), "config/families.yaml shows another site"


def as_values(text: bytes) -> object:
    root, flaws = parse(text)
    assert root is not None
    assert not flaws
    return plain(root)


def test_the_minimal_sample_loads_where_it_stands() -> None:
    assert load(ROOT / "config" / "minimal.yaml").warnings == []


def test_the_schema_beside_the_samples_is_current() -> None:
    text = (ROOT / "config" / "readpoint.schema.json").read_text()
    assert json.loads(text) == schema(), "run: readpoint schema > config/readpoint.schema.json"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_passes_the_schema(sample: Path) -> None:
    root, _ = parse(sample.read_bytes())
    assert root is not None
    as_json = json.loads(json.dumps(plain(root)))  # keys are strings for a JSON schema
    jsonschema.Draft7Validator(schema()).validate(as_json)


@pytest.mark.parametrize("text", example("yaml"), ids=lambda text: text.partition("\n")[0])
def test_an_example_of_the_manual_loads(text: str, tmp_path: Path) -> None:
    """A fragment stands in the site around it that the manual shows first."""
    assert load(with_files(_whole(text), tmp_path)).warnings == []


def _whole(text: str) -> str:
    if text.startswith("version:"):
        return text
    missing = [part for part in PARTS.split("\n\n") if f"\n{part.partition(':')[0]}:" not in f"\n{text}"]
    return "\n".join([*missing, text])


PARTS = """\
version: 1

gateway: {id: gw-07, site: dc1}

segments:
  rfid: {uplink: {url: "mqtt://127.0.0.1"}, plain_devices: [llrp, modbus, nmea]}

read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone}

devices:
  reader: {driver: llrp, segment: rfid, host: 10.10.0.21, read_point: aisle-a}"""


def test_the_manual_explains_every_code() -> None:
    codes = re.findall(r"^\| `([a-z0-9-]+)` \|", MANUAL.partition("\n## Mistakes\n")[2], flags=re.MULTILINE)
    assert codes == list(CODES)


TABLES = {
    "gateway": "Gateway",
    "metrics": "Metrics",
    "segments": "Segment",
    "uplink": "Uplink",
    "uplink.tls": "Tls",
    "outbox": "Outbox",
    "read_points": "ReadPoint",
    "gate": "Gate",
}


@pytest.mark.parametrize(("heading", "definition"), TABLES.items())
def test_the_manual_has_every_key_with_its_default(heading: str, definition: str) -> None:
    section = re.split(r"^#+ ", MANUAL.partition(f"# `{heading}`\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    written = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, flags=re.MULTILINE))
    expected = schema()["definitions"][definition]
    assert list(written) == list(expected["properties"])
    for key, one in expected["properties"].items():
        default = one.get("default")
        if key in expected.get("required", ()):
            assert written[key] == "**required**"
        elif default not in (None, []):
            bare = isinstance(default, str) and not default.isdecimal()
            assert written[key] == f"`{default if bare else json.dumps(default)}`"
