"""The interface as it describes itself, held against the running listener by schemathesis; and the page's curl."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from drivers.contract import Context, Read
from drivers.http import body
from drivers.http.driver import HttpDriver
from drivers.http.openapi import document
from drivers.http.settings import Settings
from tests.brokers import Pki, free_tcp_port
from tests.drivers.test_http_body import LINES, TAG

TOKEN = "a-token-of-32-characters-or-more"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "drivers" / "http.md"


async def _storing(driver: HttpDriver, ready: asyncio.Event, seen: list[Any]) -> None:
    async with driver.open() as batches:
        ready.set()
        async for batch in batches:
            seen += batch.observations
            if batch.stored is not None:
                batch.stored()


def test_the_document_is_whole_and_its_schemas_take_what_the_parser_takes() -> None:
    described = document(2**20)
    text = json.dumps(described)
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert name in described["components"]["schemas"]
    post = described["paths"]["/v1/reads"]["post"]
    schema = {**post["requestBody"]["content"]["application/json"]["schema"], "components": described["components"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    lines = [json.loads(line) for line in LINES.splitlines() if line]
    for value in (*lines, lines, TAG, [TAG], {"batch": "b", "lines": [TAG, *lines]}):
        judge.validate(value)
        assert body.parse(json.dumps(value).encode(), "application/json").lines
    judge.validate(post["requestBody"]["content"]["application/json"]["example"])


async def test_no_request_of_schemathesis_is_a_server_error() -> None:
    port = free_tcp_port()
    chosen = Settings(listen=f"127.0.0.1:{port}", token="${file:token}", rate=100_000, request_timeout=2.0)
    ready, seen = asyncio.Event(), list[Any]()
    driver = HttpDriver(chosen, {}, Context("handhelds", secret=lambda _ref: TOKEN))
    serving = asyncio.create_task(_storing(driver, ready, seen))
    await asyncio.wait({serving, asyncio.ensure_future(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)

    def hammer() -> None:
        with urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=30) as answer:
            described = json.load(answer)
        assert described == document(chosen.max_body)
        schema = schemathesis.openapi.from_dict(described)
        schema.config.update(base_url=f"http://127.0.0.1:{port}")
        strategy = schema["/v1/reads"]["POST"].as_strategy()

        @settings(
            max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=strategy)
        def post(case: Any) -> None:
            case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)

        post()

    async with asyncio.timeout(100):
        await asyncio.to_thread(hammer)
    serving.cancel()
    await asyncio.wait({serving})
    assert any(isinstance(one, Read) for one in seen)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt-get install curl")
async def test_the_curl_of_the_page_stores_its_lines(pki: Pki, tmp_path: Path) -> None:
    page = PAGE.read_text()
    [lines] = re.findall(r"^```jsonl\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    [command] = re.findall(r"^curl .*$", page, flags=re.MULTILINE)
    port = free_tcp_port()
    (tmp_path / "reads.jsonl").write_text(lines)
    (tmp_path / "handhelds.token").write_text(TOKEN + "\n")
    shutil.copy(pki.ca, tmp_path / "handhelds.pem")
    assert pki.broker.cert
    assert pki.broker.key
    tls = {"cert": str(pki.broker.cert), "key": str(pki.broker.key)}
    chosen = Settings.model_validate({"listen": f"127.0.0.1:{port}", "tls": tls, "token": "${file:x}"})
    ready, seen = asyncio.Event(), list[Any]()
    serving = asyncio.create_task(
        _storing(HttpDriver(chosen, {}, Context("handhelds", secret=lambda _ref: TOKEN)), ready, seen)
    )
    await asyncio.wait({serving, asyncio.ensure_future(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    ran = await asyncio.create_subprocess_shell(
        command.replace("10.10.0.1:8443", f"127.0.0.1:{port}"), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        said, _ = await ran.communicate()
    serving.cancel()
    await asyncio.wait({serving})
    assert said.decode() in page
    assert [one.scheme for one in seen if isinstance(one, Read)] == ["epc", "code", "code"]
