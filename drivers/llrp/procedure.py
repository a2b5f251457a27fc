"""What is said to a reader and in which order, as generators: requests out, answers in. No I/O, no time.

A request that is not answered in time is thrown in as TimeoutError.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping

import msgspec

from drivers.contract import Antenna
from drivers.llrp.capabilities import parse
from drivers.llrp.choices import Choices, choose
from drivers.llrp.codec.enums import GetReaderConfigRequestedData, GPIPortState, ROSpecState
from drivers.llrp.codec.values import Element, Message
from drivers.llrp.reader_config import reader_config
from drivers.llrp.refusal import accepted, refusal
from drivers.llrp.rospec import ACCESSSPEC, ROSPEC, access_spec, rospec, same
from drivers.llrp.settings import PortSettings, Settings

NEWEST = 2
"""LLRP 1.1 in the version field of a header; 1 is 1.0.1."""

UNANSWERED = frozenset({"ENABLE_EVENTS_AND_REPORTS"})
"""Messages the standard gives no response."""


class Introduction(msgspec.Struct, frozen=True):
    """What the first half found out."""

    version: int
    choices: Choices


class Configured(msgspec.Struct, frozen=True):
    """What the second half found.

    The inventory was `kept` and `active`, or was `begun` by hand; the reader had been told to hold (`held`); which
    antennas are `connected`, and which `inputs` are high.
    """

    kept: bool
    active: bool
    begun: bool
    held: bool
    connected: Mapping[int, bool]
    inputs: Mapping[int, bool]


def converse(
    settings: Settings, ports: Mapping[Antenna, PortSettings], outputs: Collection[int] = (), *, negotiate: bool
) -> Generator[Message | Introduction, Message, Configured]:
    """The whole of it; between the halves the `Introduction` is given out (what is sent in for it does not matter)."""
    introduction = yield from introduce(settings, ports, outputs, negotiate=negotiate)
    yield introduction
    return (yield from configure(introduction.version, introduction.choices))


def introduce(
    settings: Settings, ports: Mapping[Antenna, PortSettings], outputs: Collection[int] = (), *, negotiate: bool
) -> Generator[Message, Message, Introduction]:
    """Version, capabilities, extensions; then what is asked is held against them. Changes nothing in the reader.

    Raises `Rejected` with all that the reader cannot do.
    """
    version = (yield from _negotiate()) if negotiate else 1
    request = Message("GET_READER_CAPABILITIES", 0, version, {"RequestedData": 0})
    capabilities = parse(accepted((yield request), request.name))
    if capabilities.impinj:
        request = Message("IMPINJ_ENABLE_EXTENSIONS", 0, version)
        accepted((yield request), request.name)
    return Introduction(version, choose(settings, ports, capabilities, outputs))


def _negotiate() -> Generator[Message, Message, int]:
    """1.1's version negotiation; a reader that does not know it speaks 1.0.1."""
    try:
        answer = yield Message("GET_SUPPORTED_VERSION", 0, NEWEST)
    except TimeoutError:
        return 1
    if answer.name == "ERROR_MESSAGE" or refusal(answer) is not None:
        return 1
    version = min(NEWEST, int(answer["SupportedVersion"]))
    if version < NEWEST or answer["CurrentVersion"] == NEWEST:
        return max(version, 1)
    answer = yield Message("SET_PROTOCOL_VERSION", 0, NEWEST, {"ProtocolVersion": NEWEST})
    return 1 if refusal(answer) is not None else NEWEST


def configure(version: int, choices: Choices) -> Generator[Message, Message, Configured]:
    """Held reports first, then events and keepalives, then the inventory: replaced only if it is not the wanted one."""
    yield Message("ENABLE_EVENTS_AND_REPORTS", 0, version)
    held, connected = yield from _look(version)
    request = Message("GET_ROSPECS", 0, version)
    found = accepted((yield request), request.name).all("ROSpec")
    wanted = rospec(choices)
    access = yield from _access_specs(version, choices)
    kept = len(found) == 1 and _runs(wanted, found[0], choices) and _is_access(access, choices)
    request = msgspec.structs.replace(reader_config(choices), version=version)
    accepted((yield request), request.name)
    if not kept:
        yield from _replace(version, choices, found, access)
    active = bool(kept and found[0]["CurrentState"] == ROSpecState.Active)
    inputs = yield from _inputs(version, choices)
    begun = not active and (yield from _begun(version, choices, inputs))
    return Configured(kept, active, begun, held, connected, inputs)


