"""A call that is cancelled at any point leaves the line in step, and no socket and no task behind."""

import asyncio
import contextlib
import inspect
import io
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import pytest

import bc260y_aio
import bc260y_aio.anyio
from bc260y_aio import Modem
from bc260y_aio.routing import loops
from tests.guide.bench import Bench, Hosts, Recorder, datagrams, now, on_air, powered, quiet, stream
from tests.properties.interruption import Moment, interrupted

if TYPE_CHECKING:
    from tests.guide.conftest import QuickLoop

# How often a coroutine may suspend.
MANY: Final = 200
PEER: Final = ("echo.example", 7)
_numbers = itertools.count()


# The objects of the calls; they must work afterwards as before


@contextlib.asynccontextmanager
async def a_modem(bench: Bench) -> AsyncIterator[Modem]:
    yield bench.modem


@contextlib.asynccontextmanager
async def a_sleepy_modem(bench: Bench) -> AsyncIterator[Modem]:
    yield bench.modem
    await bench.modem.wake()


@contextlib.asynccontextmanager
async def a_route(bench: Bench) -> AsyncIterator[Modem]:
    with bench.modem.route():
        yield bench.modem


@contextlib.asynccontextmanager
async def a_stream(bench: Bench) -> AsyncIterator[Any]:
    transport, protocol = await stream(bench.modem, "echo.example")
    transport.write(b"before ")
    yield transport
    if not transport.is_closing():
        transport.write(b"after")
        while not protocol.data.endswith(b"after"):
            await protocol.until_data(len(protocol.data) + 1)

        assert protocol.data.startswith(b"before ")

    transport.close()
    await protocol.lost.wait()
    assert protocol.losses == [None]


@contextlib.asynccontextmanager
async def a_datagram_transport(bench: Bench) -> AsyncIterator[Any]:
    transport, protocol = await datagrams(bench.modem, "echo.example")
    transport.sendto(b"before")
    yield transport
    transport.sendto(b"after")
    assert await protocol.until_datagrams(2) == [b"before", b"after"]
    transport.close()
    await protocol.lost.wait()


@contextlib.asynccontextmanager
async def a_writer(bench: Bench) -> AsyncIterator[asyncio.StreamWriter]:
    _, writer = await bench.modem.open_connection("sink.example", 7)
    writer.transport.set_write_buffer_limits(0)
    writer.write(b"x" * 2000)
    yield writer
    writer.close()
    # Not `wait_closed`: asyncio's own can be awaited once, where that was cancelled.
    await quiet(10.0)
    assert bench.hosts.sink.connections[-1] == b"x" * 2000


@contextlib.asynccontextmanager
async def a_closing_writer(bench: Bench) -> AsyncIterator[asyncio.StreamWriter]:
    async with a_writer(bench) as writer:
        writer.close()
        yield writer


@contextlib.asynccontextmanager
async def an_endpoint(bench: Bench) -> AsyncIterator[bc260y_aio.DatagramEndpoint]:
    async with await bench.modem.open_datagram_endpoint("echo.example", 7) as endpoint:
        yield endpoint
        if not endpoint.transport.is_closing():
            await endpoint.send(b"after")
            while await endpoint.receive() != b"after":
                pass


@contextlib.asynccontextmanager
async def a_closing_endpoint(bench: Bench) -> AsyncIterator[bc260y_aio.DatagramEndpoint]:
    async with an_endpoint(bench) as endpoint:
        await endpoint.send(b"last")
        endpoint.close()
        yield endpoint


@contextlib.asynccontextmanager
async def an_anyio_stream(bench: Bench) -> AsyncIterator[Any]:
    async with await bc260y_aio.anyio.connect_tcp(*PEER, modem=bench.modem) as one:
        yield one
        if not one._is_closed:
            await one.send(b"after")
            heard = b""
            while not heard.endswith(b"after"):
                heard += await one.receive()


