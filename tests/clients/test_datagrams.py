"""Clients that send datagrams, or look names up by themselves, over the modem."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any, Final

import aiocoap
import aiocoap.resource
import dns.asyncquery
import dns.asyncresolver
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from .stage import HOST, elsewhere, on_stage, play_twice, port_of

pytestmark = pytest.mark.loops("asyncio", "uvloop")

LOCAL: Final = "127.0.0.1"


# CoAP


class Meter(aiocoap.resource.Resource):  # type: ignore[misc]
    """A resource that returns its state, and accepts a new one."""

    def __init__(self) -> None:
        super().__init__()
        self._state = b"21.5"

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        return aiocoap.Message(payload=self._state)

    async def render_put(self, request: aiocoap.Message) -> aiocoap.Message:
        self._state = request.payload
        return aiocoap.Message(code=aiocoap.CHANGED)


@contextlib.asynccontextmanager
async def coap_server() -> AsyncIterator[int]:
    site = aiocoap.resource.Site()
    site.add_resource(["meter"], Meter())
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((LOCAL, 0))
        port = port_of(sock)

    context = await aiocoap.Context.create_server_context(site, bind=(LOCAL, port), transports=["simplesocketserver"])
    try:
        yield port
    finally:
        await context.shutdown()


async def test_aiocoap_gets_and_puts_with_its_simple_transport() -> None:
    async def client() -> None:
        context = await aiocoap.Context.create_client_context(transports=["simple6"])
        try:
            for code, payload in ((aiocoap.PUT, b"21.5"), (aiocoap.GET, b""), (aiocoap.PUT, bytes(3000))):
                request = aiocoap.Message(code=code, payload=payload, uri=f"coap://{HOST}:{port}/meter")
                # Blocks of 256 bytes: a block of 1024 is more than the module sends in a datagram.
                request.remote.maximum_block_size_exp = 4
                response = await context.request(request).response
                assert response.code.is_successful()
                assert response.payload == (b"21.5" if code == aiocoap.GET else b"")
        finally:
            await context.shutdown()

    async with elsewhere(coap_server()) as port:
        await play_twice(client)


@contextlib.asynccontextmanager
async def coap_tcp_server() -> AsyncIterator[int]:
    site = aiocoap.resource.Site()
    site.add_resource(["meter"], Meter())
    with socket.socket() as sock:
        sock.bind((LOCAL, 0))
        port = port_of(sock)

    context = await aiocoap.Context.create_server_context(site, bind=(LOCAL, port), transports=["tcpserver"])
    try:
        yield port
    finally:
        await context.shutdown()


async def test_aiocoap_needs_no_blocks_over_tcp() -> None:
    async def client() -> None:
        context = await aiocoap.Context.create_client_context(transports=["tcpclient"])
        try:
            for code, payload in ((aiocoap.PUT, b"21.5" * 500), (aiocoap.GET, b"")):
                request = aiocoap.Message(code=code, payload=payload, uri=f"coap+tcp://{HOST}:{port}/meter")
                response = await context.request(request).response
                assert response.code.is_successful()
                assert response.payload == (b"21.5" * 500 if code == aiocoap.GET else b"")
        finally:
            await context.shutdown()

    async with elsewhere(coap_tcp_server()) as port:
        await play_twice(client)


# DNS


class Zone(asyncio.DatagramProtocol):
    """A name server with one name, and one address."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(answer(data), addr)


def answer(data: bytes) -> bytes:
    query = dns.message.from_wire(data)
    response = dns.message.make_response(query)
    question = query.question[0]
    if question.rdtype == dns.rdatatype.A:
        response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "192.0.2.7"))

    return response.to_wire()


async def answer_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            size = int.from_bytes(await reader.readexactly(2))
            data = answer(await reader.readexactly(size))
            writer.write(len(data).to_bytes(2) + data)

    writer.close()


@contextlib.asynccontextmanager
async def name_server() -> AsyncIterator[int]:
    async with await asyncio.start_server(answer_stream, LOCAL, 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Zone, local_addr=(LOCAL, port))
        try:
            yield port
        finally:
            transport.close()


async def test_dnspython_resolves_by_a_server_behind_the_modem() -> None:
    async with elsewhere(name_server()) as port, on_stage() as stage:
        address = stage.emulator.network.add_host("ns.example")

        for _ in range(2):
            async with stage.routed():
                resolver = dns.asyncresolver.Resolver(configure=False)
                resolver.nameservers = [address]
                resolver.port = port
                answers = await resolver.resolve("meter.example.com", "A")
                assert [answer.to_text() for answer in answers] == ["192.0.2.7"]
                answers = await resolver.resolve("meter.example.com", "A", tcp=True)
                assert [answer.to_text() for answer in answers] == ["192.0.2.7"]


async def test_dnspython_asks_one_server() -> None:
    async with elsewhere(name_server()) as port, on_stage() as stage:
        address = stage.emulator.network.add_host("ns.example")
        query = dns.message.make_query("meter.example.com", "A")
        for _ in range(2):
            async with stage.routed():
                response = await dns.asyncquery.udp(query, address, port=port, timeout=10)
                assert response.answer[0][0].to_text() == "192.0.2.7"
