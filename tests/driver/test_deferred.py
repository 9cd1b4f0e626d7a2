"""Calls deferred until a read has been handled: their time, their context, and their errors."""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Iterator

import pytest

from bc260y_aio.at.commands import QueryAcks
from bc260y_aio.line.deferred import DeferredCalls
from bc260y_aio.line.inbox import Inbox
from tests.driver.scripted import OK, FarEnd, open_channel, settle
from tests.loops import Contexts

HERE: contextvars.ContextVar[str] = contextvars.ContextVar("HERE", default="nowhere")


def context(here: str) -> contextvars.Context:
    copy = contextvars.copy_context()
    copy.run(HERE.set, here)
    return copy


@contextlib.contextmanager
def reading(deferred: DeferredCalls) -> Iterator[None]:
    """Handle a read."""
    deferred.is_held = True
    try:
        yield
    finally:
        deferred.is_held = False
        if deferred.calls:
            deferred.run()


async def test_a_call_deferred_while_a_read_is_handled_runs_at_its_end() -> None:
    done: list[str] = []
    deferred = DeferredCalls()
    with reading(deferred):
        deferred.call(lambda: done.append("a"), context("here"))
        deferred.call(lambda: done.append("b"), context("here"))
        assert done == []

    assert done == ["a", "b"]


async def test_a_call_deferred_at_another_time_runs_in_the_next_turn() -> None:
    done: list[str] = []
    deferred = DeferredCalls()
    deferred.call(lambda: done.append("a"), context("here"))
    deferred.call(lambda: done.append("b"), context("here"))
    assert done == []
    await asyncio.sleep(0)
    assert done == ["a", "b"]
    deferred.call(lambda: done.append("c"), context("here"))
    await asyncio.sleep(0)
    assert done == ["a", "b", "c"]


async def test_a_call_deferred_before_a_read_runs_once() -> None:
    done: list[str] = []
    deferred = DeferredCalls()
    deferred.call(lambda: done.append("a"), context("here"))
    with reading(deferred):
        deferred.call(lambda: done.append("b"), context("here"))

    assert done == ["a", "b"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == ["a", "b"]


async def test_a_call_is_made_in_its_context() -> None:
    seen: list[str] = []
    deferred = DeferredCalls()
    with reading(deferred):
        deferred.call(lambda: seen.append(HERE.get()), context("Kiel"))
        deferred.call(lambda: seen.append(HERE.get()), context("Jena"))

    assert (seen, HERE.get()) == (["Kiel", "Jena"], "nowhere")


async def test_a_call_deferred_by_a_deferred_call_runs_in_the_next_turn() -> None:
    count = 0

    def again() -> None:
        nonlocal count
        count += 1
        deferred.call(again, context("here"))

    deferred = DeferredCalls()
    with reading(deferred):
        deferred.call(again, context("here"))

    for turn in range(1, 4):
        assert count == turn
        await asyncio.sleep(0)


async def test_calls_deferred_by_several_deferred_calls_run_in_the_next_turn() -> None:
    done: list[str] = []
    deferred = DeferredCalls()
    for name in "abc":
        deferred.call(lambda: deferred.call(lambda: done.append("later"), context("here")), context("here"))
        deferred.call(functools.partial(done.append, name), context("here"))

    await asyncio.sleep(0)
    assert done == ["a", "b", "c"]
    await asyncio.sleep(0)
    assert done == ["a", "b", "c", "later", "later", "later"]


async def test_an_exception_in_one_call_goes_to_the_loop_and_the_others_run(loop_errors: Contexts) -> None:
    done: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    deferred = DeferredCalls()
    with reading(deferred):
        deferred.call(fail, context("here"))
        deferred.call(lambda: done.append("b"), context("here"))

    assert done == ["b"]
    (told,) = loop_errors
    assert isinstance(told["exception"], ZeroDivisionError)


async def test_calls_are_made_also_when_the_read_could_not_be_dealt_with() -> None:
    done: list[str] = []
    deferred = DeferredCalls()

    def deal() -> None:
        with reading(deferred):
            deferred.call(lambda: done.append("a"), context("here"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deal()

    assert done == ["a"]


async def test_a_call_deferred_by_payload_runs_in_the_turn_of_its_read_behind_the_next_command() -> None:
    far, inbox = FarEnd(), Inbox(64, keeps_order=True)
    async with open_channel(far) as channel:
        done: list[bytes] = []
        inbox.on_payload = lambda data: channel.deferred.call(lambda: done.append(data), context("here"))
        channel.inboxes.attach(0, inbox)
        # The first bytes of a port come a turn later than all others.
        far.send(b"\r\n")
        await settle()
        asked = [asyncio.ensure_future(channel.execute(QueryAcks(connect_id))) for connect_id in (1, 2)]
        await far.expect(b"AT+QISEND=1,0\r")
        far.send(b'\r\n+QIURC: "recv",0,2,"6869"\r\n\r\n+QISEND: 1,1,0\r\n', OK)
        # Behind the read, in the same turn.
        seen: list[tuple[list[bytes], bytes]] = []
        asyncio.get_running_loop().call_soon(lambda: seen.append((list(done), far.unexpected)))
        await far.answer(b"AT+QISEND=2,0\r", b"\r\n+QISEND: 2,2,0\r\n", OK)
        await asyncio.gather(*asked)
        assert seen == [([b"hi"], b"AT+QISEND=2,0\r")]