@contextlib.asynccontextmanager
async def an_anyio_udp_socket(bench: Bench) -> AsyncIterator[Any]:
    async with await bc260y_aio.anyio.create_connected_udp_socket(*PEER, modem=bench.modem) as one:
        yield one
        if not one._is_closed:
            await one.send(b"after")
            while await one.receive() != b"after":
                pass


@contextlib.asynccontextmanager
async def an_anyio_udp_socket_for_many(bench: Bench) -> AsyncIterator[Any]:
    async with await bc260y_aio.anyio.create_udp_socket(modem=bench.modem) as one:
        yield one
        if not one._is_closed:
            await one.send((b"after", PEER))
            while await one.receive() != (b"after", PEER):
                pass


@dataclass
class Receiver:
    """Takes what comes, one by one, and keeps it."""

    end: Any
    taken: list[Any]

    async def receive(self) -> None:
        self.taken.append(await self.end.receive())

    async def iterate(self) -> None:
        self.taken.append(await anext(aiter(self.end)))


@contextlib.asynccontextmanager
async def news(opening: Any, *messages: Any) -> AsyncIterator[Receiver]:
    """Open something, and let two messages come back: one before, and one after what is done with it."""
    async with await opening as end:
        receiver = Receiver(end, [])
        await end.send(messages[0])
        yield receiver
        await end.send(messages[1])
        while len(receiver.taken) < 2:
            await receiver.receive()

        assert receiver.taken == [*messages]


def news_for_an_endpoint(bench: Bench) -> AbstractAsyncContextManager[Receiver]:
    return news(bench.modem.open_datagram_endpoint(*PEER), b"one", b"two")


def news_for_an_anyio_stream(bench: Bench) -> AbstractAsyncContextManager[Receiver]:
    return news(bc260y_aio.anyio.connect_tcp(*PEER, modem=bench.modem), b"one", b"two")


def news_for_an_anyio_udp_socket(bench: Bench) -> AbstractAsyncContextManager[Receiver]:
    return news(bc260y_aio.anyio.create_connected_udp_socket(*PEER, modem=bench.modem), b"one", b"two")


def news_for_an_anyio_udp_socket_for_many(bench: Bench) -> AbstractAsyncContextManager[Receiver]:
    return news(bc260y_aio.anyio.create_udp_socket(modem=bench.modem), (b"one", PEER), (b"two", PEER))


# Cancelled calls


@dataclass(frozen=True)
class Row:
    """A call to be cancelled.

    Attributes:
        around: gives what it is called on, and checks that afterwards.
        call: calls it.
        ends_in: what it ends in when it is left alone, if that is an error.
        grace: how long the loop waits for real sockets before its clock jumps, in seconds.
    """

    around: Callable[[Bench], AbstractAsyncContextManager[Any]]
    call: Callable[[Any], Any]
    ends_in: type[Exception] | None = None
    grace: float = 0.0


def a_name() -> str:
    """A name that has not been resolved yet."""
    return f"name{next(_numbers)}.example"


async def all_of(outcomes: AsyncIterator[Any]) -> list[Any]:
    return [outcome async for outcome in outcomes]


async def a_block(manager: AbstractAsyncContextManager[Any]) -> None:
    async with manager:
        await asyncio.sleep(0)


async def connected() -> socket.socket:
    """Connect a socket of this machine over the routed modem."""
    sock = socket.socket()
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, PEER)
    except BaseException:
        sock.close()
        raise

    return sock


