"""The second step after trouble: what is forgotten, checked or kept once the first has been dealt with."""

import asyncio

import pytest

from bc260y_aio.at.commands import Command, OpenSocket, QueryAcks, SendData, SetSleep
from bc260y_aio.errors import CommandTimeout, ModuleRestarted, SendFailed
from bc260y_aio.sockets.rai import RAI
from tests.driver.scripted import OK, SEND_OK, Module, Socket, fast_forward, open_modem, settle
from tests.driver.test_sockets import filled, open_socket, send_all
from tests.driver.test_transports import Recorder, associated, connected
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager")


class Counting(Module):
    """A module whose answers to sends, and whose counters, are written by the test.

    Attributes:
        says: what it says to each send, in turn.
        counts: how many bytes it says that it took, in turn.
    """

    def __init__(self, says: list[bytes], counts: list[int]) -> None:
        super().__init__()
        self.says, self.counts = says, counts
        self.override = self._play

    def _play(self, command: Command) -> bytes | None:
        if isinstance(command, SendData):
            return self.says.pop(0)

        if isinstance(command, QueryAcks):
            return b"\r\n+QISEND: %d,0,%d\r\n" % ((self.counts.pop(0),) * 2) + OK

        return None


# Doubt about what the module took


async def test_bytes_of_a_command_that_was_found_taken_do_not_count_for_the_next(clock: Clock) -> None:
    # The SEND OK of ten bytes is lost, and they are taken late. Then ten more are counted than before, not four.
    module = Counting([OK, SEND_OK], [0, 10, 10, 20])
    async with open_socket(module) as socket:
        outbox = filled(b"0123456789")
        await fast_forward(clock, send_all(socket, outbox))
        assert socket.sent == 10
        outbox.put(b"abcd", RAI.NONE)
        with pytest.raises(SendFailed, match=r"^the module counts 20 bytes; which came after the first 10 "):
            await fast_forward(clock, send_all(socket, outbox))


async def test_bytes_of_a_command_whose_repetition_was_taken_do_not_count_for_the_next(clock: Clock) -> None:
    # The ten bytes are sent again. The SEND OK of that may be a late one, for another command was given up as well.
    module = Counting([OK, OK, SEND_OK, SEND_OK], [0, 0, 10, 10, 20])
    async with open_socket(module) as socket:
        outbox = filled(b"0123456789")
        sending = asyncio.ensure_future(send_all(socket, outbox))
        await fast_forward(clock, asyncio.sleep(6.0))
        with pytest.raises(CommandTimeout):
            await fast_forward(clock, socket.channel.execute(SendData(1, b"of another")))

        module.send(b"\r\nSEND FAIL\r\n")
        await fast_forward(clock, sending)
        assert socket.sent == 10
        outbox.put(b"abcd", RAI.NONE)
        with pytest.raises(SendFailed, match=r"^the module counts 20 bytes; which came after the first 10 "):
            await fast_forward(clock, send_all(socket, outbox))


# Sockets that an earlier program left open


async def test_a_socket_left_open_that_has_ended_is_not_adopted() -> None:
    module = Module()
    module.sockets[3] = Socket(OpenSocket(3, "UDP", "a.b", 7))
    async with open_modem(module, adopt_udp=True) as modem:
        module.end(3)
        await settle()
        async with await modem.open_datagram_endpoint("a.b", 7) as endpoint:
            assert endpoint.transport.get_extra_info("connect_id") == 0
            assert module.sockets[0].opened == OpenSocket(0, "UDP", "a.b", 7)


# Sleep


async def test_a_module_whose_ok_to_sleep_was_lost_is_taken_to_sleep(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:
        module.override = lambda command: b"" if command == SetSleep(1) else None
        with pytest.raises(CommandTimeout):
            await fast_forward(clock, modem.sleep())

        module.override = lambda command: None
        await clock.advance(60.0)
        before = len(module.lines)
        await fast_forward(clock, modem.execute("AT+CSQ"))
        # The first command that reaches a module in its sleep is lost, so it is a probe.
        assert module.lines[before] == "AT"
        assert module.lines[-1] == "AT+CSQ"


# Ends


async def test_a_datagram_endpoint_that_pauses_reading_ends_after_a_restart_once_it_reads_on() -> None:
    module = Module()
    async with associated(module) as (_, transport, recorder):
        transport.pause_reading()
        module.push(0, b"hi")
        module.sockets.clear()
        module.send(b"\r\nRDY\r\n")
        await settle(200)
        assert recorder.events == ["made"]
        transport.resume_reading()
        await settle(200)
        assert recorder.events == ["made", (b"hi", ("a.b", 7)), ("lost", ModuleRestarted)]


async def test_an_endpoint_that_nobody_reads_from_ends_after_a_restart() -> None:
    module = Module()
    async with open_modem(module) as modem:
        endpoint = await modem.open_datagram_endpoint("a.b", 7)
        module.push(0, b"one")
        module.push(0, b"two")
        await settle()
        module.sockets.clear()
        module.send(b"\r\nRDY\r\n")
        await settle(200)
        assert [await endpoint.receive() for _ in range(2)] == [b"one", b"two"]
        with pytest.raises(ModuleRestarted):
            await endpoint.receive()

        await endpoint.wait_closed()


async def test_data_that_another_protocol_left_unread_comes_first_and_in_its_order() -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        module.push(0, b"four")
        second = Recorder()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transport.replace_protocol(second, waiter, [b"one", b"two", b"three"])
        await waiter
        await settle()
        made, *received = second.events
        assert made == "made"
        assert b"".join(data for _, data in received) == b"onetwothreefour"
