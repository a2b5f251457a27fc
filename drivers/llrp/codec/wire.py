"""LLRP frames to messages and back (LLRP 1.0.1, sections 16.1 and 16.2.1)."""

from __future__ import annotations

from drivers.llrp.codec.definitions import (
    CUSTOM,
    CUSTOM_MESSAGES,
    CUSTOM_PARAMETERS,
    MESSAGES,
    MESSAGES_BY_NAME,
    PARAMETERS,
    PARAMETERS_BY_NAME,
    Definition,
)
from drivers.llrp.codec.framing import HEADER, MAX_FRAME
from drivers.llrp.codec.layout import Layout
from drivers.llrp.codec.values import Element, Message, Value
from drivers.observations import ProtocolViolation

UNKNOWN_MESSAGE = "UNKNOWN"
UNKNOWN_PARAMETER = "Unknown"

_DEPTH = 16
"""Parameters nest 5 deep in the standard, vendors' a few more; ParameterError may hold itself."""

_MOST = 2**15
"""Parameters in one message (reports go another way); a frame of 4 MiB could else become 300 MB of values, and half a
second of work."""

_TV = 0x80
_VENDOR_MESSAGE = Layout(("VendorIdentifier:u32", "MessageSubtype:u8"))
_VENDOR_PARAMETER = Layout(("VendorIdentifier:u32", "ParameterSubtype:u32"))


def decode(frame: bytes) -> Message:
    """One whole frame, header included, as a message. Raises `ProtocolViolation` and nothing else.

    Parameters out of order, unknown or custom ones are kept where they stand; a vendor's parameter that is not laid
    out as known is kept as `Custom`.
    """
    if len(frame) < HEADER or int.from_bytes(frame[2:6], "big") != len(frame):
        raise ProtocolViolation(f"a frame of {len(frame)} bytes whose header says otherwise")
    number = int.from_bytes(frame[:2], "big") & 0x3FF
    version = frame[0] >> 2 & 7
    message_id = int.from_bytes(frame[6:10], "big")
    definition = MESSAGES.get(number)
    if definition is None:
        return Message(UNKNOWN_MESSAGE, message_id, version, {"type": number, "data": frame[HEADER:]})
    if number == CUSTOM:
        known = _custom_message(frame, message_id, version)
        if known is not None:
            return known
    fields, children = _Walk(frame).body(definition, HEADER, len(frame), 0)
    return Message(definition.name, message_id, version, fields, children)


def encode(message: Message) -> bytes:
    """The frame of a message. Raises ValueError for what cannot be one: unknown names, fields missing or too large."""
    if message.name == UNKNOWN_MESSAGE:
        number, body = _opaque(message.fields)
    else:
        definition = MESSAGES_BY_NAME.get(message.name)
        if definition is None:
            raise ValueError(f"no LLRP message is called {message.name!r}")
        number, body = definition.number, _fields(definition, message.fields)
        if definition.vendor is not None:
            number, body = CUSTOM, definition.vendor.to_bytes(4, "big") + bytes((definition.number,)) + body
    body += b"".join([_parameter(child) for child in message.children])
    length = HEADER + len(body)
    if length > MAX_FRAME or not 0 <= message.id < 2**32 or not 0 <= message.version < 8:
        raise ValueError(f"{message.name} of {length} bytes, id {message.id}, version {message.version} is no frame")
    head = (message.version << 10 | number).to_bytes(2, "big")
    return head + length.to_bytes(4, "big") + message.id.to_bytes(4, "big") + body


def _custom_message(frame: bytes, message_id: int, version: int) -> Message | None:
    try:
        ids, start = _VENDOR_MESSAGE.read(frame, HEADER, len(frame))
        definition = CUSTOM_MESSAGES[ids["VendorIdentifier"], ids["MessageSubtype"]]  # type: ignore[index]
        fields, children = _Walk(frame).body(definition, start, len(frame), 0)
    except (KeyError, ProtocolViolation):
        return None  # kept as bytes
    return Message(definition.name, message_id, version, fields, children)


