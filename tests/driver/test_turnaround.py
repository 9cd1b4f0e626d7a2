"""The next command is written as soon as the last answer has been read, before anybody looks at that answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bc260y_aio.at.commands import Command, QueryAcks, QuerySockets
from bc260y_aio.at.information import AckStatus, SocketInfo
from bc260y_aio.errors import ConnectionLost, ModuleRestarted
from bc260y_aio.modem.modem import Modem
from bc260y_aio.transports import ModemTransport
from tests.driver.scripted import CLOSE_OK, OK, SEND_FAIL, SEND_OK, FarEnd, Module, open_channel, open_modem, settle
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager")


def acks(connect_id: int) -> bytes:
    return b"\r\n+QISEND: %d,0,0\r\n" % connect_id + OK


def chunk(connect_id: int, data: bytes) -> bytes:
    return b'AT+QISEND=%d,%d,"%b"\r' % (connect_id, len(data), data.hex().upper().encode())


class Silent(Module):
    """A module that is healthy while connections are opened; from then on the test answers."""

    async def connect_all(self, modem: Modem, count: int = 1, protocol: Any = None) -> list[ModemTransport]:
        transports = []
        for _ in range(count):
            transport, _ = await modem.create_connection(lambda: protocol or asyncio.Protocol(), "a.b", 7)
            assert isinstance(transport, ModemTransport)
            transports.append(transport)

        await settle()
        await self.expect(self.unexpected)
        self.override = lambda command: b""
        return transports

    def recover(self) -> None:
        """Answer by itself again."""
        self.override = lambda command: None


@contextlib.asynccontextmanager
async def connected(
    module: Silent, count: int = 1, protocol: Any = None
) -> AsyncIterator[tuple[Modem, list[ModemTransport]]]:
    async with open_modem(module) as modem:
        yield modem, await module.connect_all(modem, count, protocol)
        module.recover()


class Listener(asyncio.Protocol):
    """Records the unread data when writing was resumed, and the end of the connection."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.resumed: list[bytes] = []
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        self.resumed.append(self.module.unexpected)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


# Commands


async def test_the_next_command_is_written_before_the_caller_of_the_last_runs() -> None:
    far = FarEnd()
    log: list[bytes] = []

    async def ask(connect_id: int) -> None:
        await channel.execute(QueryAcks(connect_id))
        log.append(bytes(far.written))

    async with open_channel(far) as channel:
        asking = [asyncio.ensure_future(ask(number)) for number in range(3)]
        for number in range(3):
            await far.answer(b"AT+QISEND=%d,0\r" % number, acks(number))

        await asyncio.wait(asking)

    both, all_three = b"AT+QISEND=0,0\rAT+QISEND=1,0\r", b"AT+QISEND=0,0\rAT+QISEND=1,0\rAT+QISEND=2,0\r"
    assert log == [both, all_three, all_three]


async def test_lines_received_before_a_command_was_written_are_no_answer_to_it() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        first, second = (asyncio.ensure_future(channel.execute(QueryAcks(number))) for number in range(2))
        await far.expect(b"AT+QISEND=0,0\r")
        # An unexpected result, in the same read as the answer.
        far.send(acks(0), b"\r\n+QISEND: 9,9,0\r\n", OK)
        await settle()
        assert not second.done()
        await far.answer(b"AT+QISEND=1,0\r", acks(1))
        assert (await first).information == [AckStatus(0, 0, 0)]
        assert (await second).information == [AckStatus(1, 0, 0)]


async def test_a_gap_between_commands_is_kept(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far, command_gap=0.5) as channel:
        first, second = (asyncio.ensure_future(channel.execute(QueryAcks(number))) for number in range(2))
        await far.answer(b"AT+QISEND=0,0\r", acks(0))
        await clock.advance(0.4)
        await far.expect_nothing()
        await clock.advance(0.2)
        await far.answer(b"AT+QISEND=1,0\r", acks(1))
        await asyncio.wait([first, second])


