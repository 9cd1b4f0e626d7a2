"""When the network is asked to release the radio after the last connection: AT+QNBIOTRAI."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from bc260y_aio.line.channel import Channel
from bc260y_aio.modem.release import RadioRelease
from bc260y_aio.sockets.tasks import TaskSet
from tests.driver.scripted import ERROR, OK, FarEnd, Module, fast_forward, open_channel, open_modem, settle
from tests.loops import Clock

QUERY, NO_MORE, ONE_REPLY = b"AT+QNBIOTRAI=?\r", b"AT+QNBIOTRAI=1\r", b"AT+QNBIOTRAI=2\r"


class Closes:
    """The closes of connections over a module, and the release that follows the last one.

    Attributes:
        is_in_use: whether a connection is open.
    """

    def __init__(self, channel: Channel) -> None:
        self.release = RadioRelease()
        self.tasks = TaskSet("it")
        self.is_in_use = False
        self._channel = channel

    async def prepare(self, far: FarEnd, *answer: bytes) -> None:
        preparing = asyncio.ensure_future(self.release.prepare(self._channel))
        await far.answer(QUERY, *answer)
        await preparing

    def close(self, *, peer_first: bool = False, round_trip: float = 0.0) -> None:
        self.release.ask(
            self._channel,
            self.tasks,
            has_peer_closed=peer_first,
            round_trip=round_trip,
            is_in_use=lambda: self.is_in_use,
        )


@contextlib.asynccontextmanager
async def closes(modes: str) -> AsyncIterator[tuple[FarEnd, Closes]]:
    far = FarEnd()
    async with open_channel(far) as channel:
        made = Closes(channel)
        await made.prepare(far, f"\r\n+QNBIOTRAI: {modes}\r\n".encode(), OK)
        yield far, made
        made.release.cancel()


@pytest.mark.parametrize("modes", ["(0-2)", "(0,1,2)", "(1-2)", "(1,2)", "(0-1,2)"])
async def test_the_modes_may_be_written_as_a_range_or_a_list(modes: str, clock: Clock) -> None:
    async with closes(modes) as (far, made):
        assert made.release.is_available
        made.close(peer_first=True, round_trip=1.0)
        await far.answer(ONE_REPLY, OK)
        await clock.advance(2.1)
        await far.answer(NO_MORE, OK)


@pytest.mark.parametrize("answer", [ERROR, OK, b"\r\n+QNBIOTRAI: (x)\r\n" + OK])
async def test_a_module_without_the_command_is_asked_once_and_told_nothing(answer: bytes, clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        made = Closes(channel)
        await made.prepare(far, answer)
        await made.release.prepare(channel)
        assert not made.release.is_available
        made.close(peer_first=True, round_trip=1.0)
        assert len(made.tasks) == 0
        await clock.advance(20.0)
        await far.expect_nothing()


async def test_a_module_that_did_not_answer_is_asked_again(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        made = Closes(channel)
        preparing = asyncio.ensure_future(made.release.prepare(channel))
        await far.expect(QUERY)
        await clock.advance(5.1)
        await preparing
        assert not made.release.is_available
        await far.resynchronise()
        await made.prepare(far, b"\r\n+QNBIOTRAI: (0-2)\r\n", OK)
        assert made.release.is_available


@pytest.mark.parametrize(
    ("round_trips", "wait"),
    [
        ([1.0], 2.0),
        # The shortest of the last eight; one that failed has none.
        ([3.0, 1.0, 2.0], 2.0),
        ([1.0, 0.0], 2.0),
        ([1.0, *[2.0] * 7], 2.0),
        ([1.0, *[2.0] * 8], 4.0),
        # Networks release the radio by themselves after a while.
        ([7.0], 14.0),
        ([20.0], 15.0),
    ],
)
async def test_it_is_asked_for_after_two_round_trips(round_trips: Sequence[float], wait: float, clock: Clock) -> None:
    async with closes("(0-2)") as (far, made):
        for round_trip in round_trips:
            made.close(round_trip=round_trip)

        await settle()
        await clock.advance(wait - 0.1)
        await far.expect_nothing()
        await clock.advance(0.2)
        await far.answer(NO_MORE, OK)
        # Each close puts the one before off, and all of them ask once.
        await clock.advance(20.0)
        await far.expect_nothing()
        assert len(made.tasks) == 0


async def test_it_is_not_asked_for_while_another_connection_is_open(clock: Clock) -> None:
    async with closes("(0-2)") as (far, made):
        made.close(round_trip=1.0)
        await settle()
        made.is_in_use = True
        await clock.advance(2.1)
        await far.expect_nothing()


@pytest.mark.parametrize(
    ("modes", "peer_first", "answer", "goes_on"),
    [
        # Where the network knows to expect one reply, there is nothing to wait for.
        ("(0-2)", True, OK, False),
        ("(0-2)", True, ERROR, True),
        ("(0-1)", True, None, True),
        ("(0-2)", False, None, True),
    ],
)
async def test_a_modem_that_is_closed_waits_only_where_the_network_does_not_know_what_to_expect(
    modes: str, peer_first: bool, answer: bytes | None, goes_on: bool, clock: Clock
) -> None:
    async with closes(modes) as (far, made):
        made.close(peer_first=peer_first, round_trip=1.0)
        if answer is not None:
            await far.answer(ONE_REPLY, answer)

        await settle()
        made.release.finish()
        await settle()
        assert len(made.tasks) == goes_on
        await clock.advance(2.1)
        if goes_on:
            await far.answer(NO_MORE, OK)

        await far.expect_nothing()


async def test_what_the_network_knew_of_one_close_it_does_not_know_of_the_next(clock: Clock) -> None:
    async with closes("(0-2)") as (far, made):
        made.close(peer_first=True, round_trip=1.0)
        await far.answer(ONE_REPLY, OK)
        made.close(peer_first=False)
        made.release.finish()
        await settle()
        await clock.advance(2.1)
        await far.answer(NO_MORE, OK)


@pytest.mark.parametrize(("is_available", "stream_flag"), [(True, 0), (False, 1)])
async def test_the_last_chunk_carries_an_indication_unless_one_follows_the_close(
    is_available: bool, stream_flag: int, clock: Clock
) -> None:
    module = Module()
    modes = b"\r\n+QNBIOTRAI: (0-2)\r\n" + OK if is_available else ERROR
    module.override = lambda command: modes if command.write() == "AT+QNBIOTRAI=?" else None
    async with open_modem(module, rai_on_close=True) as modem:
        stream, _ = await modem.create_connection(asyncio.Protocol, "a.b", 7)
        datagrams, _ = await modem.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("192.0.2.1", 8))
        sockets = [module.sockets[0], module.sockets[1]]
        stream.write(b"x")
        stream.close()
        datagrams.sendto(b"y")
        datagrams.close()
        await fast_forward(clock, asyncio.sleep(5.0))
        # Nothing follows the close of a datagram socket.
        assert [socket.rais for socket in sockets] == [[stream_flag], [1]]