async def sent_to() -> None:
    """Send a datagram on a socket of this machine that is connected over the routed modem."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, PEER)
        await loop.sock_sendto(sock, b"hello", PEER)


async def file_sent() -> None:
    """Send a file over the routed modem."""
    _, writer = await asyncio.open_connection(*PEER)
    try:
        await asyncio.get_running_loop().sendfile(writer.transport, io.BytesIO(bytes(3000)))
    finally:
        writer.transport.abort()


async def tls_started() -> None:
    """Start TLS with a peer without TLS."""
    _, writer = await asyncio.open_connection(*PEER)
    try:
        await writer.start_tls(ssl.create_default_context(), server_hostname=PEER[0])
    finally:
        writer.transport.abort()


async def slept_and_woken(modem: Modem) -> None:
    await modem.sleep()
    await modem.wake()


async def an_open_endpoint(modem: Modem) -> None:
    async with await modem.open_datagram_endpoint(*PEER):
        pass


ROWS: Final[dict[str, Row]] = {
    # Names, ping, time, a look at the module
    "Modem.resolve": Row(a_modem, lambda modem: modem.resolve(a_name())),
    "Modem.getaddrinfo": Row(a_modem, lambda modem: modem.getaddrinfo(a_name(), 7)),
    "Modem.dns_servers": Row(a_modem, lambda modem: modem.dns_servers()),
    "Modem.set_dns_servers": Row(a_modem, lambda modem: modem.set_dns_servers("192.0.2.1", "192.0.2.2")),
    "Modem.ping": Row(a_modem, lambda modem: modem.ping("echo.example", count=2)),
    "Modem.ping_replies": Row(a_modem, lambda modem: all_of(modem.ping_replies("echo.example", timeout=30, count=2))),
    "Modem.ntp_time": Row(a_modem, lambda modem: modem.ntp_time("ntp.example")),
    "Modem.signal": Row(a_modem, lambda modem: modem.signal()),
    "Modem.cell": Row(a_modem, lambda modem: modem.cell()),
    "Modem.operator": Row(a_modem, lambda modem: modem.operator()),
    "Modem.pdp_contexts": Row(a_modem, lambda modem: modem.pdp_contexts()),
    "Modem.battery_mv": Row(a_modem, lambda modem: modem.battery_mv()),
    "Modem.clock": Row(a_modem, lambda modem: modem.clock()),
    "Modem.sockets": Row(a_modem, lambda modem: modem.sockets()),
    "Modem.addresses": Row(a_modem, lambda modem: modem.addresses()),
    "Modem.execute": Row(a_modem, lambda modem: modem.execute('AT+QICFG="dataformat",1,1')),
    "Modem.registration": Row(a_modem, lambda modem: modem.registration()),
    "Modem.wait_registered": Row(a_modem, lambda modem: modem.wait_registered()),
    # Power
    "Modem.sleep": Row(a_sleepy_modem, lambda modem: modem.sleep()),
    "Modem.wake": Row(a_sleepy_modem, lambda modem: slept_and_woken(modem)),
    "Modem.awake": Row(a_sleepy_modem, lambda modem: a_block(modem.awake())),
    "Modem.psm": Row(a_modem, lambda modem: modem.psm()),
    "Modem.set_psm": Row(a_modem, lambda modem: modem.set_psm(periodic_update=timedelta(hours=2))),
    "Modem.edrx": Row(a_modem, lambda modem: modem.edrx()),
    "Modem.set_edrx": Row(a_modem, lambda modem: modem.set_edrx(timedelta(seconds=81.92))),
    # Opening
    "Modem.open_connection": Row(a_modem, lambda modem: modem.open_connection(*PEER)),
    "Modem.create_connection": Row(a_modem, lambda modem: modem.create_connection(Recorder, *PEER)),
    "Modem.create_connection, with TLS": Row(
        a_modem, lambda modem: modem.create_connection(Recorder, *PEER, ssl=True), OSError
    ),
    "Modem.create_datagram_endpoint": Row(
        a_modem, lambda modem: modem.create_datagram_endpoint(Recorder, remote_addr=PEER)
    ),
    "Modem.create_datagram_endpoint, to many": Row(a_modem, lambda modem: modem.create_datagram_endpoint(Recorder)),
    "Modem.open_datagram_endpoint": Row(a_modem, lambda modem: modem.open_datagram_endpoint(*PEER)),
    "Modem.open_socket": Row(a_modem, lambda modem: modem.open_socket(*PEER), grace=0.01),
    "Modem.open_socket, datagrams": Row(a_modem, lambda modem: modem.open_socket(*PEER, socket.SOCK_DGRAM), grace=0.01),
    "open_connection": Row(a_modem, lambda modem: bc260y_aio.open_connection(*PEER, modem=modem)),
    "create_connection": Row(a_modem, lambda modem: bc260y_aio.create_connection(Recorder, *PEER, modem=modem)),
    "create_datagram_endpoint": Row(
        a_modem, lambda modem: bc260y_aio.create_datagram_endpoint(Recorder, remote_addr=PEER, modem=modem)
    ),
    "open_datagram_endpoint": Row(a_modem, lambda modem: bc260y_aio.open_datagram_endpoint(*PEER, modem=modem)),
    # Streams
    "ModemTransport.ack_status": Row(a_stream, lambda transport: transport.ack_status()),
    "ModemTransport.drained": Row(a_stream, lambda transport: transport.drained()),
    "ModemTransport.wait_acked": Row(a_stream, lambda transport: transport.wait_acked(10)),
    "ModemTransport.check_alive": Row(a_stream, lambda transport: transport.check_alive(b"?")),
    "wait_acked": Row(a_writer, lambda writer: bc260y_aio.wait_acked(writer, 10)),
    "StreamWriter.drain": Row(a_writer, lambda writer: writer.drain()),
    "StreamWriter.wait_closed": Row(a_closing_writer, lambda writer: writer.wait_closed()),
    # Datagrams
    "ModemDatagramTransport.ack_status": Row(a_datagram_transport, lambda transport: transport.ack_status()),
    "ModemDatagramTransport.drained": Row(a_datagram_transport, lambda transport: transport.drained()),
    "DatagramEndpoint.send": Row(an_endpoint, lambda endpoint: endpoint.send(b"x" * 500)),
    "DatagramEndpoint.receive": Row(news_for_an_endpoint, lambda receiver: receiver.receive()),
    "DatagramEndpoint.__anext__": Row(news_for_an_endpoint, lambda receiver: receiver.iterate()),
    "DatagramEndpoint.wait_closed": Row(a_closing_endpoint, lambda endpoint: endpoint.wait_closed()),
    "DatagramEndpoint.__aenter__": Row(a_modem, lambda modem: an_open_endpoint(modem)),
    "DatagramEndpoint.__aexit__": Row(a_closing_endpoint, lambda endpoint: endpoint.__aexit__(None, None, None)),
    # anyio
    "anyio.connect_tcp": Row(a_modem, lambda modem: bc260y_aio.anyio.connect_tcp(*PEER, modem=modem)),
    "anyio.connect_tcp, with TLS": Row(
        a_modem, lambda modem: bc260y_aio.anyio.connect_tcp(*PEER, modem=modem, tls=True), OSError
    ),
    "anyio.create_connected_udp_socket": Row(
        a_modem, lambda modem: bc260y_aio.anyio.create_connected_udp_socket(*PEER, modem=modem)
    ),
    "anyio.create_udp_socket": Row(a_modem, lambda modem: bc260y_aio.anyio.create_udp_socket(modem=modem)),
    "anyio.TCPConnectable.connect": Row(
        a_modem, lambda modem: bc260y_aio.anyio.TCPConnectable(*PEER, modem=modem).connect()
    ),
    "anyio.ModemSocketStream.send": Row(an_anyio_stream, lambda one: one.send(b"x" * 2000)),
    "anyio.ModemSocketStream.send_eof": Row(an_anyio_stream, lambda one: one.send_eof(), NotImplementedError),
    "anyio.ModemSocketStream.receive": Row(news_for_an_anyio_stream, lambda receiver: receiver.receive()),
    "anyio.ModemSocketStream.aclose": Row(an_anyio_stream, lambda one: one.aclose()),
    "anyio.ModemConnectedUDPSocket.send": Row(an_anyio_udp_socket, lambda one: one.send(b"x" * 500)),
    "anyio.ModemConnectedUDPSocket.receive": Row(news_for_an_anyio_udp_socket, lambda receiver: receiver.receive()),
    "anyio.ModemConnectedUDPSocket.aclose": Row(an_anyio_udp_socket, lambda one: one.aclose()),
    "anyio.ModemUDPSocket.send": Row(an_anyio_udp_socket_for_many, lambda one: one.send((b"x" * 500, PEER))),
    "anyio.ModemUDPSocket.receive": Row(news_for_an_anyio_udp_socket_for_many, lambda receiver: receiver.receive()),
    "anyio.ModemUDPSocket.aclose": Row(an_anyio_udp_socket_for_many, lambda one: one.aclose()),
    # asyncio's own calls, routed
    "loop.create_connection": Row(a_route, lambda _: asyncio.open_connection(*PEER)),
    "loop.create_datagram_endpoint": Row(
        a_route, lambda _: asyncio.get_running_loop().create_datagram_endpoint(Recorder, remote_addr=PEER)
    ),
    "loop.getaddrinfo": Row(a_route, lambda _: asyncio.get_running_loop().getaddrinfo(a_name(), 7)),
    "loop.sock_connect": Row(a_route, lambda _: connected(), grace=0.01),
    "loop.sock_sendto": Row(a_route, lambda _: sent_to(), grace=0.01),
    "loop.getnameinfo": Row(a_route, lambda _: asyncio.get_running_loop().getnameinfo(("198.51.100.1", 7))),
    "loop.sendfile": Row(a_route, lambda _: file_sent()),
    "loop.start_tls": Row(a_route, lambda _: tls_started(), OSError),
}


def tasks() -> set[asyncio.Task[Any]]:
    """The tasks there are, but for those of the emulated network's hosts."""
    return {task for task in asyncio.all_tasks() if not task.get_name().startswith("bc260y-emulator")}


