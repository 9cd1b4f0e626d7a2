"""Exact sending: what the module took is never sent again, and what it did not take is never dropped."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bc260y_aio.at.commands import CloseSocket, Command, OpenSocket, QueryAcks, SendData, SetDataFormat
from bc260y_aio.at.completions import SendResult
from bc260y_aio.at.information import AckStatus
from bc260y_aio.at.responses import Failure
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import LateAnswer
from bc260y_aio.errors import (
    CommandFailed,
    CommandTimeout,
    ConnectionLost,
    ModemClosed,
    ModuleRestarted,
    ModuleSlept,
    NotAcknowledged,
    PayloadDamaged,
    PortLost,
    SendFailed,
)
from bc260y_aio.line.channel import Channel
from bc260y_aio.line.inbox import Inbox
from bc260y_aio.sockets.acks import AckCounters
from bc260y_aio.sockets.closing import close_connect_id
from bc260y_aio.sockets.dataformat import PayloadFormats
from bc260y_aio.sockets.module_socket import ModuleSocket
from bc260y_aio.sockets.outbox import DatagramOutbox, StreamOutbox
from bc260y_aio.sockets.rai import RAI
from bc260y_aio.sockets.sending import Sending
from bc260y_aio.sockets.tasks import TaskSet
from bc260y_aio.usage import Ledger
from tests.driver.scripted import (
    CLOSE_OK,
    ERROR,
    OK,
    SEND_FAIL,
    SEND_OK,
    FarEnd,
    Module,
    Socket,
    fast_forward,
    open_channel,
    settle,
)
from tests.loops import Clock

FORMAT: Final = b'\r\n+QICFG: "dataformat",1,1\r\n\r\nOK\r\n'


@contextlib.asynccontextmanager
async def open_socket(
    far: FarEnd, service_type: str = "TCP", mode: Literal["hex", "text", "auto"] = "hex"
) -> AsyncIterator[ModuleSocket]:
    """Make a socket that the module has opened."""
    async with open_channel(far) as channel:
        tasks = TaskSet("script")
        socket = make_socket(channel, tasks, service_type, mode)
        if isinstance(far, Module):
            far.sockets[0] = Socket(OpenSocket(0, service_type, "a.b", 7))

        yield socket
        await tasks.wait_all(0.0)


def make_socket(
    channel: Channel, tasks: TaskSet, service_type: str, mode: Literal["hex", "text", "auto"]
) -> ModuleSocket:
    inbox = Inbox(1024, keeps_order=service_type == "TCP")
    channel.inboxes.attach(0, inbox)
    return ModuleSocket(
        channel,
        PayloadFormats(mode),
        inbox,
        connect_id=0,
        service_type=service_type,
        remote=("a.b", 7),
        local_port=0,
        tasks=tasks,
        on_closed=lambda _: None,
        ledger=Ledger(),
    )


def filled(*writes: bytes) -> StreamOutbox:
    outbox = StreamOutbox()
    for data in writes:
        outbox.put(data, RAI.NONE)

    return outbox


async def send_all(socket: ModuleSocket, outbox: StreamOutbox | DatagramOutbox) -> None:
    while outbox:
        await socket.send_next(outbox)


# A healthy line


async def test_a_chunk_goes_out_in_one_command_when_its_turn_has_come() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        outbox = filled(b"hel")
        async with socket.channel.turn():
            sending = asyncio.ensure_future(socket.send_next(outbox))
            await far.expect_nothing()
            # Data written while the line is busy goes with it.
            outbox.put(b"lo", RAI.ONE_REPLY)

        await far.answer(b'AT+QICFG="dataformat"\r', FORMAT)
        await far.answer(b'AT+QISEND=0,5,"68656C6C6F",2\r', SEND_OK)
        assert (await sending, len(outbox), socket.sent, socket.sends, socket.wire_bytes) == (5, 0, 5, 1, 29)
        await far.expect_nothing()


async def test_a_long_write_goes_out_in_full_chunks_and_its_rai_on_the_last() -> None:
    module = Module()
    async with open_socket(module) as socket:
        outbox = StreamOutbox()
        outbox.put(bytes(1100), RAI.NO_FURTHER_DATA)
        await send_all(socket, outbox)
        sent = module.sockets[0]
        assert ([len(data) for data in sent.datagrams], sent.rais) == ([512, 512, 76], [0, 0, 1])


async def test_text_goes_out_as_it_is_with_its_quotes() -> None:
    far = FarEnd()
    async with open_socket(far, mode="text") as socket:
        sending = asyncio.ensure_future(socket.send_next(filled(b'{"a":"b","b":"b"}')))
        await far.answer(b'AT+QICFG="dataformat"\r', b'\r\n+QICFG: "dataformat",0,0\r\n\r\nOK\r\n')
        await far.answer(b'AT+QISEND=0,17,"{"a":"b","b":"b"}"\r', SEND_OK)
        assert await sending == 17


@pytest.mark.parametrize("first", [b"short", b"\x00"])
async def test_a_printable_datagram_of_more_than_512_bytes_goes_out_whole_whatever_went_before(first: bytes) -> None:
    module = Module()
    async with open_socket(module, "UDP", "auto") as socket:
        outbox = DatagramOutbox()
        for datagram in (first, b"x" * 1024):
            outbox.put(datagram, RAI.NONE)

        await send_all(socket, outbox)
        assert module.sockets[0].datagrams == [first, b"x" * 1024]


async def test_a_long_run_of_printable_chunks_becomes_text() -> None:
    module = Module()
    async with open_socket(module, mode="auto") as socket:
        for _ in range(5):
            assert module.nvram_writes == 0
            await send_all(socket, filled(b"x" * 64))

        assert (module.nvram_writes, bytes(module.sockets[0].taken)) == (1, b"x" * 320)


async def test_bytes_written_while_the_format_is_changed_to_text_are_sent_as_hex() -> None:
    module = Module()
    async with open_socket(module, mode="auto") as socket:
        outbox = filled(b"x" * 320, b"y" * 64)
        late = [b"\x00\xff" * 300]

        def write_more(command: Command) -> None:
            if isinstance(command, SetDataFormat) and late:
                outbox.put(late.pop(), RAI.NONE)

        module.override = write_more
        await socket.send_next(filled(b"x" * 320))
        await send_all(socket, outbox)
        assert late == []
        assert module.sockets[0].taken == b"x" * 640 + b"y" * 64 + b"\x00\xff" * 300


async def test_nothing_is_written_for_a_socket_that_has_ended() -> None:
    for end, error in ((None, ConnectionLost), (ModuleRestarted("restarted"), ModuleRestarted)):
        far = FarEnd()
        async with open_socket(far) as socket:
            socket.inbox.end(end)
            with pytest.raises(error):
                await socket.send_next(filled(b"a"))

            await far.expect_nothing()


# When the answer does not say what the module took


@dataclass
class Fault:
    """The fault of one send.

    Attributes:
        says: what the module says.
        takes: which part of the data it takes; 1.0 is all of it.
        later: when it takes it, and says ``then``, in seconds after the command.
        then: what it says then.
    """

    says: bytes = SEND_OK
    takes: float = 0.0
    later: float = 0.0
    then: bytes = b""


class FaultyModule(Module):
    """A module of which each send goes wrong in a way of its own, until the faults are used up."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = list(faults)
        self.override = self.play

    def play(self, command: Command) -> bytes | None:
        socket = self.sockets.get(0)
        if not isinstance(command, SendData) or socket is None or not self.faults:
            return None

        fault = self.faults.pop(0)
        part = command.data[: round(fault.takes * len(command.data))]
        if not fault.later:
            socket.take(part)
            return fault.says

        def come_late() -> None:
            socket.take(part)
            self.send(fault.then)

        asyncio.get_running_loop().call_later(fault.later, come_late)
        return fault.says


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(SEND_FAIL), id="SEND FAIL, nothing taken"),
        pytest.param(Fault(SEND_FAIL, 0.4), id="SEND FAIL, a part taken"),
        pytest.param(Fault(SEND_FAIL, 1.0), id="SEND FAIL, all taken"),
        pytest.param(Fault(OK), id="lost SEND FAIL"),
        pytest.param(Fault(OK, 0.4), id="lost SEND FAIL, a part taken"),
        pytest.param(Fault(OK, 1.0), id="lost SEND OK"),
        pytest.param(Fault(b"\r\nSEND OK\r\n", 1.0), id="lost OK"),
        pytest.param(Fault(b""), id="lost command"),
        pytest.param(Fault(b"", 1.0), id="lost answer"),
        pytest.param(Fault(b"\r\nOx\r\n\r\nSEND OK\r\n", 1.0), id="damaged OK"),
        pytest.param(Fault(ERROR), id="ERROR"),
        pytest.param(Fault(b"\r\n+CME ERROR: 558\r\n"), id="+CME ERROR"),
        pytest.param(Fault(OK, 1.0, 24.0, b"\r\nSEND OK\r\n"), id="late SEND OK"),
        pytest.param(Fault(OK, 0.0, 24.0, b"\r\nSEND FAIL\r\n"), id="late SEND FAIL"),
        pytest.param(Fault(b"", 1.0, 5.2, SEND_OK), id="late answer"),
    ],
)
async def test_the_counters_decide_what_is_sent_again(fault: Fault, clock: Clock) -> None:
    module = FaultyModule(Fault(takes=1.0), fault)
    async with open_socket(module) as socket:
        outbox = filled(b"0123456789")
        await fast_forward(clock, send_all(socket, outbox))
        outbox.put(b"abcdefghij", RAI.NONE)
        await fast_forward(clock, send_all(socket, outbox))
        outbox.put(b"ABCDE", RAI.NONE)
        await fast_forward(clock, send_all(socket, outbox))
        assert bytes(module.sockets[0].taken) == b"0123456789abcdefghijABCDE"
        assert socket.sent == 25


