import asyncio
import logging
import time
from typing import Any, Final

import pytest

from bc260y_aio.at.commands import Command, SendData
from bc260y_aio.at.completions import SendResult
from bc260y_aio.at.responses import Text
from bc260y_aio.at.urcs import DamagedLine, DamagedPayload, LateAnswer, PeerClosed, Unrecognised
from bc260y_aio.emulator import EchoPeer, Emulator, Network
from bc260y_aio.errors import CommandFailed, PortLost
from bc260y_aio.modem.modem import Modem
from bc260y_aio.testing import virtual_clock
from bc260y_aio.tracing import (
    LOGGER,
    CommandEnded,
    CommandSent,
    DataAcknowledged,
    DataArrived,
    DataTaken,
    LineClosed,
    LineOpened,
    QueueDepth,
    RecoveryBegan,
    RecoveryEnded,
    Retried,
    SleepChanged,
    SocketBegan,
    SocketEnded,
    Trace,
    TraceEvent,
    TurnsWaiting,
    UrcHeard,
)
from tests.driver.scripted import SEND_FAIL, Module, fast_forward, open_modem, settle
from tests.loops import Clock, Contexts

IMEI, IMSI, ICCID = "867997030012345", "460001234567890", "89860012345678901234"
PAYLOAD: Final = b"this is between us"
SECRETS: Final = (IMEI, IMSI, ICCID, PAYLOAD.decode(), PAYLOAD.hex(), PAYLOAD.hex().upper())


def network() -> Network:
    reached = Network()
    reached.add_host("echo.example", EchoPeer())
    return reached


class Listener(list[TraceEvent]):
    """Keeps the events."""

    def __call__(self, event: TraceEvent) -> None:
        self.append(event)

    def of(self, *kinds: type[TraceEvent]) -> list[Any]:
        return [event for event in self if isinstance(event, kinds)]


async def echo_once(modem: Modem) -> None:
    reader, writer = await modem.open_connection("echo.example", 7)
    writer.write(PAYLOAD)
    assert await reader.readexactly(len(PAYLOAD)) == PAYLOAD
    writer.close()
    await writer.wait_closed()


# A session


async def test_a_session_is_reported_from_the_opening_of_the_line_to_its_end() -> None:
    listener, began = Listener(), time.monotonic()
    async with Emulator(line="memory", network=network()) as emulator:
        modem = Modem(emulator.url)
        modem.trace(listener)
        async with modem:
            await echo_once(modem)

    opened, closed = listener[0], listener[-1]
    assert (opened, closed) == (
        LineOpened(time=opened.time, port=emulator_url(opened), baudrate=None),
        LineClosed(time=closed.time, reason="the modem was closed"),
    )
    times = [event.time for event in listener]
    assert times == sorted(times)
    assert began <= times[0] <= times[-1] <= time.monotonic()

    sent, ended = listener.of(CommandSent), listener.of(CommandEnded)
    assert [(event.number, event.command) for event in sent] == [(event.number, event.command) for event in ended]
    assert [event.number for event in sent] == list(range(1, len(sent) + 1))
    by_name = {event.name: event for event in ended if event.connect_id == 0}
    assert [(event.connect_id, event.result, event.is_ok) for event in by_name.values()] == [
        (0, "+QIOPEN: 0,0", True),
        (0, by_name["+QISEND"].result, True),
        (0, "CLOSE OK", True),
    ]
    began_socket, ended_socket = listener.of(SocketBegan, SocketEnded)
    assert (began_socket.service_type, began_socket.host, began_socket.port) == ("TCP", "echo.example", 7)
    assert ended_socket.reason == "closed"
    assert [(event.connect_id, event.size, event.is_stray) for event in listener.of(DataArrived)] == [
        (0, len(PAYLOAD), False)
    ]
    assert [event.state for event in listener.of(SleepChanged)] == ["not allowed", "allowed"]
    assert [event.error for event in listener.of(RecoveryEnded)] == [None]
    assert len(listener.of(RecoveryBegan)) == 1


def emulator_url(opened: TraceEvent) -> str:
    assert isinstance(opened, LineOpened)
    assert opened.port.startswith("memory://")
    return opened.port


