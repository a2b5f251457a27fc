"""MQTT reason codes (MQTT 5.0, section 2.4) as sentences a technician can act on. Pure."""

from __future__ import annotations

from typing import Literal

NOBODY_LISTENS = 0x10
FAILURE = 0x80
"""Codes from here on are refusals."""

KEEP_ALIVE_TIMEOUT = 0x8D
SESSION_TAKEN_OVER = 0x8E
PACKET_TOO_LARGE = 0x95

NOT_AUTHORIZED = 0x87

ABOUT_A_PACKET = frozenset({0x80, 0x81, 0x82, 0x83, 0x90, 0x94, 0x95, 0x99})
"""Reasons of a DISCONNECT that may mean what we sent last."""

Remedy = Literal["later", "pause", "split"]

_REMEDIES: dict[int, Remedy] = {NOT_AUTHORIZED: "pause", 0x90: "split", PACKET_TOO_LARGE: "split", 0x99: "split"}

_SENTENCES = {
    0x80: "the broker gives no reason",
    0x81: "the broker could not read our packet",
    0x82: "the broker says we broke the protocol",
    0x83: "the broker's own rules refused it; its log says more",
    0x84: 'the broker does not speak this MQTT version: set uplink.protocol to "3.1.1"',
    0x85: "the broker does not accept this client identifier",
    0x86: "the broker does not accept this certificate's user",
    0x87: "not authorized: let this identity write below its own topic in the broker's access rules",
    0x88: "the broker is not available at the moment",
    0x89: "the broker is busy",
    0x8A: "the broker has banned this client",
    0x8B: "the broker is shutting down",
    0x8C: "the broker asks for another way to authenticate",
    0x8D: "the broker heard nothing from us within the keep-alive time",
    0x8E: "another client connected with this identity",
    0x90: "the broker does not accept this topic",
    0x93: "the broker says more was in flight than it allows",
    0x95: "the message is larger than the broker allows",
    0x96: "the broker says messages come too fast",
    0x97: "quota exceeded: the broker's queue or storage is full",
    0x98: "an administrator of the broker ended the connection",
    0x99: "the broker does not accept the payload's format",
    0x9A: "the broker does not support retained messages",
    0x9B: "the broker does not support QoS 1",
    0x9C: "the broker asks to use another server",
    0x9D: "the broker has moved to another server",
    0x9F: "connections come too fast for the broker",
}


def remedy(code: int) -> Remedy:
    """What helps against a refusal: a smaller batch without the event meant, access rules, or time."""
    return _REMEDIES.get(code, "later")


def hexadecimal(code: int) -> str:
    """A reason code the way the standard prints it: `0x87`."""
    return f"0x{code:02X}"


def sentence(code: int) -> str:
    """What the code means and, where it helps, what to do; with the code itself at the end."""
    return f"{_SENTENCES.get(code, 'the broker refused')} ({hexadecimal(code)})"
