"""The parts of isolation: names, and the messages between the two processes."""

import asyncio
import os
import signal
import socket
from typing import Any

import pytest

dns_message = pytest.importorskip("dns.message", reason="the extra `isolated` is not installed")

import dns.rcode  # noqa: E402
import dns.rdatatype  # noqa: E402

from bc260y_aio.bridge.isolation import inside  # noqa: E402
from bc260y_aio.bridge.isolation.control import Control  # noqa: E402
from bc260y_aio.bridge.isolation.dns import Names  # noqa: E402
from bc260y_aio.bridge.isolation.outside import IsolatedProgram  # noqa: E402
from tests.loops import Clock  # noqa: E402


def ask(names: Names, name: str, kind: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    answer = names.answer(query.to_wire())
    assert answer is not None
    response = dns.message.from_wire(answer)
    assert query.is_response(response)
    return response


def test_each_name_has_an_address_of_its_own_and_is_opened_by_its_name() -> None:
    names = Names()
    first, second = ask(names, "Web.example"), ask(names, "other.example")
    assert [record.address for record in first.answer[0]] == ["198.18.1.0"]
    assert [record.address for record in second.answer[0]] == ["198.18.1.1"]
    assert names.host_of("198.18.1.0") == "web.example"
    assert names.host_of("198.18.1.1") == "other.example"
    assert names.host_of("198.18.1.2") is None
    assert names.host_of("192.0.2.7") == "192.0.2.7"
    assert ask(names, "web.example").answer == first.answer


def test_the_name_of_an_address_is_known() -> None:
    names = Names()
    ask(names, "web.example")
    assert str(ask(names, "0.1.18.198.in-addr.arpa", "PTR").answer[0][0].target) == "web.example."
    assert ask(names, "7.2.0.192.in-addr.arpa", "PTR").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("kind", ["AAAA", "HTTPS", "SVCB"])
def test_a_name_has_nothing_but_an_ipv4_address(kind: str) -> None:
    response = ask(Names(), "web.example", kind)
    assert (response.rcode(), response.answer) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("kind", ["MX", "TXT", "SRV", "ANY"])
def test_query_types_beyond_the_module_are_not_implemented(kind: str) -> None:
    assert ask(Names(), "web.example", kind).rcode() == dns.rcode.NOTIMP


@pytest.mark.parametrize("name", ["nowhere.invalid", ".".join(["a" * 60] * 3), "."])
def test_names_that_cannot_be(name: str) -> None:
    assert ask(Names(), name).rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("wire", [b"", b"\0" * 5, b"\xff" * 40])
def test_a_message_that_is_no_query_is_not_answered(wire: bytes) -> None:
    assert Names().answer(wire) is None


def test_a_query_cut_anywhere_is_answered_or_not() -> None:
    wire = dns.message.make_query("web.example", "A").to_wire()
    for size in range(len(wire)):
        Names().answer(wire[:size])


def test_a_message_carries_a_descriptor() -> None:
    one, other = Control.pair()
    reading, writing = os.pipe()
    one.send({"stream": 1}, writing)
    os.close(writing)
    received = other.receive()
    assert received is not None
    assert received[0] == {"stream": 1}
    os.write(received[1], b"through")
    os.close(received[1])
    assert os.read(reading, 100) == b"through"
    os.close(reading)

    other.setblocking(False)
    with pytest.raises(BlockingIOError):
        other.receive()

    one.close()
    assert other.receive() is None
    other.send({"to": "nobody"})
    other.close()


def test_a_message_without_one() -> None:
    one, other = Control.pair()
    one.send({"ended": 0})
    assert other.receive() == ({"ended": 0}, -1)
    one.close()
    other.close()


async def test_the_datagram_sockets_that_programs_still_have_are_closed_at_the_end() -> None:
    control, theirs = Control.pair()
    process = inside._Inside(control)
    handed = []
    for port in (40001, 40002):
        process._source(("198.18.0.2", port))
        received = theirs.receive()
        assert received is not None
        handed.append(socket.socket(fileno=received[1]))

    process._close_sources()
    for sock in handed:
        sock.setblocking(False)
        assert sock.recv(1) == b""
        sock.close()

    control.close()
    theirs.close()


async def test_a_connection_that_the_tcp_stack_has_not_passed_on_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    control, theirs = Control.pair()
    looks = iter([True, True, False])
    monkeypatch.setattr(inside, "has_ended", lambda address: next(looks))
    await inside._Inside(control)._until_flushed()
    assert list(looks) == []
    control.close()
    theirs.close()


async def test_a_connection_that_is_never_passed_on_is_waited_for_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    control, theirs = Control.pair()
    monkeypatch.setattr(inside, "has_ended", lambda address: True)
    waiting = asyncio.create_task(inside._Inside(control)._until_flushed())
    await clock.advance(9.5)
    assert not waiting.done()
    await clock.advance(1.0)
    await waiting
    control.close()
    theirs.close()


async def test_a_socket_whose_service_is_cancelled_before_it_begins_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    control, theirs = Control.pair()
    spare, other = Control.pair()
    monkeypatch.setattr(Control, "pair", lambda: (control, spare))
    monkeypatch.setattr(os, "fork", lambda: 4711)
    monkeypatch.setattr(os, "waitpid", lambda *_: None)
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: signals.append(arguments))
    program = IsolatedProgram(["true"])
    opener: Any = None
    running = asyncio.create_task(program.run(opener, 60.0))
    await asyncio.sleep(0)
    ours, handed = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with handed:
            theirs.send({"datagrams": 1}, handed.fileno())

        running.cancel()
        program._read_control()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert ours.recv(1) == b""

    program.close()
    assert signals == [(4711, signal.SIGTERM)]
    theirs.close()
    other.close()