async def test_the_wait_for_a_turn_is_reported_with_its_duration() -> None:
    listener = Listener()
    async with Emulator(line="memory", answer_delay=0.05) as emulator, Modem(emulator.url) as modem:
        modem.trace(listener)
        await asyncio.gather(*(modem.execute("AT+CSQ") for _ in range(3)))

    first, second, third = listener.of(CommandSent)[:3]
    assert first.waited < 0.04 <= second.waited < third.waited
    assert [event.waiting for event in listener.of(TurnsWaiting)] == [1, 0]


async def test_queues_are_reported_when_they_have_changed() -> None:
    listener = Listener()
    async with open_modem(module := Module()) as modem:
        modem.trace(listener)
        transport, _ = await modem.create_connection(asyncio.Protocol, "echo.example", 7)
        transport.pause_reading()
        transport.write(bytes(1000))
        await settle(60)
        module.push(0, b"abc")
        await settle()
        transport.abort()

    assert [(event.sending, event.receiving) for event in listener.of(QueueDepth)] == [
        (1000, 0),
        (488, 0),
        (0, 0),
        (0, 3),
        (0, 0),
    ]


async def test_data_that_the_module_took_and_the_peer_acknowledged_is_reported_with_its_total() -> None:
    listener = Listener()
    async with Emulator(line="memory", network=network()) as emulator, Modem(emulator.url) as modem:
        modem.trace(listener, payload=True)
        reader, writer = await modem.open_connection("echo.example", 7)
        for payload in (b"first", b"second"):
            writer.write(payload)
            await reader.readexactly(len(payload))

        writer.close()
        await writer.wait_closed()

    taken = [(event.connect_id, event.size, event.total, event.payload) for event in listener.of(DataTaken)]
    assert taken == [(0, 5, 5, b"first"), (0, 6, 11, b"second")]
    assert [event.total for event in listener.of(DataAcknowledged)][-1:] == [11]


# Errors


async def test_data_that_was_taken_in_part_is_reported_as_the_counters_have_it() -> None:
    listener = Listener()
    async with open_modem(module := Module()) as modem:
        transport, _ = await modem.create_connection(asyncio.Protocol, "echo.example", 7)
        modem.trace(listener, payload=True)

        def take_four(command: Command) -> bytes | None:
            if isinstance(command, SendData) and not module.sockets[0].taken:
                module.sockets[0].take(command.data[:4])
                return SEND_FAIL

            return None

        module.override = take_four
        transport.write(PAYLOAD)
        async with asyncio.timeout(5):
            await transport.drained()  # type: ignore[attr-defined]

        transport.abort()

    taken = [(event.size, event.total, event.payload) for event in listener.of(DataTaken)]
    assert taken == [(4, 4, PAYLOAD[:4]), (len(PAYLOAD) - 4, len(PAYLOAD), PAYLOAD[4:])]


async def test_tracing_does_not_make_later_data_a_tls_handshake() -> None:
    async with open_modem(Module()) as modem:
        modem.trace(Listener())
        transport, _ = await modem.create_connection(asyncio.Protocol, "echo.example", 7)
        for data in (b"plain", b"\x16\x03\x01\x00\x02hi"):
            transport.write(data)
            async with asyncio.timeout(5):
                await transport.drained()  # type: ignore[attr-defined]

        transport.abort()
        assert [connection.tls for connection in modem.usage().connections] == [None]


async def test_a_send_that_fails_is_reported_and_repeated() -> None:
    listener = Listener()
    async with open_modem(module := Module()) as modem:
        transport, _ = await modem.create_connection(asyncio.Protocol, "echo.example", 7)
        modem.trace(listener)
        answers = [SEND_FAIL]
        module.override = lambda command: answers.pop() if isinstance(command, SendData) and answers else None
        transport.write(PAYLOAD)
        async with asyncio.timeout(5):
            await transport.drained()  # type: ignore[attr-defined]

        transport.abort()

    (retried,) = listener.of(Retried)
    assert (retried.connect_id, retried.reason) == (0, "SEND FAIL; querying what the module took")
    results = [(event.result, event.is_ok) for event in listener.of(CommandEnded) if event.name == "+QISEND"]
    assert results == [("SEND FAIL", False), ("OK", True), ("SEND OK", True)]


