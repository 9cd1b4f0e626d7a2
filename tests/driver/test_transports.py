"""One connectID as an asyncio transport: asyncio's grammar, word for word where a module allows it."""

import asyncio
import contextlib
import contextvars
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

from bc260y_aio.at.commands import Command, QueryAcks, SendData
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.errors import (
    ConnectionLost,
    ModemClosed,
    ModuleRestarted,
    ModuleSlept,
    NotAcknowledged,
    PayloadDamaged,
    PortLost,
    ReceiveOverflow,
    SendFailed,
)
from bc260y_aio.modem.modem import Modem
from bc260y_aio.sockets.rai import RAI, rai
from bc260y_aio.transports import ModemDatagramTransport, ModemTransport
from tests.driver.scripted import ERROR, SEND_FAIL, Module, fast_forward, open_modem, settle
from tests.loops import Clock, Contexts

pytestmark = pytest.mark.loops("asyncio", "eager")

origin: Final = contextvars.ContextVar("origin", default="nobody")


class Recorder(asyncio.Protocol):
    """Notes every callback, in order.

    Attributes:
        events: what was called, and with what.
        hooks: what to do in a callback, by its name; what it returns is returned.
    """

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        self.events: list[Any] = []
        self.hooks = hooks
        self.transport: Any = None
        self.lost = asyncio.Event()
        self.origins: set[str] = set()

    def _note(self, name: str, *arguments: Any) -> Any:
        self.events.append((name, *arguments) if arguments else name)
        self.origins.add(origin.get())
        return self.hooks[name](*arguments) if name in self.hooks else None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self._note("data", data)

    def eof_received(self) -> bool | None:
        return self._note("eof")  # type: ignore[no-any-return]

    def pause_writing(self) -> None:
        self._note("pause")

    def resume_writing(self) -> None:
        self._note("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._note("lost", type(exc) if exc else None)


class BufferedRecorder(asyncio.BufferedProtocol):
    """Takes what it gets through a buffer of so many bytes."""

    def __init__(self, size: int, on_update: Callable[[], None] = lambda: None) -> None:
        self.buffer = bytearray(size)
        self.hints: list[int] = []
        self.chunks: list[bytes] = []
        self.on_update = on_update
        self.lost: BaseException | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        self.hints.append(sizehint)
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.chunks.append(bytes(self.buffer[:nbytes]))
        self.on_update()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost = exc


class DatagramRecorder(asyncio.DatagramProtocol):
    """Notes every callback of a datagram transport."""

    def __init__(self, on_datagram: Callable[[bytes], None] = lambda data: None) -> None:
        self.events: list[Any] = []
        self.on_datagram = on_datagram

    def connection_made(self, transport: Any) -> None:
        self.events.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.events.append((data, addr))
        self.on_datagram(data)

    def error_received(self, exc: Exception) -> None:
        self.events.append(("error", type(exc)))

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append(("lost", type(exc) if exc else None))


@contextlib.asynccontextmanager
async def connected(
    module: Module, protocol: Any = None, **options: Any
) -> AsyncIterator[tuple[Modem, ModemTransport, Recorder]]:
    """Open a modem, and one connection, of connectID 0."""
    async with open_modem(module, **options) as modem:
        transport, met = await modem.create_connection(lambda: protocol or Recorder(), "a.b", 7)
        assert isinstance(transport, ModemTransport)
        yield modem, transport, met


@contextlib.asynccontextmanager
async def associated(
    module: Module, protocol: DatagramRecorder | None = None, **options: Any
) -> AsyncIterator[tuple[Modem, ModemDatagramTransport, DatagramRecorder]]:
    """Open a modem, and one datagram socket, of connectID 0."""
    async with open_modem(module, **options) as modem:
        made = protocol or DatagramRecorder()
        transport, _ = await modem.create_datagram_endpoint(lambda: made, remote_addr=("a.b", 7))
        assert isinstance(transport, ModemDatagramTransport)
        yield modem, transport, made


def drop(held: list[Any]) -> None:
    held.clear()
    gc.collect()


def holding(module: Module) -> list[bytes]:
    """Let the module leave every send without an answer, and return where the answers wait."""
    held: list[bytes] = []

    def hold(command: Command) -> bytes | None:
        if isinstance(command, SendData):
            held.append(module.healthy(command))
            return b""

        return None

    module.override = hold
    return held


# Beginning


async def test_a_protocol_meets_its_transport_before_it_gets_data_even_from_the_read_that_reported_the_open() -> None:
    module = Module()
    opened = b'\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n\r\n+QIURC: "recv",0,2,"6869"\r\n\r\n+QIURC: "closed",0\r\n'
    module.override = lambda command: opened if command.name == "+QIOPEN" else None
    async with connected(module) as (_, transport, recorder):
        assert recorder.events[0] == "made"
        await recorder.lost.wait()
        assert recorder.events == ["made", ("data", b"hi"), "eof", ("lost", None)]
        assert recorder.transport is transport


async def test_a_protocol_may_pause_reading_before_the_first_byte() -> None:
    module = Module()
    recorder = Recorder()
    recorder.hooks["made"] = lambda: recorder.transport.pause_reading()
    async with connected(module, recorder) as (_, transport, _):
        module.push(0, b"hi")
        await settle()
        assert recorder.events == ["made"]
        transport.resume_reading()
        await settle()
        assert recorder.events == ["made", ("data", b"hi")]


async def test_a_failing_connection_made_is_reported_to_the_loop_and_leaves_the_connection_open(
    loop_errors: Contexts,
) -> None:
    module = Module()
    async with connected(module, Recorder(made=lambda: [][0])) as (_, _, recorder):
        module.push(0, b"hi")
        await settle()
        assert recorder.events == ["made", ("data", b"hi")]

    assert [type(context["exception"]) for context in loop_errors] == [IndexError]


async def test_a_protocol_may_abort_the_connection_as_it_meets_it() -> None:
    module = Module()
    recorder = Recorder()
    recorder.hooks["made"] = lambda: recorder.transport.abort()
    async with connected(module, recorder) as (_, transport, _):
        await settle()
        assert (recorder.events, transport.is_closing()) == (["made", ("lost", None)], True)
        assert module.sockets == {}


async def test_callbacks_run_in_the_context_of_the_code_that_opened_the_connection() -> None:
    module = Module()
    async with open_modem(module) as modem:
        origin.set("opener")
        transport, recorder = await modem.create_connection(Recorder, "a.b", 7)
        origin.set("somebody else")
        transport.set_write_buffer_limits(0)
        transport.write(b"a")
        module.push(0, b"hi")
        await settle(60)
        module.end(0)
        await recorder.lost.wait()
        assert {"pause", "resume", "eof", ("data", b"hi"), ("lost", None)} <= set(recorder.events)
        # It is the caller of write() that pauses its protocol.
        assert recorder.origins == {"opener", "somebody else"}
        recorder.origins.clear()


# Receiving


async def test_data_comes_in_order_and_before_the_end() -> None:
    module = Module()
    async with connected(module) as (_, _, recorder):
        for data in (b"a", b"bc"):
            module.push(0, data)

        module.end(0)
        module.push(0, b"too late")
        await recorder.lost.wait()
        assert recorder.events == ["made", ("data", b"a"), ("data", b"bc"), "eof", ("lost", None)]


async def test_paused_reading_holds_data_and_the_end_back() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        module.push(0, b"a")
        module.push(0, b"b")
        module.end(0)
        await settle()
        assert recorder.events == ["made"]
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        await recorder.lost.wait()
        # Data that came meanwhile is one delivery: a protocol that pauses at each keeps up with the line so.
        assert recorder.events == ["made", ("data", b"ab"), "eof", ("lost", None)]


async def test_reading_may_be_paused_between_two_chunks_that_came_together() -> None:
    module = Module()
    recorder = Recorder()
    recorder.hooks["data"] = lambda data: recorder.transport.pause_reading()
    async with connected(module, recorder) as (_, transport, _):
        module.push(0, b"a")
        module.push(0, b"b")
        await settle()
        assert recorder.events == ["made", ("data", b"a")]
        transport.resume_reading()
        await settle()
        assert recorder.events == ["made", ("data", b"a"), ("data", b"b")]


async def test_a_paused_reader_that_leaves_too_much_unread_loses_its_connection_after_what_fitted() -> None:
    module = Module()
    async with connected(module, receive_limit=2048) as (_, transport, recorder):
        transport.pause_reading()
        for number in range(4):
            module.push(0, bytes([number]) * 800)

        await settle()
        transport.resume_reading()
        await recorder.lost.wait()
        assert recorder.events == [
            "made",
            ("data", b"\0" * 800 + b"\1" * 800),
            ("lost", ReceiveOverflow),
        ]


async def test_eof_received_may_keep_the_transport_open_and_is_called_once() -> None:
    module = Module()
    async with connected(module, Recorder(eof=lambda: True)) as (_, transport, recorder):
        module.end(0)
        await settle()
        assert (recorder.events, transport.is_closing()) == (["made", "eof"], False)
        transport.pause_reading()
        transport.resume_reading()
        await settle()
        assert recorder.events == ["made", "eof"]
        transport.close()
        await recorder.lost.wait()
        assert recorder.events == ["made", "eof", ("lost", None)]
        assert module.lines[-1] == "AT+QICLOSE=0"


async def test_writing_after_the_peers_end_ends_with_a_connection_reset() -> None:
    module = Module()
    async with connected(module, Recorder(eof=lambda: True)) as (_, transport, recorder):
        module.end(0)
        await settle()
        transport.write(b"a")
        await recorder.lost.wait()
        assert recorder.events[-1] == ("lost", ConnectionLost)
        assert issubclass(ConnectionLost, ConnectionResetError)
        assert module.count("AT+QISEND") == 0


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"\r\nRDY\r\n", ModuleRestarted),
        (b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n', ModuleSlept),
        (b'\r\n+QIURC: "recv",0,2,"6x69"\r\n', PayloadDamaged),
    ],
)
async def test_a_loss_is_reported_with_its_reason_after_what_came_before(said: bytes, error: type[Exception]) -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        module.push(0, b"hi")
        module.send(said)
        await recorder.lost.wait()
        assert recorder.events == ["made", ("data", b"hi"), ("lost", error)]
        assert transport.is_closing()


