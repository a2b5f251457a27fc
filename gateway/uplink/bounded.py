"""paho's client, with bounds where it has none, and an ear for what the network says."""

from __future__ import annotations

import socket
import ssl

from paho.mqtt import MQTTException
from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

from gateway.uplink import dial

MAX_INCOMING = 65_536
_MAX_UNSENT = 65_536
"""Packets: more than any window."""


class BoundedClient(Client):
    """paho keeps 256 MiB of a packet, 65,535 messages of QoS 2, and any number of answers that a broker won't read.

    It waits for one address at a time, too.
    """

    resolving = False
    """Whether it waits for the resolver."""
    broken: OSError | None = None
    """What the network did to the connection: not that the other side ended it."""

    def _create_socket_connection(self) -> socket.socket:
        self.resolving = True
        addresses = dial.resolve(self._host, self._port)
        self.resolving = False
        return dial.connect(addresses, self._bind_address, self._connect_timeout)

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > MAX_INCOMING:
            raise MQTTException("a packet of %d bytes; %d at most were agreed on", bufsize, MAX_INCOMING)
        try:
            return super()._sock_recv(bufsize)
        except OSError as error:
            self._note(error)
            raise

    def _sock_send(self, buf: bytes | bytearray) -> int:
        try:
            return super()._sock_send(buf)
        except OSError as error:
            self._note(error)
            raise

    def _note(self, error: OSError) -> None:
        if not isinstance(error, BlockingIOError | ConnectionError | ssl.SSLError):
            self.broken = error

    def _send_puback(self, mid: int) -> MQTTErrorCode:
        if len(self._out_packet) > _MAX_UNSENT:
            raise MQTTException("the broker sends and does not read")
        return super()._send_puback(mid)

    def _send_pubrec(self, mid: int) -> MQTTErrorCode:
        raise MQTTException("message %d with QoS 2; QoS 1 at most was subscribed to", mid)