async def test_a_command_without_an_answer_puts_the_line_out_of_step(clock: Clock) -> None:
    listener = Listener()
    async with open_modem(module := Module()) as modem:
        modem.trace(listener)

        def mute(command: Command) -> bytes | None:
            return b"" if str(command) == "AT+CSQ" else None

        module.override = mute
        with pytest.raises(TimeoutError):
            await fast_forward(clock, modem.execute("AT+CSQ", timeout=5))

        module.override = lambda command: None
        await fast_forward(clock, modem.execute("AT+CGMM"))

    kinds = [type(event) for event in listener.of(CommandSent, CommandEnded, RecoveryBegan, RecoveryEnded)]
    assert kinds[:5] == [CommandSent, RecoveryBegan, CommandEnded, RecoveryEnded, CommandSent]
    ended = listener.of(CommandEnded)[0]
    assert ended.result.startswith("no result within 5 s; ")
    assert not ended.is_ok


async def test_a_refusal_is_reported_with_the_text_of_the_module() -> None:
    listener = Listener()
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        modem.trace(listener)
        with pytest.raises(CommandFailed):
            await modem.execute("AT+QICLOSE=4")

    ended = listener.of(CommandEnded)[0]
    assert (ended.command, ended.connect_id, ended.is_ok) == ("AT+QICLOSE=4", 4, False)


async def test_a_restart_ends_every_socket() -> None:
    listener = Listener()
    async with Emulator(line="memory", network=network()) as emulator, Modem(emulator.url) as modem:
        modem.trace(listener)
        endpoints = [await modem.open_datagram_endpoint("echo.example", 7) for _ in range(2)]
        emulator.restart()
        for endpoint in endpoints:
            await endpoint.wait_closed()

    assert "Restarted" in [event.kind for event in listener.of(UrcHeard)]
    assert [(event.connect_id, event.reason) for event in listener.of(SocketEnded)] == [
        (0, "the module restarted"),
        (1, "the module restarted"),
    ]


async def test_sleep_is_reported() -> None:
    listener = Listener()
    async with Emulator(line="memory", dsevent_at_once=True) as emulator, Modem(emulator.url) as modem:
        modem.trace(listener)
        await modem.sleep()
        emulator.sleep()
        await modem.wake()

    assert [event.state for event in listener.of(SleepChanged)][:4] == ["allowed", "asleep", "awake", "not allowed"]


async def test_a_command_under_way_is_ended_with_the_line() -> None:
    listener = Listener()
    async with open_modem(module := Module()) as modem:
        modem.trace(listener)
        module.override = lambda command: b""
        asking = asyncio.create_task(modem.execute("AT+CSQ"))
        await settle()
        module.hang_up()
        with pytest.raises(PortLost):
            await asking

    sent, ended, closed = listener.of(CommandSent, CommandEnded, LineClosed)
    assert (sent.number, ended.result) == (ended.number, closed.reason)
    assert "was lost" in closed.reason


# Callbacks


async def test_payload_is_shown_only_to_callbacks_that_asked_for_it() -> None:
    discreet, curious = Listener(), Listener()
    async with Emulator(line="memory", network=network()) as emulator, Modem(emulator.url) as modem:
        modem.trace(discreet)
        modem.trace(curious, payload=True)
        await echo_once(modem)

    kinds = (CommandSent, DataArrived, DataTaken)
    assert [event.payload for event in curious.of(*kinds) if event.payload] == [PAYLOAD] * 3
    assert [event.payload for event in discreet.of(*kinds) if event.payload] == []
    assert not [event for event in discreet for secret in SECRETS if secret in repr(event)]


async def test_a_removed_callback_gets_no_more_events() -> None:
    listener = Listener()
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        stop = modem.trace(listener)
        await modem.execute("AT+CSQ")
        stop()
        stop()
        await modem.execute("AT+CSQ")

    assert len(listener.of(CommandEnded)) == 1


async def test_a_callback_that_fails_is_reported_to_the_loop_and_disturbs_no_other(loop_errors: Contexts) -> None:
    def fail(event: TraceEvent) -> None:
        raise ZeroDivisionError

    listener = Listener()
    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        stop = modem.trace(fail)
        modem.trace(listener)
        assert await modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
        stop()

    assert len(listener.of(CommandEnded)) > 0
    assert all(isinstance(context["exception"], ZeroDivisionError) for context in loop_errors)
    assert loop_errors


