"""UDP: to one peer, and to more peers than the module has sockets (guide 4.3)."""

import asyncio
import errno
import random

import pytest

from bc260y_aio import ModemClosed
from bc260y_aio.emulator import PeerConnection
from tests.guide.bench import Hosts, datagrams, now, on_air, quiet, unconnected

PEERS = [(f"meter{number}.example", 5683) for number in range(8)]


class Namesake:
    """A peer that answers with its own name, in front of what it got."""

    async def __call__(self, connection: PeerConnection) -> None:
        while data := await connection.receive():
            connection.send(b"%b:%b" % (connection.host.encode(), data))


def with_peers(**settings: float) -> Hosts:
    hosts = Hosts(**settings)
    for name, _ in PEERS:
        hosts.network.add_host(name, Namesake())

    return hosts


# One peer


async def test_a_datagram_goes_out_whole_and_comes_back_whole() -> None:
    async with on_air() as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        for size in (1, 100, 512):
            transport.sendto(bytes(size))
            await protocol.until_datagrams(len(protocol.datagrams) + 1)

        assert protocol.datagrams == [(bytes(size), ("echo.example", 7)) for size in (1, 100, 512)]
        assert [sent.size for sent in bench.emulator.module.rai_log] == [1, 100, 512]


@pytest.mark.parametrize(("mode", "longest"), [("hex", 512), ("text", 1024), ("auto", 1024)])
async def test_a_datagram_that_does_not_fit_into_a_command_is_refused(mode: str, longest: int) -> None:
    async with on_air({"data_format": mode}) as bench:
        connected, protocol = await datagrams(bench.modem, "echo.example")
        many, _ = await unconnected(bench.modem)
        async with await bench.modem.open_datagram_endpoint("echo.example", 7) as endpoint:
            with pytest.raises(OSError, match="may have") as caught:
                await endpoint.send(b"x" * (longest + 1))

        assert caught.value.errno == errno.EMSGSIZE
        connected.sendto(b"x" * (longest + 1))
        many.sendto(b"x" * (longest + 1), PEERS[0])
        for refused in (protocol, many.get_protocol()):
            assert [getattr(error, "errno", None) for error in refused.errors] == [errno.EMSGSIZE]

        connected.sendto(b"x" * longest)
        assert await protocol.until_datagrams(1) == [b"x" * longest]


async def test_a_connected_socket_sends_to_its_peer_only() -> None:
    async with on_air() as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        transport.sendto(b"1", ("echo.example", 7))
        with pytest.raises(ValueError, match="Invalid address"):
            transport.sendto(b"2", ("echo.example", 8))

        assert await protocol.until_datagrams(1) == [b"1"]


async def test_an_endpoint_is_awaited_and_iterated() -> None:
    async with on_air() as bench:
        async with await bench.modem.open_datagram_endpoint("echo.example", 7) as endpoint:
            for number in range(5):
                await endpoint.send(b"%d" % number)

            received = [await endpoint.receive()]
            async for datagram in endpoint:
                received.append(datagram)
                if len(received) == 5:
                    endpoint.close()

        assert received == [b"0", b"1", b"2", b"3", b"4"]
        with pytest.raises(ModemClosed):
            await endpoint.send(b"5")

        with pytest.raises(ModemClosed):
            await endpoint.receive()

        assert await bench.modem.sockets() == []


async def test_a_udp_socket_is_closed() -> None:
    async with on_air() as bench:
        transport, protocol = await datagrams(bench.modem, "sink.example")
        transport.sendto(b"last words")
        bench.wire.clear()
        transport.close()
        await protocol.lost.wait()
        assert bench.wire.commands == [b'AT+QISEND=0,10,"6C61737420776F726473"', b"AT+QICLOSE=0"]
        assert bench.wire.said.endswith(b"\r\nOK\r\n\r\nCLOSE OK\r\n")
        assert bench.hosts.sink.data == b"last words"
        assert protocol.losses == [None]
        await bench.modem.close()
        assert bench.wire.commands[-1] == b"AT+QSCLK=1"


async def test_datagrams_that_the_network_loses_are_lost_and_nothing_else_is() -> None:
    async with on_air(hosts=Hosts(seed=4)) as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        bench.network.loss = 0.2
        sent = [b"%d" % number for number in range(100)]
        for data in sent:
            transport.sendto(data)

        await transport.drained()
        await quiet()
        received = [data for data, _ in protocol.datagrams]
        assert received == [data for data in sent if data in received]
        assert len(received) == 100 - bench.network.datagrams_lost


# Many peers


