"""The small HTTP listener that a scrape meets: every request has an answer or an end, whoever asks."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.visible.listener import MAX_CLIENTS, Answer, Listener


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """A listener that has one page."""
    answers = {"/metrics": Answer("200 OK", "text/plain", b"it\n")}
    server = await Listener(answers.get).serve("127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, request: bytes) -> bytes:
    """All that comes back; nothing where the other side just ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        writer.write_eof()
        async with asyncio.timeout(30.0):
            return await reader.read()
    except OSError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1", b"200 OK"),
        (b"GET /metrics?name[]=up HTTP/1.0", b"200 OK"),
        (b"HEAD /metrics HTTP/1.1", b"200 OK"),
        (b"GET / HTTP/1.1", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1", b"405 Method Not Allowed"),
        (b"GET /metrics", b"400 Bad Request"),
        (b"\xff\xfe \x00 HTTP/9", b"400 Bad Request"),
        (b"", b"400 Bad Request"),
    ],
)
async def test_a_request_is_answered(request_line: bytes, status: bytes) -> None:
    async with listening() as port:
        answer = await ask(port, request_line + b"\r\nHost: box\r\n\r\n")
    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status + b"\r\n")
    length = int(re.findall(rb"Content-Length: (\d+)", head)[0])
    assert len(content) == (0 if request_line.startswith(b"HEAD") else length)


async def test_one_that_talks_too_much_is_dropped_and_others_are_served() -> None:
    async with listening() as port:
        assert await ask(port, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 100_000) == b""
        assert await ask(port, b"GET /met") == b""
        assert b"200 OK" in await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n")


async def test_a_crowd_is_bounded_and_whoever_leaves_makes_room() -> None:
    async with listening() as port:
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CLIENTS)]
        async with asyncio.timeout(30.0):
            while await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n") != b"":  # noqa: ASYNC110 - until all are taken
                await asyncio.sleep(0.01)
            for _, writer in crowd:
                writer.close()
            while await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n") == b"":  # noqa: ASYNC110 - until they are gone
                await asyncio.sleep(0.01)


def test_stopping_while_somebody_asks_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    async def stopped(somebody: socket.socket) -> None:
        async with listening() as port:
            await asyncio.get_running_loop().sock_connect(somebody, ("127.0.0.1", port))
            async with asyncio.timeout(30.0):
                while len(asyncio.all_tasks()) < 2:  # noqa: ASYNC110 - until it is met
                    await asyncio.sleep(0.01)

    with socket.socket() as somebody:
        somebody.setblocking(False)
        asyncio.run(stopped(somebody))
    assert caplog.records == []


async def test_a_page_that_leaves_piece_by_piece_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    """Its connection is closed when its last piece has left: then there is nothing to abort."""
    page = Answer("200 OK", "text/plain", b"x" * 2**22)
    loop, alone = asyncio.get_running_loop(), len(asyncio.all_tasks())
    async with await Listener(lambda _path: page).serve("127.0.0.1", 0) as server:
        for _ in range(3):
            with socket.socket() as slow:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.setblocking(False)
                await loop.sock_connect(slow, server.sockets[0].getsockname())
                await loop.sock_sendall(slow, b"GET /metrics HTTP/1.1\r\n\r\n")
                while await loop.sock_recv(slow, 2**16):
                    pass
            async with asyncio.timeout(30):
                while len(asyncio.all_tasks()) > alone:  # noqa: ASYNC110 - until it is let go
                    await asyncio.sleep(0)
        gc.collect()
    assert caplog.records == []


async def test_who_does_not_read_the_answer_is_dropped() -> None:
    """However little of it is left: what the kernel does not take would stay here, and so would the connection."""
    page = Answer("200 OK", "text/plain", b"x" * 2**16)
    loop = asyncio.get_running_loop()
    async with (
        await Listener(lambda _path: page, patience=0.5).serve("127.0.0.1", 0) as server,
        AsyncExitStack() as crowd,
    ):
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # those it accepts have it, too
        deaf = [crowd.enter_context(socket.socket()) for _ in range(MAX_CLIENTS)]
        for one in deaf:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.setblocking(False)
            await loop.sock_connect(one, server.sockets[0].getsockname())
            await loop.sock_sendall(one, b"GET /metrics HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(30.0):
            port = server.sockets[0].getsockname()[1]
            while not (await ask(port, b"GET /metrics HTTP/1.1\r\n\r\n")).endswith(page.content):  # noqa: ASYNC110 - until one is gone
                await asyncio.sleep(0.01)
            heard = b""
            with suppress(ConnectionResetError):
                while some := await loop.sock_recv(deaf[0], 2**16):
                    heard += some
        assert len(heard) < len(page.content)


@given(st.binary(max_size=300))
def test_no_bytes_make_an_answer_that_is_none(head: bytes) -> None:
    answer = Listener(lambda _path: None)._answer(head)
    assert re.match(rb"HTTP/1\.1 (400|404|405) ", answer)
