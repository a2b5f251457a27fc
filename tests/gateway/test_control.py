"""The control socket: who may ask what, and that nobody at its other end makes the gateway wait, grow or fall."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.control import access, protocol
from gateway.control.client import NotRunning, Refused, ask
from gateway.control.feed import Feed
from gateway.control.server import MAX_CLIENTS, ControlServer

ROOT = str(Path(__file__).resolve().parents[2])
LINE = b'{"a":"' + b"x" * 65536 + b'"}\n'


async def answer(request: protocol.AnyAsk, _uid: int) -> AsyncGenerator[bytes, None]:
    match request:
        case protocol.Status():
            yield b'{"state":"good"}\n'
        case protocol.OutboxShow():
            raise ValueError("no such event")
        case _:
            while True:
                yield LINE


def asked(path: Path, request: protocol.Ask) -> list[bytes]:
    return list(ask(path, request))


async def test_answers_a_request(tmp_path: Path) -> None:
    async with ControlServer(answer).serve(tmp_path / "s.sock"):
        assert await asyncio.to_thread(asked, tmp_path / "s.sock", protocol.Status()) == [b'{"state":"good"}']
    assert not (tmp_path / "s.sock").exists()


async def test_says_why_it_will_not(tmp_path: Path) -> None:
    async with ControlServer(answer).serve(tmp_path / "s.sock"):
        with pytest.raises(Refused, match="no such event"):
            await asyncio.to_thread(asked, tmp_path / "s.sock", protocol.OutboxShow())


def test_names_the_socket_where_no_gateway_runs(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=r"nothing listens at .*none\.sock"):
        asked(tmp_path / "none.sock", protocol.Status())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"\xff\xfe\n",
        b'{"verb":"format disk"}\n',
        b'{"verb":"status","more":1}\n',
        b"[" * 5000 + b"\n",
        b'{"verb":"outbox.list","after":%d}\n' % 2**63,
        b'{"verb":"outbox.list","after":-1}\n',
        b'{"verb":"outbox.list","limit":100001}\n',
        b'{"verb":"outbox.show","epoch":1,"sequence":%d}\n' % 2**70,
        b'{"verb":"outbox.show","epoch":%d,"sequence":1}\n' % 2**70,
        b'{"verb":"orphans","limit":-1}\n',
    ],
)
async def test_garbage_gets_a_sentence(tmp_path: Path, line: bytes) -> None:
    async with ControlServer(answer, patience=30.0).serve(tmp_path / "s.sock"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
        writer.write(line or b"\n")
        async with asyncio.timeout(30):
            said = await reader.read()
        assert said.startswith(b'{"error":"request not understood')
        writer.close()


async def test_a_request_without_end_is_refused(tmp_path: Path) -> None:
    async with ControlServer(answer, patience=30.0).serve(tmp_path / "s.sock"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
        writer.write(b"x" * (protocol.MAX_REQUEST + 100_000))
        # The kernel may throw the answer away with what was not read: what counts is that it ends.
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(30):
                assert b"error" in await reader.read()
        writer.close()


def taken_at_once() -> int:
    """Bytes that the kernel takes from a socket that nobody reads."""
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        return one.send(bytes(2**24))


async def test_an_answer_that_leaves_piece_by_piece_is_no_bug(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its connection is closed when its last piece has left: then there is nothing to abort."""

    loop, alone = asyncio.get_running_loop(), len(asyncio.all_tasks())
    size, ended = taken_at_once() + 30_000, asyncio.Event()

    async def long(_request: protocol.AnyAsk, _uid: int) -> AsyncGenerator[bytes, None]:
        yield b"x" * size
        ended.set()

    async with asyncio.timeout(30), ControlServer(long).serve(tmp_path / "s.sock"):
        with socket.socket(socket.AF_UNIX) as slow:
            slow.setblocking(False)
            await loop.sock_connect(slow, str(tmp_path / "s.sock"))
            await loop.sock_sendall(slow, b'{"verb":"status"}\n')
            await ended.wait()
            for _ in range(10):  # the server has closed by then, and the rest still waits there
                await asyncio.sleep(0)
            while size:
                size -= len(await loop.sock_recv(slow, 2**16))
            assert await loop.sock_recv(slow, 1) == b""
        while len(asyncio.all_tasks()) > alone:  # noqa: ASYNC110 - until it is let go
            await asyncio.sleep(0)
        gc.collect()
    assert caplog.records == []