async def test_eight_peers_answer_over_five_sockets_and_nothing_is_lost() -> None:
    async with on_air(hosts=with_peers(latency=0.4, jitter=0.3)) as bench:
        transport, protocol = await unconnected(bench.modem)
        for number in range(4):
            for peer in PEERS:
                transport.sendto(b"%d" % number, peer)

        await protocol.until_datagrams(32, timeout=1000)
        assert sorted(protocol.datagrams) == answers(range(4))
        assert protocol.errors == []
        assert len(bench.emulator.module.sockets) == 5


async def test_eight_peers_take_turns_with_five_sockets_and_nothing_is_lost() -> None:
    async with on_air(hosts=with_peers(latency=0.4, jitter=0.3)) as bench:
        transport, protocol = await unconnected(bench.modem)
        for number in range(4):
            for peer in PEERS:
                transport.sendto(b"%d" % number, peer)

            await protocol.until_datagrams((number + 1) * 8, timeout=1000)

        assert sorted(protocol.datagrams) == answers(range(4))
        assert protocol.errors == []
        assert bench.count("+QICLOSE") >= 4 * 3


def answers(numbers: range) -> list[tuple[bytes, tuple[str, int]]]:
    """The answers of eight peers to so many datagrams each."""
    return sorted((b"%b:%d" % (peer[0].encode(), number), peer) for number in numbers for peer in PEERS)


async def test_a_peer_is_received_as_long_as_it_has_its_socket() -> None:
    async with on_air(hosts=with_peers()) as bench:
        transport, protocol = await unconnected(bench.modem)
        for _ in range(3):
            for peer in PEERS[:5]:
                transport.sendto(b"again", peer)

            await protocol.until_datagrams(5)
            protocol.datagrams.clear()

        assert bench.count("+QIOPEN") == 5
        assert bench.count("+QICLOSE") == 0


async def test_the_peer_that_has_been_quiet_longest_gives_its_socket_up() -> None:
    async with on_air(hosts=with_peers()) as bench:
        transport, protocol = await unconnected(bench.modem)
        for count, peer in enumerate(PEERS[:5], 1):
            transport.sendto(b"hello", peer)
            await protocol.until_datagrams(count)
            await quiet(0.1)

        transport.sendto(b"again", PEERS[0])
        await protocol.until_datagrams(6)
        transport.sendto(b"hello", PEERS[5])
        await protocol.until_datagrams(7)
        hosts = {info.host for info in await bench.modem.sockets()}
        assert hosts == {name for name, _ in (PEERS[0], *PEERS[2:6])}


async def test_a_peer_that_does_not_answer_keeps_its_socket_for_a_while() -> None:
    async with on_air(hosts=with_peers()) as bench:
        transport, protocol = await unconnected(bench.modem)
        for port in range(5):
            transport.sendto(b"report", ("report.example", 1000 + port))

        await quiet()
        began = now()
        transport.sendto(b"hello", PEERS[0])
        await protocol.until_datagrams(1)
        assert 1 <= now() - began <= 4


async def test_others_sockets_are_waited_for_and_not_taken() -> None:
    async with on_air(hosts=with_peers()) as bench:
        streams = [await bench.modem.open_connection("echo.example", 7) for _ in range(5)]
        transport, protocol = await unconnected(bench.modem)
        transport.sendto(b"hello", PEERS[0])
        await quiet(5)
        assert protocol.datagrams == []
        assert len(await bench.modem.sockets()) == 5
        streams[2][1].close()
        assert await protocol.until_datagrams(1) == [b"meter0.example:hello"]
        for _, writer in streams:
            writer.close()

        await asyncio.gather(*(writer.wait_closed() for _, writer in streams))


async def test_an_unsendable_datagram_is_reported_and_the_rest_is_sent() -> None:
    async with on_air(hosts=with_peers()) as bench:
        transport, protocol = await unconnected(bench.modem)
        transport.sendto(b"nobody", ("nobody.invalid", 5683))
        transport.sendto(b"hello", PEERS[0])
        assert await protocol.until_datagrams(1) == [b"meter0.example:hello"]
        await quiet()
        assert [str(error) for error in protocol.errors] == [
            "opening udp nobody.invalid:5683: the name could not be resolved (565); "
            "check the name; dns_servers() returns the servers that were asked"
        ]
        with pytest.raises(ValueError, match="address"):
            transport.sendto(b"to whom?")


async def test_an_unconnected_socket_sends_all_and_closes_all() -> None:
    async with on_air(hosts=with_peers()) as bench:
        transport, protocol = await unconnected(bench.modem)
        data = random.Random(3).randbytes(400)
        for number in range(20):
            transport.sendto(data, ("report.example", 1000 + number % 3))

        transport.close()
        await protocol.lost.wait()
        assert protocol.losses == [None]
        assert bench.hosts.reports.qsize() == 20
        assert await bench.modem.sockets() == []
