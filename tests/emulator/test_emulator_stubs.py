"""Hosts that a test sets up in a line: sinks, scripts, HTTP servers, and failing hosts."""

import asyncio
import json
import sys
from typing import Any

import pytest

from bc260y_aio import ConnectRefused, ConnectTimeout, NotAcknowledged
from bc260y_aio.emulator import Expect, Hold, HttpAnswer, HttpRequest, Network, Send, Wait
from tests.guide.bench import Bench, Hosts, datagrams, now, on_air, quiet, stream
from tests.loops import Contexts


def alone() -> tuple[Hosts, Network]:
    hosts = Hosts()
    return hosts, hosts.network


async def ask(bench: Bench, request: bytes, host: str = "api.example") -> bytes:
    """Send a request on a connection of its own, and return all that comes back."""
    reader, writer = await bench.modem.open_connection(host, 80)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


# Echo and sink


async def test_an_echo_host_sends_back_over_tcp_and_udp() -> None:
    hosts, network = alone()
    network.add_echo("mirror.example")
    async with on_air(hosts=hosts) as bench:
        transport, protocol = await stream(bench.modem, "mirror.example")
        transport.write(b"stream")
        assert await protocol.until_data(6) == b"stream"
        udp, datagram_protocol = await datagrams(bench.modem, "mirror.example")
        udp.sendto(b"datagram")
        assert await datagram_protocol.until_datagrams(1) == [b"datagram"]


async def test_a_sink_keeps_datagrams_apart_and_can_be_waited_for() -> None:
    hosts, network = alone()
    sink = network.add_sink("store.example")
    async with on_air(hosts=hosts) as bench:
        transport, _ = await datagrams(bench.modem, "store.example")
        waiting = asyncio.create_task(sink.until(10))
        transport.sendto(b"first")
        await quiet()
        assert not waiting.done()
        transport.sendto(b"other")
        assert await waiting == b"firstother"
        assert sink.pieces == [b"first", b"other"]


# Scripts


async def test_a_script_is_followed_step_by_step() -> None:
    hosts, network = alone()
    login = network.add_script("login.example", Expect(b"hello"), Wait(3), Send(b"welcome"), Hold())
    async with on_air(hosts=hosts) as bench:
        transport, protocol = await stream(bench.modem, "login.example")
        began = now()
        transport.write(b"he")
        transport.write(b"llo")
        assert await protocol.until_data(7) == b"welcome"
        assert now() - began == pytest.approx(3)
        with pytest.raises(AssertionError, match="completed 0 times, not 1: there were no failures"):
            login.check()

        transport.close()
        await quiet()
        login.check()


async def test_a_script_ends_the_connection_at_its_end() -> None:
    hosts, network = alone()
    network.add_script("brief.example", Send(b"bye"))
    async with on_air(hosts=hosts) as bench:
        reader, writer = await bench.modem.open_connection("brief.example", 7)
        assert await reader.read() == b"bye"
        writer.close()


async def test_a_difference_from_the_script_is_reported(loop_errors: Contexts) -> None:
    hosts, network = alone()
    login = network.add_script("login.example", Expect(b"hello"), Send(b"welcome"))
    async with on_air(hosts=hosts) as bench:
        transport, protocol = await datagrams(bench.modem, "login.example")
        transport.sendto(b"howdy")
        await quiet()
        assert protocol.datagrams == []

    (told,) = loop_errors
    assert isinstance(told["exception"], AssertionError)
    with pytest.raises(AssertionError, match=r"step 1, Expect.*b'howdy' was received"):
        login.check()


# HTTP


