"""A UDP socket for people who would rather await than be called back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bc260y_aio.at.commands import Command, SendData
from bc260y_aio.errors import ModemClosed, ModuleRestarted, PortLost, SendFailed
from bc260y_aio.sockets.rai import RAI
from bc260y_aio.transports.endpoint import DatagramEndpoint
from tests.driver.scripted import SEND_FAIL, Module, open_modem, settle
from tests.loops import Clock

pytestmark = pytest.mark.loops("asyncio", "eager")


@contextlib.asynccontextmanager
async def open_endpoint(module: Module, **options: Any) -> AsyncIterator[DatagramEndpoint]:
    async with open_modem(module, **options) as modem, await modem.open_datagram_endpoint("a.b", 7) as endpoint:
        yield endpoint


async def test_datagrams_are_sent_and_received() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        await endpoint.send(b"ab")
        await endpoint.send(b"c", rai=RAI.ONE_REPLY)
        receiving = asyncio.ensure_future(endpoint.receive())
        await settle(60)
        assert (module.sockets[0].datagrams, module.sockets[0].rais) == ([b"ab", b"c"], [0, 2])
        assert not receiving.done()
        module.push(0, b"hi")
        assert await receiving == b"hi"

    assert module.lines[-2:] == ["AT+QICLOSE=0", "AT+QSCLK=1"]


async def test_datagrams_wait_in_order_until_they_are_asked_for() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        for data in (b"a", b"", b"c"):
            module.push(0, data)

        await settle()
        assert [await endpoint.receive() for _ in range(3)] == [b"a", b"", b"c"]


async def test_several_receivers_get_a_datagram_each_in_the_order_of_asking() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        receivers = [asyncio.ensure_future(endpoint.receive()) for _ in range(3)]
        await settle()
        for data in (b"a", b"b", b"c"):
            module.push(0, data)

        assert await asyncio.gather(*receivers) == [b"a", b"b", b"c"]


async def test_a_cancelled_receiver_takes_no_datagram_along() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        early, late = asyncio.ensure_future(endpoint.receive()), asyncio.ensure_future(endpoint.receive())
        await settle()
        early.cancel()
        module.push(0, b"a")
        assert await late == b"a"
        in_time = asyncio.ensure_future(endpoint.receive())
        await settle()
        module.push(0, b"b")
        await settle(2)
        in_time.cancel()
        await asyncio.wait([in_time])
        if in_time.cancelled():
            assert await endpoint.receive() == b"b"


async def test_unread_datagrams_wait_in_a_bounded_queue() -> None:
    module = Module()
    async with open_endpoint(module, receive_limit=1024) as endpoint:
        for number in range(10):
            module.push(0, bytes([number]) * 512)
            await settle()

        # The first was on its way before the queue was full.
        received = [(await endpoint.receive())[0] for _ in range(3)]
        assert received == [0, 8, 9]


async def test_a_close_can_be_waited_for_until_the_connect_id_is_free() -> None:
    module = Module()
    async with open_modem(module) as modem:
        endpoint = await modem.open_datagram_endpoint("a.b", 7)
        sending = asyncio.ensure_future(endpoint.send(b"last"))
        await asyncio.sleep(0)
        endpoint.close()
        assert len(module.sockets) == 1
        await endpoint.wait_closed()
        assert module.sockets == {}
        assert module.closed[0].datagrams == [b"last"]
        await asyncio.wait([sending])
        assert isinstance(sending.exception(), ModemClosed | None)


async def test_iteration_ends_when_the_endpoint_is_closed() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        received: list[bytes] = []

        async def iterate() -> None:
            received.extend([data async for data in endpoint])

        iterating = asyncio.ensure_future(iterate())
        await settle()
        for data in (b"a", b"b"):
            module.push(0, data)

        await settle(60)
        endpoint.close()
        await iterating
        assert received == [b"a", b"b"]


async def test_data_received_before_a_close_can_still_be_taken() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        for data in (b"a", b"b", b"c"):
            module.push(0, data)

        await settle()
        endpoint.close()
        module.push(0, b"too late")
        await endpoint.wait_closed()
        assert [data async for data in endpoint] == [b"a", b"b", b"c"]
        with pytest.raises(ModemClosed, match=r"^the endpoint was closed$"):
            await endpoint.receive()

        with pytest.raises(ModemClosed):
            await endpoint.send(b"a")


@pytest.mark.parametrize(("said", "error"), [(b"\r\nRDY\r\n", ModuleRestarted), (None, PortLost)])
async def test_a_loss_is_reported_after_what_came_before_to_all_who_wait(
    said: bytes | None, error: type[Exception]
) -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        for data in (b"a", b"b"):
            module.push(0, data)

        if said is None:
            module.hang_up()
        else:
            module.send(said)

        await settle(60)
        assert [await endpoint.receive() for _ in range(2)] == [b"a", b"b"]
        for _ in range(2):
            with pytest.raises(error):
                await endpoint.receive()

        with pytest.raises(error):
            await anext(aiter(endpoint))

        with pytest.raises(error):
            await endpoint.send(b"a")


async def test_a_send_in_the_moment_of_a_loss_says_what_was_lost() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        module.send(b"\r\nRDY\r\n")
        # It has been received when this goes on, and connection_lost is called in the next turn.
        await asyncio.sleep(0)
        with pytest.raises(ModuleRestarted):
            await endpoint.send(b"x")


async def test_a_datagram_that_could_not_be_sent_is_reported_once(clock: Clock) -> None:
    module = Module()
    module.override = lambda command: SEND_FAIL if isinstance(command, SendData) and command.data == b"a" else None
    async with open_endpoint(module) as endpoint:
        await endpoint.send(b"a")
        for _ in range(40):
            await clock.advance(0.3)

        with pytest.raises(SendFailed):
            await endpoint.send(b"b")

        await endpoint.send(b"c")
        await settle(60)
        assert module.sockets[0].datagrams == [b"c"]


async def test_a_sender_waits_while_too_much_is_on_its_way() -> None:
    module = Module()
    held: list[bytes] = []

    def hold(command: Command) -> bytes | None:
        if isinstance(command, SendData):
            held.append(module.healthy(command))
            return b""

        return None

    async with open_endpoint(module) as endpoint:
        endpoint.transport.set_write_buffer_limits(high=100)
        module.override = hold
        await endpoint.send(bytes(100))
        sending = asyncio.ensure_future(endpoint.send(b"a"))
        await settle(60)
        assert not sending.done()
        module.send(held[0])
        await sending
        await settle(60)
        module.send(held[1])


async def test_a_sender_that_waits_receives_the_end() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        endpoint.transport.set_write_buffer_limits(0)
        module.override = lambda command: b"" if isinstance(command, SendData) else None
        sending = asyncio.ensure_future(endpoint.send(b"a"))
        await settle(60)
        module.hang_up()
        with pytest.raises(PortLost):
            await sending


async def test_an_endpoint_shows_its_kind_and_addresses() -> None:
    module = Module()
    async with open_endpoint(module) as endpoint:
        transport = "<ModemDatagramTransport connectID=0 udp a.b:7 write=<idle, bufsize=0>>"
        assert repr(endpoint) == f"<DatagramEndpoint {transport}>"