async def test_a_lost_port_is_reported_to_every_transport_once() -> None:
    module = Module()
    async with open_modem(module) as modem:
        recorders = [(await modem.create_connection(Recorder, "a.b", 7))[1] for _ in range(3)]
        module.hang_up()
        for recorder in recorders:
            await recorder.lost.wait()

        await settle()
        assert [recorder.events for recorder in recorders] == [["made", ("lost", PortLost)]] * 3


async def test_data_received_that_fails_breaks_the_connection_and_goes_to_the_loop(
    loop_errors: Contexts,
) -> None:
    module = Module()
    async with connected(module, Recorder(data=lambda data: [][0])) as (_, transport, recorder):
        module.push(0, b"a")
        module.push(0, b"b")
        await recorder.lost.wait()
        await settle()
        assert recorder.events == ["made", ("data", b"a"), ("lost", IndexError)]
        assert module.sockets == {}

    (context,) = loop_errors
    assert context["message"] == "fatal error: protocol.data_received() call failed"
    assert (context["transport"], context["protocol"]) == (transport, recorder)


async def test_eof_received_that_fails_breaks_the_connection(loop_errors: Contexts) -> None:
    module = Module()
    async with connected(module, Recorder(eof=lambda: [][0])) as (_, _, recorder):
        module.end(0)
        await recorder.lost.wait()
        assert recorder.events == ["made", "eof", ("lost", IndexError)]

    assert [context["message"] for context in loop_errors] == ["fatal error: protocol.eof_received() call failed"]


