"""TLS over a modem is sent in few records and few commands, and closes with few questions."""

import asyncio
import contextlib
import math
import random
import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest

import bc260y_aio
from bc260y_aio import RAI, Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.testing import virtual_clock
from bc260y_aio.tls import TlsSessions
from bc260y_aio.tracing import CommandSent
from tests.contract.certificates import NAMES, client_context, server_context

NAME = NAMES[0]
HEADER = 5
# What a record of TLS 1.3 adds to its data: its header, the type of its content, and the tag.
OVERHEAD = HEADER + 1 + 16
APPLICATION_DATA = 23
REQUEST = b"GET / HTTP/1.1\r\nHost: peer.example\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read()

    writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello there")
        await reader.read()

    writer.close()


class Bench:
    """A modem, a TLS server, and what the modem sends.

    Attributes:
        modem: the modem.
        emulator: its module.
        port: the server's port.
        commands: how many commands were sent, by what they are: ``send``, ``query`` or another name.
        sent: the data of each AT+QISEND.
    """

    def __init__(self, modem: Modem, emulator: Emulator, port: int) -> None:
        self.modem = modem
        self.emulator = emulator
        self.port = port
        self.commands: Counter[str] = Counter()
        self.sent: list[bytes] = []
        modem.trace(self._note, payload=True)

    def _note(self, event: Any) -> None:
        if not isinstance(event, CommandSent):
            return

        if event.payload is not None:
            self.commands["send"] += 1
            self.sent.append(event.payload)
        elif re.fullmatch(r"AT\+QISEND=\d,0", event.command):
            self.commands["query"] += 1
        else:
            self.commands[event.name] += 1

    async def connect(self) -> Streams:
        """Open a connection, and forget what its handshake cost."""
        streams = await self.modem.open_connection(NAME, self.port, ssl=client_context())
        await streams[1].get_extra_info("modem_transport").drained()
        self.forget()
        return streams

    def forget(self) -> None:
        """Forget what was sent so far."""
        self.commands.clear()
        self.sent.clear()
        self.emulator.module.rai_log.clear()

    @property
    def indications(self) -> list[int]:
        """The RAI of each AT+QISEND since."""
        return [sent.rai for sent in self.emulator.module.rai_log]

    @property
    def records(self) -> list[int]:
        """How much data each record has that was sent since."""
        stream, found = b"".join(self.sent), []
        while stream:
            size = int.from_bytes(stream[3:HEADER])
            if stream[0] == APPLICATION_DATA:
                found.append(size + HEADER - OVERHEAD)

            stream = stream[HEADER + size :]

        return found


@contextlib.asynccontextmanager
async def bench(serve: Serve = sink, *, network: str | None = None, **options: Any) -> AsyncIterator[Bench]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(), ssl_handshake_timeout=180)
    settings: dict[str, Any] = {} if network is None else {"network": network}
    async with server, Emulator(line="memory", **settings) as emulator, Modem(emulator.url, **options) as modem:
        yield Bench(modem, emulator, server.sockets[0].getsockname()[1])


async def test_ten_small_writes_of_one_turn_share_one_record_and_two_commands() -> None:
    async with bench() as this:
        _, writer = await this.connect()
        for number in range(10):
            writer.write(b"%-50d" % number)

        await bc260y_aio.wait_acked(writer, 10)

        assert this.records == [500]
        assert [len(data) for data in this.sent] == [512, 500 + OVERHEAD - 512]
        writer.close()
        await writer.wait_closed()


async def test_writes_that_fill_a_record_wait_for_no_more() -> None:
    async with bench() as this:
        _, writer = await this.connect()
        below = writer.get_extra_info("modem_transport")
        for size, is_full in ((8 * 1024, False), (8 * 1024 - 1, False), (1, True)):
            writer.write(bytes(size))
            assert (below.get_write_buffer_size() > 0) == is_full

        writer.transport.abort()


async def test_writes_of_different_turns_are_not_held_back() -> None:
    async with bench() as this:
        _, writer = await this.connect()
        for number in range(3):
            writer.write(b"%-50d" % number)
            await asyncio.sleep(0)
            await writer.get_extra_info("modem_transport").drained()

        assert this.records == [50, 50, 50]
        writer.close()
        await writer.wait_closed()