async def test_an_http_server_answers_by_path_and_keeps_the_requests() -> None:
    hosts, network = alone()
    api = network.add_http("api.example", {"/time": "12:30", "POST /readings": 204, "/raw": b"\x00\xff"})
    async with on_air(hosts=hosts) as bench:
        reader, writer = await bench.modem.open_connection("api.example", 80)
        writer.write(b"POST /readings?id=7 HTTP/1.1\r\nHost: api.example\r\nContent-Length: 4\r\n\r\n21.5")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 204 No Content\r\n\r\n"
        writer.write(b"GET /time HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await reader.readuntil(b"12:30") == (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\n12:30"
        )
        writer.write(b"GET /readings HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert await reader.read() == b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        writer.close()
        assert (await ask(bench, b"GET /raw HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\n\x00\xff")

    posted = api.requests[0]
    assert (posted.method, posted.path, posted.target, posted.body) == ("POST", "/readings", "/readings?id=7", b"21.5")
    assert posted.headers["host"] == "api.example"
    assert [request.method for request in api.requests] == ["POST", "GET", "GET", "GET"]


async def test_an_answer_can_be_made_of_the_request() -> None:
    async def slow(request: HttpRequest) -> dict[str, Any]:
        await asyncio.sleep(5)
        return {"asked": request.target}

    hosts, network = alone()
    network.add_http("api.example", {"/slow": slow, "/made": lambda request: HttpAnswer(b"x", 418, {"X-Tea": "yes"})})
    async with on_air(hosts=hosts) as bench:
        began = now()
        answer = await ask(bench, b"GET /slow?a=1 HTTP/1.0\r\n\r\n")
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"asked": "/slow?a=1"}
        assert now() - began >= 5
        answer = await ask(bench, b"GET /made HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 418 ")
        assert b"\r\nX-Tea: yes\r\nContent-Length: 1\r\n" in answer
        head = await ask(bench, b"HEAD /made HTTP/1.0\r\n\r\n")
        assert head.endswith(b"Content-Length: 1\r\nConnection: close\r\n\r\n")


async def test_a_body_may_come_in_chunks_and_after_a_question() -> None:
    hosts, network = alone()
    api = network.add_http("api.example", {"/": "ok"})
    async with on_air(hosts=hosts) as bench:
        reader, writer = await bench.modem.open_connection("api.example", 80)
        writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n")
        await reader.readuntil(b"ok")
        writer.close()

    assert api.requests[0].body == b"abcde"


async def test_a_malformed_request_is_answered_400_and_ends_the_connection() -> None:
    hosts, network = alone()
    api = network.add_http("api.example", {})
    async with on_air(hosts=hosts) as bench:
        assert (await ask(bench, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert (await ask(bench, b"GET / HTTP/1.1\r\nHost: a\r\nno header\r\n\r\n")).startswith(b"HTTP/1.1 400 ")

    assert api.requests == []


async def test_a_request_without_its_host_is_answered_400_as_by_any_server() -> None:
    hosts, network = alone()
    network.add_http("api.example", {"/": "ok"})
    async with on_air(hosts=hosts) as bench:
        assert (await ask(bench, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        answer = await ask(bench, b"GET / HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n")
        assert answer.endswith(b"\r\n\r\nok")


async def test_a_head_that_is_too_large_is_answered_431() -> None:
    hosts, network = alone()
    network.add_http("api.example", {"/": "ok"})
    async with on_air(hosts=hosts) as bench:
        request = b"GET / HTTP/1.1\r\nX: ".ljust(16_400, b"x")
        assert (await ask(bench, request)).startswith(b"HTTP/1.1 431 ")


def test_an_http_server_without_h11_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h11", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs h11: pip install 'bc260y-aio\[testing\]'"):
        Network().add_http("api.example", {})


# Failing hosts


async def test_a_host_that_refuses_does_so_as_soon_as_the_open_arrives() -> None:
    hosts, network = alone()
    network.add_refusing("closed.example")
    network.latency = 1.0
    async with on_air(hosts=hosts) as bench:
        began = now()
        with pytest.raises(ConnectRefused):
            await bench.modem.open_connection("closed.example", 7)

        assert now() - began == pytest.approx(2)
        assert await bench.modem.ping("closed.example", count=1)


async def test_a_host_that_is_not_there_is_given_up_after_the_modules_own_time() -> None:
    hosts, network = alone()
    network.add_silent("gone.example")
    async with on_air(hosts=hosts, open_timeout=30.0) as bench:
        began = now()
        with pytest.raises((ConnectTimeout, ConnectRefused)):
            await bench.modem.open_connection("gone.example", 7)

        assert now() - began >= 30
        assert not await bench.modem.ping("gone.example", count=1)


@pytest.mark.parametrize("kind", ["refusing", "silent"])
async def test_datagrams_to_an_unused_address_are_lost(kind: str) -> None:
    hosts, network = alone()
    getattr(network, f"add_{kind}")("nobody.example")
    async with on_air(hosts=hosts) as bench:
        transport, protocol = await datagrams(bench.modem, "nobody.example")
        transport.sendto(b"anybody there?")
        await transport.drained()
        await quiet(60)
        assert (protocol.datagrams, protocol.errors, protocol.losses) == ([], [], [])


async def test_a_host_that_stops_reading_acknowledges_nothing_more() -> None:
    hosts, network = alone()
    network.add_stalled("stuck.example", after=1000)
    async with on_air(hosts=hosts) as bench:
        transport, _ = await stream(bench.modem, "stuck.example")
        transport.write(bytes(1000))
        await transport.wait_acked(10)
        transport.write(bytes(1000))
        with pytest.raises(NotAcknowledged):
            await transport.wait_acked(10)

        status = await transport.ack_status()
        assert (status.sent, status.unacked) == (2000, 1000)
        transport.abort()


async def test_the_network_can_stop_for_a_while() -> None:
    async with on_air(blackout=(60.0, 90.0)) as bench:
        transport, protocol = await stream(bench.modem, "echo.example")
        await quiet(70 - now())
        transport.write(b"hello")
        await protocol.until_data(5)
        assert now() == pytest.approx(90)