async def test_a_new_protocol_gets_what_comes_from_then_on() -> None:
    module = Module()
    first, second = Recorder(), Recorder()
    first.hooks["data"] = lambda data: first.transport.set_protocol(second)
    async with connected(module, first) as (_, transport, _):
        module.push(0, b"a")
        module.push(0, b"b")
        await settle()
        assert transport.get_protocol() is second
        assert (first.events, second.events) == (["made", ("data", b"a")], [("data", b"b")])


# Buffered protocols


async def test_a_buffered_protocol_gets_data_through_its_buffer_however_small() -> None:
    module = Module()
    protocol = BufferedRecorder(4)
    async with connected(module, protocol):
        module.push(0, b"abcdefghij")
        await settle()
        assert (protocol.chunks, protocol.hints) == ([b"abcd", b"efgh", b"ij"], [10, 6, 2])


async def test_a_buffered_protocol_that_pauses_gets_the_rest_when_it_resumes() -> None:
    module = Module()
    protocol = BufferedRecorder(4, lambda: protocol.transport.pause_reading())
    async with connected(module, protocol) as (_, transport, _):
        module.push(0, b"abcdef")
        await settle()
        assert protocol.chunks == [b"abcd"]
        transport.resume_reading()
        await settle()
        assert protocol.chunks == [b"abcd", b"ef"]


async def test_a_buffered_protocol_that_closes_gets_no_more() -> None:
    module = Module()
    protocol = BufferedRecorder(4, lambda: protocol.transport.close())
    async with connected(module, protocol):
        module.push(0, b"abcdef")
        await settle(60)
        assert protocol.chunks == [b"abcd"]


async def test_a_buffered_protocol_may_hand_over_to_a_plain_one_amid_the_data() -> None:
    module = Module()
    plain = Recorder()
    protocol = BufferedRecorder(4, lambda: protocol.transport.set_protocol(plain))
    async with connected(module, protocol):
        module.push(0, b"abcdef")
        await settle()
        assert (protocol.chunks, plain.events) == ([b"abcd"], [("data", b"ef")])


async def test_a_buffered_protocol_without_a_buffer_breaks_the_connection(loop_errors: Contexts) -> None:
    module = Module()
    protocol = BufferedRecorder(0)
    async with connected(module, protocol):
        module.push(0, b"a")
        await settle(60)
        assert str(protocol.lost) == "get_buffer() returned an empty buffer"

    assert [type(context["exception"]) for context in loop_errors] == [RuntimeError]


# Sending


async def test_writes_go_out_together_once_the_line_is_free() -> None:
    module = Module()
    async with connected(module) as (modem, transport, _):
        async with modem._channel.turn():
            for data in (b"abc", bytearray(b"de"), memoryview(b"f")):
                transport.write(data)

            await settle()
            assert transport.get_write_buffer_size() == 6

        await settle(60)
        assert module.sockets[0].datagrams == [b"abcdef"]
        assert (transport.traffic.sent, transport.traffic.sends, transport.traffic.wire_bytes) == (6, 1, 29)


async def test_a_buffer_may_be_changed_as_soon_as_write_has_returned() -> None:
    module = Module()
    async with connected(module) as (modem, transport, _):
        async with modem._channel.turn():
            data = bytearray(b"abc")
            transport.write(data)
            transport.write(memoryview(data)[1:])
            data[:] = b"xyz"

        await settle(60)
        assert module.sockets[0].taken == b"abcbc"