async def test_after_send_fail_the_counters_are_asked_for_in_the_same_turn() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        sending = asyncio.ensure_future(socket.send_next(filled(b"0123456789")))
        other = asyncio.ensure_future(socket.channel.execute(QueryAcks(3)))
        await far.answer(b'AT+QICFG="dataformat"\r', FORMAT)
        await far.answer(b'AT+QISEND=0,10,"30313233343536373839"\r', SEND_FAIL)
        await far.answer(b"AT+QISEND=0,0\r", b"\r\n+QISEND: 4,0,4\r\n\r\nOK\r\n")
        assert (await sending, socket.sent) == (4, 4)
        await far.answer(b"AT+QISEND=3,0\r", ERROR)
        with pytest.raises(CommandFailed):
            await other


async def test_data_that_is_refused_again_and_again_ends_with_an_error(clock: Clock) -> None:
    module = FaultyModule(*[Fault(SEND_FAIL)] * 6)
    async with open_socket(module) as socket:
        with pytest.raises(SendFailed, match=r"^the module refused the same data 6 times$"):
            await fast_forward(clock, socket.send_next(filled(b"0123456789")))

        assert module.sockets[0].taken == b""


async def test_other_sockets_have_the_line_while_a_refused_one_pauses(clock: Clock) -> None:
    module = FaultyModule(Fault(SEND_FAIL))
    async with open_socket(module) as socket:
        sending = asyncio.ensure_future(socket.send_next(filled(b"abc")))
        await settle(60)
        assert module.lines[-1] == "AT+QISEND=0,0"
        with pytest.raises(CommandFailed):
            await socket.channel.execute(CloseSocket(4))

        await clock.advance(0.3)
        assert await sending == 3


