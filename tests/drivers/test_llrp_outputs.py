"""Outputs of an LLRP reader: one message at a time, the newest state alone; what a reader does that refuses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Context, Status
from drivers.llrp.codec.values import Element, Message
from drivers.llrp.driver import LlrpDriver
from drivers.llrp.outputs import Outputs
from drivers.llrp.settings import Settings
from simulators.air import Heard, Shelf
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from tests.driving import Watched, reads, states, until

TAGS = Shelf([Heard(bytes.fromhex("3034257bf7194e4000000001"), -55.0)])


def written(message: Message | None) -> dict[int, bool]:
    return {} if message is None else {one["GPOPortNumber"]: one["GPOData"] for one in message.all("GPOWriteData")}


def answer(number: int, name: str = "SET_READER_CONFIG_RESPONSE") -> Message:
    return Message(name, number, children=(Element("LLRPStatus", {"StatusCode": 0, "ErrorDescription": ""}),))


def numbered(message: Message | None, number: int) -> Message:
    assert message is not None
    return Message(message.name, number, fields=message.fields, children=message.children)


def test_nothing_is_sent_while_an_answer_is_due_and_only_the_newest_after_it() -> None:
    outputs = Outputs()
    outputs.want({1: True, 2: False})
    assert written(outputs.due) == {1: True}
    outputs.sent(numbered(outputs.due, 7), answer_by=10.0)
    assert outputs.answer_by == 10.0
    outputs.want({1: False})
    outputs.want({1: True, 2: True})
    assert outputs.due is None
    assert not outputs.answers(answer(6))
    assert not outputs.answers(answer(7, "GET_ROSPECS_RESPONSE"))
    assert outputs.answers(answer(7))
    assert written(outputs.due) == {2: True}
    outputs.sent(numbered(outputs.due, 8), answer_by=20.0)
    assert [written(one) for one in outputs.darkness] == [{1: False}, {2: False}]


def test_what_was_refused_or_never_answered_is_not_repeated_but_what_is_new_is_sent() -> None:
    outputs = Outputs()
    outputs.want({1: True})
    outputs.sent(numbered(outputs.due, 1), answer_by=1.0)
    outputs.give_up()
    assert outputs.answer_by == float("inf")
    assert outputs.due is None
    outputs.want({1: False})
    assert written(outputs.due) == {1: False}


@given(st.lists(st.dictionaries(st.integers(1, 4), st.booleans(), max_size=4), max_size=40), st.data())
def test_whenever_it_answers_the_reader_ends_as_is_wanted(wishes: list[dict[int, bool]], data: st.DataObject) -> None:
    """Each message differs from what the reader was told before, and the last one leaves it as wanted."""
    outputs, reader, wanted, sent = Outputs(), dict[int, bool](), dict[int, bool](), 0
    waiting = False
    for wish in [*wishes, {}]:
        outputs.want(wish)
        wanted |= wish
        if waiting and (not wish or data.draw(st.booleans())):
            waiting = not outputs.answers(answer(sent))
        if (due := outputs.due) is not None:
            assert all(reader.get(port) is not on for port, on in written(due).items())
            sent, waiting = sent + 1, True
            outputs.sent(numbered(due, sent), 1.0)
            reader |= written(due)
    while waiting:
        waiting = not outputs.answers(answer(sent))
        if (due := outputs.due) is not None:
            sent, waiting = sent + 1, True
            outputs.sent(numbered(due, sent), 1.0)
            reader |= written(due)
    assert reader == wanted


def driver_for(reader: LlrpReader, *outputs: int, **given: Any) -> LlrpDriver:
    settings = Settings.model_validate({"host": "127.0.0.1", "port": reader.port, "keepalive": "1s", **given})
    return LlrpDriver(settings, {}, Context("dock", outputs=frozenset(outputs)))


def causes(watched: Watched) -> list[str]:
    return [one.cause for one in watched.seen if isinstance(one, Status) and one.state == "degraded"]


async def observing(driver: LlrpDriver) -> Watched:
    watched = Watched(driver)
    await watched.until(lambda seen: (None, "online") in states(seen) and reads(seen))
    return watched


async def test_a_reader_that_refuses_is_told_of_and_goes_on_reading() -> None:
    async with LlrpReader(ReaderOptions(), TAGS) as reader:
        reader.faults.gpo(2)
        watched = await observing(driver_for(reader, 1, 2))
        assert watched.outputs is not None
        watched.outputs.write({2: True})
        await watched.until(lambda _: causes(watched))
        assert "outputs (signals)" in causes(watched)[0]
        assert "GPO 2 does not switch" in causes(watched)[0]
        watched.outputs.write({1: True})
        await until(lambda: reader.outputs[1])
        since = len(watched.seen)
        await watched.until(lambda seen: reads(seen[since:]))
        await watched.stop()
        assert not reader.outputs[1]


async def test_a_reader_that_answers_nothing_any_more_is_told_of() -> None:
    """It hears nothing and says nothing for a while; its link lives on, for nobody asked for signs of life."""
    async with LlrpReader(ReaderOptions(), TAGS) as reader:
        watched = await observing(driver_for(reader, 1, keepalive="1h", response_timeout="500ms"))
        reader.faults.half_open()
        assert watched.outputs is not None
        watched.outputs.write({1: True})
        await watched.until(lambda _: causes(watched))
        assert "does not answer" in causes(watched)[0]
        reader.faults.clear()
        await until(lambda: reader.outputs[1])
        await watched.stop()


async def test_the_simulated_reader_remembers_when_its_outputs_were_switched() -> None:
    async with LlrpReader(ReaderOptions(), TAGS) as reader:
        told: list[tuple[int, bool]] = []
        reader.on_output = lambda change: told.append((change.gpo, change.on))
        watched = await observing(driver_for(reader, 1, 3))
        assert watched.outputs is not None
        watched.outputs.write({1: True, 3: True})
        await until(lambda: reader.outputs[3])
        watched.outputs.write({3: False})
        await until(lambda: not reader.outputs[3])
        await watched.stop()
        await until(lambda: not reader.connected)
        assert told == [(1, True), (3, True), (3, False), (1, False)]
        assert told == [(change.gpo, change.on) for change in reader.switched]
        assert all(one.time <= two.time for one, two in pairwise(reader.switched))