async def test_writelines_writes_all_and_an_empty_write_nothing() -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        transport.write(b"")
        transport.writelines([])
        await settle(60)
        assert module.count("AT+QISEND") == 0
        transport.writelines([b"ab", bytearray(b"c"), memoryview(b"d")])
        await settle(60)
        assert module.sockets[0].datagrams == [b"abcd"]


async def test_an_object_that_is_not_bytes_is_refused() -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        data: Any = "text"
        with pytest.raises(TypeError, match=r"^data argument must be a bytes-like object, not 'str'$"):
            transport.write(data)


async def test_there_is_no_half_close(caplog: pytest.LogCaptureFixture) -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        assert not transport.can_write_eof()
        with pytest.raises(NotImplementedError):
            transport.write_eof()

        await asyncio.sleep(0)
        assert "write_eof() was refused, so the peer sees no end of the data until close()" in caplog.text


async def test_a_half_close_on_the_way_to_a_close_is_ignored_by_those_who_ignore_an_os_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        # As anyio 4.10 to 4.15 ends a stream.
        with contextlib.suppress(OSError):
            transport.write_eof()

        transport.close()
        await asyncio.sleep(0)
        assert caplog.messages == []


async def test_writing_is_paused_inside_write_and_resumed_when_enough_has_gone() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        transport.set_write_buffer_limits(high=1000, low=500)
        assert transport.get_write_buffer_limits() == (500, 1000)
        held = holding(module)
        transport.write(bytes(1000))
        assert recorder.events == ["made"]
        transport.write(b"\0")
        assert recorder.events == ["made", "pause"]
        transport.write(bytes(100))
        await settle()
        module.send(held[0])
        await settle()
        # 1101 - 512 is above 500 yet.
        assert (transport.get_write_buffer_size(), recorder.events) == (589, ["made", "pause"])
        module.send(held[1])
        await settle()
        assert recorder.events == ["made", "pause", "resume"]
        module.send(held[2])


async def test_limits_are_asyncios() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        transport.set_write_buffer_limits(low=100)
        assert transport.get_write_buffer_limits() == (100, 400)
        transport.set_write_buffer_limits(0)
        assert transport.get_write_buffer_limits() == (0, 0)
        with pytest.raises(ValueError, match=r"must be >="):
            transport.set_write_buffer_limits(high=1, low=2)

        transport.write(b"a")
        assert recorder.events == ["made", "pause"]
        await settle(60)
        assert recorder.events == ["made", "pause", "resume"]


async def test_a_limit_below_what_waits_pauses_the_writer_at_once() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        transport.write(bytes(100))
        assert recorder.events == ["made"]
        transport.set_write_buffer_limits(99)
        assert recorder.events == ["made", "pause"]
        await settle(60)
        assert recorder.events == ["made", "pause", "resume"]


async def test_a_protocol_that_is_set_while_writing_is_paused_is_paused() -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        held = holding(module)
        transport.set_write_buffer_limits(0)
        transport.write(b"a")
        second = Recorder()
        transport.set_protocol(second)
        assert second.events == ["pause"]
        await settle()
        module.send(held[0])
        await settle()
        assert second.events == ["pause", "resume"]


async def test_a_failing_pause_or_resume_is_reported_to_the_loop(loop_errors: Contexts) -> None:
    module = Module()
    async with connected(module, Recorder(pause=lambda: [][0], resume=lambda: [][0])) as (_, transport, _):
        transport.set_write_buffer_limits(0)
        transport.write(b"a")
        await settle(60)
        assert module.sockets[0].taken == b"a"

    messages = [context["message"] for context in loop_errors]
    assert messages == ["protocol.pause_writing() failed", "protocol.resume_writing() failed"]


async def test_the_rai_of_a_write_is_its_own_or_that_of_the_block_around_it() -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        transport.write(bytes(513), rai=RAI.NO_FURTHER_DATA)
        with rai(RAI.ONE_REPLY):
            transport.write(b"a")
            transport.write(b"b", rai=RAI.NONE)

        transport.write(b"c")
        await settle(100)
        sent = module.sockets[0]
        assert [(len(data), mark) for data, mark in zip(sent.datagrams, sent.rais, strict=True)] == [
            (512, 0),
            (1, 1),
            (1, 2),
            (2, 0),
        ]


async def test_text_is_refused_before_the_wire_when_it_is_not_printable() -> None:
    module = Module(PayloadFormat.TEXT, PayloadFormat.TEXT)
    async with connected(module, data_format="text") as (_, transport, recorder):
        heard = len(module.written)
        with pytest.raises(ValueError, match=r"only bytes from 0x20 to 0x7E can be sent"):
            transport.write(b"hello\r\n")

        await settle(60)
        assert len(module.written) == heard
        transport.write(b"hello")
        await settle(60)
        assert bytes(module.written[heard:]) == b'AT+QISEND=0,5,"hello"\r'
        assert recorder.events == ["made"]