async def test_a_socket_that_the_module_does_not_know_any_more_has_failed(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        module.sockets.clear()
        with pytest.raises(SendFailed, match=r"^the module does not know the socket any more: AT\+QISEND=0,0: ERROR$"):
            await fast_forward(clock, socket.send_next(filled(b"a")))


async def test_a_send_to_a_socket_closed_by_its_peer_names_that_cause() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        sending = asyncio.ensure_future(socket.send_next(filled(b"a")))
        await far.answer(b'AT+QICFG="dataformat"\r', FORMAT)
        await far.answer(b'AT+QISEND=0,1,"61"\r', b'\r\n+QIURC: "closed",0\r\n', ERROR)
        await far.answer(b"AT+QISEND=0,0\r", ERROR)
        with pytest.raises(ConnectionLost, match=r"^the peer has closed the connection$"):
            await sending


async def test_counters_that_cannot_be_right_end_a_stream_with_an_error() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        sending = asyncio.ensure_future(socket.send_next(filled(b"abc")))
        await far.answer(b'AT+QICFG="dataformat"\r', FORMAT)
        await far.answer(b'AT+QISEND=0,3,"616263"\r', SEND_FAIL)
        await far.answer(b"AT+QISEND=0,0\r", b"\r\n+QISEND: 4,0,4\r\n\r\nOK\r\n")
        with pytest.raises(SendFailed, match=r"^the module counts 4 bytes; which came after the first 0 "):
            await sending


async def test_a_question_about_the_counters_is_asked_again_when_it_is_lost(clock: Clock) -> None:
    module = FaultyModule(Fault(SEND_FAIL, 0.4))
    play, lost = module.override, [b"", b"", None, None]

    def instead(command: Command) -> bytes | None:
        return lost.pop(0) if isinstance(command, QueryAcks) and lost else play(command)

    module.override = instead
    async with open_socket(module) as socket:
        await fast_forward(clock, send_all(socket, filled(b"0123456789")))
        assert module.sockets[0].taken == b"0123456789"


@pytest.mark.parametrize("told", [b"1,0,12", b"112,0,12", b"12,0,2"])
async def test_counters_that_do_not_add_up_are_asked_for_again(told: bytes) -> None:
    module = FaultyModule(Fault(SEND_FAIL, 1.0))
    play, left = module.override, [b"\r\n+QISEND: " + told + OK]

    def instead(command: Command) -> bytes | None:
        return left.pop() if isinstance(command, QueryAcks) and left else play(command)

    module.override = instead
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"twelve bytes"))
        assert module.sockets[0].taken == b"twelve bytes"
        assert module.count("AT+QISEND=0,0") == 2


async def test_counters_that_are_never_reported_end_with_an_error(clock: Clock) -> None:
    module = FaultyModule(Fault(SEND_FAIL))
    play = module.override
    module.override = lambda command: b"" if isinstance(command, QueryAcks) else play(command)
    async with open_socket(module) as socket:
        with pytest.raises(SendFailed, match=r"^the module does not report what it took$"):
            await fast_forward(clock, socket.send_next(filled(b"a")))


@pytest.mark.parametrize("answer", [b"", ERROR], ids=["lost", "a refusal, for the command was damaged"])
async def test_a_lost_answer_about_the_payload_formats_costs_no_data(answer: bytes, clock: Clock) -> None:
    module = Module(PayloadFormat.TEXT, PayloadFormat.TEXT)
    lost = [answer, None, answer]
    module.override = lambda command: lost.pop(0) if lost and command.name == "+QICFG" else None
    async with open_socket(module) as socket:
        await fast_forward(clock, send_all(socket, filled(b"abc")))
        assert module.sockets[0].taken == b"abc"


@pytest.mark.parametrize("answer", [b"", ERROR], ids=["silence", "refusals"])
async def test_payload_formats_that_are_never_told_end_with_an_error(answer: bytes, clock: Clock) -> None:
    module = Module()
    module.override = lambda command: answer if command.name == "+QICFG" else None
    async with open_socket(module) as socket:
        with pytest.raises(SendFailed, match=r"^the module refused the same data 6 times$"):
            await fast_forward(clock, send_all(socket, filled(b"abc")))

        assert module.count('AT+QICFG="dataformat"') == 6


