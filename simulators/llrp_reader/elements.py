"""Short ways to write LLRP parameters and to read them."""

from __future__ import annotations

from drivers.llrp.codec.enums import StatusCode
from drivers.llrp.codec.values import Element, Value


def element(name: str, *children: Element, **fields: Value) -> Element:
    """A parameter by its LLRP name, children in wire order."""
    return Element(name, fields, children)


def status(code: int = StatusCode.M_Success, description: str = "", *children: Element) -> Element:
    """LLRPStatus (section 14.2.2)."""
    return element("LLRPStatus", *children, StatusCode=int(code), ErrorDescription=description)


class Refused(Exception):
    """A request that the reader answers with an error; `status` is the LLRPStatus to send."""

    def __init__(self, status: Element) -> None:
        super().__init__(status["ErrorDescription"])
        self.status = status


def refused_field(description: str, field: int, code: int = StatusCode.A_Invalid) -> Refused:
    """A field of the message itself is wrong (M_FieldError with its FieldError)."""
    return Refused(
        status(StatusCode.M_FieldError, description, element("FieldError", FieldNum=field, ErrorCode=int(code)))
    )


def refused_parameter(description: str, path: tuple[int, ...], field: int | None, code: int) -> Refused:
    """A parameter is wrong: `path` holds parameter types from the message inwards (M_ParameterError, section 14.2.2).

    With `field` the innermost one has a wrong field (P_FieldError, `code` on the field), else `code` is its own.
    """
    inner: tuple[Element, ...] = ()
    own = code
    if field is not None:
        inner, own = (element("FieldError", FieldNum=field, ErrorCode=int(code)),), StatusCode.P_FieldError
    for parameter in reversed(path):
        inner = (element("ParameterError", *inner, ParameterType=parameter, ErrorCode=int(own)),)
        own = StatusCode.P_ParameterError
    return Refused(status(StatusCode.M_ParameterError, description, *inner))


def required(parent: Element, name: str) -> Element:
    """The child that the standard demands; refused where it is missing."""
    child = parent.child(name)
    if child is None:
        raise Refused(status(StatusCode.M_MissingParameter, f"{parent.name} has no {name}"))
    return child
