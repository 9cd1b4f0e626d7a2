"""The module's UDP as anyio's sockets."""

import errno
import socket

import anyio
import pytest
from anyio.abc import ConnectedUDPSocket, SocketAttribute, UDPSocket

from bc260y_aio import ModuleRestarted, ResolutionError
from bc260y_aio.anyio import ModemAttribute, create_connected_udp_socket, create_udp_socket
from bc260y_aio.emulator import EchoPeer
from tests.bridge.bench import open_bench, until


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_a_connected_socket_sends_and_receives_datagrams() -> None:
    async with open_bench() as bench, await create_connected_udp_socket("echo.example", 7, modem=bench.modem) as udp:
        assert isinstance(udp, ConnectedUDPSocket)
        await udp.send(b"one")
        await udp.send(b"two")

        assert [await udp.receive(), await udp.receive()] == [b"one", b"two"]
        assert udp.extra(SocketAttribute.remote_address) == ("echo.example", 7)
        assert udp.extra(SocketAttribute.family) == socket.AF_INET
        assert udp.extra(ModemAttribute.connect_id) == 0


async def test_an_unconnected_socket_talks_to_many_peers() -> None:
    async with open_bench() as bench:
        for name in ("one.example", "two.example"):
            bench.network.add_host(name, EchoPeer())

        async with await create_udp_socket(socket.AF_INET, modem=bench.modem) as udp:
            assert isinstance(udp, UDPSocket)
            await udp.sendto(b"1", "one.example", 7)
            assert await udp.receive() == (b"1", ("one.example", 7))
            await udp.send((b"2", ("two.example", 8)))
            assert await udp.receive() == (b"2", ("two.example", 8))
            assert udp.extra(SocketAttribute.remote_address, None) is None


async def test_unreceived_datagrams_are_dropped_from_the_oldest() -> None:
    async with open_bench() as bench, await create_udp_socket(modem=bench.modem) as udp:
        for number in range(120):
            await udp.sendto(b"%d" % number, "echo.example", 7)

        await until(lambda: udp._end.received == sum(len(str(number)) for number in range(120)))

        assert [int((await udp.receive())[0]) for _ in range(100)] == [*range(20, 120)]


async def test_one_datagram_that_cannot_be_sent_does_not_end_the_socket() -> None:
    async with open_bench() as bench:
        async with await create_connected_udp_socket("echo.example", 7, modem=bench.modem) as udp:
            with pytest.raises(OSError, match="512 bytes") as caught:
                await udp.send(bytes(5000))

            assert caught.value.errno == errno.EMSGSIZE
            await udp.send(b"hello")
            assert await udp.receive() == b"hello"

        async with await create_udp_socket(modem=bench.modem) as many:
            with pytest.raises(ResolutionError):
                await many.sendto(b"hello", "nowhere.invalid", 7)

            await many.sendto(b"hello", "echo.example", 7)
            assert (await many.receive())[0] == b"hello"


async def test_a_closed_socket_raises_closed_and_wakes_its_receivers() -> None:
    async with open_bench() as bench, anyio.create_task_group() as group:
        udp = await create_connected_udp_socket("echo.example", 7, modem=bench.modem)

        async def receive() -> None:
            with pytest.raises(anyio.ClosedResourceError):
                await udp.receive()

        group.start_soon(receive)
        await anyio.wait_all_tasks_blocked()
        await udp.aclose()
        with pytest.raises(anyio.ClosedResourceError):
            await udp.send(b"hello")


async def test_a_restart_breaks_the_socket_and_is_named_as_the_cause() -> None:
    async with open_bench() as bench, await create_connected_udp_socket("echo.example", 7, modem=bench.modem) as udp:
        bench.emulator.restart()

        with pytest.raises(anyio.BrokenResourceError) as caught:
            await udp.receive()

        assert isinstance(caught.value.__cause__, ModuleRestarted)
        with pytest.raises(anyio.BrokenResourceError):
            await udp.send(b"hello")


async def test_a_receive_that_is_cancelled_loses_nothing() -> None:
    async with open_bench() as bench, await create_connected_udp_socket("echo.example", 7, modem=bench.modem) as udp:
        with anyio.move_on_after(0.02):
            await udp.receive()

        await udp.send(b"hello")
        assert await udp.receive() == b"hello"


def test_another_event_loop_than_asyncios_is_refused() -> None:
    for opening in (
        create_udp_socket(modem=None),  # type: ignore[arg-type]
        create_connected_udp_socket("echo.example", 7, modem=None),  # type: ignore[arg-type]
    ):
        with pytest.raises(RuntimeError, match="does not run on trio"):
            opening.send(None)