async def test_what_is_done_again_is_logged_with_the_reason(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    module = Module()
    lost = ['AT+QICFG="dataformat"', "AT+QISEND=0,0"]
    refused = [SEND_FAIL]

    def instead(command: Command) -> bytes | None:
        if command.write() in lost:
            lost.remove(command.write())
            return b""

        return refused.pop() if isinstance(command, SendData) and refused else None

    module.override = instead
    caplog.set_level(logging.INFO, "bc260y_aio")
    async with open_socket(module) as socket:
        await fast_forward(clock, send_all(socket, filled(b"abc")))
        lost.append("AT+QISEND=0,0")
        assert await fast_forward(clock, socket.wait_acked(60.0)) == 0

    told = [message.partition(": ")[2] for message in caplog.messages if "<ModuleSocket " in message]
    assert [re.sub(": no result.*;", ":", message) for message in told] == [
        'AT+QICFG="dataformat": trying again',
        "SEND FAIL; querying what the module took",
        "AT+QISEND=0,0: asking again",
        "AT+QISEND=0,0: asking again",
    ]


async def test_a_tls_handshake_is_recognised_though_the_module_took_only_a_part_of_a_record(clock: Clock) -> None:
    async with open_socket(FaultyModule(Fault(SEND_FAIL, 0.5))) as socket:
        await fast_forward(clock, send_all(socket, filled(b"\x16\x03\x01\x00\x02hi")))
        assert socket.records is not None

    async with open_socket(Module(), "UDP") as socket:
        await send_all(socket, filled(b"\x16\x03\x01\x00\x02hi"))
        assert socket.records is None


async def test_a_damaged_push_makes_the_check_before_a_close_last_no_longer(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.sockets[0].unacked = 3
        socket.inbox.end(PayloadDamaged("damaged"))
        began = clock.time()
        assert isinstance(await fast_forward(clock, socket.check_acks(5.0)), NotAcknowledged)
        assert clock.time() - began == pytest.approx(5.0, abs=0.9)
        # At 0.1, 0.15, 0.23 s, and so on: at most as often as without.
        assert 6 <= module.count("AT+QISEND=0,0") <= 13


async def test_a_module_that_falls_asleep_over_a_datagram_is_asked_what_it_took(clock: Clock) -> None:
    asleep = b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n'
    for takes in (0.0, 1.0):
        module = FaultyModule(Fault(asleep, takes))
        async with open_socket(module, "UDP") as socket:
            outbox = DatagramOutbox()
            outbox.put(b"abc", RAI.NONE)
            await fast_forward(clock, send_all(socket, outbox))
            assert module.sockets[0].taken == b"abc"


async def test_a_send_ok_that_comes_late_does_not_have_the_same_data_sent_twice(clock: Clock) -> None:
    # It comes after the counters have been asked for, and before the data would go out again.
    module = FaultyModule(Fault(OK, 1.0, 20.02, b"\r\nSEND OK\r\n"))
    play = module.override
    held: list[bytes] = []

    def instead(command: Command) -> bytes | None:
        if isinstance(command, QueryAcks) and not held:
            held.append(module.healthy(command))
            # The counters were read before the late SEND OK, and are reported after it.
            asyncio.get_running_loop().call_later(1.0, module.send, held[0])
            return b""

        return play(command)

    module.override = instead
    async with open_socket(module) as socket:
        await fast_forward(clock, send_all(socket, filled(b"abc")))
        assert module.sockets[0].taken == b"abc"
        assert module.count("AT+QISEND=0,3") == 1


@pytest.mark.parametrize("then", [b"\r\nSEND OK\r\n", b""])
async def test_data_that_may_be_taken_late_is_not_sent_again_before_it_is_past_coming(
    then: bytes, clock: Clock
) -> None:
    module = FaultyModule(Fault(OK, 1.0, 25.0, then))
    async with open_socket(module) as socket:
        began = clock.time()
        await fast_forward(clock, send_all(socket, filled(b"abc")))
        assert module.sockets[0].taken == b"abc"
        assert module.count("AT+QISEND=0,3") == 1
        assert clock.time() - began == pytest.approx(25.0 if then else 65.0, abs=1.0)


async def test_the_late_answer_to_another_command_does_not_have_data_sent_again(clock: Clock) -> None:
    module = FaultyModule(Fault(OK, 1.0, 25.0, b"\r\nSEND OK\r\n"))
    play = module.override

    def instead(command: Command) -> bytes | None:
        if isinstance(command, QueryAcks) and command.connect_id == 3:
            asyncio.get_running_loop().call_later(30.0, module.send, ERROR)
            return b""

        return play(command)

    module.override = instead
    heard: list[Any] = []
    async with open_socket(module) as socket:
        socket.channel.subscribe(heard.append, LateAnswer)
        began = clock.time()
        with pytest.raises(CommandTimeout):
            await fast_forward(clock, socket.channel.execute(QueryAcks(3)))

        await fast_forward(clock, send_all(socket, filled(b"abc")))
        assert clock.time() - began > 30.0
        assert heard == [LateAnswer(Failure()), LateAnswer(SendResult(ok=True))]
        assert module.sockets[0].taken == b"abc"
        assert module.count("AT+QISEND=0,3") == 1


async def test_the_late_answer_to_another_socket_s_send_does_not_have_data_sent_again(clock: Clock) -> None:
    # The module takes the data of the first socket after 25 s, and that of the second after 12 s.
    module = FaultyModule(Fault(OK, 1.0, 25.0, b"\r\nSEND OK\r\n"))
    play = module.override
    slow = [b"other"]

    def instead(command: Command) -> bytes | None:
        if isinstance(command, SendData) and command.connect_id == 1 and slow:
            answer = module.healthy(command).removeprefix(OK)
            asyncio.get_running_loop().call_later(12.0, module.send, answer)
            return OK if slow.pop() else None

        return play(command)

    module.override = instead
    async with open_socket(module) as socket:
        module.sockets[1] = Socket(OpenSocket(1, "TCP", "c.d", 8))
        sending = asyncio.ensure_future(fast_forward(clock, send_all(socket, filled(b"abc"))))
        other = socket.channel.execute(SendData(1, b"other"))
        with pytest.raises(CommandTimeout):
            await other

        await sending
        assert module.sockets[0].taken == b"abc"
        assert module.count("AT+QISEND=0,3") == 1


async def send_waiting(socket: ModuleSocket, outbox: StreamOutbox) -> None:
    """Send as a transport does: chunk after chunk, until nothing waits or something has to be put right."""
    stopped = asyncio.Event()
    sending = Sending(socket, outbox, stopped.set, lambda: None)
    sending.start()
    await stopped.wait()
    if sending.has_turn:
        await socket.recover_send(sending)


async def test_the_answer_to_a_chunk_is_ignored_once_its_sending_was_stopped() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        first = asyncio.ensure_future(socket.send_next(filled(b"a")))
        await far.answer(b'AT+QICFG="dataformat"\r', FORMAT)
        await far.answer(b'AT+QISEND=0,1,"61"\r', OK + b"\r\nSEND OK\r\n")
        await first

        told: list[str] = []
        outbox = filled(b"bcd")
        sending = Sending(socket, outbox, lambda: told.append("stopped"), lambda: told.append("taken"))
        sending.start()
        await far.expect(b'AT+QISEND=0,3,"626364"\r')
        sending.stop()
        far.send(OK + b"\r\nSEND OK\r\n")
        async with socket.channel.turn():
            assert (told, sending.taken, len(outbox)) == ([], 0, 3)


async def test_earlier_urgent_data_does_not_hasten_later_data(clock: Clock) -> None:
    module = FaultyModule(Fault(takes=1.0), Fault(takes=1.0), Fault(OK, 1.0, 25.0, b"\r\nSEND OK\r\n"))
    async with open_socket(module) as socket:
        outbox = filled(bytes(1024), b"abc")
        while outbox:
            await fast_forward(clock, send_waiting(socket, outbox))

        await clock.advance(30.0)
        assert module.sockets[0].taken == bytes(1024) + b"abc"


async def test_a_send_cut_short_by_a_restart_or_a_lost_port_says_so() -> None:
    for said, error in ((b"\r\nRDY\r\n", ModuleRestarted), (None, PortLost)):
        far = FarEnd()
        async with open_socket(far) as socket:
            sending = asyncio.ensure_future(socket.send_next(filled(b"a")))
            await far.answer(b'AT+QICFG="dataformat"\r', FORMAT)
            await far.answer(b'AT+QISEND=0,1,"61"\r', OK)
            if said is None:
                far.hang_up()
            else:
                far.send(said)

            with pytest.raises(error):
                await sending


# Whatever goes wrong

# One clock may serve all examples: it only ever goes forward.
many = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])

