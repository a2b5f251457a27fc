"""A reader's refusal in words: LLRPStatus with its nested errors (LLRP 1.0.1, section 13.2) as one sentence."""

from __future__ import annotations

from typing import Any

from drivers.contract import Rejected
from drivers.llrp.codec.definitions import MESSAGES_BY_NAME, PARAMETERS, Definition
from drivers.llrp.codec.enums import StatusCode
from drivers.llrp.codec.values import Element, Message
from drivers.llrp.words import said

_MOST = 5
"""Details told: the first say it."""

_CODES = {code.value: code.name for code in StatusCode}


def refusal(message: Message) -> str | None:
    """What the reader says against it; None if it agrees. An answer without a status agrees, ERROR_MESSAGE never."""
    status = message.child("LLRPStatus")
    code = status["StatusCode"] if status else 0
    if code == StatusCode.M_Success and message.name != "ERROR_MESSAGE":
        return None
    if status is None:
        return "it gives no reason"
    request = MESSAGES_BY_NAME.get(message.name.removesuffix("_RESPONSE"))
    return "; ".join((_code(code) + _described(status), *_details(status, (), request)[:_MOST]))


def accepted(message: Message, request: str) -> Message:
    """The answer, if the reader agreed. Raises `Rejected` with the reader's own words."""
    said = refusal(message)
    if said is not None:
        raise Rejected(f"the reader refuses {request}: {said}")
    return message


def _code(code: int) -> str:
    return _CODES.get(code, f"status {code}")


def _described(status: Element) -> str:
    text = said(status.get("ErrorDescription", ""))
    return f" '{text}'" if text else ""


def _details(error: Element, path: tuple[str, ...], inside: Definition | None) -> list[str]:
    """The innermost errors, each with the way to it: ROSpec > AISpec, field 2 AntennaIDs."""
    details = []
    for field in error.all("FieldError"):
        where = f"{' > '.join(path)}, " if path else ""
        details.append(f"{where}field {_field(inside, field['FieldNum'])}: {_code(field['ErrorCode'])}")
    for parameter in error.all("ParameterError"):
        number = parameter["ParameterType"]
        known = PARAMETERS.get(number)
        inner = (*path, known.name if known else f"parameter {number}")
        details += _details(parameter, inner, known) or [f"{' > '.join(inner)}: {_code(parameter['ErrorCode'])}"]
    return details


def _field(inside: Definition | None, number: int) -> str:
    """`FieldNum` counts the fields from 0 in the order of the standard."""
    parts = inside.layout.parts if inside else ()
    fields: list[Any] = [field for part in parts for field in getattr(part, "fields", (part,))]
    names = [field.name for field in fields]
    return f"{number} ({names[number]})" if number < len(names) else str(number)
