"""The contract of TCP transports with their protocols: one set of tests, on the kernel's transports and on the modem's.

Failing callbacks are in test_transport_callbacks.py, TLS is in test_transport_tls.py, and where a modem's transport is
not a kernel's in test_transport_differences.py.
"""

import asyncio
import contextlib
import random
import socket
from typing import Any

import pytest

from tests import loops

from .ends import MUCH, Recorder, each_kind, ends, read

pytestmark = each_kind


# Receiving


async def test_it_is_made_then_gets_data_then_the_end_and_then_is_lost(kind: str) -> None:
    async with ends(kind) as both:
        _, protocol = await both.connect()
        _, writer = await both.accept()
        writer.write(b"hello")
        writer.close()
        await protocol.lost

        assert protocol.events == ["made", b"hello", "eof", ("lost", None)]


async def test_data_that_a_peer_sends_first_is_received_after_connection_made(kind: str) -> None:
    async with ends(kind) as both:
        connecting = asyncio.create_task(both.connect())
        _, writer = await both.accept()
        writer.write(b"220 ready\r\n")
        _, protocol = await connecting
        await protocol.has(b"220 ready\r\n")

        assert protocol.events == ["made", b"220 ready\r\n"]


async def test_reading_can_be_paused_before_the_first_byte(kind: str) -> None:
    class Hesitant(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.pause_reading()

    async with ends(kind) as both:
        transport, protocol = await both.connect(Hesitant)
        _, writer = await both.accept()
        writer.write(b"early")
        await both.let_pass()

        assert protocol.events == ["made"]
        assert not transport.is_reading()

        transport.resume_reading()
        await protocol.has(b"early")
        assert transport.is_reading()


async def test_while_reading_is_paused_neither_data_nor_the_end_comes(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        _, writer = await both.accept()
        transport.pause_reading()
        transport.pause_reading()
        writer.write(b"late")
        writer.close()
        await both.let_pass()
        assert protocol.events == ["made"]

        transport.resume_reading()
        transport.resume_reading()
        await protocol.lost
        assert protocol.events == ["made", b"late", "eof", ("lost", None)]


async def test_a_pause_inside_data_received_holds_back_later_data(kind: str) -> None:
    class Slow(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    async with ends(kind) as both:
        transport, protocol = await both.connect(Slow)
        _, writer = await both.accept()
        writer.write(b"one")
        await protocol.has(b"one")
        writer.write(b"two")
        writer.close()
        await both.let_pass()
        assert protocol.received == b"one"

        transport.resume_reading()
        await protocol.has(b"onetwo")


async def test_the_end_closes_the_transport_unless_the_protocol_keeps_it_open(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        protocol.keeps_open = True
        _, writer = await both.accept()
        writer.write_eof()
        await protocol.has("eof")
        await both.let_pass()

        assert not transport.is_closing()
        assert protocol.events == ["made", "eof"]

        transport.close()
        await protocol.lost
        assert protocol.events == ["made", "eof", ("lost", None)]


async def test_a_buffered_protocol_is_given_its_own_buffer_filled(kind: str) -> None:
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(7)
            self.received = b""
            self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.received += self.buffer[:nbytes]

        def eof_received(self) -> None:
            self.ended.set_result(None)

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.set_result(None)

    async with ends(kind) as both:
        _, protocol = await both.connect(Buffered)
        _, writer = await both.accept()
        writer.write(MUCH[:4000])
        writer.close()
        await protocol.ended

        assert protocol.received == MUCH[:4000]


async def test_the_protocol_can_be_changed_in_mid_stream(kind: str) -> None:
    async with ends(kind) as both:
        transport, first = await both.connect()
        _, writer = await both.accept()
        writer.write(b"one")
        await first.has(b"one")

        second = Recorder()
        transport.set_protocol(second)
        assert transport.get_protocol() is second

        writer.write(b"two")
        writer.close()
        await second.lost
        first.lost.set_result(None)

        assert first.events == ["made", b"one"]
        assert second.events == [b"two", "eof", ("lost", None)]


# Sending


async def test_written_data_arrives_in_order(kind: str) -> None:
    async with ends(kind) as both:
        transport, _ = await both.connect()
        reader, _ = await both.accept()
        transport.write(b"one ")
        transport.writelines([b"two ", bytearray(b"three "), memoryview(b"four")])
        transport.write(b"")

        assert await read(reader, 18) == b"one two three four"


async def test_a_buffer_may_be_used_again_once_it_was_written(kind: str) -> None:
    async with ends(kind) as both:
        transport, _ = await both.connect()
        reader, _ = await both.accept()
        buffer = bytearray(b"first")
        transport.write(buffer)
        buffer[:] = b"XXXXX"
        transport.write(memoryview(buffer)[:0])

        assert await read(reader, 5) == b"first"


@pytest.mark.parametrize("seed", range(3))
async def test_any_sequence_of_writes_arrives_as_it_was_written(kind: str, seed: int) -> None:
    dice = random.Random(seed)
    async with ends(kind) as both:
        transport, _ = await both.connect()
        reader, _ = await both.accept()
        written = b""
        while len(written) < 20_000:
            data = dice.randbytes(int(dice.expovariate(1 / 400)))
            match dice.randrange(4):
                case 0:
                    transport.write(bytearray(data))
                case 1:
                    transport.writelines([data[:7], data[7:]])
                case _:
                    transport.write(data)

            written += data
            for _ in range(dice.choice([0, 0, 0, 1, 2, 20])):
                await asyncio.sleep(0)

        assert await read(reader, len(written)) == written


@pytest.mark.parametrize("data", ["text", 7, None, [1, 2]])
async def test_only_bytes_can_be_written(kind: str, data: Any) -> None:
    async with ends(kind) as both:
        transport, _ = await both.connect()
        await both.accept()

        with pytest.raises(TypeError):
            transport.write(data)


async def test_writing_is_paused_inside_write_and_resumed_when_the_buffer_has_drained(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        reader, _ = await both.accept()
        transport.set_write_buffer_limits(high=20_000, low=4_000)
        written = 0
        while "pause" not in protocol.events:
            assert transport.get_write_buffer_size() <= 20_000
            transport.write(MUCH[:16_384])
            written += 16_384

        assert transport.get_write_buffer_size() > 20_000
        assert len(await read(reader, written)) == written
        await protocol.has("resume")

        assert transport.get_write_buffer_size() <= 4_000
        assert protocol.events == ["made", "pause", "resume"]


async def test_with_limits_of_zero_every_write_that_waits_pauses(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        reader, _ = await both.accept()
        transport.set_write_buffer_limits(0)
        written = 0
        while not transport.get_write_buffer_size():
            transport.write(MUCH)
            written += len(MUCH)

        assert protocol.events == ["made", "pause"]
        await read(reader, written)
        await protocol.has("resume")
        assert not transport.get_write_buffer_size()


async def test_the_limits_of_the_write_buffer_follow_from_one_another(kind: str) -> None:
    async with ends(kind) as both:
        transport, _ = await both.connect()
        await both.accept()
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)

        transport.set_write_buffer_limits(high=100)
        assert transport.get_write_buffer_limits() == (25, 100)

        transport.set_write_buffer_limits(low=10)
        assert transport.get_write_buffer_limits() == (10, 40)

        for limits in ({"high": 10, "low": 11}, {"high": -1, "low": -1}):
            with pytest.raises(ValueError, match="must be >= low"):
                transport.set_write_buffer_limits(**limits)


async def test_a_write_to_a_peer_that_has_gone_ends_in_a_connection_error(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        protocol.keeps_open = True
        _, writer = await both.accept()
        writer.close()
        await writer.wait_closed()
        await protocol.has("eof")

        while not protocol.lost.done():
            transport.write(b"is anybody there?")
            await both.let_pass()

        assert protocol.events[:2] == ["made", "eof"]
        _, error = protocol.events[-1]
        assert isinstance(error, ConnectionResetError | BrokenPipeError)


# Closing


async def test_close_lets_everything_go_out_first(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        reader, writer = await both.accept()
        transport.write(MUCH)
        transport.close()
        assert transport.is_closing()

        async with asyncio.timeout(10):
            assert await reader.read(-1) == MUCH

        writer.close()
        await protocol.lost
        assert protocol.events[0] == "made"
        assert protocol.events[-1] == ("lost", None)


async def test_abort_drops_data_that_waits(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        reader, _ = await both.accept()
        while not transport.get_write_buffer_size():
            transport.write(MUCH)

        transport.write(b"the last words")
        transport.abort()
        assert transport.is_closing()
        await protocol.lost

        assert protocol.events[-1] == ("lost", None)
        with contextlib.suppress(ConnectionResetError):
            assert not (await reader.read(-1)).endswith(b"the last words")


async def test_after_close_nothing_more_is_delivered(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        _, writer = await both.accept()
        transport.close()
        writer.write(b"too late")
        await protocol.lost

        assert protocol.events == ["made", ("lost", None)]


async def test_connection_lost_is_not_called_inside_close(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        await both.accept()
        transport.abort()
        assert protocol.events == ["made"]

        await protocol.lost
        assert protocol.events == ["made", ("lost", None)]


async def test_connection_lost_is_called_once_however_often_it_is_closed(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        await both.accept()
        for close in (transport.close, transport.close, transport.abort, transport.abort):
            close()

        await protocol.lost
        transport.close()
        transport.abort()
        await both.let_pass()

        assert protocol.events == ["made", ("lost", None)]


async def test_data_written_after_the_close_is_dropped(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        reader, writer = await both.accept()
        transport.write(b"before")
        await both.let_pass()
        transport.close()
        transport.write(b"after")
        assert await reader.read(-1) == b"before"

        writer.close()
        await protocol.lost
        transport.write(b"long after")
        assert protocol.events == ["made", ("lost", None)]


async def test_a_closed_transport_is_not_reading(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        await both.accept()
        transport.close()
        transport.pause_reading()
        transport.resume_reading()
        assert not transport.is_reading()
        await protocol.lost


# About it


def test_it_can_be_used_between_two_runs_of_its_loop(kind: str, loop_factory: loops.LoopFactory) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        manager = ends(kind)
        both = runner.run(manager.__aenter__())
        transport, protocol = runner.run(both.connect())
        reader, _ = runner.run(both.accept())
        transport.write(b"hello")
        assert runner.run(read(reader, 5)) == b"hello"

        transport.close()
        runner.run(protocol.until(protocol.lost.done))
        runner.run(manager.__aexit__(None, None, None))
        assert protocol.events == ["made", ("lost", None)]


async def test_it_reports_both_addresses_and_has_a_socket(kind: str) -> None:
    async with ends(kind) as both:
        transport, _ = await both.connect()
        await both.accept()
        sock = transport.get_extra_info("socket")

        assert transport.get_extra_info("peername")[1] == both.port
        assert isinstance(transport.get_extra_info("peername")[0], str)
        assert isinstance(transport.get_extra_info("sockname"), tuple)
        assert transport.get_extra_info("nothing") is None
        assert transport.get_extra_info("nothing", 7) == 7
        assert sock.getpeername() == transport.get_extra_info("peername")
        assert sock.getsockname() == transport.get_extra_info("sockname")
        assert (sock.family, sock.type) == (socket.AF_INET, socket.SOCK_STREAM)


async def test_its_repr_shows_that_it_is_closing(kind: str) -> None:
    async with ends(kind) as both:
        transport, _ = await both.connect()
        await both.accept()
        assert "closing" not in repr(transport)

        transport.close()
        assert "clos" in repr(transport)
