"""UDP sockets of a program's own while its process is routed: in this process, and the module in a thread."""

import array
import asyncio
import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bc260y_aio.emulator import EchoPeer, Peer, PeerConnection, SinkPeer
from bc260y_aio.errors import ModemClosed
from bc260y_aio.routing.process import udp

from .processes import PATIENCE, routed_process, until

ECHO = {"echo.example": EchoPeer()}


@contextlib.contextmanager
def made(family: int = socket.AF_INET) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        yield sock


@pytest.fixture
def rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after sockets once a minute only: what is noticed sooner has been told."""
    monkeypatch.setattr(udp, "_INTERVAL", 60.0)


# Sending and receiving


def test_the_sender_of_a_datagram_is_the_peer_in_every_call_that_names_it() -> None:
    with routed_process(ECHO) as process, made() as sock:
        peer = process.addresses["echo.example"], 7
        buffer = bytearray(100)
        calls: list[Callable[[], Any]] = [
            lambda: sock.recvfrom(100),
            lambda: (bytes(buffer[: (got := sock.recvfrom_into(buffer))[0]]), got[1]),
            lambda: sock.recvmsg(100)[::3],
            lambda: (bytes(buffer[: (got := sock.recvmsg_into([buffer]))[0]]), got[3]),
        ]
        for number, call in enumerate(calls):
            question = b"question %d" % number
            assert sock.sendto(question, peer) == len(question)
            assert call() == (question, peer)

        assert sock.sendmsg([b"in ", b"pieces"], (), 0, peer) == 9
        assert sock.recvfrom(100) == (b"in pieces", peer)


def test_a_connected_socket_reports_its_peer_and_receives_from_it_only() -> None:
    with routed_process(ECHO) as process, made() as sock, made() as stranger:
        sock.connect(("echo.example", 7))
        assert sock.getpeername() == (process.addresses["echo.example"], 7)

        stranger.sendto(b"from a stranger", ("127.0.0.1", sock.getsockname()[1]))
        sock.send(b"question")
        assert sock.recv(100) == b"question"


@pytest.mark.usefixtures("rarely")
def test_a_peer_that_is_connected_to_costs_no_connect_id_before_it_is_sent_to() -> None:
    with routed_process(ECHO) as process, made() as sock:
        sock.connect(("echo.example", 7))
        assert process.sockets() == []

        sock.send(b"question")
        sock.recv(100)
        assert [(one.service_type, one.remote_port) for one in process.sockets()] == [("UDP", 7)]


def test_a_socket_speaks_to_many_peers_and_to_this_machine() -> None:
    hosts = {f"{number}.example": EchoPeer() for number in range(3)}
    with routed_process(hosts) as process, made() as sock, made() as neighbour:
        neighbour.bind(("127.0.0.1", 0))
        peers = {(process.addresses[name], port): name.encode() for name in hosts for port in (7, 8)}
        some = list(peers)[:4]
        for peer in some:
            sock.sendto(peers[peer], peer)

        assert dict(sock.recvfrom(100)[::-1] for _ in some) == {peer: peers[peer] for peer in some}

        sock.sendto(b"from next door", neighbour.getsockname())
        data, sender = neighbour.recvfrom(100)
        assert (data, sender) == (b"from next door", ("127.0.0.1", sock.getsockname()[1]))
        neighbour.sendto(b"to next door", sender)
        assert sock.recvfrom(100) == (b"to next door", neighbour.getsockname())


def test_a_second_datagram_to_a_peer_takes_the_same_way_in_order() -> None:
    sink = SinkPeer()
    with routed_process({"sink.example": sink}) as process:
        with made() as sock:
            for number in range(50):
                sock.sendto(b"%02d" % number, (process.addresses["sink.example"], 7))

        process.wait_free()

    assert len(sink.connections) == 1
    assert sink.pieces == [b"%02d" % number for number in range(50)]


def test_select_and_calls_that_do_not_block_work_as_always() -> None:
    with routed_process(ECHO) as process, made() as sock:
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recvfrom(100)

        sock.sendto(b"question", (process.addresses["echo.example"], 7))
        assert select.select([sock], [], [], PATIENCE)[0] == [sock]
        assert sock.recvfrom(100)[0] == b"question"


def test_a_socket_that_is_bound_to_the_loopback_interface_sends_over_the_module_too() -> None:
    with routed_process(ECHO) as process, made() as sock:
        sock.bind(("127.0.0.2", 0))
        sock.sendto(b"question", ("echo.example", 7))
        assert sock.recvfrom(100) == (b"question", (process.addresses["echo.example"], 7))


def test_the_port_that_a_program_binds_is_the_modules(left_loopback: list[str]) -> None:
    with made() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    with routed_process(ECHO) as process, made() as sock:
        sock.bind(("", port))
        sock.sendto(b"question", ("echo.example", 7))
        sock.recvfrom(100)
        assert [one.local_port for one in process.sockets()] == [port]


def test_a_peer_by_ipv6_has_an_address_of_four_parts() -> None:
    with routed_process({"2001:db8::7": EchoPeer()}), made(socket.AF_INET6) as sock:
        sock.sendto(b"question", ("2001:db8::7", 7))
        assert sock.recvfrom(100) == (b"question", ("2001:db8::7", 7, 0, 0))


# What a module cannot send


def test_a_datagram_that_is_too_long_is_refused_and_the_socket_goes_on() -> None:
    with routed_process(ECHO) as process, made() as sock:
        peer = process.addresses["echo.example"], 7
        for data in (bytes(513), array.array("I", [0] * 200), bytearray(2000)):
            with pytest.raises(OSError, match=r"513|800|2000") as refused:
                sock.sendto(data, peer)

            assert refused.value.errno == errno.EMSGSIZE

        assert process.sockets() == []
        sock.sendto(bytes(512), peer)
        assert sock.recvfrom(600) == (bytes(512), peer)


def test_bytes_that_a_format_cannot_send_are_told_and_dropped(caplog: pytest.LogCaptureFixture) -> None:
    with routed_process(ECHO, data_format="text") as process, made() as sock:
        peer = process.addresses["echo.example"], 7
        sock.sendto(b"\0", peer)
        sock.sendto(b"x" * 1024, peer)
        assert sock.recvfrom(2000) == (b"x" * 1024, peer)

    assert [told for told in caplog.messages if told.startswith("a datagram of the program was not sent")] != []


def test_a_socket_that_is_closed_sends_nothing() -> None:
    with routed_process(ECHO) as process, made() as sock:
        sock.close()
        with pytest.raises(OSError, match="Bad file descriptor") as refused:
            sock.sendto(b"late", (process.addresses["echo.example"], 7))

        assert refused.value.errno == errno.EBADF


@pytest.mark.parametrize("port", [0, 65536, -1, "7", None])
def test_a_port_that_is_none_is_refused(port: Any) -> None:
    with routed_process(ECHO) as process, made() as sock:
        with pytest.raises(OSError, match="no port for a datagram") as refused:
            sock.sendto(b"nowhere", (process.addresses["echo.example"], port))

        assert refused.value.errno == errno.EINVAL


def test_datagrams_go_to_any_other_port() -> None:
    with routed_process(ECHO) as process, made() as sock:
        for port in (1, 65535):
            assert sock.sendto(b"anywhere", (process.addresses["echo.example"], port)) == 8
            assert sock.recvfrom(100)[1][1] == port


def test_in_the_modems_thread_a_socket_has_the_addresses_of_this_machine() -> None:
    async def look() -> tuple[Any, Any]:
        return sock.getpeername()[0], stream.getsockname()[0]

    with routed_process(ECHO) as process, made() as sock, socket.create_connection(("echo.example", 7)) as stream:
        sock.connect(("echo.example", 7))
        assert sock.getpeername() == stream.getpeername() == (process.addresses["echo.example"], 7)
        assert process.run(look()) == ("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize("address", ["255.255.255.255", "224.0.0.1", b"239.1.2.3"])
def test_datagrams_for_many_are_refused(address: Any) -> None:
    with routed_process(ECHO), made() as sock:
        with pytest.raises(OSError, match=r"a datagram for many, to .*, does not go over a modem") as refused:
            sock.sendto(b"all", (address, 7))

        assert refused.value.errno == errno.ENETUNREACH


def test_a_child_process_has_no_modem(monkeypatch: pytest.MonkeyPatch) -> None:
    with routed_process(ECHO) as process, made() as sock, made() as other:
        peer = process.addresses["echo.example"], 7
        sock.sendto(b"question", peer)
        sock.recvfrom(100)
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            for one in (other, sock):
                with pytest.raises(ModemClosed, match="parent process"):
                    one.sendto(b"question", (peer[0], 8))

        assert len(process.sockets()) == 1


# The end


@pytest.mark.usefixtures("rarely")
def test_data_that_was_sent_before_a_close_arrives_and_the_connect_id_is_free_at_once() -> None:
    sink = SinkPeer()
    with routed_process({"sink.example": sink}) as process:
        for number in range(3):
            with made() as sock:
                sock.sendto(b"datagram %d" % number, ("sink.example", 7))

        process.wait_free()

    assert sorted(sink.pieces) == [b"datagram 0", b"datagram 1", b"datagram 2"]


def test_a_socket_that_is_closed_without_a_call_of_its_own_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "_INTERVAL", 0.01)
    with routed_process(ECHO) as process, made() as sock:
        sock.sendto(b"question", ("echo.example", 7))
        sock.recvfrom(100)
        os.close(sock.detach())
        process.wait_free()


def test_a_socket_with_a_second_descriptor_lives_as_long_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "_INTERVAL", 0.01)
    with routed_process(ECHO) as process, made() as sock:
        peer = process.addresses["echo.example"], 7
        with sock.dup() as copy:
            sock.sendto(b"one", peer)
            assert copy.recvfrom(100) == (b"one", peer)

        for number in range(3):
            sock.sendto(b"two %d" % number, peer)
            assert sock.recvfrom(100) == (b"two %d" % number, peer)

        assert len(process.sockets()) == 1


@pytest.mark.usefixtures("rarely")
def test_the_end_of_a_program_sends_what_waits_and_leaves_nothing() -> None:
    sink = SinkPeer()
    hosts: dict[str, Peer] = {"sink.example": sink, "echo.example": EchoPeer()}
    with routed_process(hosts) as process, made() as sock, made() as idle:
        idle.sendto(b"question", ("echo.example", 7))
        idle.recvfrom(100)
        sock.sendto(b"last words", ("sink.example", 7))
        # It does not wait for a socket that has nothing to send.
        start = time.monotonic()
        process.thread.stop()
        assert time.monotonic() - start < PATIENCE

    assert sink.pieces == [b"last words"]
    assert process.emulator.module.sockets == {}


@pytest.mark.usefixtures("rarely")
@pytest.mark.parametrize("answers", [1, 2])
def test_an_answer_to_a_socket_that_was_closed_without_a_call_frees_the_connect_id(answers: int) -> None:
    heard: asyncio.Queue[PeerConnection] = asyncio.Queue()

    async def answer_later(connection: PeerConnection) -> None:
        assert await connection.receive() == b"question"
        heard.put_nowait(connection)
        await connection.wait_closed()

    with routed_process({"peer.example": answer_later}) as process, made() as sock:
        sock.sendto(b"question", ("peer.example", 7))
        connection = process.run(heard.get())
        os.close(sock.detach())

        async def answer() -> None:
            for _ in range(answers):
                connection.send(b"too late")

        process.run(answer())
        process.wait_free()


# Trouble of the modem


@pytest.mark.usefixtures("rarely")
def test_after_a_restart_of_the_module_the_next_datagram_opens_a_socket_again() -> None:
    with routed_process(ECHO) as process, made() as sock:
        peer = process.addresses["echo.example"], 7
        sock.sendto(b"before", peer)
        assert sock.recvfrom(100) == (b"before", peer)

        async def restart() -> None:
            process.emulator.restart()
            # The command under way at the restart fails.
            with contextlib.suppress(OSError):
                await process.own.modem.execute("AT")

        process.run(restart())
        sock.sendto(b"after", peer)
        assert sock.recvfrom(100) == (b"after", peer)


def test_a_datagram_waits_for_a_modem_that_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(udp, "_INTERVAL", 0.01)
    with routed_process(ECHO) as process, made() as sock:
        process.run(process.lose())
        sock.sendto(b"patient", (process.addresses["echo.example"], 7))
        process.run(until(lambda: "cannot be opened over the modem" in caplog.text))
        process.run(process.emulator.plug_in())
        assert sock.recv(100) == b"patient"
        assert process.own.opened > 1
