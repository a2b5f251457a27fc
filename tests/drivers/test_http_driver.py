"""The HTTP driver on real sockets: answered once it is stored, whoever posts, however badly."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from drivers.contract import Absent, Batch, Context, Observation, Read, Rejected, Status, Unreachable
from drivers.http.driver import HttpDriver
from drivers.http.settings import PortSettings, Settings
from simulators.http_source import Answer, Broken, HttpSource, Manners, lines
from tests.brokers import Pki, free_tcp_port
from tests.driving import BOUND, until

TOKEN = "a-token-of-32-characters-or-more"
READ = b'{"code": "]C10109521141123454211A1"}\n'
DEVICE = "handhelds"


class Running:
    """An open driver whose batches are stored, shed or kept waiting, as `fate` says."""

    def __init__(self, settings: dict[str, Any], **around: Any) -> None:
        self.port = free_tcp_port()
        self.settings = Settings.model_validate({"listen": f"127.0.0.1:{self.port}", **settings})
        ports = around.pop("ports", {})
        context = Context(DEVICE, **{"secret": lambda _ref: TOKEN, **around})
        self.driver = HttpDriver(self.settings, dict.fromkeys(ports, PortSettings()), context)
        self.fate: Callable[[Batch], None] = store
        self.batches: list[Batch] = []
        self.seen: list[Observation] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Running]:
        async with self.driver.open() as batches:
            consuming = asyncio.create_task(self._consume(batches))
            try:
                yield self
            finally:
                consuming.cancel()
                with suppress(asyncio.CancelledError):
                    await consuming

    async def _consume(self, batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            self.seen += batch.observations
            if batch.stored is not None:
                self.batches.append(batch)
                self.fate(batch)

    @property
    def reads(self) -> list[Read]:
        return [one for one in self.seen if isinstance(one, Read)]

    @property
    def states(self) -> list[str]:
        return [one.state for one in self.seen if isinstance(one, Status) and one.antenna is None]

    def source(self, token: str | None = TOKEN, scheme: str = "http", **options: Any) -> HttpSource:
        return HttpSource(f"{scheme}://127.0.0.1:{self.port}/v1/reads", token, timeout=BOUND, **options)


def store(batch: Batch) -> None:
    assert batch.stored is not None
    batch.stored()


def keep(_batch: Batch) -> None:
    """Neither stored nor shed: a full disk."""


def shed(batch: Batch) -> None:
    assert batch.shed is not None
    batch.shed()


@pytest.fixture
async def running() -> AsyncIterator[Callable[..., Any]]:
    """Opens drivers, and closes them within a bound."""
    async with AsyncExitStack() as nest:

        async def make(settings: dict[str, Any] | None = None, **around: Any) -> Running:
            made = Running({"token": "${file:token}"} | (settings or {}), **around)
            await nest.enter_async_context(made.open())
            return made

        yield make
        async with asyncio.timeout(BOUND):
            await nest.aclose()


def problem(answer: Answer) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.body)
    assert found["status"] == answer.status
    assert found["detail"]
    assert "Traceback" not in answer.body.decode()
    return found


async def test_answered_only_once_it_is_stored(running: Any) -> None:
    device = await running()
    device.fate = keep
    asked = asyncio.create_task(device.source().post(READ))
    await until(lambda: device.batches)
    assert not asked.done()
    store(device.batches[0])
    answer = await asked
    assert (answer.status, json.loads(answer.body)["stored"]) == (200, 1)
    assert "date" in answer.headers
    assert device.states == ["online"]


async def test_what_cannot_be_stored_in_time_is_503_and_comes_once(running: Any) -> None:
    """The batch is still on its way when it is posted again: it is waited for, not given twice."""
    device = await running({"store_timeout": "200ms"})
    device.fate = keep
    first = await device.source().post(READ, batch="b-1")
    again = await device.source().post(READ, batch="b-1")
    assert [problem(answer)["status"] for answer in (first, again)] == [503, 503]
    assert int(first.headers["retry-after"]) >= 1
    store(device.batches[0])
    assert (await device.source().post(READ, batch="b-1")).status == 200
    assert len(device.reads) == 1


async def test_a_batch_posted_twice_at_once_is_given_once(running: Any) -> None:
    device = await running()
    device.fate = keep
    both = [asyncio.create_task(device.source().post(READ, batch="b-1")) for _ in range(2)]
    await until(lambda: device.batches)
    await device.source().post(b"{", batch="other")  # by now both are in
    store(device.batches[0])
    assert [(await one).status for one in both] == [200, 200]
    assert len(device.reads) == 1
    body = json.dumps({"batch": "b-1", "lines": [{"code": "1"}]}).encode()
    assert problem(await device.source().post(body, media_type="application/json"))["status"] == 422


async def test_what_was_shed_is_503_at_once_and_may_come_again(running: Any) -> None:
    device = await running()
    device.fate = shed
    assert problem(await device.source().post(READ, batch="b-1"))["status"] == 503
    device.fate = store
    assert await device.source().deliver(READ, retry=0.01) == 1


async def test_a_sender_that_hangs_up_before_the_answer_posts_again(running: Any) -> None:
    device = await running()
    with pytest.raises(Broken, match="hung up"):
        await device.source().post(READ, batch="b-1", manners=Manners(hang_up=True))
    assert (await device.source().post(READ, batch="b-1")).status == 200
    assert len(device.reads) == 1


async def test_who_may_not_post_is_told_and_nothing_is_given(running: Any) -> None:
    device = await running()
    answer = await device.source("wrong-token-that-nobody-has").post(READ)
    assert problem(answer)["status"] == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert problem(await device.source(None).post(READ))["status"] == 401
    assert not device.reads
    assert TOKEN.encode() not in answer.body


async def test_wrong_bodies_are_refused_whole_with_their_line_and_shown_in_health(running: Any) -> None:
    device = await running({"max_body": "1KiB"})
    answer = await device.source().post(READ + b'{"epc": "xyz"}\n')
    assert problem(answer)["line"] == 2
    cases = {
        413: device.source().post(b" " * 1025),
        415: device.source().post(READ, media_type="application/xml"),
        404: device.source().send(b"GET /other HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        405: device.source().send(b"GET /v1/reads HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
    }
    for status, asked in cases.items():
        assert problem(await asked)["status"] == status
    packed = await device.source().post(READ, headers={"content-encoding": "gzip"})
    assert problem(packed)["status"] == 415
    chunked = b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n" + b"400\r\n" + b" " * 1024 + b"\r\n"
    head = f"POST /v1/reads HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n".encode()
    assert problem(await device.source().send(head + chunked + b"1\r\n \r\n0\r\n\r\n"))["status"] == 413
    assert not device.reads
    assert device.states == ["online", "degraded"]
    assert (await device.source().post(READ)).status == 200


async def test_too_fast_is_429_with_the_time_to_wait_and_costs_nobody_else(running: Any) -> None:
    secrets = {"${file:a}": "a" * 32, "${file:b}": "b" * 32}
    sources = {name: {"token": f"${{file:{name}}}", "rate": 0.5} for name in "ab"}
    device = await running({"token": None, "sources": sources}, secret=secrets.__getitem__)
    answers = [await device.source("a" * 32).post(READ) for _ in range(8)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 4
    assert (await device.source("b" * 32).post(READ)).status == 200
    assert [one.antenna for one in device.reads] == ["a"] * 5 + ["b"]


async def test_vendor_events_at_their_own_antennas(running: Any) -> None:
    sources = {"r700": {"token": "${file:token}"}}
    device = await running({"token": None, "sources": sources}, ports=("r700/1", "r700"))
    event = {"eventType": "tagInventory", "tagInventoryEvent": {"epcHex": "3034", "antennaPort": 1}}
    body = json.dumps([event, event | {"tagInventoryEvent": {"epcHex": "3035", "antennaPort": 2}}]).encode()
    password = "Basic cm9vdDphLXRva2VuLW9mLTMyLWNoYXJhY3RlcnMtb3ItbW9yZQ=="
    answer = await device.source(None).post(body, media_type="application/json", headers={"authorization": password})
    assert answer.status == 200
    assert [one.antenna for one in device.reads] == ["r700/1", "r700"]


async def test_tls_and_client_certificates(running: Any, pki: Pki) -> None:
    ours, theirs = pki.broker, pki.client("gun-2.dc1")
    tls = {"cert": str(ours.cert), "key": str(ours.key), "ca": str(pki.ca)}
    sources = {"gun-1": {"token": "${file:token}"}, "gun-2": {"common_name": "gun-2.dc1"}}
    device = await running({"token": None, "sources": sources, "tls": tls})

    def source(token: str | None, who: Any = None) -> HttpSource:
        shown = {"cert": who.cert, "key": who.key} if who else {}
        made: HttpSource = device.source(token, "https", ca=pki.ca, **shown)
        return made

    assert (await source(TOKEN).post(READ)).status == 200
    assert (await source(None, theirs).post(READ)).status == 200
    assert problem(await source(None).post(READ))["status"] == 401
    assert problem(await source(None, pki.client("gun-3.dc1")).post(READ))["status"] == 403
    for bad in (pki.foreign("gun-2.dc1"), pki.expired("gun-2.dc1")):
        with pytest.raises(Broken):
            await source(None, bad).post(READ)
    with pytest.raises(Broken):  # no TLS at all
        await device.source().post(READ)
    assert [one.antenna for one in device.reads] == ["gun-1", "gun-2"]
    assert "degraded" in device.states


async def test_a_renewed_certificate_serves_from_the_next_connection(running: Any, pki: Pki, tmp_path: Path) -> None:
    def install(tls: Any) -> None:
        for source, name in ((tls.cert, "own.pem"), (tls.key, "own.key")):
            (tmp_path / f"{name}.new").write_bytes(source.read_bytes())
            (tmp_path / f"{name}.new").replace(tmp_path / name)

    install(pki.broker_for("another-host"))
    tls = {"cert": "own.pem", "key": "own.key"}
    device = await running({"tls": tls}, base=str(tmp_path))
    source = device.source(scheme="https", ca=pki.ca)
    with pytest.raises(Broken, match=r"(?i)certificate"):
        await source.post(READ)
    (tmp_path / "own.pem").write_text("half a certificate")  # what fits was kept, until both are there
    with pytest.raises(Broken, match=r"(?i)certificate"):
        await source.post(READ)
    install(pki.broker)
    assert (await source.post(READ)).status == 200


async def test_old_tls_is_not_spoken(running: Any, pki: Pki) -> None:
    tls = {"cert": str(pki.broker.cert), "key": str(pki.broker.key)}
    device = await running({"tls": tls})
    context = ssl.create_default_context(cafile=pki.ca)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):  # Debian 12's asyncio does not pass on what TLS said
        await asyncio.open_connection("127.0.0.1", device.port, ssl=context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    _, writer = await asyncio.open_connection("127.0.0.1", device.port, ssl=context)
    writer.close()


async def test_slow_senders_are_ended_and_hold_nobody_up(running: Any) -> None:
    """Slow in headers, in the body, silent; half of the connections at most, since all come from one address."""
    device = await running({"request_timeout": "300ms", "connections": 8})
    head = f"POST /v1/reads HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
    slow = (head + "x-more: " + "y" * 600).encode()
    in_body = (head + "content-type: text/plain\r\ncontent-length: 900\r\n\r\n").encode() + b" " * 200
    drip = Manners(piece=4, pause=0.05)
    async with asyncio.timeout(BOUND):
        ended = await asyncio.gather(
            device.source().send(slow, drip),
            device.source().send(in_body, Manners(piece=len(in_body) - 8, pause=0.05)),
            device.source().send(b""),
            return_exceptions=True,
        )
    assert isinstance(ended[0], Broken)
    assert isinstance(ended[1], Answer)
    assert ended[1].status == 408
    assert isinstance(ended[2], Broken)
    assert await device.source().deliver(READ, retry=0.01) >= 1


async def test_one_address_has_half_of_the_connections(running: Any) -> None:
    device = await running({"connections": 8})
    async with AsyncExitStack() as nest:
        held = []
        for _ in range(12):
            reader, writer = await asyncio.open_connection("127.0.0.1", device.port)
            nest.callback(writer.close)
            held.append(asyncio.create_task(reader.read()))
        async with asyncio.timeout(BOUND):
            while sum(one.done() for one in held) < 8:
                await asyncio.wait([one for one in held if not one.done()], return_when=asyncio.FIRST_COMPLETED)
        assert sum(one.done() for one in held) == 8
        with pytest.raises(Broken):
            await device.source().post(READ)
    await asyncio.gather(*held)
    assert await device.source().deliver(READ, retry=0.01) >= 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /v1/reads HTTP/1.1\r\n\r\n",
        b"POST /v1/reads HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/reads HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
        b"POST /v1/reads HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 70_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32 + b"\n\n",
    ],
)
async def test_garbage_is_no_500_and_good_posts_go_on(running: Any, garbage: bytes) -> None:
    device = await running({"request_timeout": "2s"})
    with suppress(Broken):
        answer = await device.source().send(garbage)
        assert 400 <= answer.status < 500
    assert (await device.source().post(READ)).status == 200


async def test_a_flood_is_taken_or_refused_and_what_was_answered_is_there(running: Any) -> None:
    device = await running({"rate": 100_000, "connections": 40})
    body = lines([Read("code", b"1", 1.0)] * 200)
    posts = await asyncio.gather(*(device.source().post(body) for _ in range(200)), return_exceptions=True)
    taken = [one for one in posts if isinstance(one, Answer) and one.status == 200]
    assert len(device.reads) == 200 * len(taken)
    assert len(taken) >= 20
    assert all(isinstance(one, Broken) or one.status in (200, 503) for one in posts if one is not None)


async def test_leaving_waits_a_little_for_what_is_on_its_way_and_frees_the_port() -> None:
    device = Running({"token": "${file:token}"})
    device.fate = keep
    async with device.open():
        asked = asyncio.create_task(device.source().post(READ))
        await until(lambda: device.batches)
        asyncio.get_running_loop().call_later(0.1, store, device.batches[0])
    assert (await asked).status == 200
    with pytest.raises(Broken):
        await device.source().post(READ)
    async with asyncio.timeout(BOUND), device.open():
        stuck = asyncio.create_task(device.source().post(READ, batch="b-1"))
        await until(lambda: len(device.batches) == 2)
    assert (await asyncio.wait_for(stuck, BOUND)).status == 503
    device.fate = store
    async with device.open():
        store(device.batches[1])
        assert (await device.source().post(READ, batch="b-1")).status == 200
    assert len(device.batches) == 2


async def test_a_port_that_is_taken_says_so(running: Any) -> None:
    device = await running()
    other = HttpDriver(device.settings, {}, Context("other", secret=lambda _ref: TOKEN))
    with pytest.raises(Unreachable, match=rf"another program.*{device.port}.*\?"):
        async with other.open():
            pass


async def test_an_address_of_another_machine_says_so() -> None:
    settings = Settings(listen="192.0.2.1:8443", tls=False, token="${file:x}")
    with pytest.raises(Unreachable, match="this machine does not have the address"):
        async with HttpDriver(settings, {}, Context("other", secret=lambda _ref: TOKEN)).open():
            pass


async def test_bad_secrets_and_certificates_say_so(tmp_path: Path) -> None:
    async def opened(settings: dict[str, Any], **around: Any) -> None:
        port = free_tcp_port()
        made = Settings.model_validate({"listen": f"127.0.0.1:{port}", **settings})
        async with HttpDriver(made, {}, Context("h", base=str(tmp_path), **around)).open():
            raise AssertionError("it listens")

    with pytest.raises(Rejected, match="shorter than 16 characters: openssl rand"):
        await opened({"token": "${file:x}"}, secret=lambda _ref: "short")
    sources = {name: {"token": f"${{file:{name}}}"} for name in "ab"}
    with pytest.raises(Rejected, match="b and a have the same token"):
        await opened({"sources": sources}, secret=lambda _ref: TOKEN)
    (tmp_path / "x.pem").write_text("no certificate")
    with pytest.raises(Rejected, match=r"TLS files cannot be used \(x.pem, x.pem\)"):
        await opened({"token": "${file:x}", "tls": {"cert": "x.pem", "key": "x.pem"}}, secret=lambda _ref: TOKEN)


async def test_a_changed_token_serves_without_a_restart(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = ["first-token-of-this-source"]
    monkeypatch.setattr("drivers.http.driver._FRESH", 0.0)
    device = await running(secret=lambda _ref: tokens[-1])
    assert (await device.source(tokens[0]).post(READ)).status == 200
    tokens.append("second-token-of-this-source")
    assert (await device.source(tokens[0]).post(READ)).status == 401
    assert (await device.source(tokens[1]).post(READ)).status == 200


@pytest.mark.parametrize(("lost", "answer"), [(Rejected("Too many open files"), 200), (Absent("no such file"), 401)])
async def test_a_token_that_is_gone_is_revoked_and_one_that_cannot_be_read_is_not(
    running: Any, monkeypatch: pytest.MonkeyPatch, lost: Rejected, answer: int
) -> None:
    """The other source's is changed at the same time."""
    tokens = {"${file:a}": "token-of-the-source-a", "${file:b}": "stolen-token-of-source-b"}

    def secret(ref: str) -> str:
        if ref not in tokens:
            raise lost
        return tokens[ref]

    monkeypatch.setattr("drivers.http.driver._FRESH", 0.0)
    sources = {name: {"token": f"${{file:{name}}}"} for name in "ab"}
    device = await running({"sources": sources, "token": None}, secret=secret)
    assert (await device.source("token-of-the-source-a").post(READ)).status == 200
    del tokens["${file:a}"]
    tokens["${file:b}"] = "another-token-of-source-b"
    assert (await device.source("stolen-token-of-source-b").post(READ)).status == 401
    assert (await device.source("another-token-of-source-b").post(READ)).status == 200
    assert (await device.source("token-of-the-source-a").post(READ)).status == answer
    tokens["${file:a}"] = "a-new-token-of-source-a"
    assert (await device.source("a-new-token-of-source-a").post(READ)).status == 200


async def test_a_clock_that_was_never_set_is_put_right_and_told(running: Any) -> None:
    device = await running()
    answer = await device.source().post(b'{"code": "1", "time": 10}\n{"code": "2", "time": 12}\n')
    assert answer.status == 200
    assert json.loads(answer.body)["clock"] > 1e9
    [first, second] = device.reads
    assert second.time - first.time == pytest.approx(2)
    assert second.time == second.received
    await until(lambda: device.states == ["online", "degraded"])
    assert "its clock is" in device.seen[-1].cause
