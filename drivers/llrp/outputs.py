"""The reader's outputs (LLRP 1.0.1: GPOWriteData of SET_READER_CONFIG), written one after the other. No I/O.

Whatever is wanted meanwhile waits for the answer, the newest state of each output alone: a reader is never flooded. A
message is about one output, for a reader that refuses one refuses the whole message.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.llrp.codec.values import Element, Message

_ANSWERS = frozenset({"SET_READER_CONFIG_RESPONSE", "ERROR_MESSAGE"})


class Outputs:
    """What is wanted of each output, and what the reader was told. `answer_by`: when its answer is overdue."""

    def __init__(self) -> None:
        self.answer_by = float("inf")
        self._wanted: dict[int, bool] = {}
        self._told: dict[int, bool] = {}
        self._asked: int | None = None
        self._last = 0

    def want(self, states: Mapping[int, bool]) -> None:
        """From now on."""
        self._wanted.update(states)

    @property
    def due(self) -> Message | None:
        """What is to be sent, where no answer is waited for."""
        news = [(port, on) for port, on in self._wanted.items() if self._told.get(port) is not on]
        if not news or self._asked is not None:
            return None
        return written(*min(news, key=lambda one: (one[0] <= self._last, one[0])))  # in turn: none waits for ever

    def sent(self, message: Message, answer_by: float) -> None:
        """That went out. The reader is told once, whatever it answers: a refusal is a fault, no reason to repeat."""
        self._asked, self.answer_by = message.id, answer_by
        for one in message.all("GPOWriteData"):
            self._last = one["GPOPortNumber"]
            self._told[self._last] = bool(one["GPOData"])

    def answers(self, message: Message) -> bool:
        """Whether this is the answer; then the next may be sent."""
        if self._asked is None or message.id != self._asked or message.name not in _ANSWERS:
            return False
        self.give_up()
        return True

    def give_up(self) -> None:
        """No answer comes any more."""
        self._asked, self.answer_by = None, float("inf")

    @property
    def darkness(self) -> list[Message]:
        """What turns off all that was turned on, on this connection."""
        return [written(port, False) for port, on in self._told.items() if on]


def written(port: int, on: bool) -> Message:  # noqa: FBT001 - an output is on or off
    """SET_READER_CONFIG that writes this output and nothing else."""
    child = Element("GPOWriteData", {"GPOPortNumber": port, "GPOData": on})
    return Message("SET_READER_CONFIG", 0, fields={"ResetToFactoryDefault": False}, children=(child,))