async def test_a_cancelled_caller_leaves_no_future_with_an_unretrieved_exception() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        async with channel.turn():
            asking = asyncio.ensure_future(channel.execute(QueryAcks(0)))
            await settle()

        # Its command has gone out by now, and it has not run since.
        asking.cancel()
        await far.expect(b"AT+QISEND=0,0\r")
        far.send(b"\r\nERROR\r\n")
        await asyncio.wait([asking])
        assert asking.cancelled()
        after = asyncio.ensure_future(channel.execute(QueryAcks(1)))
        await far.answer(b"AT+QISEND=1,0\r", acks(1))
        assert (await after).information == [AckStatus(1, 0, 0)]


class Unwritable(Command):
    """A command that cannot be written down."""

    def write(self) -> str:
        raise ValueError("unwritable")


async def test_a_command_that_cannot_be_formatted_fails_only_its_caller() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        first, clumsy, last = (
            asyncio.ensure_future(channel.execute(command)) for command in (QueryAcks(0), Unwritable(), QueryAcks(1))
        )
        await far.answer(b"AT+QISEND=0,0\r", acks(0))
        await far.answer(b"AT+QISEND=1,0\r", acks(1))
        assert (await first).information == [AckStatus(0, 0, 0)]
        assert (await last).information == [AckStatus(1, 0, 0)]
        with pytest.raises(ValueError, match=r"^unwritable$"):
            await clumsy


async def test_responses_of_a_command_are_passed_on_as_they_come_but_not_to_a_cancelled_caller() -> None:
    far = FarEnd()
    shown: list[object] = []
    async with open_channel(far) as channel:
        asking = asyncio.ensure_future(channel.execute(QuerySockets(), watch=shown.append))
        await far.answer(b"AT+QISTATE?\r", b'\r\n+QISTATE: 0,"TCP","a.b",7,0,2,0,1\r\n')
        assert [info.connect_id for info in shown if isinstance(info, SocketInfo)] == [0]
        asking.cancel()
        await settle()
        far.send(b'\r\n+QISTATE: 1,"TCP","a.b",7,0,2,0,1\r\n', OK)
        await asyncio.wait([asking])
        assert len(shown) == 1


async def test_a_caller_cancelled_in_the_moment_of_its_failure_leaves_no_error_unseen() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asking = asyncio.ensure_future(channel.execute(QueryAcks(0)))
        await far.expect(b"AT+QISEND=0,0\r")
        far.send(b"\r\nERROR\r\n")
        # The reader task has its turn, the caller has not.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])


# Pieces of payload


async def test_the_next_chunk_is_written_within_the_turn_of_the_loop_that_reads_send_ok() -> None:
    module = Silent()
    async with connected(module) as (_, (transport,)):
        transport.write(bytes(1500))
        await module.expect(chunk(0, bytes(512)))
        for size in (512, 476):
            module.send(SEND_OK)
            # The first turn of the loop wakes the reader task.
            await asyncio.sleep(0)
            assert module.unexpected == chunk(0, bytes(size))
            await module.expect(module.unexpected)

        module.send(SEND_OK)


async def test_data_written_while_a_chunk_is_under_way_goes_with_the_next() -> None:
    module = Silent()
    async with connected(module) as (_, (transport,)):
        transport.write(b"a")
        await module.expect(chunk(0, b"a"))
        for letter in (b"b", b"c", b"d"):
            transport.write(letter)

        module.send(SEND_OK)
        await module.expect(chunk(0, b"bcd"))
        module.send(SEND_OK)


async def test_five_writers_take_turns_a_chunk_each() -> None:
    module = Silent()
    async with connected(module, 5) as (_, transports):
        for transport in transports:
            transport.write(bytes(1024))

        for number in (0, 1, 2, 3, 4, 0, 1, 2, 3, 4):
            await module.expect(chunk(number, bytes(512)))
            module.send(SEND_OK)

        await settle()
        assert [transport.get_write_buffer_size() for transport in transports] == [0] * 5


async def test_a_command_that_waits_is_not_overtaken_by_the_next_chunk() -> None:
    module = Silent()
    async with connected(module) as (modem, (transport,)):
        transport.write(bytes(1024))
        await module.expect(chunk(0, bytes(512)))
        asking = asyncio.ensure_future(modem.execute("AT+CSQ"))
        await settle()
        module.send(SEND_OK)
        await module.answer(b"AT+CSQ\r", b"\r\n+CSQ: 23,0\r\n", OK)
        await module.expect(chunk(0, bytes(512)))
        assert await asking == ["+CSQ: 23,0"]
        module.send(SEND_OK)