async def test_a_send_that_fails_for_good_breaks_the_connection(clock: Clock) -> None:
    module = Module()
    module.override = lambda command: SEND_FAIL if isinstance(command, SendData) else None
    async with connected(module) as (_, transport, recorder):
        transport.write(b"a")
        await fast_forward(clock, recorder.lost.wait())
        assert recorder.events == ["made", ("lost", SendFailed)]
        assert transport.get_write_buffer_size() == 0
        with pytest.raises(SendFailed):
            await transport.wait_acked(1.0)


async def test_five_busy_writers_share_the_line_a_chunk_each() -> None:
    module = Module()
    async with open_modem(module) as modem:
        transports = [(await modem.create_connection(Recorder, "a.b", 7))[0] for _ in range(5)]
        async with modem._channel.turn():
            for transport in transports:
                transport.write(bytes(2048))

            await settle()

        await settle(400)
        sends = [line[:12] for line in module.lines if line.startswith("AT+QISEND")]
        assert sends == [f"AT+QISEND={number}," for number in range(5)] * 4


# Closing


async def test_close_sends_what_waits_checks_the_acknowledgements_and_closes() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        asked = len(module.lines)
        transport.write(bytes(600))
        transport.close()
        assert transport.is_closing()
        await recorder.lost.wait()
        assert recorder.events == ["made", ("lost", None)]
        assert [line[:16] for line in module.lines[asked:]] == [
            "AT+QISEND=0,512,",
            'AT+QISEND=0,88,"',
            "AT+QISEND=0,0",
            "AT+QICLOSE=0",
        ]


async def test_close_of_a_connection_that_sent_nothing_asks_nothing() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        asked = len(module.lines)
        transport.close()
        transport.close()
        await recorder.lost.wait()
        await settle()
        assert (module.lines[asked:], recorder.events) == (["AT+QICLOSE=0"], ["made", ("lost", None)])


async def test_close_reports_when_the_peer_has_not_acknowledged_everything(clock: Clock) -> None:
    module = Module()
    async with connected(module, close_timeout=10.0) as (_, transport, recorder):
        transport.write(b"abc")
        await settle(60)
        module.sockets[0].unacked = 2
        transport.close()
        await fast_forward(clock, recorder.lost.wait())
        assert recorder.events == ["made", ("lost", NotAcknowledged)]
        assert module.sockets == {}


async def test_close_gives_up_when_the_module_takes_nothing_more_for_three_minutes(clock: Clock) -> None:
    module = Module()
    async with connected(module, close_timeout=10.0) as (modem, transport, recorder):
        transport.write(bytes(16))
        await settle(60)
        module.sockets[0].unacked = 8
        await transport.ack_status()
        async with modem._channel.turn():
            transport.write(bytes(600))
            transport.close()
            await clock.advance(179.0)
            assert recorder.events == ["made"]
            await clock.advance(2.0)
            assert recorder.events == ["made", ("lost", NotAcknowledged)]

        with pytest.raises(
            NotAcknowledged, match="8 of the 16 that the module took, and 600 that it did not"
        ) as caught:
            await transport.wait_acked(1.0)

        assert (caught.value.unacked, caught.value.sent, caught.value.waited) == (608, 16, 180.0)


async def test_close_waits_anew_whenever_the_module_takes_something(clock: Clock) -> None:
    module = Module()
    async with connected(module, close_timeout=300.0) as (modem, transport, recorder):
        free = asyncio.Event()

        async def block() -> None:
            async with modem._channel.turn():
                await free.wait()

        async with modem._channel.turn():
            transport.write(bytes(600))
            transport.close()
            await settle()
            blocking = asyncio.ensure_future(block())
            await clock.advance(299.0)

        # The first chunk goes out, and the line is taken again.
        await settle(60)
        assert module.count("AT+QISEND") == 1
        await clock.advance(299.0)
        assert recorder.events == ["made"]
        free.set()
        await blocking
        await recorder.lost.wait()
        assert recorder.events == ["made", ("lost", None)]
        assert module.closed[0].taken == bytes(600)


async def test_close_stops_reading_at_once() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        module.push(0, b"a")
        transport.close()
        module.push(0, b"b")
        await recorder.lost.wait()
        assert recorder.events == ["made", ("lost", None)]


async def test_a_peer_that_closes_while_what_waits_is_being_sent_is_reported() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        held = holding(module)
        transport.write(bytes(600))
        transport.close()
        await settle()
        module.end(0)
        module.send(held[0])
        await recorder.lost.wait()
        assert recorder.events == ["made", ("lost", ConnectionLost)]


async def test_connection_lost_comes_from_the_loop_and_not_from_inside_close_or_abort() -> None:
    module = Module()
    async with open_modem(module) as modem:
        for end in ("close", "abort"):
            transport, recorder = await modem.create_connection(Recorder, "a.b", 7)
            getattr(transport, end)()
            assert recorder.events == ["made"]
            await recorder.lost.wait()
            assert recorder.events == ["made", ("lost", None)]


