"""The demo's programme: what is done to the gateway, and what to watch meanwhile."""

from __future__ import annotations

import asyncio

from gateway.demo.cable import Cable
from gateway.demo.process import GatewayProcess
from gateway.demo.screen import Act, Screen

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
    "Each id in the outbox file is looked for at the centre. What came twice has one id: a consumer skips it.",
)
PROGRAMME = (WELL, CUT, PLUGGED, KILLED, RESTARTED, COUNT)


async def play(gateway: GatewayProcess, cable: Cable, screen: Screen, seconds: float) -> None:
    """An uplink that is cut, a gateway that is killed, and peace before, between and after."""
    screen.announce(WELL)
    await asyncio.sleep(seconds * 0.3)
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
