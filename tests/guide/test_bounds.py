"""Buffers have a limit, and past it a defined end; a flood of one socket disturbs that socket only."""

import asyncio
import tracemalloc
from collections.abc import Iterator

import pytest

from bc260y_aio import NoFreeConnectID, ReceiveOverflow
from bc260y_aio.at.responses import Response
from bc260y_aio.at.urcs import PeerClosed
from bc260y_aio.emulator import SourcePeer
from bc260y_aio.transports.stream_ends import StreamEnd
from tests.guide.bench import Hosts, datagrams, now, on_air, quiet, stream

LIMIT = 16 * 1024
FLOOD = 1_000_000


@pytest.fixture
def flooding() -> Hosts:
    """A network whose ``flood.example`` sends a megabyte to each connection."""
    hosts = Hosts()
    hosts.network.add_host("flood.example", SourcePeer(bytes(FLOOD)))
    return hosts


# A flood


async def test_a_stream_that_no_one_reads_ends_at_its_limit_and_the_flood_with_it(flooding: Hosts) -> None:
    async with on_air({"receive_limit": LIMIT}, flooding, baudrate=115200) as bench:
        transport, protocol = await stream(bench.modem, "flood.example")
        transport.pause_reading()
        await quiet(30)
        said = len(bench.wire.said)
        assert said < 4 * LIMIT
        assert await bench.modem.sockets() == []
        await quiet(30)
        assert len(bench.wire.said) < said + 200
        transport.resume_reading()
        await protocol.lost.wait()
        assert (LIMIT - 1024 < len(protocol.data) <= LIMIT, set(protocol.data)) == (True, {0})
        assert [type(loss) for loss in protocol.losses] == [ReceiveOverflow]
        with pytest.raises(ReceiveOverflow):
            await transport.wait_acked(1)


async def test_answers_to_others_wait_for_what_the_module_has_ready_of_a_flood_and_no_more(flooding: Hosts) -> None:
    async with on_air({}, flooding, baudrate=115200, push_window=2048) as bench:
        flooded, flood = await stream(bench.modem, "flood.example")
        transport, protocol = await stream(bench.modem, "echo.example")
        # A send has two answers, and before each may stand the window and the push that filled it.
        longest = 2 * (2048 + 1100) / 11520
        for _ in range(10):
            begun = now()
            transport.write(b"x" * 10)
            await transport.drained()
            assert now() - begun < longest

        await protocol.until_data(100)
        assert FLOOD > len(flood.data) > 10_000
        flooded.abort()


async def test_a_flood_takes_no_more_memory_than_the_limits_say(flooding: Hosts, memory: None) -> None:
    async with on_air({"receive_limit": LIMIT}, flooding, baudrate=115200) as bench:
        # The test's record of the wire is no memory of the driver.
        bench.emulator.line.transmit_filter = None
        paused = [await stream(bench.modem, "flood.example") for _ in range(2)]
        socket, received = await datagrams(bench.modem, "flood.example")
        socket.sendto(b"!")
        before, _ = tracemalloc.get_traced_memory()
        for transport, _ in paused:
            transport.pause_reading()

        socket.pause_reading()
        tracemalloc.reset_peak()
        await quiet(120)
        _, peak = tracemalloc.get_traced_memory()
        # The far host's own queue, which is the test's, is what the module has not taken yet.
        assert peak - before < 3 * LIMIT + 512 * 1024
        assert not received.datagrams


@pytest.fixture
def memory() -> Iterator[None]:
    """Trace what memory is taken."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


# A crowd


async def test_opens_beyond_the_five_wait_for_a_bounded_time_however_many_they_are() -> None:
    async with on_air({"connect_id_timeout": 20.0}) as bench:
        held = [await stream(bench.modem, "sink.example") for _ in range(5)]
        begun = now()
        outcomes = await asyncio.gather(
            *(stream(bench.modem, "sink.example") for _ in range(500)), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {NoFreeConnectID}
        assert now() - begun == pytest.approx(20.0, abs=1.0)
        assert bench.count("+QIOPEN") == 5
        for transport, _ in held:
            transport.abort()


async def test_a_subscriber_holds_back_no_urcs_and_a_failing_one_disturbs_no_other(loop_errors: list[object]) -> None:
    async with on_air() as bench:
        heard: list[Response] = []

        def failing(event: Response) -> None:
            raise ZeroDivisionError

        subscriptions = [bench.modem.subscribe(failing, PeerClosed), bench.modem.subscribe(heard.append, PeerClosed)]
        _, protocol = await stream(bench.modem, "goodbye.example")
        await protocol.lost.wait()
        assert len(heard) == 1
        assert len(loop_errors) == 1
        loop_errors.clear()
        for unsubscribe in subscriptions:
            unsubscribe()

        _, protocol = await stream(bench.modem, "goodbye.example")
        await protocol.lost.wait()
        assert len(heard) == 1


async def test_a_reader_that_does_nothing_but_read_keeps_up_with_a_line_without_a_rate() -> None:
    hosts = Hosts()
    hosts.network.add_host("large.example", SourcePeer(bytes(2 * FLOOD)))
    async with on_air({}, hosts) as bench:
        _, end = await bench.modem.create_connection(lambda: StreamEnd(0), "large.example", 7)
        received = 0
        # It pauses reading at each delivery, and resumes at each call.
        while data := await end.receive():
            received += len(data)

        assert received == 2 * FLOOD
        end.close()
        await end.wait_closed()
