"""Who may ask the running gateway what: by the kernel's word on who is at the other end (SO_PEERCRED, unix(7))."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

Right = Literal["none", "read", "change"]

READERS = "readpoint"
CHANGERS = "readpoint-tech"

_UCRED = struct.Struct("3i")
_SO_PEERGROUPS = 59
"""asm-generic/socket.h (Linux 4.13); Python has no name for it."""
_MOST = 1024
"""Bytes that Python's getsockopt can take: 256 groups."""


class Peer(NamedTuple):
    """The process at the other end: its user, and all groups it is in."""

    uid: int
    groups: AbstractSet[int]


def peer(connection: socket.socket) -> Peer:
    """Who opened this connection."""
    _, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(uid, {gid, *_more(connection, uid, gid)})


def right(who: Peer) -> Right:
    """root, the gateway's own user and group `readpoint-tech` change; group `readpoint` reads; others nothing."""
    if who.uid in (0, os.geteuid()) or _group(CHANGERS) in who.groups:
        return "change"
    return "read" if _group(READERS) in who.groups else "none"


def _more(connection: socket.socket, uid: int, gid: int) -> list[int]:
    """Its supplementary groups: of the process where the kernel tells, else of its account."""
    try:
        told = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST)
    except OSError:
        try:
            return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
        except KeyError:
            return []
    return [number for (number,) in struct.iter_unpack("I", told)]


def _group(name: str) -> int:
    """Its number; -1, which no user is in, where there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return -1
