"""Sockets that a client had connected by the loop, and hands back for a transport."""

import asyncio
import select
import socket
from contextvars import ContextVar
from typing import Any

import pytest

from bc260y_aio import ModemTransport
from tests.contract.certificates import client_context, server_context

from .servers import PEER, connected, free, greet, receive, routable, serving

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")


async def hand_over(sock: socket.socket, **kwds: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(10):
        return await asyncio.open_connection(sock=sock, **kwds)


async def test_a_socket_can_be_handed_over_for_a_transport_with_which_it_is_closed() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                reader, writer = await hand_over(sock)
                assert isinstance(writer.transport, ModemTransport)
                assert writer.get_extra_info("peername") == (PEER, port)

                writer.write(b"question")
                assert await reader.readexactly(8) == b"question"
                assert len(await modem.sockets()) == 1
                assert sock.fileno() >= 0

                writer.close()
                await writer.wait_closed()
                assert sock.fileno() == -1

        await free(modem)


async def test_early_data_of_a_server_is_received_by_the_new_owner_of_the_socket() -> None:
    async with routable() as modem, serving(greet) as port:
        with modem.route():
            async with connected(port) as sock:
                # Until it lies in the client's own descriptor.
                assert await receive(sock, 2) == b"22"
                reader, writer = await hand_over(sock)
                assert await reader.readline() == b"0 ready\r\n"
                writer.close()
                await writer.wait_closed()


async def test_raw_data_is_sent_before_data_of_the_transport() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                assert sock.send(b"raw, ") == 5
                reader, writer = await hand_over(sock)
                writer.write(b"cooked")
                assert await reader.readexactly(11) == b"raw, cooked"
                writer.close()
                await writer.wait_closed()


async def test_an_end_that_came_before_the_handover_is_reported_after_it() -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"goodbye")

    async with routable() as modem, serving(say) as port:
        with modem.route():
            async with connected(port) as sock:
                ended = select.poll()
                ended.register(sock, getattr(select, "POLLRDHUP", select.POLLIN))
                assert await asyncio.to_thread(ended.poll, 10_000)
                reader, writer = await hand_over(sock)
                async with asyncio.timeout(10):
                    assert await reader.read() == b"goodbye"

                writer.close()
                await writer.wait_closed()


async def test_tls_can_be_put_on_a_socket_that_is_handed_over() -> None:
    async with routable() as modem, serving(greet, context=server_context()) as port:
        with modem.route():
            async with connected(port) as sock:
                reader, writer = await hand_over(sock, ssl=client_context(), server_hostname=PEER)
                assert await reader.readline() == b"220 ready\r\n"
                assert writer.get_extra_info("modem") is modem
                writer.close()
                await writer.wait_closed()
                assert sock.fileno() == -1


async def test_a_twin_of_the_socket_can_be_handed_over_too() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                twin = socket.socket(sock.family, sock.type, fileno=sock.detach())
                reader, writer = await hand_over(twin)
                writer.write(b"?")
                assert await reader.readexactly(1) == b"?"
                writer.close()
                await writer.wait_closed()
                assert twin.fileno() == -1


async def test_a_handover_that_makes_no_sense_is_refused_as_asyncio_refuses_it() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                for kwds in ({"ssl": True}, {"server_hostname": PEER}, {"ssl_handshake_timeout": 1.0}):
                    with pytest.raises(ValueError, match=r"server_hostname|only meaningful with ssl"):
                        await hand_over(sock, **kwds)

                with pytest.raises(TypeError, match="wings"):
                    await hand_over(sock, wings=2)

                # And changes nothing.
                reader, writer = await hand_over(sock)
                writer.write(b"?")
                assert await reader.readexactly(1) == b"?"
                writer.close()
                await writer.wait_closed()


async def test_a_handover_that_is_given_up_closes_the_connection_and_the_socket() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                taking: asyncio.Task[Any] = asyncio.create_task(hand_over(sock))
                await asyncio.sleep(0)
                taking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await taking

                await free(modem)
                assert sock.fileno() == -1


async def test_the_protocols_callbacks_run_in_the_context_of_the_handover() -> None:
    who = ContextVar("who", default="nobody")

    class Aware(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.seen = [who.get()]

        def data_received(self, data: bytes) -> None:
            self.seen.append(who.get())
            done.set()

    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    async with routable() as modem, serving() as port:
        with modem.route():
            who.set("who connects")
            async with connected(port) as sock:
                who.set("who takes over")
                transport, protocol = await loop.create_connection(Aware, sock=sock)
                who.set("who writes")
                transport.write(b"?")
                await done.wait()
                transport.abort()

            assert protocol.seen == ["who takes over", "who takes over"]


async def test_a_new_owner_is_told_that_it_writes_too_much_already() -> None:
    class Owner(asyncio.Protocol):
        def __init__(self) -> None:
            self.events: list[str] = []
            self.resumed = asyncio.Event()

        def connection_made(self, transport: Any) -> None:
            self.events.append("made")

        def pause_writing(self) -> None:
            self.events.append("pause")

        def resume_writing(self) -> None:
            self.events.append("resume")
            self.resumed.set()

    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                assert sock.send(bytes(100_000)) == 100_000
                transport, owner = await asyncio.get_running_loop().create_connection(Owner, sock=sock)
                assert owner.events == ["made", "pause"]
                await asyncio.wait_for(owner.resumed.wait(), 20)
                transport.abort()
                assert owner.events == ["made", "pause", "resume"]


async def test_a_connection_that_was_lost_before_the_handover_is_a_reset() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                await modem.close()
                with pytest.raises(ConnectionResetError):
                    await hand_over(sock)