PART: Final = st.sampled_from([0.0, 0.3, 0.7, 1.0])
PROMPT: Final = st.one_of(
    st.builds(Fault, st.sampled_from([SEND_OK, b"\r\nSEND OK\r\n"]), st.just(1.0)),
    st.builds(Fault, st.sampled_from([SEND_FAIL, OK, b""]), PART),
    st.builds(Fault, st.just(ERROR)),
)
# If a command was taken in part, and an earlier one may still be taken, it is unknown which part was taken.
WHOLE: Final = PROMPT.filter(lambda fault: fault.takes in (0.0, 1.0))
DELAY: Final = st.sampled_from([5.2, 20.1, 21.0, 30.0, 50.0])
# A result code comes in the order of the commands; only what follows it can be late.
LATE: Final = st.one_of(
    st.builds(Fault, st.just(OK), st.just(1.0), DELAY, st.just(b"\r\nSEND OK\r\n")),
    st.builds(Fault, st.just(OK), st.sampled_from([0.0, 1.0]), DELAY, st.just(b"\r\nSEND FAIL\r\n")),
)


def never_refused_for_good(faults: list[Fault]) -> list[Fault]:
    """Put a healthy send after every four faults: what is refused six times in a row is an error."""
    rested: list[Fault] = []
    for index, fault in enumerate(faults, 1):
        rested += [fault] if index % 4 else [fault, Fault(takes=1.0)]

    return rested


@many
@given(
    writes=st.lists(st.binary(min_size=1, max_size=700), min_size=1, max_size=8),
    faults=st.lists(WHOLE, max_size=12).map(never_refused_for_good),
)
async def test_a_stream_arrives_as_it_was_written_whatever_goes_wrong_with_each_send(
    writes: list[bytes], faults: list[Fault], clock: Clock
) -> None:
    module = FaultyModule(*faults)
    async with open_socket(module) as socket:
        outbox = StreamOutbox()
        for data in writes:
            outbox.put(data, RAI.NONE)
            if len(data) % 2:
                await fast_forward(clock, send_all(socket, outbox))

        await fast_forward(clock, send_all(socket, outbox))
        assert bytes(module.sockets[0].taken) == b"".join(writes)


# Of two sends of one size, one late and one lost, the counters do not show which it was.
SIZES: Final = (3, 17, 59, 181, 401)


@many
@given(
    writes=st.permutations([bytes([size % 256]) * size for size in SIZES]),
    faults=st.lists(st.one_of(WHOLE, LATE), max_size=10).map(never_refused_for_good),
)
async def test_a_stream_arrives_as_it_was_written_or_ends_with_an_error_however_late_the_module_is(
    writes: list[bytes], faults: list[Fault], clock: Clock
) -> None:
    module = FaultyModule(*faults)
    async with open_socket(module) as socket:
        outbox = StreamOutbox()
        try:
            for data in writes:
                outbox.put(data, RAI.NONE)
                await fast_forward(clock, send_all(socket, outbox))
        except SendFailed:
            return

        # The counters before a close show the acknowledgements after the last send.
        assert bytes(module.sockets[0].taken[: socket.sent]) == b"".join(writes)


@many
@given(
    datagrams=st.lists(st.binary(min_size=1, max_size=512), min_size=1, max_size=8),
    faults=st.lists(WHOLE, max_size=12).map(never_refused_for_good),
)
async def test_datagrams_are_sent_once_each_and_whole_whatever_goes_wrong(
    datagrams: list[bytes], faults: list[Fault], clock: Clock
) -> None:
    module = FaultyModule(*faults)
    async with open_socket(module, "UDP") as socket:
        outbox = DatagramOutbox()
        for data in datagrams:
            outbox.put(data, RAI.NONE)

        await fast_forward(clock, send_all(socket, outbox))
        assert [data for data in module.sockets[0].datagrams if data] == datagrams


# Acknowledgements


async def test_the_counters_show_sent_and_acknowledged_bytes() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        asking = asyncio.ensure_future(socket.ack_status())
        await far.answer(b"AT+QISEND=0,0\r", b"\r\n+QISEND: 94,90,4\r\n\r\nOK\r\n")
        assert await asking == AckStatus(94, 90, 4)
        asking = asyncio.ensure_future(socket.ack_status())
        for _ in range(2):
            await far.answer(b"AT+QISEND=0,0\r", OK)

        with pytest.raises(CommandFailed, match=r"^AT\+QISEND=0,0: OK, but no counters$"):
            await asking


