"""The web application of the HTTP driver alone: what it does with many posts at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from drivers.contract import Batch
from drivers.http import body as bodies
from drivers.http.app import Desks
from drivers.http.complaints import Complaints
from drivers.http.deliveries import Deliveries
from drivers.http.observing import Desk
from drivers.http.openapi import PATH
from drivers.http.settings import Settings
from drivers.http.sources import Known, digest
from tests.driving import BOUND

TOKEN = "a-token-of-32-characters-or-more"
POSTS = 20


def store(batch: Batch) -> None:
    assert batch.stored is not None
    batch.stored()


def application() -> Any:
    desks = Desks(
        Settings.model_validate({"listen": "127.0.0.1:8443", "token": "${file:x}"}),
        lambda: {"gun": Known(digest(TOKEN), None)},
        {"gun": Desk(None, ())},
        Deliveries(store, 10),
        Complaints("listens"),
        lambda _status: None,
        lambda: 1_790_000_000.0,
        {"gun": 1000.0},
    )
    return desks.application()


async def post(app: Any, body: bytes) -> int:
    """The status of the answer."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {TOKEN}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": headers}
    await app({**scope, "state": {"common_name": None}}, receive, send)
    return int(sent[0]["status"])


async def test_of_posts_that_come_at_once_each_leaves_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long one takes some 20 ms: a hundred of them in one turn of the loop would hold up all devices for seconds."""

    def count() -> None:
        nonlocal turn
        turn += 1
        asyncio.get_running_loop().call_soon(count)

    def watched(data: bytes, media_type: str) -> bodies.Body:
        turns.append(turn)
        return parse(data, media_type)

    turn, turns, parse = 0, list[int](), bodies.parse
    monkeypatch.setattr(bodies, "parse", watched)
    app = application()
    count()
    async with asyncio.timeout(BOUND):
        found = await asyncio.gather(*(post(app, b'{"code": "x"}') for _ in range(POSTS)))
    assert found == [200] * POSTS
    assert len(set(turns)) == POSTS
