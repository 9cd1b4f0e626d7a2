"""UDP to many peers, each on a connectID of its own while there are enough."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bc260y_aio.at.commands import Command, OpenSocket, SendData
from bc260y_aio.errors import ConnectRefused, ModemClosed, ModuleRestarted, PortLost, SendFailed
from bc260y_aio.modem.modem import Modem
from bc260y_aio.sockets.rai import RAI
from bc260y_aio.transports import UnconnectedDatagramTransport
from tests.driver.scripted import SEND_FAIL, SEND_OK, Module, fast_forward, open_modem, settle
from tests.loops import Clock, Contexts

pytestmark = pytest.mark.loops("asyncio", "eager")


class Recorder(asyncio.DatagramProtocol):
    """Notes every callback, in order."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def connection_made(self, transport: Any) -> None:
        self.events.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.events.append((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.events.append(("error", type(exc)))

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append(("lost", type(exc) if exc else None))


@contextlib.asynccontextmanager
async def unconnected(
    module: Module, **options: Any
) -> AsyncIterator[tuple[Modem, UnconnectedDatagramTransport, Recorder]]:
    async with open_modem(module, **options) as modem:
        transport, recorder = await modem.create_datagram_endpoint(Recorder)
        assert isinstance(transport, UnconnectedDatagramTransport)
        yield modem, transport, recorder


async def test_each_peer_gets_a_connect_id_when_it_is_first_sent_to() -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):
        transport.sendto(b"a", ("a.b", 7))
        transport.sendto(b"c", ("c.d", 8), rai=RAI.ONE_REPLY)
        transport.sendto(b"b", ("a.b", 7))
        await settle(100)
        assert {socket.opened.host: socket.datagrams for socket in module.sockets.values()} == {
            "a.b": [b"a", b"b"],
            "c.d": [b"c"],
        }
        assert module.sockets[1].rais == [2]
        module.push(1, b"hi")
        module.push(0, b"ho")
        await settle()
        assert recorder.events == ["made", (b"hi", ("c.d", 8)), (b"ho", ("a.b", 7))]
        assert repr(transport) == "<UnconnectedDatagramTransport connectIDs=1,0 peers=2>"


async def test_unsendable_data_is_refused_before_the_wire() -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):
        heard = len(module.written)
        with pytest.raises(ValueError, match=r"^an address is needed"):
            transport.sendto(b"a")

        transport.sendto(bytes(513), ("a.b", 7))
        transport.sendto(b"a", ('a"b', 7))
        transport.sendto(b"a", ("a.b", 65536))
        await settle(60)
        assert recorder.events == ["made", ("error", OSError), ("error", ValueError), ("error", ValueError)]
        assert len(module.written) == heard


async def test_a_peer_that_cannot_be_reached_is_reported_and_harms_no_other() -> None:
    module = Module()
    refused = b"\r\nOK\r\n\r\n+QIOPEN: 0,566\r\n"

    def refuse(command: Command) -> bytes | None:
        return refused if isinstance(command, OpenSocket) and command.host == "a.b" else None

    module.override = refuse
    async with unconnected(module) as (_, transport, recorder):
        transport.sendto(b"a", ("a.b", 7))
        await settle(60)
        transport.sendto(b"c", ("c.d", 8))
        await settle(60)
        assert recorder.events == ["made", ("error", ConnectRefused)]
        assert [socket.datagrams for socket in module.sockets.values()] == [[b"c"]]
        assert repr(transport) == "<UnconnectedDatagramTransport connectIDs=1 peers=1>"


def hosts(module: Module) -> list[str]:
    return [module.sockets[connect_id].opened.host for connect_id in sorted(module.sockets)]


async def send_to_five(transport: UnconnectedDatagramTransport) -> None:
    for number in range(5):
        transport.sendto(b"question", (f"{number}.b", 7))
        await settle(60)


