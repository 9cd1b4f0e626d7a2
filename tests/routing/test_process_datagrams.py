"""Datagram endpoints of a program's event loops while its process is routed."""

import asyncio
import contextvars
import errno
import gc
import socket
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

import bc260y_aio
from bc260y_aio import RAI
from bc260y_aio.emulator import EchoPeer, PeerConnection, SinkPeer, SourcePeer
from bc260y_aio.emulator.network.paths import UdpPath
from bc260y_aio.routing.process.datagrams import RelayedDatagrams
from tests.loops import LoopFactory

from .processes import PATIENCE, routed_process, until

pytestmark = pytest.mark.loops("asyncio", "uvloop")

ECHO = {"echo.example": EchoPeer()}

current: contextvars.ContextVar[str] = contextvars.ContextVar("current", default="none")


class Recorder(asyncio.DatagramProtocol):
    """A protocol that keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        self.writing: list[str] = []
        self.contexts: set[str] = set()

    def _note(self, *what: Any) -> None:
        self.contexts.add(current.get())
        self.told.put_nowait(what)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._note("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._note("received", data, addr)

    def error_received(self, exc: Exception) -> None:
        self._note("error", type(exc), getattr(exc, "errno", None))

    def connection_lost(self, exc: Exception | None) -> None:
        self._note("lost", exc)

    def pause_writing(self) -> None:
        self.writing.append("pause")

    def resume_writing(self) -> None:
        self.writing.append("resume")

    async def next(self) -> tuple[Any, ...]:
        async with asyncio.timeout(PATIENCE):
            return await self.told.get()


async def connected(host: str = "echo.example", port: int = 7) -> tuple[RelayedDatagrams, Recorder]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Recorder, remote_addr=(host, port))
    assert isinstance(transport, RelayedDatagrams)
    # It has been introduced by then.
    assert protocol.told.get_nowait() == ("made",)
    assert protocol.transport is transport
    return transport, protocol


async def unconnected() -> tuple[RelayedDatagrams, Recorder]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Recorder, family=socket.AF_INET)
    assert isinstance(transport, RelayedDatagrams)
    assert protocol.told.get_nowait() == ("made",)
    return transport, protocol


async def heard(host: str = "echo.example") -> None:
    """Wait until what the modem's thread has said so far has been heard."""
    await asyncio.get_running_loop().getaddrinfo(host, 7)


def run(factory: LoopFactory, main: Coroutine[Any, Any, Any]) -> None:
    """Run a program on a loop of its own."""
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


