"""The URCs of the module, and their times (guide 2.3)."""

import asyncio
import random

import pytest

from bc260y_aio.at.urcs import AddressAssigned, PeerClosed, RegistrationChanged, Restarted
from bc260y_aio.emulator import PeerConnection
from tests.guide.bench import Bench, datagrams, now, on_air, quiet, stream


class Talker:
    """A peer that says what a test makes it say.

    Attributes:
        connections: what was opened to it.
    """

    def __init__(self, bench: Bench) -> None:
        self.connections: list[PeerConnection] = []
        bench.network.add_host("talker.example", self)

    async def __call__(self, connection: PeerConnection) -> None:
        self.connections.append(connection)
        while await connection.receive():
            pass

    def send(self, data: bytes) -> None:
        """Send data over the connection opened last."""
        self.connections[-1].send(data)


# When


async def test_a_module_in_deep_sleep_does_not_report_received_data() -> None:
    async with on_air() as bench:
        talker = Talker(bench)
        _, protocol = await datagrams(bench.modem, "talker.example")
        await bench.modem.sleep()
        bench.emulator.sleep()
        bench.wire.clear()
        talker.send(b"unheard")
        await quiet(60)
        assert bench.wire.said == b""
        await bench.modem.wake()
        talker.send(b"heard")
        assert await protocol.until_datagrams(1) == [b"heard"]


async def test_urcs_a_paging_cycle_late_are_handled_in_order() -> None:
    async with on_air() as bench:
        talker = Talker(bench)
        _, protocol = await stream(bench.modem, "talker.example")
        bench.emulator.faults.urc_late, bench.emulator.faults.urc_late_by = 0.5, 20.48
        pieces = [b"%d;" % number for number in range(50)]
        began = now()
        for piece in pieces:
            talker.send(piece)
            await bench.modem.execute("AT")

        assert await protocol.until_data(len(b"".join(pieces))) == b"".join(pieces)
        assert now() - began >= 20


async def test_downlink_while_connected_is_reported_at_once() -> None:
    async with on_air() as bench:
        talker = Talker(bench)
        _, protocol = await stream(bench.modem, "talker.example")
        began = now()
        talker.send(b"at once")
        assert await protocol.until_data(7) == b"at once"
        assert now() == began


# How much


@pytest.mark.parametrize("mode", ["hex", "text"])
async def test_a_datagram_of_three_thousand_bytes_arrives_split_at_1024(mode: str) -> None:
    async with on_air({"data_format": mode}) as bench:
        talker = Talker(bench)
        _, protocol = await datagrams(bench.modem, "talker.example")
        data = random.Random(1).randbytes(3000)
        talker.send(data)
        received = await protocol.until_datagrams(3)
        assert [len(piece) for piece in received] == [1024, 1024, 952]
        assert b"".join(received) == data
        assert bench.wire.said.count(b'+QIURC: "recv",0,1024,') == 2


@pytest.mark.parametrize("mode", ["hex", "text"])
@pytest.mark.parametrize("size", [1025, 2048, 3000])
async def test_a_split_datagram_is_joined_if_that_is_asked_for(mode: str, size: int) -> None:
    async with on_air({"data_format": mode, "datagram_rejoin": True}) as bench:
        talker = Talker(bench)
        transport, protocol = await datagrams(bench.modem, "talker.example")
        data = random.Random(size).randbytes(size) if mode == "hex" else b"x" * size
        talker.send(data)
        assert await protocol.until_datagrams(1) == [data]
        assert transport.split_datagrams == (size - 1) // 1024
        talker.send(b"next")
        assert await protocol.until_datagrams(2) == [data, b"next"]


@pytest.mark.parametrize("first", [b"a" * 1000, b"a" * 1023, b""])
async def test_datagrams_that_the_module_did_not_split_are_not_joined(first: bytes) -> None:
    async with on_air({"datagram_rejoin": True}) as bench:
        talker = Talker(bench)
        transport, protocol = await datagrams(bench.modem, "talker.example")
        for data in (first, b"b" * 1000, b"c"):
            talker.send(data)

        assert await protocol.until_datagrams(3) == [first, b"b" * 1000, b"c"]
        assert transport.split_datagrams == 0


