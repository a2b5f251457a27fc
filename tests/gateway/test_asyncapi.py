"""`readpoint asyncapi`: the document against AsyncAPI's own schema and parser, and against the site it is of."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from gateway import payloads
from gateway.asyncapi import document
from gateway.cli.main import cli
from gateway.config.load import load
from gateway.config.written import yaml
from tests.validation import validator_of, violations

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ROOT / "config" / "families.yaml"
MINIMAL = ROOT / "config" / "minimal.yaml"
Json = dict[str, Any]


def said(*words: str) -> str:
    done = CliRunner().invoke(cli, ["asyncapi", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def official() -> jsonschema_rs.Draft7Validator:
    """AsyncAPI's schema of documents of version 3.0.0."""
    packed = ROOT / "tests" / "cases" / "asyncapi" / "3.0.0-without-id.json.gz"
    return jsonschema_rs.Draft7Validator(json.loads(gzip.decompress(packed.read_bytes())))


@pytest.mark.parametrize("words", [(), ("--config", str(FAMILIES)), ("--config", str(MINIMAL))], ids=str)
def test_is_asyncapi_3(official: jsonschema_rs.Draft7Validator, words: tuple[str, ...]) -> None:
    made = json.loads(said(*words, "--json"))
    assert [f"{error.instance_path}: {error.message}" for error in official.iter_errors(made)] == []
    assert dangling(made) == []


def test_the_check_finds_what_is_wrong(official: jsonschema_rs.Draft7Validator) -> None:
    made = document("1")
    made["operations"]["send-epcis"]["action"] = "publish"
    assert not official.is_valid(made)
    made = document("1")
    del made["components"]["messages"]["LossEvent"]
    assert "#/components/messages/LossEvent" in dangling(made)


def dangling(made: Json) -> list[str]:
    """References in the document that lead nowhere."""
    found = []
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(made)):
        there: Any = made
        for part in reference.removeprefix("#/").split("/"):
            there = there.get(part) if isinstance(there, dict) else None
        if there is None:
            found.append(reference)
    return found


def test_yaml_says_the_same() -> None:
    made = document("1", load(FAMILIES, files=False).site)
    assert YAML(typ="safe", pure=True).load(yaml(made)) == made
    assert YAML(typ="safe", pure=True).load(said()) == json.loads(said("--json"))


def test_of_a_site_it_names_brokers_topics_and_names() -> None:
    made = json.loads(said("--config", str(FAMILIES), "--json"))
    site = load(FAMILIES, files=False).site
    assert set(made["servers"]) == set(site.segments)
    epcis = made["channels"]["rfid-epcis"]
    assert epcis["address"] == "readpoint/v1/dc1/rfid/gw-07.rfid/epcis/{readPoint}"
    assert epcis["servers"] == [{"$ref": "#/servers/rfid"}]
    assert epcis["parameters"]["readPoint"]["enum"] == sorted(site.segments["rfid"].rules.read_points)
    rfid = made["servers"]["rfid"]
    assert (rfid["host"], rfid["protocol"]) == ("broker.dc1.example:8883", "secure-mqtt")
    will = rfid["bindings"]["mqtt"]["lastWill"]
    assert (will["topic"], will["qos"], will["retain"]) == ("readpoint/v1/dc1/rfid/gw-07.rfid/state", 1, True)
    assert all(operation["bindings"]["mqtt"]["qos"] == 1 for operation in made["operations"].values())
    heard = {key for key, operation in made["operations"].items() if operation["action"] == "receive"}
    assert heard == {f"receive-{segment}-{channel}" for segment in site.segments for channel in ("ack", "request")}


def test_the_schema_of_one_message() -> None:
    assert json.loads(said("--schema", "readpoint.loss.v1")) == payloads.schema("readpoint.loss.v1")
    refused = CliRunner().invoke(cli, ["asyncapi", "--schema", "readpoint.los.v1"])
    assert refused.exit_code == 2
    assert "did you mean 'readpoint.loss.v1'?" in refused.output
    both = CliRunner().invoke(cli, ["asyncapi", "--schema", "readpoint.loss.v1", "--config", str(MINIMAL)])
    assert both.exit_code == 2


def test_a_site_with_mistakes_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "site.yaml"
    wrong.write_text(MINIMAL.read_text().replace("site:", "sight:"))
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "asyncapi", "--config", wrong],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 78
    assert "did you mean 'site'?" in done.stderr
    assert done.stdout == ""


def test_a_topic_or_payload_of_no_channel_is_found() -> None:
    golden = json.loads((ROOT / "tests" / "cases" / "golden" / "loss.json").read_text())
    topic, event = golden["topic"], golden["payload"]
    assert violations(topic, json.dumps([event, event]).encode()) == []
    assert violations(f"{topic}/more", json.dumps(event).encode())
    assert violations(topic, json.dumps(event | {"sequence": 7}).encode())
    assert violations(topic.replace("loss", "state"), json.dumps([event]).encode())
    components = document("1")["components"]
    assert validator_of("LossEvent", components).is_valid(event | {"new": "members are fine"})
    assert not validator_of("LossEvent", components).is_valid(event | {"data": event["data"] | {"reason": "lazy"}})


CHECK = """\
const { Parser } = require('@asyncapi/parser')
const text = require('fs').readFileSync(0, 'utf8')
new Parser().parse(text).then(({ document, diagnostics }) => {
  console.log(JSON.stringify({ parsed: Boolean(document), found: diagnostics }))
})
"""


@pytest.mark.node
@pytest.mark.soak
@pytest.mark.parametrize("words", [(), ("--config", str(FAMILIES))], ids=str)
def test_asyncapi_s_own_parser_takes_it(words: tuple[str, ...]) -> None:
    """It comes from npm, so it is asked in the long runs; its schema is asked above."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("node and npm are not installed: apt install nodejs npm")
    folder = ROOT / ".readpoint" / "asyncapi"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "@asyncapi" / "parser").exists():
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
        subprocess.run([*command, "@asyncapi/parser@3.6"], check=True, capture_output=True, timeout=200)
    asked = subprocess.run(
        [node, "-e", CHECK], cwd=folder, input=said(*words), capture_output=True, text=True, check=True, timeout=100
    )
    answer = json.loads(asked.stdout)
    assert answer["parsed"]
    errors = [one for one in answer["found"] if one["severity"] < 2]  # 2 and up: informations and hints
    assert errors == []