async def test_a_sixth_peer_gets_the_connect_id_of_the_one_that_was_quiet_longest_after_three_seconds(
    clock: Clock,
) -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):
        await send_to_five(transport)
        transport.sendto(b"question", ("5.b", 7))
        for seconds in (1.0, 1.0, 0.9):
            await clock.advance(seconds)
            await settle(60)

        assert hosts(module) == ["0.b", "1.b", "2.b", "3.b", "4.b"]
        await clock.advance(0.2)
        await settle(100)
        assert hosts(module) == ["5.b", "1.b", "2.b", "3.b", "4.b"]
        # What the first one is sent later goes out on a connectID again, that of the second.
        transport.sendto(b"again", ("0.b", 7))
        await settle(100)
        assert hosts(module) == ["5.b", "0.b", "2.b", "3.b", "4.b"]
        assert recorder.events == ["made"]


async def test_a_peer_that_has_answered_gives_its_connect_id_at_once(clock: Clock) -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):
        await send_to_five(transport)
        transport.sendto(b"question", ("5.b", 7))
        await settle(60)
        module.push(3, b"answer")
        await settle(100)
        assert hosts(module) == ["0.b", "1.b", "2.b", "5.b", "4.b"]
        module.push(3, b"other answer")
        await settle()
        assert recorder.events == ["made", (b"answer", ("3.b", 7)), (b"other answer", ("5.b", 7))]


async def test_a_peer_that_has_answered_more_than_once_gives_its_connect_id_at_once(clock: Clock) -> None:
    module = Module()
    async with unconnected(module) as (_, transport, _):
        await send_to_five(transport)
        module.push(3, b"answer")
        module.push(3, b"notification")
        await settle()
        transport.sendto(b"question", ("5.b", 7))
        await settle(100)
        assert hosts(module) == ["0.b", "1.b", "2.b", "5.b", "4.b"]


async def test_a_socket_that_fails_is_given_up_and_the_next_datagram_gets_another(clock: Clock) -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):
        transport.sendto(b"a", ("a.b", 7))
        await settle(60)
        module.override = lambda command: SEND_FAIL if isinstance(command, SendData) else None
        transport.sendto(b"b", ("a.b", 7))
        await fast_forward(clock, asyncio.sleep(15.0))
        module.override = lambda command: None
        transport.sendto(b"c", ("a.b", 7))
        await fast_forward(clock, asyncio.sleep(1.0))
        assert recorder.events == ["made", ("error", SendFailed)]
        assert module.count("AT+QIOPEN") == 2
        assert [socket.datagrams for socket in module.sockets.values()] == [[b"c"]]


async def test_a_close_sends_what_waits_and_closes_every_socket() -> None:
    module = Module()
    async with unconnected(module) as (modem, transport, recorder):
        for number in range(3):
            transport.sendto(b"a", ("a.b", 7 + number))

        transport.close()
        transport.sendto(b"too late", ("a.b", 7))
        await settle(200)
        assert recorder.events == ["made", ("lost", None)]
        assert [socket.datagrams for socket in module.closed] == [[b"a"]] * 3
        assert modem._ids.taken == frozenset()


async def test_after_the_end_it_holds_no_peer() -> None:
    for end in ("close", "abort"):
        module = Module()
        async with unconnected(module) as (_, transport, recorder):
            transport.sendto(b"a", ("a.b", 7))
            await settle(60)
            assert [usage.sent for usage in transport.usage] == [1]
            getattr(transport, end)()
            assert transport.is_closing()
            await settle(60)
            assert recorder.events == ["made", ("lost", None)]
            assert (transport.usage, transport.get_protocol()) == ((), None)
            assert repr(transport) == "<UnconnectedDatagramTransport connectIDs=None peers=0 closed>"
            assert module.sockets == {}


async def test_an_abort_throws_away_what_waits() -> None:
    module = Module()
    async with unconnected(module) as (modem, transport, recorder):
        for number in range(3):
            transport.sendto(b"a", ("a.b", 7 + number))

        await settle(4)
        transport.abort()
        await settle(200)
        assert recorder.events == ["made", ("lost", None)]
        assert (module.sockets, modem._ids.taken) == ({}, frozenset())