async def test_a_trace_without_callbacks_keeps_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    async with Emulator(line="memory", network=network()) as emulator, Modem(emulator.url) as modem:
        await echo_once(modem)
        trace = modem._trace
        assert (trace._lined_up, trace.under_way, trace._sockets, trace._queues, trace._number) == ({}, None, {}, {}, 0)

    assert caplog.records == []


# The log


async def test_the_log_has_every_event_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener()
    caplog.set_level(logging.DEBUG, LOGGER)
    async with Emulator(line="memory", network=network()) as emulator:
        modem = Modem(emulator.url)
        modem.trace(listener)
        async with modem:
            await echo_once(modem)

    records: list[Any] = [record for record in caplog.records if record.name == LOGGER]
    assert [record.trace for record in records] == list(listener)
    assert {record.modem for record in records} == {modem.name}
    assert [record.event for record in records] == [type(event).__name__ for event in listener]
    assert {record.connect_id for record in records if record.event == "DataArrived"} == {0}
    messages = [record.getMessage() for record in records]
    assert f"{modem.name}: > AT+QISEND=0,18,..." in messages
    assert f"{modem.name}: connectID 0: open to tcp echo.example:7" in messages
    assert f"{modem.name}: < 18 bytes for connectID 0" in messages


async def test_the_log_shows_neither_identities_nor_payload(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Emulator(line="memory", network=network()) as emulator, Modem(emulator.url) as modem:
        for line in ("AT+CGSN=1", "AT+CIMI", "AT+QCCID"):
            (told,) = await modem.execute(line)
            assert any(secret in told for secret in SECRETS)

        for line in (f'AT+QISEND=3,18,"{PAYLOAD.hex()}"', f'AT+QISEND=3,18,"{PAYLOAD.decode()}"', f"AT+EGMR={IMEI}"):
            with pytest.raises(CommandFailed) as caught:
                await modem.execute(line)

            assert not [secret for secret in SECRETS if secret in f"{caught.value} {caught.value!r}"]

        for told in (f"+IMEI: {IMEI}", f'+QIURC: "recv",4,18,"{PAYLOAD.hex()}"', f'+QIURC: "rcv",4,"{PAYLOAD.hex()}"'):
            emulator.send_urc(Unrecognised(told))

        await echo_once(modem)
        repr_of_it = f"{modem!r} {modem._channel!r} {modem._channel._dte!r}"

    logged = caplog.text + repr_of_it + "".join(repr(vars(record)) for record in caplog.records)
    assert "8679********345" in logged
    assert [secret for secret in SECRETS if secret in logged] == []


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (PeerClosed(2), '+QIURC: "closed",2'),
        (LateAnswer(Text(f"+CGSN: {IMEI}")), "(late) +CGSN: 8679********345"),
        (LateAnswer(SendResult(ok=True)), "(late) SEND OK"),
        (DamagedLine(PAYLOAD.decode()), "(a damaged line of 18 bytes or more)"),
        (DamagedPayload(1, 18, "it is torn"), "(a damaged push of 18 bytes: it is torn)"),
        (Unrecognised(f'x+QIURC: "recv",1,18,{PAYLOAD.decode()}'), 'x+QIURC: "recv",1,18,...'),
    ],
)
async def test_each_urc_is_written_as_text(event: Any, told: str) -> None:
    listener, trace = Listener(), Trace("it")
    trace.add(listener)
    trace.urc_received(event)
    assert [urc.text for urc in listener.of(UrcHeard)] == [told]


# The clock


def test_the_times_are_those_of_the_loop_also_under_a_virtual_clock() -> None:
    listener = Listener()

    async def main() -> None:
        now = asyncio.get_running_loop().time
        async with Emulator(line="memory", network=Network(latency=4.0)) as emulator:
            emulator.network.add_host("echo.example", EchoPeer())
            async with Modem(emulator.url) as modem:
                modem.trace(listener)
                begin = now()
                _, writer = await modem.open_connection("echo.example", 7)
                seconds = now() - begin
                writer.transport.abort()

        opening = next(event for event in listener.of(CommandEnded) if event.command.startswith("AT+QIOPEN"))
        assert seconds >= 8.0
        assert opening.seconds == pytest.approx(seconds, abs=0.01)
        assert begin <= opening.time - opening.seconds <= opening.time <= begin + seconds

    with asyncio.Runner(loop_factory=virtual_clock(1000.0)) as runner:
        runner.run(main())
