"""Opening, closing and looking at sockets (guide 2.2.2 to 2.2.4, 4.2.1, 4.3.1)."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable

import pytest

from bc260y_aio import (
    ConnectRefused,
    ConnectTimeout,
    LocalPortBusy,
    ModuleSlept,
    NoFreeConnectID,
    NotRegistered,
    ResolutionError,
    SocketInfo,
    SocketState,
)
from bc260y_aio.emulator import EchoPeer
from tests.guide.bench import Hosts, Recorder, datagrams, now, on_air, quiet, stream

OPEN_TCP = b'AT+QIOPEN=0,0,"TCP","echo.example",7'
OPEN_UDP = b'AT+QIOPEN=0,0,"UDP","echo.example",7'


# Opening


async def test_a_tcp_connection_is_opened_and_can_be_looked_at() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "echo.example")
        assert bench.wire.commands[-1] == OPEN_TCP
        assert bench.wire.said.endswith(b"\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n")
        assert await bench.modem.sockets(connect_id=0) == [SocketInfo(0, "TCP", "echo.example", 7)]
        assert transport.get_extra_info("peername") == ("echo.example", 7)
        assert transport.get_extra_info("connect_id") == 0


async def test_a_udp_socket_is_opened_and_can_be_looked_at() -> None:
    async with on_air() as bench:
        await datagrams(bench.modem, "echo.example")
        assert bench.wire.commands[-1] == OPEN_UDP
        assert await bench.modem.sockets(connect_id=0) == [SocketInfo(0, "UDP", "echo.example", 7)]


@pytest.mark.parametrize(("open_endpoint", "kind"), [(stream, b"TCP"), (datagrams, b"UDP")])
async def test_a_name_is_opened_by_its_ipv6_address_where_that_family_is_asked_for(
    open_endpoint: Callable[..., Awaitable[tuple[asyncio.BaseTransport, Recorder]]], kind: bytes
) -> None:
    async with on_air() as bench:
        bench.network.add_host("both.example", EchoPeer(), address="198.51.100.7", ipv6="2001:db8::7")
        transport, _ = await open_endpoint(bench.modem, "both.example", family=socket.AF_INET6)
        assert bench.wire.commands[-2:] == [
            b'AT+QIDNSGIP=0,"both.example"',
            b'AT+QIOPEN=0,0,"%b","2001:db8::7",7' % kind,
        ]
        assert transport.get_extra_info("peername")[:2] == ("2001:db8::7", 7)


async def test_a_name_without_an_ipv6_address_is_not_opened_where_that_family_is_asked_for() -> None:
    async with on_air() as bench:
        for open_endpoint in (stream, datagrams):
            with pytest.raises(socket.gaierror):
                await open_endpoint(bench.modem, "echo.example", family=socket.AF_INET6)

        assert bench.count("+QIOPEN") == 0


async def test_a_local_port_can_be_asked_for() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "echo.example", local_addr=("", 40000))
        assert bench.wire.commands[-1] == OPEN_TCP + b",40000"
        assert transport.get_extra_info("sockname") == ("0.0.0.0", 40000)
        (info,) = await bench.modem.sockets()
        assert info.local_port == 40000


async def test_the_data_access_mode_is_direct_push() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "echo.example")
        await datagrams(bench.modem, "echo.example")
        transport.write(b"pushed")
        assert await protocol.until_data(6) == b"pushed"
        assert bench.wire.said.endswith(b'\r\n+QIURC: "recv",0,6,"707573686564"\r\n')
        assert [info.access_mode for info in await bench.modem.sockets()] == [1, 1]


async def test_an_open_waits_until_the_module_is_registered() -> None:
    async with on_air(registration_delay=20.0) as bench:
        assert await bench.modem.sockets() == []
        assert not (await bench.modem.registration()).status.is_registered
        await stream(bench.modem, "echo.example")
        assert 20 <= now() < 23
        assert bench.wire.commands[-1] == OPEN_TCP


async def test_an_open_without_a_registration_fails_in_the_end() -> None:
    async with on_air({"registration_timeout": 30.0}, registration_delay=1000.0) as bench:
        with pytest.raises(NotRegistered):
            await bench.modem.open_connection("echo.example", 7)

        assert now() == pytest.approx(30, abs=2)
        assert bench.count("+QIOPEN") == 0


async def test_nothing_is_sent_until_the_module_has_reported_the_outcome_of_an_open() -> None:
    async with on_air(hosts=Hosts(latency=25.0)) as bench:
        opening = asyncio.ensure_future(bench.modem.open_connection("echo.example", 7))
        await asyncio.sleep(1)
        assert bench.wire.commands[-1] == OPEN_TCP
        assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
        assert now() == pytest.approx(50, abs=1)
        await opening
        assert bench.wire.commands[-2:] == [OPEN_TCP, b"AT+CSQ"]


async def test_the_module_is_given_the_minute_that_an_open_may_take() -> None:
    async with on_air() as bench:
        bench.network.outage = True
        began = now()
        with pytest.raises(ConnectTimeout) as caught:
            await bench.modem.open_connection("echo.example", 7)

        assert caught.value.code == 569
        assert now() - began == pytest.approx(60, abs=1)
        assert bench.wire.said.endswith(b"+QIOPEN: 0,569\r\n")


# After an open that came to nothing


@pytest.mark.parametrize(
    ("host", "kind"), [("203.0.113.9", ConnectRefused), ("nobody.invalid", ResolutionError)], ids=["refused", "unknown"]
)
async def test_a_failed_open_is_followed_by_a_close(host: str, kind: type[OSError]) -> None:
    async with on_air() as bench:
        for _ in range(7):
            with pytest.raises(kind):
                await bench.modem.open_connection(host, 7)

        await quiet()
        assert (bench.count("+QIOPEN"), bench.count("+QICLOSE")) == (7, 7)
        assert await bench.modem.sockets() == []


async def test_an_open_without_an_outcome_is_followed_by_a_close() -> None:
    async with on_air(open_lost=1.0) as bench:
        with pytest.raises(ConnectTimeout):
            await bench.modem.open_connection("echo.example", 7)

        bench.emulator.faults.open_lost = 0.0
        await stream(bench.modem, "echo.example", 8)
        assert b"AT+QICLOSE=0" in bench.wire.commands
        assert [info.remote_port for info in await bench.modem.sockets()] == [8]


async def test_a_cancelled_open_is_followed_by_a_close() -> None:
    async with on_air(hosts=Hosts(latency=5.0)) as bench:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await bench.modem.open_connection("echo.example", 7)

        await quiet(10)
        assert bench.wire.commands[-2:] == [OPEN_TCP, b"AT+QICLOSE=0"]
        assert await bench.modem.sockets() == []
        assert bench.wire.said.count(b"+QIOPEN: 0,0") == 1


async def test_a_connection_that_the_peer_closed_is_closed_too() -> None:
    async with on_air() as bench:
        for _ in range(7):
            reader, writer = await bench.modem.open_connection("goodbye.example", 7)
            assert await reader.read() == b"goodbye"
            writer.close()
            await writer.wait_closed()

        assert (bench.count("+QIOPEN"), bench.count("+QICLOSE")) == (7, 7)
        assert await bench.modem.sockets() == []


async def test_a_socket_whose_open_was_given_up_and_reported_late_is_closed() -> None:
    async with on_air(urc_late=1.0, urc_late_by=100.0) as bench:
        with pytest.raises(ConnectTimeout):
            await bench.modem.open_connection("echo.example", 7)

        await quiet()
        assert await bench.modem.sockets() == []
        assert b"+QIOPEN: 0,0" not in bench.wire.said
        closes = bench.count("+QICLOSE")
        await quiet(60)
        assert b"+QIOPEN: 0,0" in bench.wire.said
        assert bench.count("+QICLOSE") == closes + 1


async def test_the_late_outcome_of_one_open_is_not_taken_for_that_of_the_next() -> None:
    async with on_air({"sockets": 1}, urc_late=1.0, urc_late_by=75.0) as bench:
        with pytest.raises(ConnectTimeout):
            await bench.modem.open_connection("echo.example", 7)

        bench.network.outage = True
        with pytest.raises(ConnectTimeout):
            await bench.modem.open_connection("echo.example", 8)

        assert now() == pytest.approx(75, abs=1)
        assert bench.wire.said.count(b"\r\n+QIOPEN: 0,0\r\n") == 1
        await quiet()
        assert await bench.modem.sockets() == []


# Local ports


async def test_a_local_port_is_waited_for_seventy_seconds_after_its_close() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "echo.example", local_addr=("", 40000))
        transport.close()
        await protocol.lost.wait()
        closed = now()
        await stream(bench.modem, "echo.example", local_addr=("", 40000))
        assert now() - closed == pytest.approx(70, abs=1)
        assert bench.wire.commands.count(OPEN_TCP + b",40000") == 1


async def test_a_local_port_can_be_refused_at_once_instead() -> None:
    async with on_air({"wait_for_local_port": False}) as bench:
        transport, protocol = await stream(bench.modem, "echo.example", local_addr=("", 40000))
        with pytest.raises(LocalPortBusy):
            await bench.modem.open_connection("echo.example", 7, local_addr=("", 40000))

        transport.close()
        await protocol.lost.wait()
        with pytest.raises(LocalPortBusy) as caught:
            await bench.modem.open_connection("echo.example", 7, local_addr=("", 40000))

        assert caught.value.errno == errno.EADDRINUSE
        assert bench.count("+QIOPEN") == 1
        await quiet(70)
        await stream(bench.modem, "echo.example", local_addr=("", 40000))


async def test_a_local_port_that_another_program_closed_lately_is_the_modules_to_refuse() -> None:
    async with on_air() as bench:
        await bench.modem.execute('AT+QIOPEN=0,3,"TCP","echo.example",7,40000')
        await bench.modem.execute("AT+QICLOSE=3")
        with pytest.raises(LocalPortBusy) as caught:
            await bench.modem.open_connection("echo.example", 7, local_addr=("", 40000))

        assert caught.value.errno == errno.EADDRINUSE


# Sleep


async def test_a_udp_socket_lives_through_deep_sleep_and_a_tcp_connection_does_not() -> None:
    async with on_air() as bench:
        _, stream_protocol = await stream(bench.modem, "echo.example")
        transport, protocol = await datagrams(bench.modem, "echo.example")
        await bench.modem.sleep()
        bench.emulator.sleep()
        transport.sendto(b"awake")
        assert await protocol.until_datagrams(1) == [b"awake"]
        await stream_protocol.lost.wait()
        assert isinstance(stream_protocol.losses[0], ModuleSlept)
        assert [info.service_type for info in await bench.modem.sockets()] == ["UDP"]
        await stream(bench.modem, "echo.example")


# Closing


async def test_a_socket_is_closed_and_its_connect_id_is_free_again() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "echo.example")
        bench.wire.clear()
        transport.close()
        await protocol.lost.wait()
        assert bench.wire.commands == [b"AT+QICLOSE=0"]
        assert bench.wire.said == b"\r\nOK\r\n\r\nCLOSE OK\r\n"
        assert protocol.losses == [None]
        assert await bench.modem.sockets() == []


async def test_a_sixth_connection_waits_for_a_free_connect_id_and_not_for_ever() -> None:
    async with on_air({"connect_id_timeout": 20.0}) as bench:
        transports = [(await stream(bench.modem, "echo.example"))[0] for _ in range(5)]
        with pytest.raises(NoFreeConnectID) as caught:
            await bench.modem.open_connection("echo.example", 7)

        assert caught.value.errno == errno.EMFILE
        assert now() == pytest.approx(20, abs=1)
        sixth = asyncio.ensure_future(bench.modem.open_connection("echo.example", 7))
        await asyncio.sleep(1)
        transports[3].close()
        _, writer = await sixth
        assert writer.get_extra_info("connect_id") == 3


# Looking


async def test_the_sockets_of_a_module_can_be_listed_in_three_ways() -> None:
    async with on_air() as bench:
        modem = bench.modem
        assert await modem.sockets() == []
        await stream(modem, "echo.example", local_addr=("", 40000))
        await datagrams(modem, "report.example", 5683)
        both = [
            SocketInfo(0, "TCP", "echo.example", 7, 40000, SocketState.CONNECTED, context_id=0, access_mode=1),
            SocketInfo(1, "UDP", "report.example", 5683),
        ]
        bench.wire.clear()
        assert await modem.sockets() == both
        assert await modem.sockets(context_id=0) == both
        assert await modem.sockets(connect_id=1) == both[1:]
        assert await modem.sockets(connect_id=4) == []
        assert bench.wire.commands == [b"AT+QISTATE?", b"AT+QISTATE=0,0", b"AT+QISTATE=1,1", b"AT+QISTATE=1,4"]
        assert b'+QISTATE: 0,"TCP","echo.example",7,40000,2,0,1\r\n' in bench.wire.said
