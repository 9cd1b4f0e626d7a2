"""Reachability: IPv6 hosts, literal addresses, datagrams to unused addresses, no cell, and a network that rejects."""

import asyncio
import socket
from typing import Any

import pytest

from bc260y_aio.at.syntax import write_octets
from bc260y_aio.emulator import Emulator, Network
from bc260y_aio.emulator.network import AttachResult, AttachStatus
from bc260y_aio.emulator.network.destinations import read_address
from bc260y_aio.testing import ControlledClockLoop
from tests.emulator.terminal import on_line
from tests.loops import LoopFactory


@pytest.fixture(autouse=True)
def loop_factory() -> LoopFactory:
    """Make loops for real sockets, which wait for a moment before each advance of the clock."""
    return lambda: ControlledClockLoop(grace=0.002)


# Addresses of both versions

SIX = "2001:db8::7"
OCTETS = "32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        (SIX, SIX),
        ("2001:DB8:0:0::7", SIX),
        (OCTETS, SIX),
        ("a.example", None),
        ("1.2.3", None),
        ("256.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7", None),
    ],
)
def test_an_address_is_read_in_every_form(text: str, address: str | None) -> None:
    assert read_address(text) == address


def test_an_address_is_written_as_decimal_numbers() -> None:
    assert (write_octets("198.51.100.7"), write_octets(SIX)) == ("198.51.100.7", OCTETS)


def test_a_host_may_have_addresses_of_both_versions() -> None:
    network = Network()
    assert network.add_host("both.example", ipv6=True) == "198.51.100.1"
    assert network.resolve_all("both.example") == ("198.51.100.1", "2001:db8::1")
    assert network.add_host("six.example", address="2001:db8:0::7") == SIX
    assert network.resolve_all("six.example") == (SIX,)
    assert network.add_host("named.example", address="192.0.2.1", ipv6="2001:db8::9") == "192.0.2.1"
    assert network.resolve_all("NAMED.example.") == ("192.0.2.1", "2001:db8::9")
    with pytest.raises(ValueError, match="not an address: 'nowhere'"):
        network.add_host("bad.example", address="nowhere")


@pytest.mark.parametrize(("options", "written"), [({}, OCTETS), ({"ipv6_octets": False}, SIX)])
async def test_the_module_reports_all_addresses_of_a_name(options: dict[str, Any], written: str) -> None:
    async with on_line(**options) as (emulator, terminal):
        emulator.network.add_host("both.example", address="198.51.100.7", ipv6=SIX)
        await terminal.ask(b'AT+QIDNSGIP=0,"both.example"')
        assert await terminal.read() == (
            b"\r\n+QIDNSGIP: 0,2,0\r\n\r\n+QIDNSGIP: 198.51.100.7\r\n\r\n+QIDNSGIP: " + written.encode() + b"\r\n"
        )


@pytest.mark.parametrize(("options", "written"), [({}, OCTETS), ({"ipv6_octets": False}, SIX)])
async def test_a_module_may_have_an_ipv6_address(options: dict[str, Any], written: str) -> None:
    async with on_line(address=SIX, **options) as (_, terminal):
        assert await terminal.ask(b"AT+CGPADDR=0") == b'\r\n+CGPADDR: 0,"' + written.encode() + b'"\r\n\r\nOK\r\n'


@pytest.mark.parametrize("host", ["six.example", SIX, OCTETS])
async def test_a_socket_reaches_an_ipv6_host(host: str) -> None:
    async with on_line() as (emulator, terminal):
        emulator.network.add_echo("six.example")
        emulator.network.add_host("six.example", emulator.network.peer_at("six.example", 7), address=SIX)  # type: ignore[arg-type]
        await terminal.open(0, host)
        await terminal.ask(b'AT+QISEND=0,5,"hello"', b"SEND OK\r\n")
        assert b'"recv",0,5,"hello"' in await terminal.read()


