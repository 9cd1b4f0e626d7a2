"""The socket facade of a connection without a kernel socket: `get_extra_info("socket")`."""

import asyncio
import errno
import gc
import os
import pickle
import select
import socket
import struct
from typing import Any

import pytest

from bc260y_aio.line.inbox import Inbox
from bc260y_aio.transports.socket_facade import SocketFacade

from .ends import Recorder, ends


def facade(
    service_type: str = "TCP", peername: tuple[str, int] | None = ("peer.example", 7), inbox: Inbox | None = None
) -> SocketFacade:
    # An empty inbox is false.
    inbox = Inbox(4096, keeps_order=service_type == "TCP") if inbox is None else inbox
    return SocketFacade(inbox, service_type=service_type, sockname=("0.0.0.0", 0), peername=peername)


def is_readable(sock: SocketFacade) -> bool:
    return select.select([sock], [], [], 0)[0] == [sock]


# Properties


@pytest.mark.parametrize(
    ("service_type", "kind", "proto"),
    [("TCP", socket.SOCK_STREAM, socket.IPPROTO_TCP), ("UDP", socket.SOCK_DGRAM, socket.IPPROTO_UDP)],
)
def test_it_reports_family_type_and_addresses(service_type: str, kind: int, proto: int) -> None:
    sock = facade(service_type)

    assert (sock.family, sock.type, sock.proto) == (socket.AF_INET, kind, proto)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == kind
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert (sock.getsockname(), sock.getpeername()) == (("0.0.0.0", 0), ("peer.example", 7))
    assert "raddr=('peer.example', 7)" in repr(sock)


def test_a_peer_of_the_other_family_shows() -> None:
    assert facade(peername=("2001:db8::1", 7)).family == socket.AF_INET6


def test_without_a_peer_it_is_not_connected() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOTCONN)):
        facade("UDP", None).getpeername()


# Options


def test_options_are_remembered() -> None:
    sock = facade()
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0

    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0


def test_options_may_be_bytes() -> None:
    sock = facade()
    linger = struct.pack("ii", 1, 5)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == linger

    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, None, 8)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == bytes(8)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE, 4) == struct.pack("i", socket.SOCK_STREAM)


@pytest.mark.parametrize("value", ["text", 1.5, None])
def test_options_of_other_kinds_are_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        facade().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, value)


def test_a_number_may_be_negative() -> None:
    sock = facade()
    for number in (-1, -(1 << 31)):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, number)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == number
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4) == struct.pack("i", number)


def test_no_child_process_inherits_it() -> None:
    assert facade().get_inheritable() is False


def test_options_are_as_wide_as_an_int_of_c() -> None:
    with pytest.raises(OverflowError):
        facade().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 31)

    for size in (-1, 1025):
        with pytest.raises(OSError, match="buflen out of range") as caught:
            facade().getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

        assert caught.value.errno == errno.EINVAL

    assert facade().getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024) == bytes(4)


# Refused calls


def test_it_never_blocks() -> None:
    sock = facade()
    sock.settimeout(0)
    sock.setblocking(False)
    assert sock.gettimeout() == 0
    assert not sock.get_inheritable()

    with pytest.raises(ValueError, match="only 0 timeout"):
        sock.settimeout(1.0)

    with pytest.raises(ValueError, match="cannot be blocking"):
        sock.setblocking(True)


def test_it_can_neither_be_shut_down_nor_copied() -> None:
    with pytest.raises(OSError, match="cannot be shut down"):
        facade().shutdown(socket.SHUT_WR)

    with pytest.raises(OSError, match="cannot be duplicated"):
        facade().dup()

    with pytest.raises(TypeError, match="Cannot serialize SocketFacade"):
        pickle.dumps(facade())


# Its descriptor