async def test_abort_throws_away_what_waits_and_does_not_wait() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        held = holding(module)
        transport.write(bytes(600))
        await settle()
        transport.abort()
        await settle(2)
        # The send under way is the module's to answer; nothing comes between.
        assert recorder.events == ["made", ("lost", None)]
        assert module.lines[-1].startswith("AT+QISEND")
        module.send(held[0])
        await settle(60)
        assert module.lines[-1] == "AT+QICLOSE=0"
        assert len(held) == 1


async def test_abort_cuts_a_close_short_that_waits_for_acknowledgements() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        transport.write(b"abc")
        await settle(60)
        module.sockets[0].unacked = 3
        transport.close()
        await settle(60)
        assert recorder.events == ["made"]
        transport.abort()
        await recorder.lost.wait()
        assert recorder.events == ["made", ("lost", None)]
        await settle(60)
        assert module.sockets == {}


async def test_writes_after_close_are_ignored_with_a_warning_at_the_fifth(caplog: pytest.LogCaptureFixture) -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        transport.close()
        for _ in range(4):
            transport.write(b"a")

        assert caplog.records == []
        for _ in range(3):
            transport.write(b"a")

        await recorder.lost.wait()
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage().endswith("written to after it was closed")
        assert module.count("AT+QISEND") == 0


async def test_closing_the_modem_sends_what_waits_and_closes_every_connection() -> None:
    module = Module()
    async with open_modem(module) as modem:
        recorders = []
        for _ in range(3):
            transport, recorder = await modem.create_connection(Recorder, "a.b", 7)
            transport.write(b"abc")
            recorders.append(recorder)

    assert [recorder.events for recorder in recorders] == [["made", ("lost", None)]] * 3
    assert [bytes(socket.taken) for socket in module.closed] == [b"abc"] * 3


async def test_closing_the_modem_ends_every_transport_even_when_the_module_is_silent(clock: Clock) -> None:
    module = Module()
    async with open_modem(module, close_timeout=2.0) as modem:
        connections = [await modem.create_connection(Recorder, "a.b", 7) for _ in range(3)]
        connections[1][0].write(b"abc")
        await settle(60)
        module.override = lambda command: b""
        # The first has nothing to do, the second waits for acknowledgements, the third has something to send.
        connections[2][0].write(b"abc")
        await fast_forward(clock, modem.close())
        assert [recorder.events for _, recorder in connections] == [
            ["made", ("lost", None)],
            ["made", ("lost", ModemClosed)],
            ["made", ("lost", ModemClosed)],
        ]


async def test_the_references_go_when_the_connection_has_gone() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        transport.abort()
        await recorder.lost.wait()
        assert transport.get_protocol() is None


async def test_a_transport_that_is_kept_does_not_keep_its_protocol() -> None:
    class Layer(Recorder):
        def write_records(self) -> None:
            self.events.append("records")

    async with open_modem(Module()) as modem:
        transport, layer = await modem.create_connection(Layer, "a.b", 7)
        transport.write(b"a")
        await settle(60)
        assert layer.events == ["made", "records"]
        transport.abort()
        await layer.lost.wait()
        gone = weakref.ref(layer)
        del layer
        assert gone() is None


# Acknowledgements


async def test_waiting_for_acknowledgement_waits_for_the_sending_first() -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        held = holding(module)
        transport.write(b"abc")
        waiting = asyncio.ensure_future(transport.wait_acked(30.0))
        await settle()
        assert not waiting.done()
        module.send(held[0])
        await waiting
        status = await transport.ack_status()
        assert (status.sent, status.acked, status.unacked) == (3, 3, 0)


async def test_waiting_for_acknowledgement_asks_again_when_an_answer_is_lost(clock: Clock) -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        transport.write(b"abc")
        await settle(60)
        lost = [b""]
        module.override = lambda command: lost.pop() if isinstance(command, QueryAcks) and lost else None
        await fast_forward(clock, transport.wait_acked(60.0))
        assert (lost, module.count("AT+QISEND=0,0")) == ([], 2)


async def test_waiting_for_acknowledgement_ends_in_time_when_the_module_does_not_tell(clock: Clock) -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        transport.write(b"abc")
        await settle(60)
        module.override = lambda command: b"" if isinstance(command, QueryAcks) else None
        began = clock.time()
        with pytest.raises(NotAcknowledged) as caught:
            await fast_forward(clock, transport.wait_acked(10.0))

        assert caught.value.unacked == 3
        assert 10.0 <= clock.time() - began < 30.0
        module.override = lambda command: None


async def test_waiting_for_acknowledgement_reports_what_is_missing(clock: Clock) -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        transport.write(b"abc")
        await settle(60)
        module.sockets[0].unacked = 2
        with pytest.raises(NotAcknowledged) as caught:
            await fast_forward(clock, transport.wait_acked(5.0))

        assert caught.value.unacked == 2
        holding(module)
        transport.write(b"defg")
        with pytest.raises(NotAcknowledged) as caught:
            await fast_forward(clock, transport.wait_acked(5.0))

        assert caught.value.unacked == 4
        transport.abort()