async def test_who_asks_nothing_is_let_go(tmp_path: Path) -> None:
    async with ControlServer(answer, patience=0.1).serve(tmp_path / "s.sock"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()


async def test_a_crowd_is_told_so_before_anything_of_it_is_read(tmp_path: Path) -> None:
    """Requests that never end are held for so many, and for nobody beyond them."""
    async with ControlServer(answer, patience=60.0).serve(tmp_path / "s.sock"), AsyncExitStack() as crowd:
        for _ in range(MAX_CLIENTS):
            _, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
            crowd.callback(writer.close)
        many = f"{MAX_CLIENTS} others are connected already"
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
            crowd.callback(writer.close)
            assert many.encode() in await reader.readline()  # it has asked nothing yet
        for request in (protocol.Status(), protocol.Names(("x" * 2**19,))):
            with pytest.raises(Refused, match=many):
                await asyncio.to_thread(asked, tmp_path / "s.sock", request)
        await crowd.aclose()
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(Refused):
                    assert await asyncio.to_thread(asked, tmp_path / "s.sock", protocol.Status())
                    break


async def test_who_may_ask_nothing_is_told_so_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket is open to every user of the machine: none of them may make the gateway grow, or take a place."""
    monkeypatch.setattr(access, "right", lambda _who: "none")
    refused = f"not allowed: user {os.geteuid()} is not in group readpoint"
    async with ControlServer(answer, patience=60.0).serve(tmp_path / "s.sock"), AsyncExitStack() as crowd:
        async with asyncio.timeout(30):
            for _ in range(MAX_CLIENTS + 1):
                reader, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
                crowd.callback(writer.close)
                assert refused.encode() in await reader.readline()


async def test_who_does_not_read_is_dropped(tmp_path: Path) -> None:
    server = ControlServer(answer, patience=1.0)
    async with server.serve(tmp_path / "s.sock"):
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, str(tmp_path / "s.sock"))
            await asyncio.get_running_loop().sock_sendall(deaf, b'{"verb":"tail"}\n')
            # Another one is served all the while.
            assert await asyncio.to_thread(asked, tmp_path / "s.sock", protocol.Status())
            async with asyncio.timeout(30):
                while not server.dropped:  # noqa: ASYNC110 - a counter has no event
                    await asyncio.sleep(0.01)


async def test_leaving_lets_go_of_everyone(tmp_path: Path) -> None:
    async with ControlServer(answer).serve(tmp_path / "s.sock"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
        writer.write(b'{"verb":"tail"}\n')
        await reader.readexactly(10)
    async with asyncio.timeout(30):
        while await reader.read(1 << 20):
            pass
    writer.close()


def test_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {access.READERS: 501, access.CHANGERS: 502}
    monkeypatch.setattr(access, "_group", groups.__getitem__)
    assert access.right(access.Peer(0, {0})) == "change"
    assert access.right(access.Peer(os.geteuid(), {503})) == "change"
    # A user number that no account has.
    assert access.right(access.Peer(4_000_000, {501})) == "read"
    assert access.right(access.Peer(4_000_000, {501, 502})) == "change"
    assert access.right(access.Peer(4_000_000, {503})) == "none"


def test_nobody_is_in_a_group_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "READERS", "no-such-group")
    monkeypatch.setattr(access, "CHANGERS", "no-such-group")
    assert access.right(access.Peer(4_000_000, {4_000_000})) == "none"


ASK = """
import os, sys
from pathlib import Path
from gateway.control import protocol
from gateway.control.client import Refused, ask
user, groups = int(sys.argv[2]), [int(number) for number in sys.argv[3].split(",")]
os.setgroups(groups[1:])
os.setresgid(groups[0], groups[0], groups[0])
os.setresuid(user, user, user)
for request in (protocol.Status(), protocol.OutboxResend()):
    try:
        print(*(line.decode() for line in ask(Path(sys.argv[1]), request)))
    except Refused as error:
        print(error)
"""


def as_other(path: Path, user: int, *groups: int) -> list[str]:
    """What another user is told who asks for the status, and to resend."""
    arguments = [sys.executable, "-c", ASK, str(path), str(user), ",".join(map(str, groups))]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=True, env={"PYTHONPATH": ROOT})
    return done.stdout.splitlines()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
async def test_other_users_by_the_kernels_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a floor: group readpoint reads and may not resend, readpoint-tech does both, nobody nothing."""
    nobody, reader, changer, other = 65534, 60_001, 60_002, 60_003
    monkeypatch.setattr(access, "_group", {access.READERS: reader, access.CHANGERS: changer}.__getitem__)

    async def resent(request: protocol.AnyAsk, _uid: int) -> AsyncGenerator[bytes, None]:
        yield b'{"resent":0}\n' if isinstance(request, protocol.OutboxResend) else b'{"state":"good"}\n'

    # pytest's own folders are closed to other users; the sockets' folder is open, as /run/readpoint is.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with ControlServer(resent).serve(folder / "s.sock"):
            said = [
                await asyncio.to_thread(as_other, folder / "s.sock", nobody, *groups)
                for groups in ((reader,), (other, reader), (other, changer), (other,))
            ]
    refused = f"not allowed: user {nobody} is not in group readpoint"
    may_not = "not allowed: to change something, be in group readpoint-tech"
    assert said == [
        ['{"state":"good"}', may_not],
        ['{"state":"good"}', may_not],
        ['{"state":"good"}', '{"resent":0}'],
        [refused, refused],
    ]


async def test_who_asks_is_told_to_who_answers(tmp_path: Path) -> None:
    seen: list[tuple[int, protocol.AnyAsk]] = []

    async def noticing(request: protocol.AnyAsk, uid: int) -> AsyncGenerator[bytes, None]:
        seen.append((uid, request))
        yield b"{}\n"

    async with ControlServer(noticing).serve(tmp_path / "s.sock"):
        assert await asyncio.to_thread(asked, tmp_path / "s.sock", protocol.OutboxResend()) == [b"{}"]
    assert seen == [(os.geteuid(), protocol.OutboxResend())]


async def test_a_path_too_long_for_a_socket_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="write a run_dir"):
        async with ControlServer(answer).serve(tmp_path / ("x" * 100) / "s.sock"):
            pass
    with pytest.raises(NotRunning, match="path too long"):
        asked(tmp_path / ("x" * 100) / "s.sock", protocol.Status())


async def test_a_gateway_that_is_stuck_is_called_so(tmp_path: Path) -> None:
    async def never(request: protocol.AnyAsk, _uid: int) -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""

    def patient() -> list[bytes]:
        return list(ask(tmp_path / "s.sock", protocol.Status(), patience=0.1))

    async with ControlServer(never).serve(tmp_path / "s.sock"):
        with pytest.raises(NotRunning, match=r"did not answer for 0\.1 s"):
            await asyncio.to_thread(patient)


async def test_a_feed_lets_go_of_who_falls_behind() -> None:
    feed = Feed(room=3)
    slow, quick = feed.subscribe(), feed.subscribe()
    first = [asyncio.create_task(anext(one)) for one in (slow, quick)]
    await asyncio.sleep(0)
    feed.publish([b"0"])
    assert [await task for task in first] == [b"0", b"0"]
    for number in range(1, 6):
        feed.publish([b"%d" % number])
        assert await anext(quick) == b"%d" % number
    assert [line async for line in slow] == [b"1", b"2", b"3"]
    assert feed.dropped == 1
    await quick.aclose()
    assert not feed.watched
