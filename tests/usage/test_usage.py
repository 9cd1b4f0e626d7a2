"""What the traffic of a modem has cost: counted, and computed by the model."""

import asyncio
import dataclasses
import inspect
import socket
import ssl
import threading
from typing import Any

import pytest

import bc260y_aio.anyio
from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, RadioState
from bc260y_aio.testing import ControlledClockLoop
from bc260y_aio.tls import TlsSessions
from bc260y_aio.usage import ConnectionUsage, Ledger, ModemUsage
from bc260y_aio.usage.connection import TCP_HEADER, UDP_HEADER, Counts
from tests.contract.certificates import server_context
from tests.driver.scripted import SEND_FAIL, Module, open_modem
from tests.tls.test_tls_resumption import NAME, bench


async def echo(modem: Modem, *payloads: bytes, host: str = "echo.example") -> ConnectionUsage:
    """Send payloads over a connection, each once the one before has come back; return what it has cost, once closed."""
    reader, writer = await modem.open_connection(host, 7)
    transport = writer.transport
    for payload in payloads:
        writer.write(payload)
        assert await reader.readexactly(len(payload)) == payload

    writer.close()
    await writer.wait_closed()
    return transport.usage  # type: ignore[attr-defined, no-any-return]


# A connection


async def test_a_connection_counts_its_payload_its_commands_and_its_pushes() -> None:
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        reader, writer = await modem.open_connection("echo.example", 7)
        for size in (5, 600):
            writer.write(bytes(size))
            await reader.readexactly(size)

        usage: ConnectionUsage = writer.get_extra_info("usage")
        assert usage == writer.transport.usage or usage.seconds < writer.transport.usage.seconds  # type: ignore[attr-defined]
        assert (usage.peer, usage.is_open, usage.sent, usage.received) == ("tcp echo.example:7", True, 605, 605)
        assert (usage.sends, usage.queries, usage.pushes, usage.tls) == (3, 0, 3, None)
        writer.close()
        await writer.wait_closed()
        assert modem.usage().connections[0].queries == emulator.module.commands["+QISEND"] - 3


async def test_the_bytes_on_the_air_are_payload_headers_acknowledgements_opening_and_closing() -> None:
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        before = emulator.radio.usage
        usage = await echo(modem, b"12345", bytes(600))
        radio = emulator.radio.usage - before

    # Up: SYN and ACK; three segments; ACKs of three; FIN and ACK. Down: SYN ACK; three; three; FIN and ACK.
    assert (usage.air_sent, usage.air_received) == (605 + 40 * (2 + 3 + 3 + 2), 605 + 40 * (1 + 3 + 3 + 2))
    # The emulator's radio does not send what the module's own stack acknowledges: opening, data, and the peer's end.
    assert usage.air_sent - radio.sent == TCP_HEADER * (1 + usage.pushes + 1)
    assert usage.air_received == radio.received


async def test_a_datagram_has_one_header_and_no_acknowledgement() -> None:
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        address = await modem.open_datagram_endpoint("echo.example", 7)
        before = emulator.radio.usage
        for size in (3, 400):
            await address.send(bytes(size))
            await address.receive()

        usage, radio = address.transport.usage, emulator.radio.usage - before
        assert (usage.air_sent, usage.air_received) == (403 + 2 * UDP_HEADER, 403 + 2 * UDP_HEADER)
        assert (usage.air_sent, usage.air_received) == (radio.sent, radio.received)
        address.close()
        await address.wait_closed()


@pytest.mark.parametrize("data_format", ["hex", "text"])
async def test_the_bytes_on_the_line_are_those_of_the_commands_and_answers_about_a_socket(data_format: Any) -> None:
    async with Emulator(line="memory") as emulator, Modem(emulator.url, data_format=data_format) as modem:
        emulator.network.add_echo("echo.example")
        before = modem.usage()
        usage = await echo(modem, b"12345", b"x" * 9, b"x" * 10, b"x" * 99, b"x" * 600)
        spent = modem.usage() - before

        # Nothing else was on the line, and the model has its bytes but for the digits of the counters.
        assert spent.line_sent == usage.line_sent
        assert abs(spent.line_received - usage.line_received) <= 3 * usage.queries


async def test_data_that_was_taken_after_a_failure_is_counted_once() -> None:
    async with open_modem(module := Module()) as modem:
        transport, _ = await modem.create_connection(asyncio.Protocol, "echo.example", 7)
        answers = [SEND_FAIL]
        module.override = lambda command: answers.pop() if command.name == "+QISEND" and answers else None
        transport.write(b"payload")
        async with asyncio.timeout(5):
            await transport.drained()  # type: ignore[attr-defined]

        usage: ConnectionUsage = transport.get_extra_info("usage")
        assert (usage.sent, usage.sends, usage.queries) == (7, 2, 1)
        transport.abort()