@pytest.mark.parametrize("has_eventfd", [True, False])
def test_it_is_readable_exactly_while_data_or_the_end_waits(has_eventfd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_eventfd:
        monkeypatch.delattr(os, "eventfd", raising=False)

    inbox = Inbox(4096, keeps_order=True)
    sock = SocketFacade(inbox, service_type="TCP", sockname=("0.0.0.0", 0), peername=("peer.example", 7))
    inbox.put(b"before")
    assert is_readable(sock)

    inbox.take()
    assert not is_readable(sock)

    inbox.put(b"one")
    inbox.put(b"two")
    assert inbox.take() == b"one"
    assert is_readable(sock)

    assert inbox.take() == b"two"
    assert not is_readable(sock)

    inbox.put_back(b"two")
    assert is_readable(sock)

    inbox.clear()
    assert not is_readable(sock)

    inbox.end()
    assert is_readable(sock)
    sock.close()


@pytest.mark.parametrize("has_eventfd", [True, False])
def test_data_that_is_sent_by_its_descriptor_is_refused(has_eventfd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_eventfd:
        monkeypatch.delattr(os, "eventfd", raising=False)

    def send(data: bytes) -> None:
        # An eventfd is no socket, and the pair is shut down.
        raw = socket.socket(fileno=sock.fileno())
        try:
            raw.send(data)
        finally:
            raw.detach()

    sock = facade()
    with pytest.raises(OSError, match=r"non-socket|Broken pipe"):
        send(b"lost")

    sock.close()


def test_its_descriptor_comes_when_it_is_asked_for_and_goes_with_it() -> None:
    sock = facade()
    assert "fd=-1" in repr(sock)

    number = sock.fileno()
    assert sock.fileno() == number
    assert f"fd={number}" in repr(sock)

    sock.close()
    sock.close()
    assert sock.fileno() == -1
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(number)


def test_one_that_is_forgotten_closes_its_descriptor() -> None:
    sock = facade()
    number = sock.fileno()
    del sock
    gc.collect()

    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(number)


@pytest.mark.loops("asyncio", "uvloop")
async def test_a_pool_sees_on_an_idle_connection_that_the_peer_has_closed_it() -> None:
    class Keeping(Recorder):
        def eof_received(self) -> bool:
            super().eof_received()
            return True

    async with ends("modem") as both:
        transport, protocol = await both.connect(Keeping)
        _, writer = await both.accept()
        sock = transport.get_extra_info("socket")
        assert not is_readable(sock)

        writer.write(b"answer")
        await protocol.has(b"answer")
        assert not is_readable(sock)

        writer.close()
        await protocol.has("eof")
        assert is_readable(sock)

        transport.close()
        await protocol.lost
        assert sock.fileno() == -1


async def test_a_paused_reader_leaves_it_readable() -> None:
    async with ends("modem") as both:
        transport, protocol = await both.connect()
        _, writer = await both.accept()
        transport.pause_reading()
        sock = transport.get_extra_info("socket")
        assert not is_readable(sock)

        writer.write(b"waits")
        await both.let_pass()
        assert is_readable(sock)

        transport.resume_reading()
        await protocol.has(b"waits")
        assert not is_readable(sock)


async def test_it_shows_through_tls() -> None:
    async with ends("modem", tls=True) as both:
        transport, _ = await both.connect()
        await both.accept()
        assert isinstance(transport.get_extra_info("socket"), SocketFacade)


async def test_a_datagram_endpoint_has_one_as_well() -> None:
    async with ends("modem") as both:
        assert both.modem is not None
        for remote_addr in (None, ("peer.example", 7)):
            transport, _ = await both.modem.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=remote_addr)
            sock = transport.get_extra_info("socket")
            assert sock.type == socket.SOCK_DGRAM
            assert sock.getsockname() == transport.get_extra_info("sockname")
            assert not is_readable(sock)
            transport.close()


# The state of the connection


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the system has no TCP_INFO")
def test_tcp_info_has_the_state_and_zeros_for_the_rest() -> None:
    inbox = Inbox(1024, keeps_order=True)
    sock = facade(inbox=inbox)

    def state() -> bytes | int:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)

    assert state() == bytes([1]) + bytes(103)
    inbox.put(b"data")
    inbox.end()
    assert state() == bytes([8]) + bytes(103)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO) == 8
    sock.close()
    assert state() == bytes([7]) + bytes(103)


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the system has no TCP_INFO")
def test_tcp_info_of_a_lost_connection_is_closed_and_of_datagrams_is_none() -> None:
    inbox = Inbox(1024, keeps_order=True)
    inbox.end(ConnectionResetError())
    lost: Any = facade(inbox=inbox).getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    assert lost == bytes([7])
    with pytest.raises(OSError, match=os.strerror(errno.ENOPROTOOPT)):
        facade("UDP").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)


def test_it_has_a_socket_as_that_of_asyncio_has() -> None:
    sock = facade()
    assert sock._sock is sock


def test_it_is_what_programs_find_in_the_private_attribute_of_asyncios() -> None:
    sock = facade()
    assert sock._sock is sock