class _Walk:
    """One pass through a frame, with the number of parameters it may still hold."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = _MOST

    def body(
        self, definition: Definition, start: int, end: int, depth: int
    ) -> tuple[dict[str, Value], tuple[Element, ...]]:
        try:
            fields, start = definition.layout.read(self.data, start, end)
        except ProtocolViolation as error:
            raise ProtocolViolation(f"{definition.name} at byte {start}: {error}") from None
        return fields, self.children(definition.name, start, end, depth) if start < end else ()

    def children(self, name: str, start: int, end: int, depth: int) -> tuple[Element, ...]:
        if depth >= _DEPTH:
            raise ProtocolViolation(f"{name} at byte {start}: parameters nested more than {_DEPTH} deep")
        found: list[Element] = []
        while start < end:
            self.left -= 1
            if self.left < 0:
                raise ProtocolViolation(f"more than {_MOST} parameters in one message")
            element, start = (self.tv if self.data[start] & _TV else self.tlv)(name, start, end, depth)
            found.append(element)
        return tuple(found)

    def tv(self, name: str, start: int, end: int, _depth: int) -> tuple[Element, int]:
        number = self.data[start] & 0x7F
        definition = PARAMETERS.get(number)
        if definition is None:
            raise ProtocolViolation(f"{name} at byte {start}: TV parameter {number} is not known, nor its length")
        if start + 1 + (definition.layout.size or 0) > end:
            raise ProtocolViolation(
                f"{name} at byte {start}: {definition.name} does not fit its last {end - start} bytes"
            )
        fields, stop = definition.layout.read(self.data, start + 1, end)
        return Element(definition.name, fields), stop

    def tlv(self, name: str, start: int, end: int, depth: int) -> tuple[Element, int]:
        data = self.data
        number = int.from_bytes(data[start : start + 2], "big") & 0x3FF
        stop = start + int.from_bytes(data[start + 2 : start + 4], "big")
        if not start + 4 <= stop <= end:
            raise ProtocolViolation(
                f"{name} at byte {start}: parameter {number} says {stop - start} bytes, {end - start} are left"
            )
        if number == CUSTOM:
            return self.custom(start + 4, stop, depth), stop
        definition = PARAMETERS.get(number)
        if definition is None or number < _TV:
            return Element(UNKNOWN_PARAMETER, {"type": number, "data": data[start + 4 : stop]}), stop
        fields, children = self.body(definition, start + 4, stop, depth + 1)
        return Element(definition.name, fields, children), stop

    def custom(self, start: int, end: int, depth: int) -> Element:
        ids, inner = _VENDOR_PARAMETER.read(self.data, start, end)
        definition = CUSTOM_PARAMETERS.get((ids["VendorIdentifier"], ids["ParameterSubtype"]))  # type: ignore[arg-type]
        if definition is not None:
            try:
                fields, children = self.body(definition, inner, end, depth + 1)
                return Element(definition.name, fields, children)
            except ProtocolViolation:
                pass  # laid out otherwise than known: kept as bytes
        return Element(PARAMETERS[CUSTOM].name, {**ids, "Data": self.data[inner:end]})


def _opaque(fields: dict[str, Value]) -> tuple[int, bytes]:
    number, data = fields.get("type"), fields.get("data")
    if not isinstance(number, int) or not 0 <= number < CUSTOM or not isinstance(data, bytes):
        raise ValueError(f"an unknown message or parameter takes type (below {CUSTOM}) and data, not {fields}")
    return number, data


def _fields(definition: Definition, fields: dict[str, Value]) -> bytes:
    try:
        return definition.layout.write(fields)
    except ValueError as error:
        raise ValueError(f"{definition.name}: {error}") from None


def _parameter(element: Element) -> bytes:
    children = b"".join([_parameter(child) for child in element.children])
    if element.name == UNKNOWN_PARAMETER:
        number, body = _opaque(element.fields)
    else:
        definition = PARAMETERS_BY_NAME.get(element.name)
        if definition is None:
            raise ValueError(f"no LLRP parameter is called {element.name!r}")
        number, body = definition.number, _fields(definition, element.fields)
        if definition.vendor is not None:
            number, body = CUSTOM, definition.vendor.to_bytes(4, "big") + number.to_bytes(4, "big") + body
        elif number < _TV:
            if children:
                raise ValueError(f"{element.name} is a TV parameter and holds none")
            return bytes((_TV | number,)) + body
    length = 4 + len(body) + len(children)
    if length > 0xFFFF:
        raise ValueError(f"{element.name} of {length} bytes does not fit a parameter (65535)")
    return number.to_bytes(2, "big") + length.to_bytes(2, "big") + body + children
