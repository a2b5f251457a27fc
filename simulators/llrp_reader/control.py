r"""Orders to a running reader: newline JSON over loopback TCP, one order a line, one answer a line.

    {"fault": "silence"}                                  -> {"ok": true}
    {"fault": "garbage", "data": "ffff00"}                  hex
    {"fault": "split", "n": 3}
    {"fault": "restart", "after": 2.0}                      also "disconnect"
    {"fault": "clock", "to": "2000-01-01"}
    {"fault": "flood", "rate": 50000}
    {"fault": "antenna", "n": 2, "up": false}
    {"fault": "half_open"}  "truncate" "unknown_message" "uptime_only" "keepalive_off" "clear"
    {"fault": "gpo", "n": 2}                                output 2 cannot be switched
    {"gpi": 1, "state": true}                               an input changes
    {"outputs": true}                                       -> {"ok": true, "outputs": {"1": false, ...},
                                                               "changes": [{"time": 1.5e9, "gpo": 1, "on": true}]}

What is wrong is answered `{"ok": false, "error": "..."}`; the line stays open. Lines over 64 KiB end it.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import NamedTuple

from simulators.llrp_reader.faults import Faults

NAMES = ("silence", "half_open", "garbage", "truncate", "split", "unknown_message", "disconnect", "restart", "clock",
         "uptime_only", "flood", "antenna", "gpo", "keepalive_off", "clear")  # fmt: skip


class Controlled(NamedTuple):
    """What of a reader can be controlled: `outputs` shows how they are and were switched."""

    faults: Faults
    set_gpi: Callable[[int, bool], None]
    outputs: Callable[[], dict[str, object]]


def order(line: bytes, reader: Controlled) -> dict[str, object]:
    """Carries out one order; the answer says whether and why not."""
    try:
        told = _carry_out(json.loads(line), reader)
    except (ValueError, TypeError, KeyError) as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, **told}


def _carry_out(given: object, reader: Controlled) -> dict[str, object]:
    if not isinstance(given, dict):
        raise TypeError("an order is a JSON object")
    if "outputs" in given:
        return reader.outputs()
    if "gpi" in given:
        reader.set_gpi(int(given["gpi"]), bool(given.get("state", True)))
    else:
        _fault(given, reader.faults)
    return {}


def _fault(given: dict[str, object], faults: Faults) -> None:
    name = given.pop("fault", None)
    if name not in NAMES:
        raise ValueError(f"no fault is called {name!r}; there are {', '.join(NAMES)}")
    fault = getattr(faults, name)
    inspect.signature(fault).bind(**given)
    fault(**given)


async def listen(port: int, controlled: Controlled) -> asyncio.Server:
    """The control's server, on loopback."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(order(line, controlled)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # gone, or a line without end
        finally:
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", port)
