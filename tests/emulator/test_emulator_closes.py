"""The segments that close a TCP connection, on the radio: an end, its acknowledgement, and the same of the peer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bc260y_aio.emulator import EchoPeer, Emulator, Network, PeerConnection, RadioState, StalledPeer
from tests.emulator.terminal import Bench, on_line

# A segment without data.
BARE = 40


@asynccontextmanager
async def connected(network: Network, port: int = 7, **settings: Any) -> AsyncIterator[Bench]:
    """Open a connection to ``peer.example``, and wait until the radio is idle."""
    async with on_line(network, **settings) as bench:
        await bench.terminal.open(0, "peer.example", port)
        await bench.emulator.radio.released()
        yield bench


async def test_a_close_is_acknowledged_and_the_peer_closes_too() -> None:
    network = Network(latency=1.0)
    network.add_host("peer.example", EchoPeer())
    async with connected(network) as bench:
        with bench.emulator.radio.measure() as span:
            assert await bench.terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
            await bench.terminal.read(3)

        assert (span.bytes_sent, span.bytes_received) == (BARE, 2 * BARE)
        # A round trip, and then as long as the network keeps an inactive radio.
        assert span.connected_seconds == pytest.approx(2 + 20)


async def test_a_peer_that_closes_later_is_paged_for() -> None:
    async def closes_late(connection: PeerConnection) -> None:
        await connection.wait_closed()
        await asyncio.sleep(60)

    network = Network()
    network.add_host("peer.example", closes_late)
    async with connected(network) as bench:
        with bench.emulator.radio.measure() as span:
            assert await bench.terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
            await bench.terminal.read(59)
            assert bench.emulator.radio.state is RadioState.IDLE
            await bench.terminal.read(2)

        assert (span.bytes_sent, span.bytes_received, span.connections) == (BARE, 2 * BARE, 2)


async def test_after_the_peer_s_close_that_of_the_module_is_acknowledged() -> None:
    async def closes_first(connection: PeerConnection) -> None:
        await connection.receive()

    network = Network(latency=1.0)
    network.add_host("peer.example", closes_first)
    async with connected(network) as bench:
        assert await bench.terminal.ask(b'AT+QISEND=0,1,"0"', b"SEND OK\r\n")
        with bench.emulator.radio.measure() as span:
            assert await bench.terminal.until(b'+QIURC: "closed",0\r\n')
            assert await bench.terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
            await bench.terminal.read(3)

        # Of what the peer sent, the first acknowledges the byte.
        assert (span.bytes_sent, span.bytes_received) == (BARE, 3 * BARE)


async def test_a_peer_that_acknowledges_nothing_does_not_acknowledge_a_close() -> None:
    network = Network()
    network.add_host("peer.example", StalledPeer())
    async with connected(network) as bench:
        assert await bench.terminal.ask(b'AT+QISEND=0,1,"0"', b"SEND OK\r\n")
        with bench.emulator.radio.measure() as span:
            assert await bench.terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
            await bench.terminal.read(1)

        # Its end, for it goes away when the module does.
        assert (span.bytes_sent, span.bytes_received) == (BARE, BARE)


@pytest.mark.parametrize("closes", [False, True])
async def test_a_real_server_acknowledges_a_close_and_may_close_too(closes: bool) -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        if not closes:
            await ended.wait()

        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, connected(Network(), server.sockets[0].getsockname()[1]) as bench:
        with bench.emulator.radio.measure() as span:
            assert await bench.terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
            await bench.terminal.read(3)

        assert (span.bytes_sent, span.bytes_received) == (BARE, (2 if closes else 1) * BARE)
        ended.set()


async def test_an_emulator_that_is_closed_waits_for_no_acknowledgement() -> None:
    network = Network(latency=1000.0)
    network.add_host("peer.example", EchoPeer())
    async with Emulator(line="memory", network=network) as emulator:
        path = network.path("TCP", _Owner(), emulator.radio)
        path.open(network.find("peer.example", 7))
        await asyncio.sleep(3000)
        path.close()
        await asyncio.sleep(1500)
        assert not path.gone.done()
        path.cancel()
        await path.gone


class _Owner:
    """The module's end of a path, which takes note of nothing."""

    host = "peer.example"
    remote_port = 7

    def opened(self) -> None:
        pass

    def failed(self, code: object) -> None:
        pass

    def received(self, data: bytes) -> None:
        pass

    def acked(self, size: int) -> None:
        pass

    def closed(self) -> None:
        pass