async def undo(result: Any) -> None:
    """Close what was opened, if anything was."""
    match result:
        case (_, asyncio.StreamWriter() as opened) | (asyncio.BaseTransport() as opened, _):
            opened.close()
        case bc260y_aio.DatagramEndpoint() | socket.socket():
            result.close()
        case _ if hasattr(result, "aclose"):
            await result.aclose()


@pytest.mark.parametrize("moment", get_args(Moment))
@pytest.mark.parametrize("name", ROWS)
async def test_a_call_cancelled_anywhere_leaves_the_line_in_step_and_nothing_behind(name: str, moment: Moment) -> None:
    row = ROWS[name]
    cast("QuickLoop", asyncio.get_running_loop())._grace = row.grace
    async with on_air(hosts=Hosts(latency=0.05)) as bench:
        before = tasks()
        for at in range(1, MANY):
            async with row.around(bench) as subject:
                outcome = await interrupted(row.call(subject), at, moment)
                assert outcome.is_cancelled == outcome.was_interrupted, outcome
                await check_line(bench)
                await undo(outcome.result)

            await check_nothing_left(bench, before)
            if not outcome.was_interrupted:
                break

    if row.ends_in is None:
        assert outcome.error is None
    else:
        assert isinstance(outcome.error, row.ends_in)