async def test_waiting_for_acknowledgement_of_an_aborted_connection_says_that_it_was() -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        transport.write(b"abc")
        transport.abort()
        with pytest.raises(ConnectionLost, match=r"^the connection was aborted$"):
            await transport.wait_acked(5.0)


async def test_the_counters_of_a_connection_that_failed_are_its_error() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        transport.write(b"abc")
        await settle(60)
        module.send(b'\r\n+QIURC: "recv",0,2,"zz"\r\n')
        await recorder.lost.wait()
        with pytest.raises(PayloadDamaged):
            await transport.ack_status()


@pytest.mark.parametrize(
    "answer",
    [
        b'\r\n+QISEND: 0,0,0\r\n\r\nOK\r\n\r\n+QIURC: "closed",0\r\n',
        b'\r\n+QIURC: "closed",0\r\n\r\n+QISEND: 0,0,0\r\n\r\nOK\r\n',
        b'\r\n+QIURC: "closed",0\r\n\r\nERROR\r\n',
    ],
    ids=["counted anew", "closed", "refused"],
)
async def test_the_counters_of_a_connection_that_its_peer_has_closed_are_its_end(answer: bytes) -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        transport.write(b"abc")
        await settle(60)
        module.override = lambda command: answer if isinstance(command, QueryAcks) else None
        with pytest.raises(ConnectionLost):
            await transport.ack_status()


async def test_a_socket_that_the_module_does_not_know_any_more_ends_a_check_as_a_lost_connection() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        module.override = lambda command: ERROR if isinstance(command, QueryAcks) else None
        with pytest.raises(SendFailed):
            await transport.wait_acked(5.0)

        with pytest.raises(SendFailed):
            await transport.check_alive(b"ACK")

        await recorder.lost.wait()
        assert recorder.events == ["made", ("lost", SendFailed)]


async def test_a_session_that_is_alive_passes_the_check_and_a_dead_one_is_closed(clock: Clock) -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        await transport.check_alive(b"ACK")
        assert module.sockets[0].taken == b"ACK"
        module.override = lambda command: (
            b"\r\n+QISEND: 6,3,3\r\n\r\nOK\r\n" if isinstance(command, QueryAcks) else None
        )
        began = clock.time()
        with pytest.raises(NotAcknowledged):
            await fast_forward(clock, transport.check_alive(b"ACK"))

        # The guide's procedure takes so long.
        assert 89.5 < clock.time() - began < 90.5
        await recorder.lost.wait()
        assert recorder.events == ["made", ("lost", NotAcknowledged)]


async def test_a_keepalive_checks_whenever_nothing_was_sent_for_a_while(clock: Clock) -> None:
    module = Module()
    async with connected(module) as (_, transport, _):
        transport.set_keepalive(300.0, b"hb")
        await clock.advance(200.0)
        transport.write(b"data")
        await settle(60)
        await clock.advance(200.0)
        await settle(60)
        assert module.sockets[0].taken == b"data"
        await clock.advance(101.0)
        await settle(60)
        assert module.sockets[0].taken == b"datahb"
        transport.set_keepalive(None)
        await clock.advance(1000.0)
        assert module.sockets[0].taken == b"datahb"


# About it


async def test_a_transport_shows_its_state() -> None:
    module = Module()
    async with connected(module) as (_, transport, recorder):
        assert repr(transport) == "<ModemTransport connectID=0 tcp a.b:7 write=<idle, bufsize=0>>"
        transport.write(b"abc")
        assert repr(transport) == "<ModemTransport connectID=0 tcp a.b:7 write=<sending, bufsize=3>>"
        transport.close()
        assert repr(transport) == "<ModemTransport connectID=0 tcp a.b:7 closing write=<sending, bufsize=3>>"
        await recorder.lost.wait()
        assert repr(transport) == "<ModemTransport connectID=0 tcp a.b:7 closed write=<idle, bufsize=0>>"


async def test_a_transport_reports_its_peer() -> None:
    module = Module()
    async with connected(module) as (modem, transport, _):
        assert transport.get_extra_info("peername") == ("a.b", 7)
        assert transport.get_extra_info("sockname") == ("0.0.0.0", 0)
        assert transport.get_extra_info("connect_id") == 0
        assert transport.get_extra_info("modem") is modem
        assert transport.get_extra_info("modem_transport") is transport
        assert transport.get_extra_info("cipher", "none") == "none"


async def test_an_unclosed_transport_warns_when_it_is_dropped() -> None:
    module = Module()
    async with open_modem(module) as modem:
        transport, recorder = await modem.create_connection(Recorder, "a.b", 7)
        # As if everything had been dropped with its loop.
        modem._open_transports.clear()
        modem._channel.inboxes.detach(0)
        recorder.transport = None
        held = [transport]
        del transport
        with pytest.warns(ResourceWarning, match=r"^unclosed transport <ModemTransport connectID=0 tcp a\.b:7 "):
            drop(held)


# Datagrams


