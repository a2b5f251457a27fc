"""Who may ask the running gateway what: by the kernel's word on who is at the other end (SO_PEERCRED)."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from typing import Literal

Right = Literal["none", "read", "change"]

READERS = "readpoint"
CHANGERS = "readpoint-tech"

_UCRED = struct.Struct("3i")


def peer(connection: socket.socket) -> tuple[int, int, int]:
    """Process, user and group id of the other end."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid, gid


def right(uid: int, gid: int) -> Right:
    """root, the gateway's own user and group `readpoint-tech` change; group `readpoint` reads; others nothing."""
    if uid in (0, os.geteuid()):
        return "change"
    groups = _groups(uid, gid)
    if _group(CHANGERS) in groups:
        return "change"
    return "read" if _group(READERS) in groups else "none"


def _groups(uid: int, gid: int) -> set[int]:
    try:
        return set(os.getgrouplist(pwd.getpwuid(uid).pw_name, gid))
    except KeyError:
        return {gid}


def _group(name: str) -> int:
    """Its number; -1, which no user is in, where there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return -1
