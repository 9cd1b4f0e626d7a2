"""One pass over everything that a `Modem` can do, to be made on every kind of module and of line."""

import asyncio
import contextlib
import socket
from datetime import UTC, timedelta
from typing import Any

import pytest

import bc260y_aio
from bc260y_aio import RAI, ConnectRefused, EdrxSetting, Modem, PsmSetting
from bc260y_aio.at.urcs import RegistrationChanged
from bc260y_aio.emulator import Emulator
from tests.guide.bench import NOW, Bench, datagrams, stream, unconnected

BINARY = bytes(range(256)) * 3
# Payload in text that looks like answers.
PRINTABLE = b'OK +QIURC: "recv",0,5," SEND OK {"a":"b"} ERROR ' * 25


async def use_everything(bench: Bench, payload: bytes = BINARY) -> None:
    """Make every call there is, and check what comes of it."""
    await ask_about_the_module(bench)
    await ask_the_network(bench)
    await use_streams(bench, payload)
    await use_datagrams(bench, payload[:300])
    await let_it_sleep(bench)
    assert await bench.modem.sockets() == []
    assert bench.modem.is_open


async def ask_about_the_module(bench: Bench) -> None:
    modem = bench.modem
    assert (await modem.wait_registered(90)).status.is_registered
    assert (await modem.registration()).status.is_registered
    assert await modem.addresses() == [bench.emulator.options.address]
    assert [line.replace(": ", ":") for line in await modem.execute("AT+CSQ")] == ["+CSQ:23,0"]
    assert await modem.clock() == NOW

    heard: asyncio.Queue[Any] = asyncio.Queue()
    unsubscribe = modem.subscribe(heard.put_nowait, RegistrationChanged)
    bench.emulator.send_urc("+CEREG: 5")
    bench.emulator.send_urc("+CEREG: 1")
    async with asyncio.timeout(20):
        assert [(await heard.get()).status.name for _ in range(2)] == ["ROAMING", "HOME"]

    unsubscribe()
    bench.emulator.send_urc("+CEREG: 5")
    await modem.execute("AT")
    assert heard.empty()

    await modem.set_psm(periodic_update=timedelta(hours=2), active_time=timedelta(seconds=10))
    assert await modem.psm() == PsmSetting(True, timedelta(hours=2), timedelta(seconds=10))
    await modem.set_edrx(timedelta(seconds=81.92))
    assert await modem.edrx() == EdrxSetting(timedelta(seconds=81.92))
    await modem.set_psm()
    await modem.set_edrx(None)
    assert not (await modem.psm()).enabled
    assert await modem.edrx() == EdrxSetting()


async def ask_the_network(bench: Bench) -> None:
    modem, address = bench.modem, bench.network.resolve("echo.example")
    assert await modem.resolve("echo.example") == [address]
    with pytest.raises(socket.gaierror):
        await modem.resolve("nobody.invalid")

    rows = await modem.getaddrinfo("echo.example", 7, type=socket.SOCK_STREAM)
    assert rows == [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 7))]

    await modem.set_dns_servers("192.0.2.53", "192.0.2.54")
    servers = await modem.dns_servers()
    assert (servers.primary_ipv4, servers.secondary_ipv4) == ("192.0.2.53", "192.0.2.54")

    result = await modem.ping("echo.example", count=2, size=200)
    assert result
    assert (result.sent, result.received, result.lost) == (2, 2, 0)
    assert [(reply.address, reply.size) for reply in result.replies] == [(address, 200)] * 2
    assert [reply.ttl for reply in result.replies] == [52 if bench.emulator.options.dialect.ping_ttl else None] * 2

    outcomes = [outcome async for outcome in modem.ping_replies(bench.hosts.nowhere, timeout=1, count=1)]
    assert outcomes == [bc260y_aio.PingLost(569)]

    assert await modem.ntp_time("ntp.example", set_clock=True) == NOW
    assert (await modem.clock()).tzinfo is UTC