async def check_line(bench: Bench) -> None:
    """The next command gets its own answer, and as soon as the one under way allows."""
    began = now()
    assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
    assert now() - began < 1.0


async def check_nothing_left(bench: Bench, before: set[asyncio.Task[Any]]) -> None:
    await quiet(5.0)
    assert await bench.modem.sockets() == []
    assert (bench.emulator.module.sockets, bench.modem._ids.taken) == ({}, frozenset())
    assert [transport for transport in bench.modem._transports() if not transport.is_closing()] == []
    assert tasks() == before


# A modem's life


# Calls on the host: asyncio leaves the listening socket to the garbage collector when its own method is cancelled.
HOST: Final = {"loop.create_server"}
LIFE: Final = {"Modem.open", "Modem.close", "Modem.reconnecting", "Modem.__aenter__", "Modem.__aexit__"}


async def open_and_close(modem: Modem) -> None:
    async with modem:
        pass


async def open_again_and_again(modem: Modem) -> None:
    async with contextlib.aclosing(Modem.reconnecting(modem.port)) as modems:
        async for each in modems:
            await each.execute("AT")
            break


@pytest.mark.parametrize("moment", get_args(Moment))
@pytest.mark.parametrize("call", [Modem.open, open_and_close, open_again_and_again])
async def test_an_open_cancelled_anywhere_leaves_the_modem_closed_and_the_port_free(
    call: Callable[[Modem], Any], moment: Moment
) -> None:
    async with powered(answer_delay=0.02) as (emulator, _):
        async with Modem(emulator.url) as modem:
            await modem.execute('AT+QIOPEN=0,3,"UDP","echo.example",7')

        before = tasks()
        for at in range(1, MANY):
            modem = Modem(emulator.url)
            outcome = await interrupted(call(modem), at, moment)
            assert outcome.is_cancelled == outcome.was_interrupted, outcome
            if not outcome.was_interrupted:
                break

            assert not modem.is_open
            await quiet(0.5)
            assert tasks() == before
            async with modem:
                assert await modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
                assert await modem.sockets() == []

        assert outcome.error is None
        await modem.close()