async def test_a_write_with_an_indication_takes_along_what_was_written_before_it_and_nothing_after_it() -> None:
    async with bench() as this:
        _, writer = await this.connect()
        writer.write(b"before")
        with bc260y_aio.rai(RAI.ONE_REPLY):
            writer.write(b"last")

        writer.write(b"after")
        await bc260y_aio.wait_acked(writer, 10)

        assert this.records == [10, 5]
        assert this.indications == [2, 0]
        writer.close()
        await writer.wait_closed()


# The end of the handshake


async def test_the_end_of_a_handshake_goes_out_with_the_request() -> None:
    async with bench(answer) as this:
        reader, writer = await this.modem.open_connection(NAME, this.port, ssl=client_context())
        before = this.commands["send"]
        writer.write(REQUEST)
        assert (await reader.readuntil(b"hello there")).endswith(b"hello there")
        assert this.commands["send"] == before + 1
        assert this.records[-1] == len(REQUEST)
        writer.close()
        await writer.wait_closed()


class WithoutBuffer(asyncio.Protocol):
    """A client that makes its TLS itself, and writes nothing more before all has gone, as anyio's do."""

    def __init__(self, data: bytes) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = client_context().wrap_bio(self._incoming, self._outgoing, server_hostname=NAME)
        self._request = data
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._changed = asyncio.Event()
        self.answer = bytearray()
        self.flights: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        self._changed.set()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def _call(self, call: Callable[[], bytes | None]) -> bytes | None:
        while True:
            try:
                found = call()
            except ssl.SSLWantReadError:
                await self._flush()
                self._changed.clear()
                await self._changed.wait()
            else:
                await self._flush()
                return found

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            self.flights.append(len(data))
            self.transport.write(data)
            await self._may_write.wait()
            await asyncio.sleep(0)

    async def get(self) -> None:
        """Make a request, if there is one."""
        await self._call(self._tls.do_handshake)
        if self._request:
            await self._call(lambda: b"" if self._tls.write(self._request) else None)
            while not self.answer.endswith(b"hello there"):
                self.answer += await self._call(lambda: self._tls.read(1024)) or b""


async def test_a_client_that_waits_until_all_has_gone_sends_both_together_too() -> None:
    async with bench(answer) as this:
        _, client = await this.modem.create_connection(lambda: WithoutBuffer(REQUEST), NAME, this.port)
        async with asyncio.timeout(10):
            await client.get()

        # How many chunks of 512 bytes the ClientHello has depends on the key shares of this OpenSSL.
        assert this.commands["send"] == math.ceil(client.flights[0] / 512) + 1
        client.transport.close()


async def test_a_client_that_sends_nothing_after_its_handshake_ends_it_at_once() -> None:
    greeted = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.set()
        await sink(reader, writer)

    async with bench(greet) as this:
        _, client = await this.modem.create_connection(lambda: WithoutBuffer(b""), NAME, this.port)
        await client.get()
        async with asyncio.timeout(5):
            await greeted.wait()

        client.transport.close()


@pytest.mark.parametrize("ending", ["drained", "close"])
async def test_the_end_of_a_handshake_is_sent_before_a_close_and_before_what_waits_for_it(ending: str) -> None:
    finished = asyncio.Event()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        finished.set()
        await sink(reader, writer)

    async with bench(note) as this:
        transport, client = await this.modem.create_connection(lambda: WithoutBuffer(b""), NAME, this.port)
        await client.get()
        before = this.commands["send"]
        if ending == "drained":
            await transport.get_extra_info("modem_transport").drained()
            assert this.commands["send"] == before + 1

        transport.close()
        async with asyncio.timeout(10):
            await finished.wait()


async def test_what_the_caller_changes_after_a_write_is_sent_as_it_was() -> None:
    received = bytearray()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.read())
        writer.close()

    async with bench(keep) as this:
        _, writer = await this.connect()
        data = bytearray(b"as it was")
        writer.write(data)
        writer.write(memoryview(b"abcd").cast("H"))
        data[:] = b"something"
        writer.close()
        await writer.wait_closed()

    assert received == b"as it wasabcd"


