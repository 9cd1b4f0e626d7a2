"""Every way in which a Python program reaches for another machine, one function each.

    python -m tests.leaks.forms LOOP FORM ...

Each prints its outcome: `echo` where a peer has answered, `refused` for an error, or what it got. It is run under
`bc260y-aio run`; with FORM `exclusive` it opens a modem by itself, and does the same within an exclusive route whose
rule takes nothing, so that everything is refused; and by Python alone, to show that the wire is watched.
"""

import _socket
import asyncio
import contextlib
import functools
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from socket import gethostbyaddr as gethostbyaddr_before
from socket import getnameinfo as getnameinfo_before
from typing import Any, Final

import uvloop

from bc260y_aio import Modem

PORT: Final = int(os.environ.get("ECHO_PORT", "7"))
# The emulator's names, and so all of these, lead to this machine's loopback interface.
NAME: Final = "peer.example"
ADDRESS: Final = "198.51.100.7"

BLOCKING: dict[str, Callable[[], Any]] = {}
COROUTINES: dict[str, Callable[[], Awaitable[Any]]] = {}


def blocking(function: Callable[[], Any]) -> Callable[[], Any]:
    BLOCKING[function.__name__] = function
    return function


def coroutine(function: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    COROUTINES[function.__name__] = function
    return function


def datagram_socket(*, blocks: bool = True) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(5 if blocks else 0)
    return sock


# Datagrams of sockets without a peer


@blocking
def sendto_name() -> Any:
    with datagram_socket() as sock:
        sock.sendto(b"hello", (NAME, PORT))
        return sock.recvfrom(100)[0]


@blocking
def sendto_address() -> Any:
    with datagram_socket() as sock:
        address = socket.getaddrinfo(NAME, PORT, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
        sock.sendto(b"hello", address)
        data, sender = sock.recvfrom(100)
        assert sender == address
        return data


@blocking
def sendmsg_name() -> Any:
    with datagram_socket() as sock:
        sock.sendmsg([b"he", b"llo"], [], 0, (NAME, PORT))
        return sock.recvmsg(100)[0]


@blocking
def c_sendto_name() -> Any:
    sock = _socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        return sock.sendto(b"", (NAME, PORT))
    finally:
        sock.close()


@blocking
def original_sendto_address() -> Any:
    # The method of the C class that no replacement of a name reaches.
    c_class: Any = socket.socket.__mro__[1]
    with datagram_socket() as sock:
        return c_class.sendto(sock, b"hello", (ADDRESS, PORT))


@blocking
def broadcast() -> Any:
    with datagram_socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.sendto(b"hello", ("255.255.255.255", PORT))
        sock.settimeout(0.1)
        return sock.recvfrom(100)[0]


@blocking
def join_a_multicast_group() -> Any:
    # It is announced by a packet of IGMP.
    with datagram_socket() as sock:
        group = socket.inet_aton("224.0.1.187") + socket.inet_aton("0.0.0.0")
        return sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)


@blocking
def join_a_multicast_group_on_loopback() -> Any:
    with datagram_socket() as sock:
        group = socket.inet_aton("224.0.1.187") + socket.inet_aton("127.0.0.1")
        return sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)


@blocking
def datagram_by_an_interface() -> Any:
    with datagram_socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"wire0")
        return sock.sendto(b"hello", (ADDRESS, PORT))


@blocking
def packet_by_an_interface() -> Any:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
        return sock.sendto(b"\x45" + bytes(19), ("wire0", 0x0800))


@blocking
def datagram_of_a_child() -> Any:
    if (pid := os.fork()) == 0:
        refused = False
        try:
            with datagram_socket() as sock:
                sock.sendto(b"hello", (ADDRESS, PORT))
        except OSError:
            refused = True
        finally:
            os._exit(refused)

    return OSError() if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) else "sent"


# Connecting


@blocking
def connect_datagrams() -> Any:
    with datagram_socket() as sock:
        sock.connect((NAME, PORT))
        sock.send(b"hello")
        return sock.recv(100)


@blocking
def connect_nonblocking_name() -> Any:
    with socket.socket() as sock:
        sock.setblocking(False)
        return sock.connect((NAME, PORT))


@blocking
def connect_ex_nonblocking_address() -> Any:
    with socket.socket() as sock:
        sock.setblocking(False)
        return os.strerror(sock.connect_ex((ADDRESS, PORT)))


@blocking
def connect_stream() -> Any:
    with socket.create_connection((NAME, PORT), timeout=10) as sock:
        sock.sendall(b"hello")
        return sock.recv(100)


@blocking
def c_connect_name() -> Any:
    sock = _socket.socket()
    try:
        return sock.connect((NAME, PORT))
    finally:
        sock.close()


@blocking
def bind_name() -> Any:
    with socket.socket() as sock:
        return sock.bind((NAME, 0))


@blocking
def bind_own_name() -> Any:
    with socket.socket() as sock:
        sock.bind((socket.gethostname(), 0))
        return sock.getsockname()[0]


# Resolving


@blocking
def gethostbyname() -> Any:
    return bool(socket.gethostbyname(NAME))


@blocking
def gethostbyname_ex() -> Any:
    return len(socket.gethostbyname_ex(NAME)[2])


@blocking
def gethostbyaddr_number() -> Any:
    return socket.gethostbyaddr(ADDRESS)


@blocking
def getnameinfo_imported_before() -> Any:
    return getnameinfo_before((ADDRESS, 80), 0)


