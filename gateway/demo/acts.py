"""The demo's programme: what is done to the gateway, and what to watch meanwhile."""

from __future__ import annotations

import asyncio
import contextlib

from gateway.demo.cable import Cable
from gateway.demo.process import GatewayProcess
from gateway.demo.screen import Act, Screen
from gateway.overview import Overview

WELL = Act(
    "all well", "Many reads become few events; each one is stored on disk before it is sent. The counts go in step."
)
CUT = Act(
    "uplink cut",
    "The cable to the broker is pulled out. Watch: `stored` goes on, `received` stands still. What waits is on disk.",
)
PLUGGED = Act(
    "uplink back",
    "The cable is in again. Watch: `received` catches up, the backlog beside new events.",
)
KILLED = Act(
    "gateway killed",
    "SIGKILL: no chance to finish anything. Watch: all counts stand still. What was stored is on disk.",
)
RESTARTED = Act(
    "gateway back",
    "A new process goes on with the same outbox. Watch: no arrival is told again, none is forgotten.",
)
COUNT = Act(
    "the count",
    "Each id in the outbox files is looked for at the centre. What came twice has one id: a consumer skips it.",
)
PROGRAMME = (WELL, CUT, PLUGGED, KILLED, RESTARTED, COUNT)

PATIENCE = 20.0
"""Seconds that the slowest device may take until it is heard, before the first fault comes all the same."""


async def play(gateway: GatewayProcess, cable: Cable, screen: Screen, seconds: float, *, wait: bool) -> None:
    """An uplink that is cut, a gateway that is killed, and peace before, between and after.

    With `wait` nothing is broken before every device was heard.
    """
    screen.announce(WELL)
    await asyncio.gather(asyncio.sleep(seconds * 0.3), _all_heard(gateway) if wait else asyncio.sleep(0))
    await cable.pull()
    screen.announce(CUT)
    await asyncio.sleep(seconds * 0.2)
    await cable.plug()
    screen.announce(PLUGGED)
    await asyncio.sleep(seconds * 0.15)
    gateway.kill()
    await gateway.gone()
    screen.announce(KILLED)
    await asyncio.sleep(seconds * 0.1)
    await gateway.start()
    screen.announce(RESTARTED)
    await asyncio.sleep(seconds * 0.25)


async def _all_heard(gateway: GatewayProcess) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await gateway.until(_heard)


def _heard(now: Overview) -> bool:
    return all(device.reads or device.values for device in now.devices)
