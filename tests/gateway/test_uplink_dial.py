"""Who answers first is taken; who swallows SYN packets hides nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from gateway.uplink import dial
from tests.brokers import free_tcp_port


def address(port: int) -> dial.Address:
    return socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)


@pytest.fixture
def listening() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def swallowing() -> Iterator[int]:
    """Its backlog is full: the kernel drops what else comes (tcp(7), tcp_abort_on_overflow)."""
    with ExitStack() as open_, closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as server:
        port = server.getsockname()[1]
        for _ in range(4):
            client = open_.enter_context(closing(socket.socket()))
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port


def test_an_address_that_answers_is_taken_with_the_source_that_is_set(listening: int) -> None:
    with closing(dial.connect([address(listening)], "127.0.0.2", 20.0)) as made:
        assert made.getpeername() == ("127.0.0.1", listening)
        assert made.getsockname()[0] == "127.0.0.2"
        assert made.gettimeout() == 20.0


def test_the_first_error_is_told_when_every_address_fails() -> None:
    closed = free_tcp_port()
    elsewhere: dial.Address = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", closed, 0, 0))
    with pytest.raises(ConnectionRefusedError):
        dial.connect([address(closed), elsewhere, address(closed)], "", 20.0)


def test_a_source_that_is_no_address_of_this_machine_is_told(listening: int) -> None:
    with pytest.raises(OSError, match="Cannot assign"):
        dial.connect([address(listening)], "203.0.113.1", 20.0)


def test_an_address_that_refuses_or_swallows_hides_no_other(listening: int, swallowing: int) -> None:
    where = [address(free_tcp_port()), address(swallowing), address(listening)]
    with closing(dial.connect(where, "", 20.0)) as made:
        assert made.getpeername() == ("127.0.0.1", listening)


def test_who_never_answers_is_given_up(swallowing: int) -> None:
    with pytest.raises(TimeoutError):
        dial.connect([address(swallowing)], "", 0.3)


def test_a_name_that_nobody_has_is_an_error() -> None:
    with pytest.raises(socket.gaierror):
        dial.resolve("no-such-host.invalid", 1883)