@pytest.mark.parametrize("damaged", [b"+QISEND:005,0,4005", b"+QISEND: 4005,0,0", b"+QISND: 4005,0,4005"])
async def test_damaged_counters_show_neither_an_acknowledgement_nor_an_end(damaged: bytes, clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(bytes(4005)))
        module.sockets[0].unacked = 4005
        left = [b"\r\n" + damaged + b"\r\n" + OK]
        module.override = lambda command: left.pop() if isinstance(command, QueryAcks) and left else None
        error = await fast_forward(clock, socket.check_acks(5.0))
        assert isinstance(error, NotAcknowledged)
        assert error.unacked == 4005


async def test_counters_of_early_firmware_end_in_send_ok(clock: Clock) -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        asking = asyncio.ensure_future(fast_forward(clock, socket.ack_status()))
        await far.answer(b"AT+QISEND=0,0\r", b"\r\n+QISEND: 94,90,4\r\n\r\nSEND OK\r\n")
        assert await asking == AckStatus(94, 90, 4)


async def test_waiting_for_acknowledgement_looks_soon_and_then_less_and_less_often(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        module.sockets[0].take(b"abc")
        module.sockets[0].unacked = 3
        waiting = asyncio.ensure_future(socket.wait_acked(10.0))
        counts = []
        for _ in range(40):
            await clock.advance(0.2)
            counts.append(module.count("AT+QISEND=0,0"))

        # In the first second, and in the four up to the eighth.
        assert counts[4] >= 3
        assert counts[39] - counts[19] <= 3

        module.sockets[0].unacked = 0
        assert await fast_forward(clock, waiting) == 0


async def test_nothing_is_asked_before_an_acknowledgement_can_be_there(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        socket.round_trip = 3.0
        await send_all(socket, filled(b"abc"))
        module.sockets[0].unacked = 3
        waiting = asyncio.ensure_future(socket.wait_acked(60.0))
        await clock.advance(2.9)
        assert module.count("AT+QISEND=0,0") == 0

        await clock.advance(0.2)
        assert module.count("AT+QISEND=0,0") == 1
        # Half of what has passed later.
        await clock.advance(1.3)
        assert module.count("AT+QISEND=0,0") == 1
        module.sockets[0].unacked = 0
        await clock.advance(0.3)
        assert await waiting == 0
        assert module.count("AT+QISEND=0,0") == 2


async def test_a_peer_that_closes_ends_the_waiting_for_acknowledgement_at_once(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        socket.round_trip = 3.0
        await send_all(socket, filled(b"abc"))
        checking = asyncio.ensure_future(socket.check_acks(60.0))
        await clock.advance(1.0)
        socket.inbox.end()

        assert await checking is None
        assert module.count("AT+QISEND=0,0") == 0


async def test_a_peer_that_closes_ends_the_waiting_of_all_who_wait_at_once(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.sockets[0].unacked = 3
        await clock.advance(100.0)
        began = clock.time()
        waiting = [asyncio.ensure_future(socket.wait_acked(60.0)) for _ in range(2)]
        await settle(60)
        module.end(0)
        await settle(60)
        assert [one.done() for one in waiting] == [True, True]
        assert clock.time() - began < 1.0


async def test_waiting_for_acknowledgement_ends_in_time_with_what_is_missing(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        module.sockets[0].take(b"abc")
        module.sockets[0].unacked = 3
        assert await fast_forward(clock, socket.wait_acked(5.0)) == 3


async def test_the_check_before_a_close_reports_what_was_not_acknowledged(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        assert await socket.check_acks(5.0) is None
        assert module.lines == []
        await send_all(socket, filled(b"abc"))
        assert await socket.check_acks(5.0) is None
        module.sockets[0].unacked = 2
        error = await fast_forward(clock, socket.check_acks(5.0))
        assert isinstance(error, NotAcknowledged)
        assert (error.unacked, error.sent, error.waited) == (2, 3, 5.0)
        assert str(error) == (
            "closed with 2 bytes that the peer has not acknowledged, of 3 that the module took; there was no progress "
            "for 5 s. A larger close_timeout= waits longer; wait_acked(), awaited before the close, returns when the "
            "peer has everything"
        )


async def test_a_restart_during_the_check_before_a_close_is_reported() -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.sockets[0].unacked = 3
        checking = asyncio.ensure_future(socket.check_acks(5.0))
        await settle()
        module.sockets.clear()
        module.send(b"\r\nRDY\r\n")
        await settle()
        assert isinstance(await checking, ModuleRestarted)
        assert isinstance(await socket.check_acks(5.0), ModuleRestarted)


async def test_a_damaged_push_does_not_end_the_check_before_a_close(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.sockets[0].unacked = 3
        checking = asyncio.ensure_future(socket.check_acks(5.0))
        await settle()
        module.send(b'\r\n+QIURC: "rec~",0,2,"6869"\r\n')
        await settle()
        assert isinstance(socket.inbox.error, PayloadDamaged)
        assert not checking.done()
        error = await fast_forward(clock, checking)
        assert isinstance(error, NotAcknowledged)
        module.sockets[0].unacked = 0
        assert await socket.check_acks(5.0) is None


async def test_a_socket_that_the_module_has_lost_without_a_word_is_reported_by_the_check_before_a_close() -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.sockets.clear()
        assert isinstance(await socket.check_acks(5.0), SendFailed)


@pytest.mark.parametrize(
    ("service_type", "may_sleep", "error"),
    [("TCP", True, ModuleSlept), ("TCP", False, SendFailed), ("UDP", True, SendFailed)],
)
async def test_a_connection_that_is_unknown_after_a_sleep_was_lost_to_it(
    service_type: str, may_sleep: bool, error: type[Exception], clock: Clock
) -> None:
    module = Module()
    async with open_socket(module, service_type) as socket:
        socket.channel.may_sleep = may_sleep
        module.sockets.clear()
        outbox: StreamOutbox | DatagramOutbox = StreamOutbox() if service_type == "TCP" else DatagramOutbox()
        outbox.put(b"abc", RAI.NONE)
        with pytest.raises(error) as caught:
            await fast_forward(clock, send_all(socket, outbox))

        assert type(caught.value) is error
        assert socket.inbox.is_ended == (error is ModuleSlept)


@pytest.mark.parametrize(("others_stop", "ends"), [(0.0, 5.0), (10.0, 15.0), (60.0, 25.0)])
async def test_the_check_before_a_close_lasts_up_to_five_times_as_long_while_other_sockets_make_progress(
    others_stop: float, ends: float, clock: Clock
) -> None:
    module = Module()
    module.sockets[1] = Socket(OpenSocket(1, "TCP", "a.b", 7))
    module.sockets[1].take(bytes(100))
    module.sockets[1].unacked = 100
    async with open_socket(module) as socket:
        other = AckCounters(socket.channel, Inbox(1024, keeps_order=True), 1, "TCP")
        await send_all(socket, filled(b"abc"))
        module.sockets[0].unacked = 3
        began = clock.time()
        checking = asyncio.ensure_future(socket.check_acks(5.0))
        while not checking.done():
            await clock.advance(0.5)
            module.sockets[1].unacked -= clock.time() - began < others_stop
            await other.ack_status()

        assert isinstance(await checking, NotAcknowledged)
        assert clock.time() - began == pytest.approx(ends, abs=1.2)


async def test_progress_is_told_for_each_send_and_for_each_acknowledgement_of_more() -> None:
    module, told = Module(), []
    async with open_socket(module) as socket:
        socket.on_progress = lambda: told.append((socket.sent, socket.acked))
        await send_all(socket, filled(b"abc"))
        for unacked in (3, 1, 1, 0):
            module.sockets[0].unacked = unacked
            await socket.ack_status()

        assert told == [(3, 0), (3, 2), (3, 3)]
        assert socket.queries == 4


async def test_a_peer_that_closes_while_its_acknowledgements_are_asked_for_leaves_nothing_to_report() -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        closed = b'\r\n+QIURC: "closed",0\r\n' + ERROR
        module.override = lambda command: closed if isinstance(command, QueryAcks) else None
        assert await socket.check_acks(5.0) is None
        assert module.count("AT+QISEND=0,0") == 1
        # A kernel does not have them any more either.
        await socket.close()
        with pytest.raises(ConnectionLost, match=r"^the peer has closed the connection$"):
            await socket.ack_status()


async def test_counters_that_began_anew_do_not_mean_that_the_peer_has_everything() -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.sockets[0].taken.clear()
        assert await socket.wait_acked(5.0) is None


async def test_counters_of_less_than_was_taken_end_a_close_with_an_error() -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        del module.sockets[0].taken[1:]
        error = await socket.check_acks(5.0)
        assert isinstance(error, SendFailed)
        assert str(error) == "the module counts 1 bytes, and had taken 3"


async def test_the_last_counters_before_an_end_are_those_that_count() -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        answer = b'\r\n+QISEND: 3,1,2\r\n\r\n+QIURC: "closed",0\r\n' + OK
        module.override = lambda command: answer if isinstance(command, QueryAcks) else None
        assert await socket.wait_acked(60.0) == 2
        assert module.count("AT+QISEND=0,0") == 1


async def test_nothing_is_asked_about_datagrams_before_a_close() -> None:
    module = Module()
    async with open_socket(module, "UDP") as socket:
        await send_all(socket, filled(b"abc"))
        assert await socket.check_acks(5.0) is None
        assert module.count("AT+QISEND=0,0") == 0


async def test_what_is_not_acknowledged_for_long_is_asked_for_every_four_seconds(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.sockets[0].unacked = 3
        waiting = asyncio.ensure_future(socket.wait_acked(300.0))
        counts = []
        for _ in range(500):
            await clock.advance(0.2)
            counts.append(module.count("AT+QISEND=0,0"))

        waiting.cancel()
        # Within eighty seconds; each is noticed up to 0.2 s late.
        assert 19 <= counts[-1] - counts[99] <= 20


async def test_after_the_peer_has_closed_the_check_before_a_close_reports_nothing() -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.end(0)
        await settle()
        assert await socket.check_acks(5.0) is None


async def test_bytes_without_counters_are_not_acknowledged(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"abc"))
        module.override = lambda command: b"" if isinstance(command, QueryAcks) else None
        error = await fast_forward(clock, socket.check_acks(2.0))
        assert isinstance(error, NotAcknowledged)
        assert isinstance(error.__cause__, CommandTimeout)
        assert error.unacked == 3


# Closing


async def test_closing_closes_the_connect_id_once_and_gives_it_back() -> None:
    module = Module()
    async with open_socket(module) as socket:
        await asyncio.gather(socket.close(), socket.close())
        await settle()
        assert (module.lines, module.sockets) == (["AT+QICLOSE=0"], {})
        module.push(0, b"abc")
        await settle()
        assert socket.channel.inboxes.strays == 1


async def test_after_a_restart_there_is_nothing_to_close() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        socket.inbox.end(ModuleRestarted("restarted"))
        await socket.close()
        await far.expect_nothing()


async def test_a_close_that_is_not_answered_is_repeated(clock: Clock) -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        closing = asyncio.ensure_future(close_connect_id(channel, 3))
        for _ in range(2):
            await far.expect(b"AT+QICLOSE=3\r")
            await clock.advance(5.1)
            await far.resynchronise()

        await far.answer(b"AT+QICLOSE=3\r", CLOSE_OK)
        await closing
        await far.expect_nothing()


async def test_a_close_over_which_the_module_falls_asleep_is_repeated() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        closing = asyncio.ensure_future(close_connect_id(channel, 3))
        await far.answer(b"AT+QICLOSE=3\r", b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n')
        await far.resynchronise()
        await far.answer(b"AT+QICLOSE=3\r", CLOSE_OK)
        await closing


async def test_a_close_that_is_refused_is_done_if_the_module_has_no_such_socket() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        closing = asyncio.ensure_future(close_connect_id(channel, 3))
        await far.answer(b"AT+QICLOSE=3\r", ERROR)
        await far.answer(b"AT+QISTATE=1,3\r", OK)
        await closing
        await far.expect_nothing()


async def test_a_close_that_was_refused_for_it_was_damaged_on_the_line_is_repeated() -> None:
    module = Module()
    async with open_socket(module) as socket:
        refused = [ERROR]
        module.override = lambda command: refused.pop() if isinstance(command, CloseSocket) and refused else None
        await socket.close()
        assert (module.count("AT+QICLOSE=0"), module.sockets) == (2, {})


async def test_a_close_that_is_cancelled_before_it_began_gives_everything_back() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        tasks, given_back = TaskSet("script"), []
        socket = make_socket(channel, tasks, "TCP", "hex")
        socket._on_closed = lambda _: given_back.append(0)
        socket.close().cancel()
        await tasks.wait_all(1.0)
        await settle()
        assert given_back == [0]
        assert socket.inbox.is_ended


async def test_a_close_that_is_cancelled_again_and_again_is_begun_three_times_and_then_gives_everything_back() -> None:
    far = FarEnd()
    async with open_channel(far) as channel:
        given_back = []
        socket = make_socket(channel, TaskSet("script"), "TCP", "hex")
        socket._on_closed = lambda _: given_back.append(0)
        for _ in range(3):
            assert given_back == []
            socket.close().cancel()
            await settle()

        assert given_back == [0]
        assert socket.close().cancelled()


async def test_the_check_before_a_close_goes_on_while_the_peer_acknowledges_more(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(bytes(30)))
        module.sockets[0].unacked = 30
        checking = asyncio.ensure_future(socket.check_acks(5.0))
        for left in range(29, -1, -1):
            await clock.advance(4.0)
            assert not checking.done()
            module.sockets[0].unacked = left

        assert await fast_forward(clock, checking) is None


async def test_a_full_send_buffer_is_waited_for_while_the_peer_acknowledges_some(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(bytes(100)))
        module.sockets[0].unacked = 100
        module.override = lambda command: SEND_FAIL if isinstance(command, SendData) else None
        sending = asyncio.ensure_future(send_all(socket, filled(b"more")))
        for left in range(100, 50, -1):
            await clock.advance(10.0)
            module.sockets[0].unacked = left

        assert not sending.done()
        module.override = lambda command: None
        await fast_forward(clock, sending)
        assert bytes(module.sockets[0].taken) == bytes(100) + b"more"


async def test_a_send_buffer_that_stays_full_ends_the_connection(clock: Clock) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(bytes(100)))
        module.sockets[0].unacked = 100
        module.override = lambda command: SEND_FAIL if isinstance(command, SendData) else None
        with pytest.raises(SendFailed, match="has not acknowledged the 100 bytes before it"):
            await fast_forward(clock, send_all(socket, filled(b"more")))


async def test_no_peer_is_waited_for_when_a_datagram_is_refused(clock: Clock) -> None:
    module = Module()
    async with open_socket(module, "UDP") as socket:
        outbox = DatagramOutbox()
        outbox.put(b"abc", RAI.NONE)
        await send_all(socket, outbox)
        module.sockets[0].unacked = 3
        module.override = lambda command: SEND_FAIL if isinstance(command, SendData) else None
        outbox.put(b"more", RAI.NONE)
        with pytest.raises(SendFailed, match=r"^the module refused the same data 6 times$"):
            await fast_forward(clock, send_all(socket, outbox))


@pytest.mark.parametrize("others", [0, 7])
async def test_the_counters_of_a_connect_id_that_was_given_back_are_not_taken(others: int) -> None:
    module = Module()
    async with open_socket(module) as socket:
        await send_all(socket, filled(b"mine"))
        module.sockets[0].unacked = 4
        checking = asyncio.ensure_future(socket.wait_acked(60.0))
        await settle()
        await socket.close()
        # The next connection gets the connectID.
        module.sockets[0] = Socket(OpenSocket(0, "TCP", "other", 7))
        module.sockets[0].take(bytes(others))
        with pytest.raises(ModemClosed):
            await checking

        with pytest.raises(ModemClosed):
            await socket.ack_status()


async def test_counters_that_are_asked_for_during_a_close_are_not_asked_of_the_module() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        closing = socket.close()
        await far.expect(b"AT+QICLOSE=0\r")
        asking = asyncio.ensure_future(socket.ack_status())
        await settle()
        far.send(OK, b"\r\nCLOSE OK\r\n")
        with pytest.raises(ModemClosed):
            await asking

        await closing
        await far.expect_nothing()


async def test_a_close_before_the_counters_are_refused_is_the_error_of_who_asked() -> None:
    far = FarEnd()
    async with open_socket(far) as socket:
        asking = asyncio.ensure_future(socket.ack_status())
        await far.expect(b"AT+QISEND=0,0\r")
        closing = socket.close()
        far.send(ERROR)
        with pytest.raises(ModemClosed):
            await asking

        await far.answer(b"AT+QICLOSE=0\r", OK, b"\r\nCLOSE OK\r\n")
        await closing


async def test_the_counters_of_a_dead_connection_are_its_error() -> None:
    module = Module()
    async with open_socket(module) as socket:
        socket.inbox.end(ModuleRestarted("the module restarted"))
        await socket.close()
        with pytest.raises(ModuleRestarted):
            await socket.ack_status()
