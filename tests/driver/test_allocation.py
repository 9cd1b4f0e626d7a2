"""Allocation of connectIDs, and of local ports that were closed recently."""

import asyncio
import errno

import pytest

from bc260y_aio.errors import LocalPortBusy, NoFreeConnectID
from bc260y_aio.sockets.allocation import ConnectIDs, LocalPorts
from tests.driver.scripted import settle
from tests.loops import Clock

# connectIDs


async def test_connect_ids_are_lent_in_order_and_the_one_longest_free_comes_first() -> None:
    ids = ConnectIDs(3)
    assert [await ids.acquire(0) for _ in range(3)] == [0, 1, 2]
    assert ids.taken == {0, 1, 2}
    ids.release(2)
    ids.release(0)
    assert [await ids.acquire(0), await ids.acquire(0)] == [2, 0]


async def test_a_sixth_waits_for_a_bounded_time_and_fails_as_with_a_kernel(clock: Clock) -> None:
    ids = ConnectIDs(5)
    for _ in range(5):
        await ids.acquire(0)

    waiting = asyncio.ensure_future(ids.acquire(60.0))
    await clock.advance(59.5)
    assert not waiting.done()
    await clock.advance(1.0)
    with pytest.raises(NoFreeConnectID) as caught:
        await waiting

    assert isinstance(caught.value, TimeoutError)
    assert caught.value.errno == errno.EMFILE
    assert str(caught.value) == (
        "all 5 connectIDs stayed in use for 60 s (close connections that are not needed, or raise connect_id_timeout): "
        "the connectID is in use (563)"
    )


async def test_one_that_waits_gets_the_connect_id_that_is_given_back() -> None:
    ids = ConnectIDs(1)
    await ids.acquire(0)
    first, second = (asyncio.ensure_future(ids.acquire(60.0)) for _ in range(2))
    await settle()
    ids.release(0)
    assert await first == 0
    assert (second.done(), ids.taken) == (False, frozenset({0}))
    ids.release(0)
    assert await second == 0
    ids.release(0)
    assert (ids.taken, ids.has_free) == (frozenset(), True)


async def test_one_that_is_cancelled_while_it_waits_is_passed_over() -> None:
    ids = ConnectIDs(1)
    await ids.acquire(0)
    first, second = (asyncio.ensure_future(ids.acquire(60.0)) for _ in range(2))
    await settle()
    first.cancel()
    ids.release(0)
    assert await second == 0
    assert first.cancelled()


async def test_one_that_is_cancelled_in_the_moment_it_is_served_gives_the_connect_id_back() -> None:
    ids = ConnectIDs(1)
    await ids.acquire(0)
    waiting = asyncio.ensure_future(ids.acquire(60.0))
    await settle()
    ids.release(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert ids.has_free
    assert await ids.acquire(0) == 0


async def test_a_connect_id_that_is_given_back_after_a_wait_that_failed_is_free(clock: Clock) -> None:
    ids = ConnectIDs(1)
    await ids.acquire(0)
    waiting = asyncio.ensure_future(ids.acquire(10.0))
    await clock.advance(10.5)
    with pytest.raises(NoFreeConnectID):
        await waiting

    ids.release(0)
    assert (ids.taken, ids.has_free) == (frozenset(), True)


async def test_one_that_is_served_in_the_moment_its_time_is_up_does_not_lose_a_connect_id(clock: Clock) -> None:
    ids = ConnectIDs(1)
    await ids.acquire(0)
    waiting = asyncio.ensure_future(ids.acquire(10.0))
    await settle()
    asyncio.get_running_loop().call_later(10.0, ids.release, 0)
    await clock.advance(11.0)
    await asyncio.wait([waiting])
    if waiting.exception() is None:
        ids.release(waiting.result())

    assert await ids.acquire(0) == 0


# Local ports


async def test_a_local_port_is_not_used_again_for_seventy_seconds(clock: Clock) -> None:
    ports = LocalPorts()
    await ports.reserve("TCP", 50000, wait=True)
    ports.release("TCP", 50000)
    waiting = asyncio.ensure_future(ports.reserve("TCP", 50000, wait=True))
    await clock.advance(69.5)
    assert not waiting.done()
    await clock.advance(1.0)
    await waiting


async def test_a_caller_that_does_not_wait_gets_local_port_busy(clock: Clock) -> None:
    ports = LocalPorts()
    await ports.reserve("TCP", 50000, wait=False)
    ports.release("TCP", 50000)
    await clock.advance(69.0)
    with pytest.raises(LocalPortBusy) as caught:
        await ports.reserve("TCP", 50000, wait=False)

    assert (caught.value.errno, str(caught.value)) == (
        errno.EADDRINUSE,
        "local port 50000: the local port is busy (574); "
        "a local port stays busy for 70 s after its close; wait_for_local_port=True waits for it",
    )
    await clock.advance(2.0)
    await ports.reserve("TCP", 50000, wait=False)


@pytest.mark.parametrize("wait", [True, False])
async def test_a_local_port_in_use_is_busy_whether_or_not_one_would_wait(wait: bool) -> None:
    ports = LocalPorts()
    await ports.reserve("TCP", 50000, wait=wait)
    with pytest.raises(LocalPortBusy):
        await ports.reserve("TCP", 50000, wait=wait)


async def test_of_two_that_wait_for_a_local_port_one_gets_it(clock: Clock) -> None:
    ports = LocalPorts()
    await ports.reserve("UDP", 50000, wait=True)
    ports.release("UDP", 50000)
    tasks = [asyncio.ensure_future(ports.reserve("UDP", 50000, wait=True)) for _ in range(2)]
    await clock.advance(70.5)
    assert {type(task.exception()) for task in tasks} == {type(None), LocalPortBusy}


async def test_one_that_is_cancelled_while_it_waits_for_a_local_port_takes_nothing(clock: Clock) -> None:
    ports = LocalPorts()
    await ports.reserve("TCP", 50000, wait=True)
    ports.release("TCP", 50000)
    waiting = asyncio.ensure_future(ports.reserve("TCP", 50000, wait=True))
    await settle()
    waiting.cancel()
    await clock.advance(70.5)
    await ports.reserve("TCP", 50000, wait=False)


async def test_a_local_port_that_was_never_used_is_free_at_once() -> None:
    ports = LocalPorts()
    await ports.reserve("TCP", 50000, wait=False)
    ports.release("TCP", 50000, used=False)
    await ports.reserve("TCP", 50000, wait=False)


async def test_the_protocols_have_ports_of_their_own_and_the_modules_choice_is_always_free() -> None:
    ports = LocalPorts()
    for service_type in ("TCP", "UDP"):
        await ports.reserve(service_type, 50000, wait=False)
        for _ in range(2):
            await ports.reserve(service_type, 0, wait=False)

    ports.release("TCP", 0)


async def test_a_wait_for_a_connect_id_outlasts_a_close_that_makes_progress(clock: Clock) -> None:
    ids = ConnectIDs(1)
    await ids.acquire(0)
    waiting = asyncio.ensure_future(ids.acquire(10.0))
    for _ in range(5):
        await clock.advance(8.0)
        ids.note_progress()

    await clock.advance(8.0)
    assert not waiting.done()
    ids.release(0)
    assert await waiting == 0


async def test_a_wait_for_a_connect_id_fails_when_the_progress_ends(clock: Clock) -> None:
    ids = ConnectIDs(1)
    await ids.acquire(0)
    waiting = asyncio.ensure_future(ids.acquire(10.0))
    await clock.advance(8.0)
    ids.note_progress()
    await clock.advance(10.5)
    with pytest.raises(NoFreeConnectID):
        await waiting