@pytest.mark.parametrize("seed", range(3))
async def test_writes_of_all_sizes_arrive_once_and_in_order(seed: int) -> None:
    choose = random.Random(seed)
    received = bytearray()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.read())
        writer.close()

    written = b""
    async with bench(keep) as this:
        _, writer = await this.connect()
        for _ in range(60):
            data = choose.randbytes(choose.choice((1, 3, 50, 511, 2000, 17000 if choose.random() < 0.2 else 7)))
            written += data
            writer.write(data)
            match choose.randrange(5):
                case 0:
                    await asyncio.sleep(0)
                case 1:
                    await writer.drain()
                case 2:
                    await writer.get_extra_info("modem_transport").drained()

        writer.close()
        await writer.wait_closed()

    assert received == written


async def test_a_writer_is_paused_inside_a_write_that_is_too_much_and_resumed_when_it_has_gone() -> None:
    async with bench() as this:
        _, writer = await this.connect()
        writer.transport.set_write_buffer_limits(high=100)
        for _ in range(3):
            writer.write(bytes(50))

        draining = asyncio.ensure_future(writer.drain())
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await draining

        await writer.get_extra_info("modem_transport").drained()
        assert this.records == [150]
        writer.close()
        await writer.wait_closed()


async def test_writes_that_wait_for_the_end_of_the_turn_count_for_the_write_buffer() -> None:
    async with bench() as this:
        _, writer = await this.connect()
        writer.write(bytes(10))
        writer.write(bytes(30))
        assert writer.transport.get_write_buffer_size() == 40
        await bc260y_aio.wait_acked(writer, 10)
        assert writer.transport.get_write_buffer_size() == 0
        assert this.records == [40]
        writer.close()
        await writer.wait_closed()


async def test_what_was_written_in_the_turn_of_the_close_goes_out_with_the_end() -> None:
    async with bench() as this:
        _, writer = await this.connect()
        writer.write(b"a")
        writer.write(b"b")
        writer.close()
        await writer.wait_closed()

        # The alert is a record of 2 bytes, and the type of its content is hidden.
        assert this.records == [2, 2]
        assert this.commands["send"] == 1


# Closing


@pytest.mark.parametrize("is_closed_first", [False, True])
def test_no_close_waits_until_the_answer_to_the_peer_s_alert_is_acknowledged(is_closed_first: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello there")
        if not is_closed_first:
            with contextlib.suppress(OSError):
                await reader.read()

        writer.close()

    async def get() -> float:
        async with bench(serve, network="average") as this:
            reader, writer = await this.connect()
            writer.write(REQUEST)
            assert await (reader.read() if is_closed_first else reader.readexactly(11)) == b"hello there"
            began = asyncio.get_running_loop().time()
            writer.close()
            await writer.wait_closed()
            assert this.commands["query"] <= 1
            return asyncio.get_running_loop().time() - began

    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        seconds = runner.run(get())

    # With this coverage a round trip takes more than a second.
    assert (seconds < 0.5) is is_closed_first


def exchange(this_network: str | None, **options: Any) -> Bench:
    """Get an answer of 11 bytes by HTTPS and close the connection, by a clock that jumps; return what was sent."""

    async def get() -> Bench:
        async with bench(answer, network=this_network, **options) as this:
            reader, writer = await this.connect()
            writer.write(REQUEST)
            assert (await reader.readuntil(b"hello there")).endswith(b"hello there")
            writer.close()
            await writer.wait_closed()
            return this

    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        return runner.run(get())


@pytest.mark.parametrize("network", [None, "good", "average", "edge"])
def test_a_get_with_a_close_asks_at_most_four_times_for_acknowledgements(network: str | None) -> None:
    assert exchange(network).commands["query"] <= 4


def test_a_close_sends_the_alert_with_an_indication_where_that_is_switched_on() -> None:
    assert exchange(None, rai_on_close=True).indications == [0, RAI.ONE_REPLY]
    assert exchange(None).indications == [0, 0]


def test_the_alert_at_the_end_can_be_left_out() -> None:
    without = exchange(None, tls_sessions=TlsSessions(close_notify=False))

    assert without.commands["send"] == 1
    assert exchange(None).commands["send"] == 2


async def test_a_write_has_no_indication_of_the_block_in_which_its_connection_was_opened() -> None:
    async with bench() as this:
        with bc260y_aio.rai(RAI.ONE_REPLY):
            _, writer = await this.connect()

        writer.write(b"later")
        await bc260y_aio.wait_acked(writer, 10)
        assert this.indications == [0]
        writer.close()
        await writer.wait_closed()