def test_datagrams_go_to_the_peers_and_their_answers_come_back(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        transport, protocol = await connected()
        for data in (b"bytes", bytearray(b"bytearray"), memoryview(b"memoryview")):
            transport.sendto(data)
            assert await protocol.next() == ("received", bytes(data), ("echo.example", 7))

        transport.close()

        transport, protocol = await unconnected()
        for peer in ((process.addresses["echo.example"], 7), (process.addresses["echo.example"], 8)):
            transport.sendto(b"question", peer)
            assert await protocol.next() == ("received", b"question", peer)

        transport.close()

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


def test_what_a_peer_sends_first_comes_after_the_introduction(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        # Introduced by the caller's own call, so that nothing may have come before.
        transport, protocol = await connected("source.example")
        for number in range(4):
            assert await protocol.next() == ("received", b"%d" % number, ("source.example", 7))

        transport.close()

    with routed_process({"source.example": SourcePeer(b"0123", chunk=1, stays_open=True)}):
        run(loop_factory, main())


def test_a_datagram_that_cannot_be_sent_is_told_to_the_protocol_and_the_next_one_goes(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        transport, protocol = await connected()
        transport.sendto(bytes(600))
        transport.sendto(b"next")
        assert await protocol.next() == ("error", OSError, errno.EMSGSIZE)
        assert (await protocol.next())[:2] == ("received", b"next")

        # An address besides the peer's, and none where one is needed.
        transport.sendto(b"elsewhere", ("198.51.100.9", 7))
        assert (await protocol.next())[:2] == ("error", ValueError)
        assert not transport.is_closing()
        transport.close()

        transport, protocol = await unconnected()
        transport.sendto(b"to whom?")
        assert await protocol.next() == ("error", ValueError, None)
        await heard()
        assert transport.get_write_buffer_size() == 0
        transport.close()

    with routed_process(ECHO):
        run(loop_factory, main())


def test_data_that_is_no_bytes_is_refused_at_once(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        transport, protocol = await connected()
        with pytest.raises(TypeError):
            transport.sendto("text")  # type: ignore[arg-type]

        assert transport.get_write_buffer_size() == 0
        transport.close()
        assert await protocol.next() == ("lost", None)

    with routed_process(ECHO):
        run(loop_factory, main())


def test_close_sends_what_waits_and_tells_the_protocol_once(loop_factory: LoopFactory) -> None:
    sink = SinkPeer()

    async def main() -> None:
        transport, protocol = await connected("sink.example")
        for number in range(20):
            transport.sendto(b"%02d" % number)

        assert not transport.is_closing()
        transport.close()
        assert transport.is_closing()
        transport.close()
        transport.sendto(b"late")
        assert await protocol.next() == ("lost", None)
        assert transport.is_closing()
        transport.abort()
        await heard("sink.example")
        assert protocol.told.empty()

    with routed_process({"sink.example": sink}) as process:
        run(loop_factory, main())
        process.wait_free()

    assert sink.pieces == [b"%02d" % number for number in range(20)]


def test_nothing_is_received_once_a_transport_closes(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        transport, protocol = await connected()
        transport.sendto(b"question")
        assert (await protocol.next())[0] == "received"
        for number in range(20):
            transport.sendto(b"%02d" % number)

        assert (await protocol.next())[1] == b"00"
        transport.close()
        while not protocol.told.empty():
            protocol.told.get_nowait()

        assert await protocol.next() == ("lost", None)

    with routed_process(ECHO):
        run(loop_factory, main())


def test_abort_frees_the_connect_id(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        transport, protocol = await connected()
        transport.abort()
        assert transport.is_closing()
        assert await protocol.next() == ("lost", None)

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


def test_an_endpoint_that_has_closed_is_kept_by_nobody(loop_factory: LoopFactory) -> None:
    async def closed() -> "weakref.ref[RelayedDatagrams]":
        transport, protocol = await connected()
        transport.close()
        assert await protocol.next() == ("lost", None)
        return weakref.ref(transport)

    async def main() -> None:
        endpoint = await closed()
        # The modem's thread is about to leave it.
        await until(lambda: gc.collect() >= 0 and endpoint() is None)

    with routed_process(ECHO):
        run(loop_factory, main())


def test_an_endpoint_reports_what_the_modules_socket_does_but_not_the_modem_of_another_thread(
    loop_factory: LoopFactory,
) -> None:
    async def main() -> None:
        transport, protocol = await connected()
        assert transport.get_extra_info("peername") == ("echo.example", 7)
        assert transport.get_extra_info("sockname")[0] == "0.0.0.0"
        assert transport.get_extra_info("modem", "none") == "none"
        assert transport.get_extra_info("weather", "none") == "none"
        assert transport.get_protocol() is protocol

        other = Recorder()
        transport.set_protocol(other)
        assert transport.get_protocol() is other
        transport.sendto(b"question")
        assert (await other.next())[:2] == ("received", b"question")
        transport.close()
        assert await other.next() == ("lost", None)
        assert protocol.told.empty()

    with routed_process(ECHO):
        run(loop_factory, main())


def test_a_protocol_is_called_in_the_context_in_which_its_endpoint_was_made(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        token = current.set("maker")
        transport, protocol = await connected()
        current.reset(token)
        transport.sendto(b"question")
        transport.sendto(bytes(600))
        await protocol.next()
        await protocol.next()
        transport.close()
        await protocol.next()
        assert protocol.contexts == {"maker"}

    with routed_process(ECHO):
        run(loop_factory, main())


def test_the_rai_is_that_of_the_call_or_of_the_block_around_it(
    loop_factory: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[bytes, int]] = []
    send = UdpPath.send

    def noted(self: UdpPath, data: bytes, rai: int) -> None:
        sent.append((data, rai))
        send(self, data, rai)

    monkeypatch.setattr(UdpPath, "send", noted)

    async def main() -> None:
        transport, protocol = await connected()
        with bc260y_aio.rai(RAI.ONE_REPLY):
            transport.sendto(b"of the block")
            transport.sendto(b"of the call", rai=RAI.NO_FURTHER_DATA)

        transport.sendto(b"none")
        for _ in range(3):
            await protocol.next()

        transport.close()

    with routed_process(ECHO):
        run(loop_factory, main())

    assert sent == [(b"of the block", 2), (b"of the call", 1), (b"none", 0)]


def test_writing_is_paused_until_the_module_has_taken_most(loop_factory: LoopFactory) -> None:
    sink = SinkPeer()
    size, count = 500, 300

    async def main() -> None:
        transport, protocol = await connected("sink.example")
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        for number in range(count):
            transport.sendto(b"%03d" % number + bytes(size - 3))

        assert protocol.writing == ["pause"]
        assert transport.get_write_buffer_size() == count * size
        await until(lambda: protocol.writing != ["pause"])
        # What may wait with the program, and with the modem.
        assert len(sink.data) > count * size - (16 + 64 + 1) * 1024
        transport.close()
        assert await protocol.next() == ("lost", None)
        assert protocol.writing == ["pause", "resume"]

    with routed_process({"sink.example": sink}):
        run(loop_factory, main())

    assert [piece[:3] for piece in sink.pieces] == [b"%03d" % number for number in range(count)]


def test_a_modem_that_is_lost_ends_an_endpoint_with_the_reason(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        transport, protocol = await connected()

        await asyncio.to_thread(process.run, process.lose())
        what, exc = await protocol.next()
        assert what == "lost"
        assert isinstance(exc, ConnectionError)
        assert transport.is_closing()
        transport.sendto(b"late")
        transport.close()
        transport.abort()
        await asyncio.sleep(0)
        assert protocol.told.empty()

    with routed_process(ECHO) as process:
        run(loop_factory, main())


def test_after_the_end_of_the_modems_thread_calls_are_harmless(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        transport, protocol = await connected()
        await asyncio.to_thread(process.thread.stop, 0.1)
        assert (await protocol.next())[0] == "lost"
        transport.sendto(b"late")
        transport.close()
        transport.abort()
        assert protocol.told.empty()

    with routed_process(ECHO) as process:
        run(loop_factory, main())


# Reading is paused, as the awaited endpoints do it


def test_an_awaited_endpoint_sends_and_receives_in_order(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with await bc260y_aio.open_datagram_endpoint("echo.example", 7) as endpoint:
            for number in range(10):
                await endpoint.send(b"%d" % number)

            for number in range(10):
                async with asyncio.timeout(PATIENCE):
                    assert await endpoint.receive() == b"%d" % number

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


def test_datagrams_wait_while_reading_is_paused(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        transport, protocol = await connected()
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        for number in range(5):
            transport.sendto(b"%d" % number)

        await until(lambda: peer.sent == 5)
        await heard()
        assert protocol.told.empty()
        transport.resume_reading()
        transport.resume_reading()
        for number in range(5):
            assert (await protocol.next())[:2] == ("received", b"%d" % number)

        transport.close()
        assert not transport.is_reading()
        assert await protocol.next() == ("lost", None)

    class Counting(EchoPeer):
        sent = 0

        async def __call__(self, connection: PeerConnection) -> None:
            while data := await connection.receive():
                connection.send(data)
                self.sent += 1

    peer = Counting()
    with routed_process({"echo.example": peer}):
        run(loop_factory, main())


def test_what_is_under_way_to_a_protocol_that_pauses_waits(loop_factory: LoopFactory) -> None:
    class OneByOne(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.pause_reading()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(OneByOne, remote_addr=("source.example", 7))
        assert await protocol.next() == ("made",)
        for number in range(6):
            assert await protocol.next() == ("received", b"%d" % number, ("source.example", 7))
            await heard("source.example")
            assert protocol.told.empty()
            protocol.transport.resume_reading()

        transport.close()

    with routed_process({"source.example": SourcePeer(b"012345", chunk=1, stays_open=True)}):
        run(loop_factory, main())


def test_a_protocol_that_pauses_at_its_introduction_gets_nothing(loop_factory: LoopFactory) -> None:
    class Paused(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.pause_reading()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Paused, remote_addr=("source.example", 7))
        assert await protocol.next() == ("made",)
        await heard("source.example")
        assert protocol.told.empty()
        protocol.transport.resume_reading()
        assert await protocol.next() == ("received", b"first", ("source.example", 7))
        transport.close()

    with routed_process({"source.example": SourcePeer(b"first", stays_open=True)}):
        run(loop_factory, main())


def test_an_endpoint_without_a_peer_cannot_be_paused(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        transport, protocol = await unconnected()
        transport.pause_reading()
        assert transport.is_reading()
        transport.sendto(b"question", (process.addresses["echo.example"], 7))
        assert (await protocol.next())[:2] == ("received", b"question")
        transport.close()

    with routed_process(ECHO) as process:
        run(loop_factory, main())


def test_a_protocol_that_fails_gets_the_next_datagram_all_the_same(loop_factory: LoopFactory) -> None:
    class Failing(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            raise ZeroDivisionError

    contexts: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: contexts.append(context))
        transport, protocol = await loop.create_datagram_endpoint(Failing, remote_addr=("source.example", 7))
        assert await protocol.next() == ("made",)
        for data in (b"0", b"1"):
            assert await protocol.next() == ("received", data, ("source.example", 7))

        transport.close()

    with routed_process({"source.example": SourcePeer(b"01", chunk=1, stays_open=True)}):
        run(loop_factory, main())

    assert [type(context["exception"]) for context in contexts] == [ZeroDivisionError] * 2


# Loops that end


def test_a_loop_that_is_closed_gives_its_connect_ids_back(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        await connected()
        transport, protocol = await unconnected()
        transport.sendto(b"question", (process.addresses["echo.example"], 7))
        await protocol.next()

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


def test_an_endpoint_whose_loop_was_closed_unseen_ends_when_there_is_something_to_tell(
    loop_factory: LoopFactory,
) -> None:
    with routed_process(ECHO) as process:
        loop = loop_factory()
        transport, _ = loop.run_until_complete(connected())
        type(loop).close(loop)
        transport.sendto(b"question")
        process.wait_free()


# What cannot be made


def failing() -> Any:
    raise ZeroDivisionError


def test_a_protocol_that_cannot_be_made_costs_no_connect_id(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(ZeroDivisionError):
            await loop.create_datagram_endpoint(failing, remote_addr=("echo.example", 7))

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()


def test_an_endpoint_that_is_given_up_before_its_introduction_costs_no_connect_id(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        protocol = Recorder()

        def cancel_and_make() -> Recorder:
            opening.cancel()
            return protocol

        opening = loop.create_task(loop.create_datagram_endpoint(cancel_and_make, remote_addr=("echo.example", 7)))
        with pytest.raises(asyncio.CancelledError):
            await opening

        assert await protocol.next() == ("made",)
        assert await protocol.next() == ("lost", None)

    with routed_process(ECHO) as process:
        run(loop_factory, main())
        process.wait_free()