async def test_each_datagram_is_a_send_of_its_own_with_its_own_rai() -> None:
    module = Module()
    async with associated(module) as (_, transport, _):
        data = bytearray(b"ab")
        transport.sendto(data)
        data[:] = b"xy"
        transport.sendto(memoryview(b"c"), ("a.b", 7), rai=RAI.ONE_REPLY)
        with rai(RAI.NO_FURTHER_DATA):
            transport.sendto(b"d")

        await settle(100)
        sent = module.sockets[0]
        assert (sent.datagrams, sent.rais) == ([b"ab", b"c", b"d"], [0, 2, 1])
        assert 'AT+QIOPEN=0,0,"UDP","a.b",7' in module.lines


async def test_datagrams_are_delivered_with_the_peers_address() -> None:
    module = Module()
    async with associated(module) as (_, _, recorder):
        module.push(0, b"ab")
        module.push(0, b"")
        await settle()
        assert recorder.events == ["made", (b"ab", ("a.b", 7)), (b"", ("a.b", 7))]


async def test_a_datagram_for_another_peer_or_too_long_is_refused() -> None:
    module = Module()
    async with associated(module) as (_, transport, recorder):
        heard = len(module.written)
        with pytest.raises(ValueError, match=r"^Invalid address: must be None or \('a\.b', 7\)$"):
            transport.sendto(b"a", ("c.d", 7))

        # As with asyncio, the caller does not get the error.
        transport.sendto(bytes(513))
        assert recorder.events == ["made", ("error", OSError)]
        data: Any = "text"
        with pytest.raises(TypeError):
            transport.sendto(data)

        transport.sendto(b"")
        await settle(60)
        assert len(module.written) == heard


async def test_a_datagram_that_cannot_be_sent_is_reported_and_the_next_goes_out(clock: Clock) -> None:
    module = Module()
    async with associated(module) as (_, transport, recorder):
        module.override = lambda command: SEND_FAIL if isinstance(command, SendData) and command.data == b"a" else None
        transport.sendto(b"a")
        transport.sendto(b"b")
        for _ in range(40):
            await clock.advance(0.3)

        assert recorder.events == ["made", ("error", SendFailed)]
        assert module.sockets[0].datagrams == [b"b"]


async def test_a_failing_datagram_received_is_reported_to_the_loop_and_the_rest_is_delivered(
    loop_errors: Contexts,
) -> None:
    def fail_once(data: bytes) -> None:
        if data == b"a":
            raise IndexError

    module = Module()
    async with associated(module, DatagramRecorder(fail_once)) as (_, _, recorder):
        for data in (b"a", b"b"):
            module.push(0, data)

        await settle()
        assert recorder.events == ["made", (b"a", ("a.b", 7)), (b"b", ("a.b", 7))]

    assert [type(context["exception"]) for context in loop_errors] == [IndexError]


async def test_too_many_datagrams_push_out_the_oldest() -> None:
    module = Module()
    async with associated(module, receive_limit=1024) as (_, transport, recorder):
        transport.pause_reading()
        for number in range(4):
            module.push(0, bytes([number]) * 500)

        await settle()
        transport.resume_reading()
        await settle()
        assert [event[0][:1] for event in recorder.events[1:]] == [b"\2", b"\3"]


async def test_a_damaged_datagram_is_dropped_and_deep_sleep_does_no_harm() -> None:
    module = Module()
    async with associated(module) as (_, transport, recorder):
        module.send(b'\r\n+QIURC: "recv",0,2,"6x69"\r\n')
        module.send(b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n')
        module.push(0, b"hi")
        await settle()
        assert recorder.events == ["made", (b"hi", ("a.b", 7))]
        transport.close()
        await settle(60)
        assert recorder.events[2:] == [("lost", None)]


async def test_a_closing_datagram_transport_sends_what_waits_and_asks_for_no_acknowledgement() -> None:
    module = Module()
    async with associated(module) as (_, transport, recorder):
        asked = len(module.lines)
        transport.sendto(b"ab")
        transport.close()
        transport.sendto(b"cd")
        await settle(60)
        assert module.lines[asked:] == ['AT+QISEND=0,2,"6162"', "AT+QICLOSE=0"]
        assert recorder.events == ["made", ("lost", None)]


async def test_a_restart_and_a_lost_port_end_a_datagram_transport() -> None:
    module = Module()
    async with associated(module) as (_, _, recorder):
        module.send(b"\r\nRDY\r\n")
        await settle()
        assert recorder.events == ["made", ("lost", ModuleRestarted)]

    module = Module()
    async with associated(module) as (_, _, recorder):
        module.hang_up()
        await settle()
        assert recorder.events == ["made", ("lost", PortLost)]


async def test_a_datagram_transport_pauses_its_writer_by_bytes() -> None:
    module = Module()

    class Paused(DatagramRecorder):
        def pause_writing(self) -> None:
            self.events.append("pause")

        def resume_writing(self) -> None:
            self.events.append("resume")

    async with associated(module, Paused()) as (_, transport, recorder):
        transport.set_write_buffer_limits(high=100, low=50)
        for _ in range(3):
            transport.sendto(bytes(40))

        assert recorder.events == ["made", "pause"]
        await settle(100)
        assert recorder.events == ["made", "pause", "resume"]
