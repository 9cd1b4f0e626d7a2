"""The module's TCP as anyio byte streams: anyio's idioms, its exceptions, its cancellation."""

import asyncio
import errno
import socket

import anyio
import pytest
from anyio.abc import ByteStreamConnectable, SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSAttribute, TLSConnectable, TLSStream

from bc260y_aio import (
    ConnectRefused,
    ModemClosed,
    ModemTransport,
    ModuleRestarted,
    NotAcknowledged,
    ResolutionError,
)
from bc260y_aio.anyio import ModemAttribute, ModemSocketStream, TCPConnectable, connect_tcp
from bc260y_aio.emulator import PeerConnection, SourcePeer
from tests.bridge.bench import open_bench, until
from tests.contract.certificates import client_context, server_context
from tests.guide.bench import Bench


async def connect(bench: Bench, host: str = "echo.example") -> ModemSocketStream:
    return await connect_tcp(host, 7, modem=bench.modem)


# Sending and receiving


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_a_stream_sends_and_receives_until_its_end() -> None:
    async with open_bench() as bench, await connect(bench, "goodbye.example") as stream:
        received = [piece async for piece in stream]

        assert b"".join(received) == b"goodbye"
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()


async def test_a_piece_is_given_out_in_parts_no_longer_than_asked_for() -> None:
    async with open_bench() as bench, await connect(bench) as stream:
        await stream.send(b"hello world")

        assert await stream.receive(5) == b"hello"
        assert await stream.receive(100) == b" world"
        with pytest.raises(ValueError, match="positive"):
            await stream.receive(0)


async def test_every_byte_arrives_once_and_in_order() -> None:
    data = bytes(range(256)) * 80

    async with open_bench() as bench, await connect(bench) as stream, anyio.create_task_group() as group:
        group.start_soon(stream.send, data)
        buffered = BufferedByteReceiveStream(stream)

        assert await buffered.receive_exactly(len(data)) == data


async def test_a_send_returns_when_the_module_has_taken_the_data() -> None:
    async with open_bench() as bench, await connect(bench, "sink.example") as stream:
        await stream.send(b"x" * 5000)

        assert stream.extra(ModemAttribute.transport).get_write_buffer_size() == 0
        assert stream.extra(ModemAttribute.transport).traffic.sent == 5000


async def test_unreceived_data_waits_in_the_transport() -> None:
    data = bytes(50_000)

    async with open_bench() as bench:
        bench.network.add_host("source.example", SourcePeer(data))
        async with await connect(bench, "source.example") as stream:
            inbox = stream.extra(ModemAttribute.transport)._socket.inbox
            await until(lambda: inbox.is_ended)

            assert inbox.size == len(data)
            assert b"".join([piece async for piece in stream]) == data


# About a stream


async def test_a_stream_has_anyios_attributes_and_some_of_its_own() -> None:
    async with open_bench() as bench, await connect(bench) as stream:
        assert isinstance(stream, SocketStream)
        assert stream.extra(SocketAttribute.remote_address) == ("echo.example", 7)
        assert stream.extra(SocketAttribute.remote_port) == 7
        assert stream.extra(SocketAttribute.local_address) == ("0.0.0.0", 0)
        assert stream.extra(SocketAttribute.local_port) == 0
        assert stream.extra(SocketAttribute.family) == socket.AF_INET
        assert stream.extra(SocketAttribute.raw_socket).getpeername() == ("echo.example", 7)
        assert stream.extra(ModemAttribute.connect_id) == 0
        assert isinstance(stream.extra(ModemAttribute.transport), ModemTransport)
        assert "connectID=0" in repr(stream)


# Exceptions


async def test_a_closed_stream_raises_closed() -> None:
    async with open_bench() as bench:
        stream = await connect(bench)
        await stream.aclose()
        await stream.aclose()

        with pytest.raises(anyio.ClosedResourceError):
            await stream.receive()

        with pytest.raises(anyio.ClosedResourceError):
            await stream.send(b"hello")


async def test_closing_a_stream_wakes_its_receiver() -> None:
    async with open_bench() as bench, await connect(bench) as stream, anyio.create_task_group() as group:

        async def receive() -> None:
            with pytest.raises(anyio.ClosedResourceError):
                await stream.receive()

        group.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        await stream.aclose()


