"""Whether a message holds the parameters its table asks for: what a reader must check, and a client may.

Decoding does not ask: readers send parameters out of order or leave some out, and what they say is still of use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from drivers.llrp.codec.definitions import (
    CUSTOM,
    CUSTOM_PARAMETERS,
    MESSAGES_BY_NAME,
    PARAMETERS,
    PARAMETERS_BY_NAME,
    Definition,
    Slot,
)
from drivers.llrp.codec.enums import StatusCode
from drivers.llrp.codec.values import Element, Message

_CUSTOM = PARAMETERS[CUSTOM].name
_VENDORS = frozenset(definition.name for definition in CUSTOM_PARAMETERS.values())


class Problem(NamedTuple):
    """What is wrong: the names down to the parent, the parameter, and the status code a reader answers with."""

    path: tuple[str, ...]
    parameter: str
    code: StatusCode

    def __str__(self) -> str:
        return f"{'/'.join(self.path)}: {self.parameter}: {self.code.name}"


def problems(message: Message) -> list[Problem]:
    """Parameters missing, given too often, or given where the standard has no place for them; in wire order."""
    definition = MESSAGES_BY_NAME.get(message.name)
    return list(_check(definition, (message.name,), message.children)) if definition else []


def _check(definition: Definition, path: tuple[str, ...], children: tuple[Element, ...]) -> Iterator[Problem]:
    at_message = len(path) == 1
    for child in children:
        if not any(_fits(slot, child.name) for slot in definition.slots):
            code = StatusCode.M_UnexpectedParameter if at_message else StatusCode.P_UnexpectedParameter
            yield Problem(path, child.name, code)
    for slot in definition.slots:
        count = sum(_fits(slot, child.name) for child in children)
        name = "/".join(sorted(slot.names))
        if count < slot.least:
            yield Problem(path, name, StatusCode.M_MissingParameter if at_message else StatusCode.P_MissingParameter)
        elif slot.most is not None and count > slot.most:
            code = StatusCode.M_DuplicateParameter if at_message else StatusCode.P_DuplicateParameter
            yield Problem(path, name, code)
    for child in children:
        inner = PARAMETERS_BY_NAME.get(child.name)
        if inner is not None:
            yield from _check(inner, (*path, child.name), child.children)


def _fits(slot: Slot, name: str) -> bool:
    return name in slot.names or (_CUSTOM in slot.names and name in _VENDORS)