def _look(version: int) -> Generator[Message, Message, tuple[bool, dict[int, bool]]]:
    """Whether the reader was told to hold, and which antennas are connected; a reader may refuse to say."""
    answer = yield _asked(version, GetReaderConfigRequestedData.All)
    if refusal(answer) is not None:
        return False, {}
    holding = answer.child("EventsAndReports")
    held = bool(holding and holding["HoldEventsAndReportsUponReconnect"])
    return held, {one["AntennaID"]: bool(one["AntennaConnected"]) for one in answer.all("AntennaProperties")}


def _inputs(version: int, choices: Choices) -> Generator[Message, Message, dict[int, bool]]:
    """The inputs as they are now, for a gate that has been open all along; events tell only changes."""
    if not choices.capabilities.gpis:
        return {}
    answer = yield _asked(version, GetReaderConfigRequestedData.GPIPortCurrentState)
    if refusal(answer) is not None:
        return {}
    known = (GPIPortState.Low, GPIPortState.High)
    states = answer.all("GPIPortCurrentState")
    return {one["GPIPortNum"]: one["State"] == GPIPortState.High for one in states if one["State"] in known}


def _begun(version: int, choices: Choices, inputs: Mapping[int, bool]) -> Generator[Message, Message, bool]:
    """A start trigger waits for an input to turn: if it has turned already, the inventory is started by hand."""
    start = choices.settings.start
    if start == "immediate" or inputs.get(start.gpi.port) is not (start.gpi.level == "high"):
        return False
    answer = yield Message("START_ROSPEC", 0, version, {"ROSpecID": ROSPEC})
    return refusal(answer) is None


def _asked(version: int, what: GetReaderConfigRequestedData) -> Message:
    fields = {"AntennaID": 0, "RequestedData": int(what), "GPIPortNum": 0, "GPOPortNum": 0}
    return Message("GET_READER_CONFIG", 0, version, {**fields})


def _runs(wanted: Element, found: Element, choices: Choices) -> bool:
    state = found["CurrentState"]
    ready = state == ROSpecState.Active or (state == ROSpecState.Inactive and choices.settings.start != "immediate")
    return ready and same(wanted, found)


def _access_specs(version: int, choices: Choices) -> Generator[Message, Message, list[Element]]:
    """Asked only of readers that have any."""
    if not choices.capabilities.max_access_specs:
        return []
    answer = yield Message("GET_ACCESSSPECS", 0, version)
    return [] if refusal(answer) is not None else answer.all("AccessSpec")


def _is_access(found: list[Element], choices: Choices) -> bool:
    wanted = access_spec(choices)
    if wanted is None:
        return not found
    return len(found) == 1 and bool(found[0]["CurrentState"]) and same(wanted, found[0])


def _replace(
    version: int, choices: Choices, found: list[Element], found_access: list[Element]
) -> Generator[Message, Message, None]:
    """Everything that is there is taken away, one by one (not every reader knows 0 for all), and ours put in place."""
    requests = [
        *(Message("DELETE_ACCESSSPEC", 0, version, {"AccessSpecID": one["AccessSpecID"]}) for one in found_access),
        *(Message("DELETE_ROSPEC", 0, version, {"ROSpecID": one["ROSpecID"]}) for one in found),
        Message("ADD_ROSPEC", 0, version, children=(rospec(choices),)),
    ]
    access = access_spec(choices)
    if access is not None:
        requests.append(Message("ADD_ACCESSSPEC", 0, version, children=(access,)))
        requests.append(Message("ENABLE_ACCESSSPEC", 0, version, {"AccessSpecID": ACCESSSPEC}))
    requests.append(Message("ENABLE_ROSPEC", 0, version, {"ROSpecID": ROSPEC}))
    for request in requests:
        accepted((yield request), request.name)
    if choices.settings.start == "immediate":
        yield from _started(version)


def _started(version: int) -> Generator[Message, Message, None]:
    """Some readers enable a ROSpec and leave it at that, against the standard: it is started by hand then."""
    request = Message("GET_ROSPECS", 0, version)
    states = [one["CurrentState"] for one in accepted((yield request), request.name).all("ROSpec")]
    if ROSpecState.Active not in states:
        yield Message("START_ROSPEC", 0, version, {"ROSpecID": ROSPEC})  # refused where it began just now: no matter