async def test_a_lost_connection_breaks_the_stream_and_is_named_as_the_cause() -> None:
    async with open_bench() as bench, await connect(bench) as stream:
        bench.emulator.restart()

        with pytest.raises(anyio.BrokenResourceError) as received:
            await stream.receive()

        with pytest.raises(anyio.BrokenResourceError) as sent:
            await stream.send(b"hello")

        assert isinstance(received.value.__cause__, ModuleRestarted)
        assert isinstance(sent.value.__cause__, ModuleRestarted)


async def test_data_before_the_loss_is_received_first() -> None:
    async with open_bench() as bench, await connect(bench) as stream:
        await stream.send(b"hello")
        await until(lambda: stream.extra(ModemAttribute.transport)._socket.inbox)
        bench.emulator.restart()
        await until(lambda: stream.extra(ModemAttribute.transport)._socket.inbox.is_ended)

        assert await stream.receive() == b"hello"
        with pytest.raises(anyio.BrokenResourceError):
            await stream.receive()


async def test_a_modem_that_is_closed_under_a_stream_breaks_it() -> None:
    async with open_bench() as bench, await connect(bench) as stream:
        await bench.modem.close()

        with pytest.raises(anyio.BrokenResourceError) as caught:
            await stream.receive()

        assert isinstance(caught.value.__cause__, ModemClosed)
        await bench.modem.open()


async def test_a_send_after_the_peer_has_closed_breaks_the_stream() -> None:
    async with open_bench() as bench, await connect(bench, "goodbye.example") as stream:
        assert await stream.receive() == b"goodbye"
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()

        with pytest.raises(anyio.BrokenResourceError):
            await stream.send(b"hello")


async def test_two_tasks_cannot_receive_or_send_at_once() -> None:
    async with open_bench() as bench, await connect(bench) as stream, anyio.create_task_group() as group:
        group.start_soon(stream.receive)
        group.start_soon(stream.send, b"x" * 5000)
        await anyio.lowlevel.checkpoint()

        with pytest.raises(anyio.BusyResourceError):
            await stream.receive()

        with pytest.raises(anyio.BusyResourceError):
            await stream.send(b"hello")


async def test_one_direction_cannot_be_closed_alone() -> None:
    async with open_bench() as bench, await connect(bench) as stream:
        with pytest.raises(NotImplementedError):
            await stream.send_eof()


async def test_unacknowledged_data_is_reported_when_the_stream_is_closed() -> None:
    async with open_bench({"close_timeout": 0.1}) as bench:
        stream = await connect(bench, "sink.example")
        bench.network.outage = True
        await stream.send(b"hello")

        with pytest.raises(anyio.BrokenResourceError) as caught:
            await stream.aclose()

        bench.network.outage = False
        assert isinstance(caught.value.__cause__, NotAcknowledged)


# Cancellation


async def test_a_receive_that_is_cancelled_loses_nothing() -> None:
    async with open_bench() as bench, await connect(bench) as stream:
        with anyio.move_on_after(0.02):
            await stream.receive()

        await stream.send(b"hello")
        assert await stream.receive() == b"hello"


async def test_a_connect_that_is_cancelled_leaves_nothing() -> None:
    async with open_bench(latency=0.1) as bench:
        with anyio.move_on_after(0.05) as scope:
            await connect(bench)

        assert scope.cancelled_caught


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_a_block_that_is_cancelled_closes_the_socket_at_once() -> None:
    async with open_bench({"close_timeout": 60}) as bench:
        stream = await connect(bench, "sink.example")
        with anyio.move_on_after(0.1):
            async with stream:
                bench.network.outage = True
                await stream.send(b"hello")
                await stream.receive()

        assert stream.extra(ModemAttribute.transport).is_closing()
        bench.network.outage = False


async def test_a_close_that_takes_too_long_can_be_cancelled() -> None:
    async with open_bench({"close_timeout": 60}) as bench:
        stream = await connect(bench, "sink.example")
        bench.network.outage = True
        await stream.send(b"hello")

        with anyio.move_on_after(0.05) as scope:
            await stream.aclose()

        assert scope.cancelled_caught
        await anyio.aclose_forcefully(stream)
        bench.network.outage = False


