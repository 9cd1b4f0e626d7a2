"""The second step after trouble: what is forgotten, checked or kept once the first has been dealt with."""

import asyncio
import gc
import inspect

import pytest

from bc260y_aio.at.commands import CloseSocket, Command, OpenSocket, Ping, QueryAcks, SendData, SetSleep
from bc260y_aio.errors import CommandTimeout, ModuleRestarted, NotAcknowledged, SendFailed
from bc260y_aio.modem.modem import Modem
from bc260y_aio.sockets.rai import RAI
from bc260y_aio.sockets.sending import Sending
from tests.driver.scripted import OK, SEND_OK, FarEnd, Module, Socket, fast_forward, open_channel, open_modem, settle
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


async def test_a_connection_that_is_aborted_keeps_neither_unread_data_nor_a_task_that_sends(clock: Clock) -> None:
    module = Module()
    async with connected(module) as (modem, transport, recorder):
        module.override = lambda command: OK if isinstance(command, SendData) else None
        transport.set_write_buffer_limits(0)
        transport.write(b"abc")
        await fast_forward(clock, asyncio.sleep(10.0))
        # It waits for a minute for what the module may yet take.
        assert any(task.get_name().endswith("0.sender") for task in asyncio.all_tasks())
        transport.pause_reading()
        module.push(0, b"unread")
        await settle()
        assert transport._socket.inbox.size == 6
        transport.abort()
        await settle(60)
        assert not any(task.get_name().endswith("0.sender") for task in asyncio.all_tasks())
        assert transport._socket.inbox.size == 0
        # Nobody is told anything after the end.
        transport._notify("resume_writing")
        assert recorder.events == ["made", "pause", ("lost", None)]
        assert modem._ids.taken == frozenset()


async def test_a_peer_that_acknowledges_nothing_is_waited_for_exactly_as_long_as_was_asked(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.sockets[0].unacked = 3
        began = clock.time()
        error = await fast_forward(clock, socket.check_acks(10.0))
        assert isinstance(error, NotAcknowledged)
        assert 10.0 <= clock.time() - began + 0.01 < 10.9


async def test_a_chunk_that_was_under_way_when_sending_stopped_ends_the_turn_and_no_more(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"first"))
        module.override = lambda command: b"" if isinstance(command, SendData) else None
        outbox = filled(b"abc")
        sending = Sending(socket, outbox, lambda: None, lambda: None)
        sending.start()
        await settle()
        sending.stop()
        module.send(SEND_OK)
        await settle()
        assert (sending.taken, len(outbox), socket.sent) == (0, 3, 5)
        assert (await socket.ack_status()).sent == 5


async def test_the_time_for_a_completion_does_not_grow_by_what_came_in_before_its_ok(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        asked = asyncio.ensure_future(channel.execute(CloseSocket(0)))
        await far.expect(b"AT+QICLOSE=0\r")
        for _ in range(40):
            await clock.advance(0.09)
            far.send(b'\r\n+QIURC: "recv",1,2,"6869"\r\n')
            await settle()

        far.send(OK)
        await clock.advance(4.5)
        assert not asked.done()
        await clock.advance(0.8)
        with pytest.raises(CommandTimeout):
            await asked


@pytest.mark.parametrize("code", [569, 565, 572])
async def test_a_ping_that_could_not_begin_is_an_error_and_a_lost_packet_is_none(code: int) -> None:
    module = Module()
    async with open_modem(module) as modem:
        lines = [OK, b"\r\n+QPING: %d\r\n" % code, b"\r\n+QPING: 0,2,1,1,80,80,80\r\n"]
        module.override = lambda command: b"".join(lines) if isinstance(command, Ping) else None
        if code == 569:
            result = await modem.ping("a.b", count=1)
            assert result.lost == 1
        else:
            with pytest.raises(OSError, match=r"^pinging a\.b"):
                await modem.ping("a.b", count=1)


def test_a_reconnecting_modem_waits_for_a_second_at_first_and_for_a_minute_at_most() -> None:
    parameters = inspect.signature(Modem.reconnecting).parameters
    assert (parameters["first_pause"].default, parameters["longest_pause"].default) == (1.0, 60.0)


async def test_a_port_that_goes_away_while_the_module_is_set_up_again_leaves_no_failed_task() -> None:
    module = Module()
    async with open_modem(module) as modem:
        module.override = lambda command: b""
        module.send(b"\r\nRDY\r\n")
        await settle(60)
        module.hang_up()
        await settle(60)
        # A task that failed, and that nobody looked at, would be reported to the loop here.
        gc.collect()
        assert not modem.is_open


async def test_a_failure_on_the_way_out_of_a_cancelled_block_is_not_reported_to_the_loop(clock: Clock) -> None:
    module = Module()
    async with open_modem(module) as modem:

        async def hold() -> None:
            async with modem.awake():
                await asyncio.sleep(1000.0)

        holding = asyncio.ensure_future(hold())
        await settle(60)
        module.override = lambda command: b"" if command == SetSleep(1) else None
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fast_forward(clock, holding)

        # The same, cancelled once more while the module is told that it may sleep.
        module.override = lambda command: None
        holding = asyncio.ensure_future(hold())
        await settle(60)
        module.override = lambda command: b"" if command == SetSleep(1) else None
        holding.cancel()
        await settle(60)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fast_forward(clock, holding)

        # A task that failed, and that nobody looked at, would be reported to the loop here.
        del holding
        gc.collect()
        module.override = lambda command: None
