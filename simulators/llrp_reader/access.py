"""AccessSpecs: reading tag memory during inventory (section 12). Reads of any bank we know; nothing is ever written."""

from __future__ import annotations

import struct

from drivers.llrp.codec.enums import AccessSpecStopTriggerType, C1G2ReadResultType, StatusCode
from drivers.llrp.codec.values import Element
from simulators.air import Heard
from simulators.llrp_reader.elements import Refused, refused_parameter, required, status
from simulators.llrp_reader.selection import Mask, memory, number

ACCESSSPEC, COMMAND = 207, 209
_ACCESS_SPEC_ID, _READ_RESULT = 0x80 | 16, 349


class AccessSpec:
    """One AccessSpec as the reader keeps it."""

    def __init__(self, spec: Element) -> None:
        """Raises `Refused` for what this reader cannot do."""
        if spec["AccessSpecID"] == 0:
            raise refused_parameter("AccessSpecID 0 means all and names none", (ACCESSSPEC,), 0, StatusCode.A_Invalid)
        if spec["CurrentState"]:
            raise refused_parameter("an AccessSpec is added disabled", (ACCESSSPEC,), 3, StatusCode.A_Invalid)
        command, stop = required(spec, "AccessCommand"), required(spec, "AccessSpecStopTrigger")
        targets = required(command, "C1G2TagSpec").all("C1G2TargetTag")
        self.reads = command.all("C1G2Read")
        if len(self.reads) != len(command.children) - 1 or not 1 <= len(self.reads) <= 8:
            raise Refused(
                status(StatusCode.M_UnsupportedParameter, "this reader does up to eight C1G2Read and no other")
            )
        self.spec, self.enabled = spec, False
        self.id: int = spec["AccessSpecID"]
        self._targets = [(_mask(target), target["Match"]) for target in targets]
        counted = stop["AccessSpecStopTrigger"] == AccessSpecStopTriggerType.Operation_Count
        self._left: int | None = stop["OperationCountValue"] if counted and stop["OperationCountValue"] else None
        self._total = self._left

    def shown(self) -> Element:
        """The AccessSpec with its present state."""
        return Element(self.spec.name, {**self.spec.fields, "CurrentState": self.enabled}, self.spec.children)

    def enable(self) -> None:
        """From the next round on; a counted one counts anew."""
        self.enabled, self._left = True, self._total

    def results(self, heard: Heard, antenna: int, rospec: int, *, with_id: bool) -> bytes | None:
        """The tag's results as encoded parameters; None where this AccessSpec does not concern it."""
        if not self.enabled or self.spec["AntennaID"] not in (0, antenna) or self.spec["ROSpecID"] not in (0, rospec):
            return None
        if any(mask.matches(heard) != match for mask, match in self._targets):
            return None
        if self._left is not None:
            self._left -= 1
            self.enabled = self._left > 0
        head = struct.pack(">BI", _ACCESS_SPEC_ID, self.id) if with_id else b""
        return head + b"".join(_read(heard, read) for read in self.reads)


def _mask(target: Element) -> Mask:
    mask, data = target["TagMask"], target["TagData"]
    if mask.count != data.count:
        raise refused_parameter(
            "mask and data differ in length", (ACCESSSPEC, COMMAND, 338, 339), 3, StatusCode.A_Invalid
        )
    return Mask(target["MB"], target["Pointer"], mask.count, number(data), number(mask))


def _read(heard: Heard, read: Element) -> bytes:
    bank = memory(heard, read["MB"])
    start, words = read["WordPointer"] * 2, read["WordCount"]
    content = bank[start : start + words * 2] if words else bank[start:]
    whole = bool(content) and len(content) >= words * 2
    result = C1G2ReadResultType.Success if whole else C1G2ReadResultType.Nonspecific_Tag_Error
    data = content if whole else b""
    return struct.pack(">HHBHH", _READ_RESULT, 9 + len(data), result, read["OpSpecID"], len(data) // 2) + data