@blocking
def gethostbyaddr_imported_before() -> Any:
    return gethostbyaddr_before(ADDRESS)


@blocking
def getfqdn() -> Any:
    return bool(socket.getfqdn())


@blocking
def getfqdn_name() -> Any:
    return socket.getfqdn(NAME)


@blocking
def getnameinfo() -> Any:
    return socket.getnameinfo((ADDRESS, 80), 0)


@blocking
def getaddrinfo_numeric_flag() -> Any:
    return socket.getaddrinfo(NAME, PORT, flags=socket.AI_NUMERICHOST)


@blocking
def getaddrinfo_passive() -> Any:
    return socket.getaddrinfo(NAME, PORT, flags=socket.AI_PASSIVE)


@blocking
def localhost_subdomain() -> Any:
    return socket.gethostbyname("x.localhost")


@blocking
def create_server_name() -> Any:
    return socket.create_server((NAME, 0))


# Event loops


class Collect(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if not self.received.done():
            self.received.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.received.done():
            self.received.set_exception(exc)


async def exchanged(transport: Any, protocol: Any, *address: Any) -> Any:
    try:
        transport.sendto(b"hello", *address)
        return await asyncio.wait_for(protocol.received, 5)
    finally:
        transport.close()


async def address_of_name() -> str:
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(NAME, PORT, type=socket.SOCK_DGRAM)
    except OSError:
        return ADDRESS

    return str(rows[0][4][0])


@coroutine
async def endpoint_of_own_socket() -> Any:
    sock = datagram_socket(blocks=False)
    try:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Collect, sock=sock)
        return await exchanged(transport, protocol, (await address_of_name(), PORT))
    finally:
        sock.close()


@coroutine
async def endpoint_to_a_name() -> Any:
    loop = asyncio.get_running_loop()
    return await exchanged(*await loop.create_datagram_endpoint(Collect, remote_addr=(NAME, PORT)))


@coroutine
async def connection_to_a_name() -> Any:
    reader, writer = await asyncio.open_connection(NAME, PORT)
    writer.write(b"hello")
    try:
        return await reader.read(100)
    finally:
        writer.close()


@coroutine
async def sock_connect_to_a_name() -> Any:
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, (NAME, PORT))
        await loop.sock_sendall(sock, b"hello")
        return await loop.sock_recv(sock, 100)


@coroutine
async def loop_getaddrinfo() -> Any:
    return bool(await asyncio.get_running_loop().getaddrinfo(NAME, PORT))


@coroutine
async def endpoint_bound_to_loopback() -> Any:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Collect, local_addr=("127.0.0.1", 0))
    return await exchanged(transport, protocol, (ADDRESS, PORT))


@coroutine
async def endpoint_bound_to_a_name() -> Any:
    loop = asyncio.get_running_loop()
    return await loop.create_datagram_endpoint(Collect, local_addr=(NAME, 0))


@coroutine
async def connection_from_a_name() -> Any:
    loop = asyncio.get_running_loop()
    return await loop.create_connection(asyncio.Protocol, "127.0.0.1", PORT, local_addr=(NAME, 0))


@coroutine
async def add_reader_client() -> Any:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    with datagram_socket(blocks=False) as sock:
        sock.sendto(b"hello", (NAME, PORT))
        loop.add_reader(sock, readable.set)
        try:
            await asyncio.wait_for(readable.wait(), 5)
            return sock.recvfrom(100)[0]
        finally:
            loop.remove_reader(sock)


@coroutine
async def start_server_by_name() -> Any:
    return await asyncio.start_server(lambda *_: None, NAME, 0)


@coroutine
async def start_server_on_localhost_subdomain() -> Any:
    server = await asyncio.start_server(lambda *_: None, "x.localhost", 0)
    server.close()
    return "listening"


@coroutine
async def connect_localhost_subdomain() -> Any:
    reader, writer = await asyncio.open_connection("x.localhost", PORT)
    writer.write(b"hello")
    try:
        return await reader.read(100)
    finally:
        writer.close()


@coroutine
async def resolve_in_a_thread() -> Any:
    return bool(await asyncio.to_thread(socket.gethostbyname, NAME))


@coroutine
async def loop_getnameinfo() -> Any:
    return await asyncio.get_running_loop().getnameinfo((ADDRESS, 80), 0)


# Running


def outcome(name: str, result: Any) -> None:
    if isinstance(result, OSError):
        result = "refused"
    elif result == b"hello":
        result = "echo"

    print(name, result, flush=True)


async def all_coroutines() -> None:
    for name, function in COROUTINES.items():
        try:
            outcome(name, await function())
        except OSError as exc:
            outcome(name, exc)


def all_blocking() -> None:
    for name, function in BLOCKING.items():
        try:
            outcome(name, function())
        except OSError as exc:
            outcome(name, exc)


async def exclusively(function: Callable[[], Any]) -> None:
    async with Modem("emulator://") as modem:
        with modem.route(match=lambda *_: False, exclusive=True):
            result = function()
            if asyncio.iscoroutine(result):
                await result


def main(loop: str, form: str) -> None:
    run = functools.partial(uvloop.run) if loop == "uvloop" else asyncio.run
    with contextlib.suppress(KeyboardInterrupt):
        match form:
            case "blocking":
                all_blocking()
            case "coroutines":
                run(all_coroutines())
            case "exclusive":
                run(exclusively(all_blocking))
                run(exclusively(all_coroutines))
            case name:
                outcome(name, BLOCKING[name]())


if __name__ == "__main__":
    main(*sys.argv[1:])
