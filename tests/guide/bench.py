"""A modem on an emulated module, with a network behind it: what the tests of this folder stand on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

import pytest

from bc260y_aio import Modem, ModemDatagramTransport, ModemTransport, UnconnectedDatagramTransport
from bc260y_aio.emulator import EchoPeer, Emulator, Network, PeerConnection, SinkPeer, SourcePeer
from bc260y_aio.port import Port

# The time of the module's clock and of the NTP servers of the network.
NOW: Final = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


class Hosts:
    """A network with one host of each kind that the tests need.

    Attributes:
        network: the network.
        sink: what ``sink.example`` has got.
        reports: what ``report.example`` has got, piece by piece.
    """

    def __init__(self, **settings: Any) -> None:
        self.sink = SinkPeer()
        self.reports: asyncio.Queue[bytes] = asyncio.Queue()
        self.network = Network(**{"now": lambda: NOW} | settings)
        self.network.add_host("echo.example", EchoPeer())
        self.network.add_host("sink.example", self.sink)
        self.network.add_host("report.example", self._report)
        self.network.add_host("goodbye.example", SourcePeer(b"goodbye"))
        # Nothing listens on its ports, and nothing there answers a ping.
        self.nowhere = "203.0.113.9"

    async def _report(self, connection: PeerConnection) -> None:
        while data := await connection.receive():
            self.reports.put_nowait(data)


class Wire:
    """The bytes on an emulated module's line, in both directions.

    Attributes:
        pieces: what was written by the driver (``">"``) and by the module (``"<"``), in order.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.pieces: list[tuple[str, bytes]] = []
        emulator.line.receive_filter = lambda data: self._note(">", data)
        emulator.line.transmit_filter = lambda data: self._note("<", data)

    def _note(self, direction: str, data: bytes) -> bytes:
        self.pieces.append((direction, data))
        return data

    @property
    def commands(self) -> list[bytes]:
        """The command lines that the module has received, without the CR."""
        return [line for line in self._all(">").split(b"\r") if line]

    @property
    def said(self) -> bytes:
        """The output of the module."""
        return self._all("<")

    def _all(self, direction: str) -> bytes:
        return b"".join(data for towards, data in self.pieces if towards == direction)

    def clear(self) -> None:
        """Forget what went before."""
        self.pieces.clear()


@dataclass(frozen=True)
class Bench:
    """A modem, open, and the module that it is on."""

    emulator: Emulator
    modem: Modem
    hosts: Hosts
    wire: Wire

    @property
    def network(self) -> Network:
        """The network of the module."""
        return self.hosts.network

    def count(self, name: str) -> int:
        """Count the commands of a name that the module has received."""
        return self.emulator.module.commands[name]


@dataclass
class Recorder(asyncio.Protocol, asyncio.DatagramProtocol):
    """A protocol that records its callbacks.

    Attributes:
        data: received over TCP, joined.
        datagrams: received over UDP, with their sources.
        errors: the arguments of ``error_received``.
        losses: the arguments of ``connection_lost``; at the end there is one.
        lost: is set then.
    """

    data: bytearray = field(default_factory=bytearray)
    datagrams: list[tuple[bytes, Any]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    losses: list[Exception | None] = field(default_factory=list)
    has_eof: bool = False

    def __post_init__(self) -> None:
        self.lost = asyncio.Event()
        self._changed = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        self._changed.set()

    def eof_received(self) -> None:
        self.has_eof = True

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.datagrams.append((data, addr))
        self._changed.set()

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.losses.append(exc)
        self.lost.set()
        self._changed.set()

    async def until_data(self, size: int, timeout: float = 100.0) -> bytes:
        """Wait until so many bytes have come."""
        await self._until(lambda: len(self.data) >= size, timeout)
        return bytes(self.data)

    async def until_datagrams(self, count: int, timeout: float = 100.0) -> list[bytes]:
        """Wait until so many datagrams have come."""
        await self._until(lambda: len(self.datagrams) >= count, timeout)
        return [data for data, _ in self.datagrams]

    async def _until(self, is_so: Callable[[], bool], timeout: float = 100.0) -> None:
        async with asyncio.timeout(timeout):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()


# The transports, with what ours can do besides


async def stream(modem: Modem, host: str, port: int = 7, **options: Any) -> tuple[ModemTransport, Recorder]:
    """Open a TCP connection."""
    transport, protocol = await modem.create_connection(Recorder, host, port, **options)
    return cast("ModemTransport", transport), protocol


async def datagrams(modem: Modem, host: str, port: int = 7, **options: Any) -> tuple[ModemDatagramTransport, Recorder]:
    """Open a UDP socket to one peer."""
    transport, protocol = await modem.create_datagram_endpoint(Recorder, remote_addr=(host, port), **options)
    return cast("ModemDatagramTransport", transport), protocol


async def unconnected(modem: Modem) -> tuple[UnconnectedDatagramTransport, Recorder]:
    """Open a UDP socket to many peers."""
    transport, protocol = await modem.create_datagram_endpoint(Recorder)
    return cast("UnconnectedDatagramTransport", transport), protocol


# The bench


class _Socket:
    """Where a port is plugged in; the emulator stays when it is pulled."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        return await self._emulator.connect(protocol)

    async def close(self) -> None:
        pass


@contextlib.contextmanager
def ports_to(*emulators: Emulator) -> Iterator[None]:
    """Let a modem open the URL of a line in memory."""
    sockets = {emulator.url: _Socket(emulator) for emulator in emulators}

    async def open_port(url: str, baudrate: int | None = None) -> Port:
        return await Port(url, sockets[url])._open()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bc260y_aio.modem.lifecycle.open_port", open_port)
        yield


@contextlib.asynccontextmanager
async def powered(hosts: Hosts | None = None, **settings: Any) -> AsyncIterator[tuple[Emulator, Hosts]]:
    """Set up a module with a closed modem, on a line in memory unless the settings name another one."""
    hosts = hosts or Hosts()
    settings = {"line": "memory", "firmware": "guide"} | settings
    async with Emulator(network=hosts.network, **settings) as emulator:
        with ports_to(emulator) if emulator.options.line == "memory" else contextlib.nullcontext():
            yield emulator, hosts


@contextlib.asynccontextmanager
async def on_air(
    options: dict[str, Any] | None = None, hosts: Hosts | None = None, **settings: Any
) -> AsyncIterator[Bench]:
    """Set up a module on a line in memory, and open a modem on it.

    Args:
        options: those of the modem.
        hosts: what the module reaches.
        **settings: those of the emulator.
    """
    async with powered(hosts, **settings) as (emulator, hosts):
        wire = Wire(emulator)
        async with Modem(emulator.url, **options or {}) as modem:
            yield Bench(emulator, modem, hosts, wire)


def now() -> float:
    """The time of the loop at hand, in seconds."""
    return asyncio.get_running_loop().time()


async def quiet(seconds: float = 1.0) -> None:
    """Let everything happen that takes less than so long."""
    await asyncio.sleep(seconds)