async def test_a_datagram_of_1024_bytes_is_not_joined_with_a_later_one_or_with_that_of_another_socket() -> None:
    full = bytes(1024)
    async with on_air({"datagram_rejoin": True}) as bench:
        talker = Talker(bench)
        transport, protocol = await datagrams(bench.modem, "talker.example")
        other, other_protocol = await datagrams(bench.modem, "talker.example", 8)
        one, two = talker.connections
        one.send(full)
        two.send(b"of the other")
        assert await other_protocol.until_datagrams(1) == [b"of the other"]
        assert await protocol.until_datagrams(1) == [full]
        one.send(b"later")
        assert await protocol.until_datagrams(2) == [full, b"later"]
        assert transport.split_datagrams == other.split_datagrams == 0


async def test_two_datagrams_at_once_of_which_the_first_has_1024_bytes_are_joined_for_nothing_tells_them_apart() -> (
    None
):
    async with on_air({"datagram_rejoin": True}) as bench:
        talker = Talker(bench)
        transport, protocol = await datagrams(bench.modem, "talker.example")
        talker.send(bytes(1024))
        talker.send(b"another")
        assert await protocol.until_datagrams(1) == [bytes(1024) + b"another"]
        assert transport.split_datagrams == 1


async def test_a_stream_is_not_the_worse_for_being_pushed_in_pieces_of_1024() -> None:
    async with on_air() as bench:
        talker = Talker(bench)
        _, protocol = await stream(bench.modem, "talker.example")
        data = random.Random(2).randbytes(100_000)
        talker.send(data)
        assert await protocol.until_data(len(data)) == data


# Closed


async def test_a_peer_that_closes_is_reported_as_the_end_of_its_stream() -> None:
    async with on_air() as bench:
        told: list[object] = []
        bench.modem.subscribe(told.append, PeerClosed)
        reader, writer = await bench.modem.open_connection("goodbye.example", 7)
        assert await reader.read() == b"goodbye"
        assert bench.wire.said.endswith(b'\r\n+QIURC: "closed",0\r\n')
        assert told == [PeerClosed(0)]
        writer.close()
        await writer.wait_closed()


async def test_a_network_that_breaks_is_reported_as_the_end_of_each_stream() -> None:
    async with on_air() as bench:
        protocols = [(await stream(bench.modem, "echo.example"))[1] for _ in range(3)]
        await bench.modem.execute("AT+CFUN=0")
        await asyncio.gather(*(protocol.lost.wait() for protocol in protocols))
        assert all(protocol.has_eof for protocol in protocols)
        assert bench.wire.said.count(b'+QIURC: "closed"') == 3
        await quiet()
        assert await bench.modem.sockets() == []


async def test_a_stream_that_breaks_off_gives_up_what_had_come_first() -> None:
    async with on_air(closed=1.0) as bench:
        talker = Talker(bench)
        reader, writer = await bench.modem.open_connection("talker.example", 7)
        talker.send(b"the last words")
        assert await reader.read() == b"the last words"
        writer.close()
        await writer.wait_closed()


# Received


async def test_pushed_data_goes_to_the_socket_that_it_is_for() -> None:
    async with on_air() as bench:
        talker = Talker(bench)
        protocols = [(await stream(bench.modem, "talker.example"))[1] for _ in range(5)]
        bench.wire.clear()
        for number, connection in enumerate(talker.connections):
            connection.send(b"for %d" % number)

        for number, protocol in enumerate(protocols):
            assert await protocol.until_data(5) == b"for %d" % number

        assert b'\r\n+QIURC: "recv",3,5,"666F722033"\r\n' in bench.wire.said


async def test_pushed_data_comes_between_a_command_and_its_answer() -> None:
    async with on_air() as bench:
        talker = Talker(bench)
        _, protocol = await stream(bench.modem, "talker.example")
        bench.network.latency = 2.0
        resolving = asyncio.ensure_future(bench.modem.resolve("slow.example"))
        talker.send(b"meanwhile")
        assert await protocol.until_data(9) == b"meanwhile"
        assert not resolving.done()
        assert await resolving == [bench.network.resolve("slow.example")]


# The others


async def test_other_urcs_are_for_a_caller_that_subscribes() -> None:
    async with on_air(boot_time=3.0, registration_delay=10.0) as bench:
        told: list[object] = []
        everything: list[object] = []
        stop = bench.modem.subscribe(told.append, Restarted, AddressAssigned, RegistrationChanged)
        bench.modem.subscribe(everything.append)
        await bench.modem.execute("AT+CEREG=1")
        bench.emulator.restart()
        await quiet(20)
        assert told == [Restarted(), AddressAssigned("10.46.18.102")]
        assert len(everything) > len(told)
        stop()
        bench.emulator.send_urc("+IP: 10.0.0.1")
        await quiet()
        assert len(told) == 2