async def test_an_unconnected_endpoint_has_a_figure_for_each_peer() -> None:
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        for name in ("one.example", "two.example"):
            emulator.network.add_echo(name)

        got: asyncio.Queue[bytes] = asyncio.Queue()

        class Protocol(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                got.put_nowait(data)

        transport, _ = await modem.create_datagram_endpoint(Protocol)
        for name, data in (("one.example", b"1"), ("two.example", b"22")):
            transport.sendto(data, (name, 7))
            assert await got.get() == data

        assert [(one.peer, one.sent, one.received) for one in transport.get_extra_info("usage")] == [
            ("udp one.example:7", 1, 1),
            ("udp two.example:7", 2, 2),
        ]
        transport.close()


# TLS


async def test_the_share_of_a_handshake_and_its_resumption_are_counted() -> None:
    async with bench() as this:
        await this.exchange()
        await this.exchange()
        first, second = this.modem.usage().connections
        whole = this.modem.usage()

    assert first.tls is not None
    assert second.tls is not None
    assert (first.tls.version, first.tls.resumption, second.tls.resumption) == ("TLSv1.3", "none kept", "resumed")
    # Without the certificate; how large the rest is depends on the key shares of this OpenSSL.
    assert second.tls.received < first.tls.received - 500
    assert 0.5 < first.handshake_share < 1
    assert (whole.handshakes, whole.resumed) == (2, 1)
    assert whole.tls_received == first.tls.received + second.tls.received


async def test_a_refusal_and_sessions_that_are_off_are_told_apart() -> None:
    async with bench() as this:
        await this.exchange()
        await this.serve_anew(server_context(num_tickets=1))
        await this.exchange()
        assert [one.tls and one.tls.resumption for one in this.modem.usage().connections] == [
            "none kept",
            "refused by the server",
        ]

    async with bench(tls_sessions=TlsSessions(0)) as this:
        await this.exchange()
        assert [one.tls and one.tls.resumption for one in this.modem.usage().connections] == ["off"]


async def test_tls_that_begins_in_mid_stream_is_counted_without_what_came_before() -> None:
    async with bench() as this:
        reader, writer = await this.modem.open_connection(NAME, this.port)
        await writer.start_tls(this.context, server_hostname=NAME)
        await this.finish(reader, writer)
        (started,) = this.modem.usage().connections
        await this.exchange(this.context)
        assert started.tls is not None
        assert started.tls.received > 800


async def test_tls_of_a_program_of_its_own_is_counted_too() -> None:
    async with bench() as this:

        def client(sock: socket.socket) -> None:
            with this.context.wrap_socket(sock, server_hostname=NAME) as secure:
                secure.sendall(b"question\n")
                assert secure.recv(100) == b"answer\n"

        await asyncio.to_thread(client, await this.modem.open_socket(NAME, this.port))
        (usage,) = this.modem.usage().connections
        assert usage.tls is not None
        assert (usage.tls.version, usage.tls.resumption) == ("TLSv1.3", "none offered")
        assert usage.tls.sent + usage.tls.received > 1000


async def test_tls_of_anyio_and_of_a_route_is_counted() -> None:
    async with bench() as this:
        stream = await bc260y_aio.anyio.connect_tcp(
            NAME, this.port, modem=this.modem, ssl_context=this.context, tls_standard_compatible=False
        )
        await stream.send(b"question\n")
        assert await stream.receive() == b"answer\n"
        await stream.aclose()
        with this.modem.route(match=lambda host, port: port == this.port):
            await this.finish(*await asyncio.open_connection(NAME, this.port, ssl=this.context))

        found = [one.tls and one.tls.version for one in this.modem.usage().connections]
        assert found == ["TLSv1.3", "TLSv1.3"]


async def test_a_handshake_that_fails_is_counted_as_far_as_it_came(loop_errors: list[Any]) -> None:
    async with bench() as this:
        with pytest.raises(ssl.SSLCertVerificationError):
            await this.exchange(ssl.create_default_context())

        (usage,) = this.modem.usage().connections
        assert usage.tls is not None
        assert usage.tls.sent > 200
        assert usage.tls.received > 800

    assert loop_errors


# A modem


async def test_the_difference_of_two_is_the_cost_of_what_was_between() -> None:
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        await echo(modem, b"before")
        before = modem.usage()
        await echo(modem, b"between", b"more")
        spent = modem.usage() - before
        line = emulator.line

    assert (spent.opened, spent.sent, spent.received, spent.sends) == (1, 11, 11, 2)
    assert [one.sent for one in spent.connections] == [11]
    assert spent.commands["+QIOPEN"] == spent.commands["+QICLOSE"] == 1
    assert line is not None


async def test_the_sums_go_on_when_the_modem_is_opened_again() -> None:
    async with Emulator(line="memory") as emulator:
        emulator.network.add_echo("echo.example")
        modem = Modem(emulator.url)
        for _ in range(2):
            async with modem:
                await echo(modem, b"hello")

        usage = modem.usage()

    assert (usage.opened, usage.sent, usage.received, usage.commands["+QIOPEN"]) == (2, 10, 10, 2)
    assert usage.line_sent > sum(one.line_sent for one in usage.connections) > 0
    assert usage.line_received > sum(one.line_received for one in usage.connections) > 0
    assert usage.radio is not None
    assert usage.radio.sent == emulator.radio.usage.sent


async def test_a_modem_that_was_never_opened_has_cost_nothing() -> None:
    usage = Modem("/dev/null").usage()
    assert (usage.seconds, usage.connections, usage.sent, usage.radio) == (0.0, (), 0, None)
    with pytest.raises(ValueError, match="a real module does not report"):
        _ = usage.radio_seconds


async def test_an_open_that_fails_is_counted() -> None:
    async with Emulator(line="memory", names=False) as emulator, Modem(emulator.url) as modem:
        with pytest.raises(OSError, match="nowhere"):
            await modem.open_connection("nowhere.example", 7)

    usage = modem.usage()
    assert [(one.host, one.was_opened, one.is_open) for one in usage.connections] == [("nowhere.example", False, False)]
    assert (usage.air_sent, usage.air_received) == (TCP_HEADER, TCP_HEADER)


def counts(number: int) -> Counts:
    return Counts(0, "TCP", "h", "h", 1, float(number), True, number + 1.0, 1, 2, 1, 0, 1, 1, 20, 2, None, None)


class Socket:
    """A socket that has counted."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.connect_id = number % 5
        self.host = self.name = "h"

    def counts(self) -> Counts:
        return counts(self.number)


async def test_closed_sockets_beyond_a_thousand_are_only_summed() -> None:
    ledger = Ledger()
    for number in range(1200):
        one = Socket(number)
        ledger.add(one)
        ledger.close(one)

    usage = ledger.usage()
    assert (len(usage.connections), usage.opened, usage.sent, usage.received) == (1000, 1200, 1200, 2400)
    assert usage.air_sent == 1200 * (1 + TCP_HEADER * 6)
    assert usage.connections[0].opened == 200.0


async def test_a_socket_to_an_address_has_the_name_that_was_resolved_to_it() -> None:
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        (address,) = await modem.resolve("echo.example")
        await echo(modem, b"hello", host=address)
        await echo(modem, b"hello")

    by_address, by_name = modem.usage().connections
    assert (by_address.host, by_address.title) == (address, "tcp echo.example:7")
    assert (by_name.host, by_name.title) == ("echo.example", "tcp echo.example:7")


async def _hour(modem: Modem) -> ModemUsage:
    before = modem.usage()
    async with await modem.open_datagram_endpoint("echo.example", 7) as endpoint:
        await endpoint.send(b"21.5")
        await endpoint.receive()

    await asyncio.sleep(3600)
    return modem.usage() - before


def test_the_emulated_radio_tells_its_seconds_its_energy_and_who_kept_it_awake() -> None:
    async def main() -> tuple[ModemUsage, ModemUsage]:
        async with Emulator(line="memory", network="average") as emulator:
            emulator.network.add_echo("echo.example")
            modem = Modem(emulator.url)
            async with modem:
                hour = await _hour(modem)
                before = modem.usage()
                async with await modem.open_datagram_endpoint("echo.example", 7) as endpoint:
                    await endpoint.send(b"21.5")
                    await endpoint.receive()

            # The connection that was left behind is not over, but is counted.
            return hour, modem.usage() - before

    with asyncio.Runner(loop_factory=ControlledClockLoop) as runner:
        hour, last = runner.run(main())

    assert hour.radio is not None
    assert hour.radio.seconds[RadioState.CONNECTED] == hour.radio_seconds == sum(hour.radio.by_cause.values())
    assert list(hour.radio.by_cause) == ["udp echo.example:7"]
    assert 20 < hour.radio_seconds < 40
    assert hour.energy_mwh > 1
    assert last.radio_seconds == pytest.approx(hour.radio_seconds, rel=0.2)


def test_every_field_of_a_usage_is_documented() -> None:
    for kind in (ConnectionUsage, ModemUsage):
        # Python 3.13 and later take the indentation off.
        documented = inspect.getdoc(kind) or ""
        assert [one.name for one in dataclasses.fields(kind) if f"\n    {one.name}: " not in documented] == []


def test_another_thread_may_ask_while_sockets_come_and_go() -> None:
    ledger, is_over = Ledger(), threading.Event()
    found: list[int] = []

    def ask() -> None:
        while not is_over.is_set():
            found.append(ledger.usage().sent)

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(2000):
        one = Socket(number)
        ledger.add(one)
        ledger.close(one)

    is_over.set()
    asking.join()
    assert found == sorted(found)
    assert ledger.usage().sent == 2000