async def use_streams(bench: Bench, payload: bytes) -> None:
    modem = bench.modem
    reader, writer = await modem.open_connection("echo.example", 7)
    writer.write(payload)
    assert await reader.readexactly(len(payload)) == payload
    await bc260y_aio.wait_acked(writer, 10)

    transport, protocol = await stream(modem, "echo.example")
    with bc260y_aio.rai(RAI.NO_FURTHER_DATA):
        transport.write(b"context")

    assert await protocol.until_data(7) == b"context"
    transport.write(b"call", rai=RAI.ONE_REPLY)
    assert await protocol.until_data(11) == b"contextcall"
    assert [sent.rai for sent in list(bench.emulator.module.rai_log)[-2:]] == [1, 2]
    await transport.wait_acked(10)
    assert await transport.ack_status() == bc260y_aio.AckStatus(11, 11, 0)
    await transport.check_alive(b"?")
    transport.set_keepalive(300, b"?")

    assert [info.host for info in await modem.sockets()] == ["echo.example"] * 2
    assert len(await modem.sockets(context_id=0)) == 2
    (info,) = await modem.sockets(connect_id=transport.get_extra_info("connect_id"))
    assert (info.service_type, info.remote_port, info.state.name) == ("TCP", 7, "CONNECTED")

    for each in (writer, transport):
        each.close()

    await writer.wait_closed()
    await protocol.lost.wait()
    assert protocol.losses == [None]

    with pytest.raises(ConnectRefused):
        await modem.open_connection(bench.hosts.nowhere, 7)

    reader, writer = await modem.open_connection("goodbye.example", 7)
    assert await reader.read() == b"goodbye"
    writer.close()
    await writer.wait_closed()


async def use_datagrams(bench: Bench, payload: bytes) -> None:
    modem = bench.modem
    async with await modem.open_datagram_endpoint("echo.example", 7) as endpoint:
        await endpoint.send(payload, rai=RAI.ONE_REPLY)
        assert await endpoint.receive() == payload
        assert bench.emulator.module.rai_log[-1].rai == 2

    connected, one = await datagrams(modem, "echo.example")
    many, all_of_them = await unconnected(modem)
    connected.sendto(b"one")
    many.sendto(b"two", ("echo.example", 7))
    many.sendto(b"three", ("echo.example", 8))
    assert await one.until_datagrams(1) == [b"one"]
    await all_of_them.until_datagrams(2)
    assert sorted(all_of_them.datagrams) == [(b"three", ("echo.example", 8)), (b"two", ("echo.example", 7))]
    for transport, protocol in ((connected, one), (many, all_of_them)):
        transport.close()
        await protocol.lost.wait()
        assert protocol.losses == [None]


async def let_it_sleep(bench: Bench) -> None:
    modem, emulator = bench.modem, bench.emulator
    async with await modem.open_datagram_endpoint("report.example", 7) as endpoint:
        await modem.sleep()
        emulator.sleep(deep=not emulator.options.light_sleep)
        await endpoint.send(b"from sleep")
        await endpoint.transport.drained()
        await modem.wake()
        assert emulator.module.sleep.mode == 0
        async with modem.awake():
            await modem.execute("AT")

        assert emulator.module.sleep.mode == 1
        await modem.wake()

    async with asyncio.timeout(20):
        assert await bench.hosts.reports.get() == b"from sleep"


# Scenarios with a modem of their own


async def come_back(emulator: Emulator, url: str) -> None:
    """Adopt a UDP socket that an earlier program left, on a modem that is opened again after each loss."""
    async with Modem(url) as modem:
        await modem.wait_registered(90)
        await modem.execute('AT+QIOPEN=0,2,"UDP","echo.example",7')

    opened = 0
    async with contextlib.aclosing(Modem.reconnecting(url, adopt_udp=True, rai_on_close=True)) as modems:
        async for modem in modems:
            opened += 1
            transport, protocol = await datagrams(modem, "echo.example")
            assert transport.get_extra_info("connect_id") == 2
            transport.sendto(b"still there?")
            assert await protocol.until_datagrams(1) == [b"still there?"]
            if opened == 2:
                break

            emulator.hang_up()
            await protocol.lost.wait()
            assert isinstance(protocol.losses[0], bc260y_aio.PortLost)
            await emulator.plug_in()