async def test_an_abort_just_before_a_send_is_answered_harms_nothing_else() -> None:
    module = Module()
    async with unconnected(module) as (modem, transport, recorder):
        transport.sendto(b"a", ("a.b", 7))
        module.override = lambda command: b"" if isinstance(command, SendData) else None
        await settle(60)
        # In one turn of the loop, before the sender has had its turn.
        asyncio.get_running_loop().call_soon(transport.abort)
        module.send(SEND_OK)
        await settle(100)
        assert recorder.events == ["made", ("lost", None)]
        assert (modem.is_open, module.sockets, modem._ids.taken) == (True, {}, frozenset())


@pytest.mark.parametrize(("said", "error"), [(b"\r\nRDY\r\n", ModuleRestarted), (None, PortLost)])
async def test_a_loss_is_reported_once_however_many_peers(said: bytes | None, error: type[Exception]) -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):
        for number in range(3):
            transport.sendto(b"a", ("a.b", 7 + number))

        await settle(100)
        if said is None:
            module.hang_up()
        else:
            module.sockets.clear()
            module.send(said)

        await settle(100)
        assert recorder.events == ["made", ("lost", error)]


async def test_closing_the_modem_ends_it_even_when_the_module_is_silent(clock: Clock) -> None:
    module = Module()
    async with unconnected(module, close_timeout=2.0) as (modem, transport, recorder):
        transport.sendto(b"a", ("a.b", 7))
        await settle(100)
        module.override = lambda command: b""
        transport.sendto(b"b", ("a.b", 7))
        await fast_forward(clock, modem.close())
        assert recorder.events == ["made", ("lost", ModemClosed)]


async def test_writing_is_paused_by_what_waits_for_all_peers() -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):
        transport.set_write_buffer_limits(high=100, low=10)
        for number in range(3):
            transport.sendto(bytes(40), ("a.b", 7 + number))

        assert transport.get_write_buffer_size() == 120
        await settle(300)
        assert recorder.events == ["made", "pause", "resume"] or recorder.events == ["pause", "made", "resume"]


@pytest.mark.parametrize("address", [("a.b", 1.5), ("a.b", None), (5, 7), 7])
async def test_an_address_of_the_wrong_types_ends_the_transport_as_with_asyncio(
    address: Any, loop_errors: Contexts
) -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):
        transport.sendto(b"a", ("a.b", 7))
        await settle(60)
        transport.sendto(b"a", address)
        await settle(60)
        assert recorder.events == ["made", ("lost", TypeError)]
        assert module.sockets == {}
        assert [type(context["exception"]) for context in loop_errors] == [TypeError]
        transport.close()


@pytest.mark.parametrize("callback", ["error_received", "datagram_received"])
async def test_a_callback_that_raises_keeps_neither_the_rest_from_being_sent_nor_the_end_from_being_reported(
    callback: str, loop_errors: Contexts
) -> None:
    module = Module()
    async with unconnected(module) as (_, transport, recorder):

        def fail(*args: object) -> None:
            raise ZeroDivisionError

        setattr(recorder, callback, fail)
        module.override = lambda command: (
            b"\r\nERROR\r\n" if isinstance(command, OpenSocket) and command.host == "bad" else None
        )
        transport.sendto(b"x", ("bad", 7))
        transport.sendto(b"a", ("a.b", 7))
        await settle(100)
        (connect_id,) = module.sockets
        module.push(connect_id, b"one")
        module.push(connect_id, b"two")
        await settle(60)
        transport.close()
        await settle(100)
        assert recorder.events[-1] == ("lost", None)
        assert [socket.datagrams for socket in module.closed] == [[b"a"]]
        assert [type(context["exception"]) for context in loop_errors] == [ZeroDivisionError] * (
            2 if callback == "datagram_received" else 1
        )


async def test_an_error_received_that_raises_amid_a_close_does_not_keep_the_end_from_being_reported(
    loop_errors: Contexts,
) -> None:
    module = Module()
    module.override = lambda command: b"\r\nERROR\r\n" if isinstance(command, OpenSocket) else None
    async with unconnected(module) as (_, transport, recorder):

        def fail(error: Exception) -> None:
            raise ZeroDivisionError

        failing: Any = recorder
        failing.error_received = fail
        transport.sendto(b"x", ("a.b", 7))
        transport.close()
        await settle(200)
        assert recorder.events == ["made", ("lost", None)]
        assert len(loop_errors) == 1