@pytest.mark.parametrize("moment", get_args(Moment))
async def test_a_close_cancelled_anywhere_leaves_the_modem_closed_and_the_port_free(moment: Moment) -> None:
    async with powered(Hosts(latency=0.05), answer_delay=0.02) as (emulator, _):
        before = tasks()
        for at in range(1, MANY):
            modem = Modem(emulator.url)
            await modem.open()
            transport, protocol = await stream(modem, "echo.example")
            transport.write(bytes(2000))
            outcome = await interrupted(modem.close(), at, moment)
            assert outcome.is_cancelled == outcome.was_interrupted, outcome
            assert not modem.is_open
            await quiet(0.5)
            assert len(protocol.losses) == 1
            assert tasks() == before
            async with modem:
                assert await modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
                assert await modem.sockets() == []

            if not outcome.was_interrupted:
                break

        assert outcome.error is None


# Nothing is forgotten


def public_coroutines() -> Iterator[str]:
    """Name what is public and can be awaited, or iterated, or entered with ``async with``."""
    for prefix, api in (("", bc260y_aio), ("anyio.", bc260y_aio.anyio)):
        for name in api.__all__:
            thing = getattr(api, name)
            if not inspect.isclass(thing):
                yield from [prefix + name] if can_be_cancelled(thing) else []
                continue

            for method in dir(thing):
                is_public = not method.startswith("_") or method in ("__aenter__", "__aexit__", "__anext__")
                if is_public and can_be_cancelled(getattr(thing, method)):
                    yield f"{prefix}{name}.{method}"

    yield from (f"loop.{name}" for name in loops._METHODS)


def can_be_cancelled(thing: Any) -> bool:
    function = inspect.unwrap(thing) if callable(thing) else thing
    if not inspect.isroutine(function) or not str(getattr(function, "__module__", "")).startswith("bc260y_aio"):
        return False

    is_iterator = "AsyncIterator" in str(getattr(function, "__annotations__", {}).get("return", ""))
    return is_iterator or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def test_every_public_coroutine_is_cancelled_here() -> None:
    found = set(public_coroutines())
    cancelled = HOST | LIFE | {name.partition(",")[0] for name in ROWS}

    assert found - cancelled == set()
    assert {name for name in cancelled - found if not name.startswith("Stream")} == set()
