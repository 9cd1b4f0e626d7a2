"""Whose turn it is: first come, first served, and never before the line is at rest."""

import asyncio
from typing import Any, cast

import pytest

from bc260y_aio.at.commands import Attention, Ping
from bc260y_aio.at.completions import PingReply
from bc260y_aio.at.responses import Success
from bc260y_aio.errors import ModemClosed
from bc260y_aio.line.turns import Answer, Dialogue, Turn, TurnQueue
from bc260y_aio.tracing import Trace
from tests.driver.scripted import settle

pytestmark = pytest.mark.loops("asyncio", "eager")


class Line:
    """The line of a queue: whether a dialogue is under way."""

    def __init__(self) -> None:
        self.is_idle_waiters = True
        self.turns = TurnQueue(lambda: self.is_idle_waiters, Trace("it"))
        self.order: list[str] = []

    def turn(self, *, urgent: bool = False) -> Turn:
        async def execute(*_: object, **__: object) -> Answer:
            return Answer([], [])

        return Turn(self.turns, execute, urgent=urgent)

    async def take(self, name: str, *, urgent: bool = False) -> None:
        async with self.turn(urgent=urgent):
            self.order.append(name)
            await asyncio.sleep(0)


async def test_turns_are_taken_in_the_order_of_asking_and_one_at_a_time() -> None:
    line = Line()
    await asyncio.gather(*(line.take(name) for name in "abcd"))
    assert line.order == list("abcd")
    assert len(line.turns) == 0


async def test_a_turn_that_is_over_when_it_was_granted_goes_to_the_next_and_stays_there() -> None:
    # As with eager tasks, which run on while they are started.
    line = Line()

    class Brief(Turn):
        def grant(self) -> bool:
            line.turns.leave()
            return True

    line.turns.enqueue(Brief(line.turns, line.turn().execute))
    tasks = [asyncio.ensure_future(line.take(name)) for name in "ab"]
    await settle()
    assert line.order == ["a", "b"]
    async with line.turn():
        line.turns.enqueue(Brief(line.turns, line.turn().execute))
        tasks += [asyncio.ensure_future(line.take(name)) for name in "cd"]
        await settle()

    await asyncio.gather(*tasks)
    assert line.order == list("abcd")


async def test_an_urgent_turn_goes_first_among_those_that_wait() -> None:
    line = Line()
    async with line.turn():
        tasks = [asyncio.ensure_future(line.take(name)) for name in "ab"]
        await settle()
        tasks.append(asyncio.ensure_future(line.take("urgent", urgent=True)))
        await settle()
        assert line.order == []

    await asyncio.gather(*tasks)
    assert line.order == ["urgent", "a", "b"]


async def test_a_turn_may_stand_in_line_before_it_is_entered() -> None:
    line = Line()
    early = line.turn()
    early.queue()
    late = asyncio.ensure_future(line.take("late"))
    await settle()
    async with early:
        line.order.append("early")

    await late
    assert line.order == ["early", "late"]


async def test_a_turn_does_not_pass_on_while_a_dialogue_is_under_way() -> None:
    line = Line()
    async with line.turn():
        waiting = asyncio.ensure_future(line.take("next"))
        await settle()
        line.is_idle_waiters = False

    await settle()
    assert line.order == []
    line.is_idle_waiters = True
    line.turns.grant_next()
    await waiting
    assert line.order == ["next"]


async def test_a_cancelled_waiter_is_passed_over() -> None:
    line = Line()
    async with line.turn():
        tasks = [asyncio.ensure_future(line.take(name)) for name in "abc"]
        await settle()
        tasks[1].cancel()
        await settle()

    await asyncio.wait(tasks)
    assert line.order == ["a", "c"]


async def test_a_waiter_cancelled_after_its_turn_was_granted_passes_it_on() -> None:
    line = Line()
    async with line.turn():
        tasks = [asyncio.ensure_future(line.take(name)) for name in "ab"]
        await settle()

    tasks[0].cancel()
    await asyncio.wait(tasks)
    assert (line.order, tasks[0].cancelled()) == (["b"], True)


async def test_the_end_is_reported_to_all_waiting_and_later_callers() -> None:
    line = Line()
    async with line.turn():
        waiting = [asyncio.ensure_future(line.take(name)) for name in "ab"]
        await settle()
        line.turns.end(ModemClosed("gone"))

    for task in (*waiting, asyncio.ensure_future(line.take("c"))):
        with pytest.raises(ModemClosed, match=r"^gone$"):
            await task

    assert line.order == []


async def test_those_that_wait_are_told_of_the_end_in_the_order_of_their_turns() -> None:
    line = Line()
    told: list[str] = []

    async def wait(name: str) -> None:
        with pytest.raises(ModemClosed):
            await line.take(name)

        told.append(name)

    async with line.turn():
        waiting = [asyncio.ensure_future(wait(name)) for name in "abc"]
        await settle()
        line.turns.end(ModemClosed("gone"))

    await asyncio.gather(*waiting)
    assert told == ["a", "b", "c"]


async def test_an_exception_inside_a_turn_ends_it() -> None:
    line = Line()
    with pytest.raises(ZeroDivisionError):
        async with line.turn():
            raise ZeroDivisionError

    await line.take("next")
    assert line.order == ["next"]


class Clumsy:
    """One that cannot take its turn."""

    def __init__(self) -> None:
        self.refused: list[Exception] = []

    def grant(self) -> bool:
        raise ZeroDivisionError("clumsy")

    def fail(self, error: Exception) -> None:
        self.refused.append(error)


async def test_an_entry_that_fails_to_take_its_turn_gets_the_error_and_blocks_no_other() -> None:
    line, clumsy = Line(), Clumsy()
    async with line.turn():
        line.turns.enqueue(clumsy)
        waiting = asyncio.ensure_future(line.take("next"))
        await settle()

    await waiting
    assert line.order == ["next"]
    assert [str(error) for error in clumsy.refused] == ["clumsy"]


async def test_a_dialogue_reports_its_outcome_once() -> None:
    answered: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
    dialogue = Dialogue(cast("Any", None), Attention(), answered=answered)
    dialogue.deadline = asyncio.get_running_loop().call_later(60, print)
    dialogue.end(Answer([], []))
    dialogue.end(ModemClosed("too late"))
    assert dialogue.deadline.cancelled()
    assert await answered == Answer([], [])


@pytest.mark.parametrize(("late_by", "left"), [(-30.0, 26.0), (-3.0, 3.0), (0.0, 0.0), (1.5, 0.0)])
async def test_a_part_of_an_answer_leaves_the_rest_no_more_than_what_is_left_of_its_time(
    late_by: float, left: float
) -> None:
    ping = Ping("a.b", timeout=20, count=2)
    dialogue = Dialogue(cast("Any", None), ping)
    due = dialogue.await_completion(Success(), 100.0, 0.0)
    assert due == 100.0 + ping.completion_timeout
    reply = PingReply("192.0.2.1", 32, 300)
    dialogue.add(reply)
    now = due + late_by
    assert ping.rest_timeout([reply]) == 26.0
    assert dialogue.await_completion(reply, now, 0.0) == pytest.approx(now + left)


async def test_a_dialogue_without_a_caller_reports_its_outcome_once_too() -> None:
    outcomes: list[object] = []
    dialogue = Dialogue(cast("Any", None), Attention(), on_end=outcomes.append)
    dialogue.end(answer := Answer([], []))
    assert outcomes == [answer]