# Connecting


async def test_a_failed_connect_is_anyios_failure_with_its_cause() -> None:
    async with open_bench() as bench:
        with pytest.raises(anyio.ConnectionFailed, match=r"203\.0\.113\.9:7") as caught:
            await connect(bench, bench.hosts.nowhere)

        assert isinstance(caught.value.__cause__, ConnectRefused)
        assert caught.value.errno == errno.ECONNREFUSED
        with pytest.raises(ResolutionError):
            await connect(bench, "nowhere.invalid")


async def test_a_connectable_connects_again_and_again() -> None:
    async with open_bench() as bench:
        remote = TCPConnectable("goodbye.example", 7, modem=bench.modem)
        assert isinstance(remote, ByteStreamConnectable)
        for _ in range(2):
            async with await remote.connect() as stream:
                assert await stream.receive() == b"goodbye"

        for host in (bench.hosts.nowhere, "nowhere.invalid"):
            with pytest.raises(anyio.ConnectionFailed):
                await TCPConnectable(host, 7, modem=bench.modem).connect()

        with pytest.raises(ValueError, match="out of range"):
            TCPConnectable("goodbye.example", 0, modem=bench.modem)


async def test_a_local_port_is_asked_for() -> None:
    async with open_bench() as bench:
        async with await connect_tcp("echo.example", 7, modem=bench.modem, local_port=4000) as stream:
            assert stream.extra(SocketAttribute.local_port) == 4000

        with pytest.raises(anyio.ConnectionFailed) as caught:
            await connect_tcp("echo.example", 7, modem=bench.modem, local_host="192.0.2.1")

        assert caught.value.errno == errno.EADDRNOTAVAIL


def test_another_event_loop_than_asyncios_is_refused() -> None:
    connecting = connect_tcp("echo.example", 7, modem=None)  # type: ignore[call-overload]

    with pytest.raises(RuntimeError, match="does not run on trio"):
        connecting.send(None)


@pytest.mark.parametrize("use_uvloop", [False, True])
def test_it_runs_under_anyios_own_runner(use_uvloop: bool) -> None:
    async def main() -> None:
        async with open_bench() as bench, await connect(bench) as stream:
            await stream.send(b"hello")
            with anyio.fail_after(5):
                assert await stream.receive() == b"hello"

    anyio.run(main, backend_options={"use_uvloop": use_uvloop})


# TLS


async def echo_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    writer.close()


async def test_tls_is_anyios_own_on_top() -> None:
    server = await asyncio.start_server(echo_line, "127.0.0.1", 0, ssl=server_context())
    async with server, open_bench() as bench:
        port = server.sockets[0].getsockname()[1]
        stream = await connect_tcp("peer.example", port, modem=bench.modem, ssl_context=client_context())
        await stream.send(b"hello\n")
        assert await stream.receive() == b"HELLO\n"
        assert stream.extra(TLSAttribute.tls_version).startswith("TLS")
        assert stream.extra(ModemAttribute.connect_id) == 0
        await stream.aclose()


async def test_a_tls_connectable_goes_on_top_of_ours() -> None:
    server = await asyncio.start_server(echo_line, "127.0.0.1", 0, ssl=server_context())
    async with server, open_bench() as bench:
        remote = TCPConnectable("peer.example", server.sockets[0].getsockname()[1], modem=bench.modem)
        secure = TLSConnectable(
            remote, hostname="peer.example", ssl_context=client_context(), standard_compatible=False
        )
        async with await secure.connect() as stream:
            assert isinstance(stream, TLSStream)
            await stream.send(b"hello\n")
            assert await stream.receive() == b"HELLO\n"


async def test_a_tls_handshake_that_fails_leaves_nothing() -> None:
    async def hang_up(connection: PeerConnection) -> None:
        await connection.receive()

    async with open_bench() as bench:
        bench.network.add_host("rude.example", hang_up)
        with pytest.raises(anyio.BrokenResourceError):
            await connect_tcp("rude.example", 443, modem=bench.modem, tls=True)