async def test_an_ipv6_address_leads_to_the_loopback_of_version_6() -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.put_nowait(await reader.readexactly(5))
        writer.close()

    server = await asyncio.start_server(serve, "::1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, on_line() as (emulator, terminal):
        emulator.network.add_host("six.example", address=SIX)
        await terminal.open(0, "six.example", port)
        await terminal.ask(b'AT+QISEND=0,5,"hello"', b"SEND OK\r\n")
        assert await received.get() == b"hello"


# Literal addresses


async def test_an_unused_address_is_refused_over_tcp_and_not_over_udp() -> None:
    async with on_line(Network(latency=1.0)) as (emulator, terminal):
        await terminal.ask(b'AT+QIOPEN=0,0,"TCP","203.0.113.5",7')
        assert await terminal.read(3) == b"\r\n+QIOPEN: 0,566\r\n"
        began = asyncio.get_running_loop().time()
        await terminal.open(1, "203.0.113.5", 7, "UDP")
        # Nobody is asked, and nothing is sent.
        assert asyncio.get_running_loop().time() == began
        sent = emulator.radio.bytes_sent
        await terminal.ask(b'AT+QISEND=1,5,"hello"', b"SEND OK\r\n")
        assert await terminal.read(60) == b""
        assert emulator.radio.bytes_sent - sent == 5 + 28
        assert not emulator.network.reaches("203.0.113.5")


@pytest.mark.parametrize(("host", "loopback"), [("203.0.113.5", "127.0.0.1"), ("2001:db8:5::1", "::1")])
async def test_any_address_leads_to_the_loopback_interface_where_that_is_asked_for(host: str, loopback: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.close()

    server = await asyncio.start_server(serve, loopback, 0)
    port = server.sockets[0].getsockname()[1]
    async with server, on_line(any_address=True) as (_, terminal):
        await terminal.open(0, host, port)
        assert b'"recv",0,7,"welcome"' in await terminal.read()
        await terminal.ask(b'AT+QPING=0,"%b",4,1' % host.encode())
        assert b"+QPING: 0,1,1,0," in await terminal.read()


async def test_a_datagram_to_any_address_stays_on_the_loopback_interface() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        async with on_line(any_address=True) as (_, terminal):
            await terminal.open(0, "203.0.113.5", server.getsockname()[1], "UDP")
            await terminal.ask(b'AT+QISEND=0,5,"hello"', b"SEND OK\r\n")
            await terminal.read()
            assert server.recv(100) == b"hello"


# Without a cell, and rejected


def test_a_network_answers_an_attach_by_its_conditions() -> None:
    network = Network()
    assert network.attach() == AttachResult(AttachStatus.ACCEPTED)
    for cause, status in ((3, "DENIED"), (11, "DENIED"), (15, "DENIED"), (19, "RETRYING"), (22, "RETRYING")):
        network.reject_cause = cause
        assert network.attach() == AttachResult(AttachStatus[status], cause)

    network.has_cell = False
    assert network.attach() == AttachResult(AttachStatus.NO_CELL)
    network.change(has_cell=True, reject_cause=None)
    assert network.attach().status is AttachStatus.ACCEPTED
    with pytest.raises(ValueError, match="reject_cause must be an EMM cause"):
        network.change(reject_cause=256)


def test_a_change_of_the_answer_is_notified() -> None:
    network, seen = Network(), []
    unwatch = network.watch_attach(lambda: seen.append(network.attach().status.name))
    network.latency = 1.0
    network.has_cell = True
    network.has_cell = False
    network.has_cell = True
    network.reject_cause = 15
    network.change("edge")
    network.change(reject_cause=None)
    unwatch()
    network.has_cell = False
    assert seen == ["NO_CELL", "ACCEPTED", "DENIED", "ACCEPTED"]


async def test_without_a_cell_nothing_gets_through_and_tcp_goes_on_where_it_stopped() -> None:
    async with on_line() as (emulator, terminal):
        network = emulator.network
        tcp, udp = network.add_sink("tcp.example"), network.add_sink("udp.example")
        await terminal.open(0, "tcp.example")
        await terminal.open(1, "udp.example", 7, "UDP")
        network.has_cell = False
        for line in (b'AT+QISEND=0,5,"hello"', b'AT+QISEND=1,5,"hello"'):
            await terminal.ask(line, b"SEND OK\r\n")

        await asyncio.sleep(60)
        assert (tcp.data, udp.data) == (b"", b"")
        network.has_cell = True
        await asyncio.sleep(1)
        assert (tcp.data, udp.data, network.datagrams_lost) == (b"hello", b"", 1)


async def test_the_cell_is_lost_and_found_again_by_the_options() -> None:
    async with Emulator(line="memory", cell_lost=(10.0, 40.0)) as emulator:
        for moment, has_cell in ((9, True), (11, False), (39, False), (41, True)):
            await asyncio.sleep(moment - asyncio.get_running_loop().time())
            assert emulator.network.has_cell is has_cell