async def test_a_chunk_that_fails_in_the_middle_is_asked_about_before_anything_else_is_sent() -> None:
    module = Silent()
    async with connected(module) as (_, (transport,)):
        transport.write(bytes(1024) + b"end")
        await module.answer(chunk(0, bytes(512)), SEND_OK)
        await module.answer(chunk(0, bytes(512)), SEND_FAIL)
        # The module took twelve bytes of it.
        await module.answer(b"AT+QISEND=0,0\r", b"\r\n+QISEND: 524,0,524\r\n", OK)
        await module.answer(chunk(0, bytes(500) + b"end"), SEND_OK)
        assert transport.get_write_buffer_size() == 0


async def test_nothing_more_is_written_to_a_connection_that_ended_with_the_last_answer() -> None:
    module = Silent()
    async with connected(module) as (_, (transport,)):
        transport.set_protocol(listener := Listener(module))
        transport.write(bytes(1024))
        await module.expect(chunk(0, bytes(512)))
        module.send(SEND_OK, b'\r\n+QIURC: "closed",0\r\n')
        await module.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        assert isinstance(await listener.lost, ConnectionLost)


async def test_an_abort_with_a_chunk_under_way_sends_nothing_after_it_but_the_close() -> None:
    module = Silent()
    async with connected(module) as (_, (transport,)):
        transport.write(bytes(2000))
        await module.expect(chunk(0, bytes(512)))
        transport.abort()
        module.send(SEND_OK)
        await module.answer(b"AT+QICLOSE=0\r", CLOSE_OK)
        await module.expect_nothing()


async def test_a_restart_in_the_moment_of_a_send_ends_the_connection_and_leaves_the_line_free() -> None:
    module = Silent()
    async with connected(module) as (modem, (transport,)):
        transport.set_protocol(listener := Listener(module))
        transport.write(bytes(1024))
        await module.expect(chunk(0, bytes(512)))
        module.send(b"\r\nOK\r\n", b"\r\nRDY\r\n")
        assert isinstance(await listener.lost, ModuleRestarted)
        module.recover()
        async with asyncio.timeout(5.0):
            assert await modem.execute("AT+CSQ") == []


async def test_data_written_just_before_a_close_is_sent_before_it() -> None:
    module = Silent()
    async with connected(module) as (_, (transport,)):
        transport.write(b"last")
        transport.close()
        await module.answer(chunk(0, b"last"), SEND_OK)
        await module.answer(b"AT+QISEND=0,0\r", b"\r\n+QISEND: 4,4,0\r\n", OK)
        await module.answer(b"AT+QICLOSE=0\r", CLOSE_OK)


async def test_a_wait_for_all_to_be_taken_ends_when_it_is_and_when_it_never_will_be() -> None:
    module = Silent()
    async with connected(module) as (_, (transport,)):
        transport.write(bytes(512))
        first, cancelled = (asyncio.ensure_future(transport.drained()) for _ in range(2))
        await module.expect(chunk(0, bytes(512)))
        cancelled.cancel()
        await settle()
        assert not first.done()
        module.send(SEND_OK)
        await first
        transport.write(bytes(512))
        second = asyncio.ensure_future(transport.drained())
        await module.expect(chunk(0, bytes(512)))
        transport.abort()
        await second
        module.send(SEND_OK)
        await module.answer(b"AT+QICLOSE=0\r", CLOSE_OK)


async def test_a_paused_protocol_is_resumed_when_the_next_chunk_is_on_its_way() -> None:
    module = Silent()
    async with connected(module) as (_, (transport,)):
        transport.set_protocol(listener := Listener(module))
        transport.set_write_buffer_limits(high=1024, low=512)
        transport.write(bytes(1536))
        await module.expect(chunk(0, bytes(512)))
        module.send(SEND_OK)
        await module.expect(chunk(0, bytes(512)))
        module.send(SEND_OK)
        await settle()
        assert listener.resumed == [chunk(0, bytes(512))]
        module.send(SEND_OK)
