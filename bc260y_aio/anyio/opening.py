"""Opening the module's sockets, by anyio's names."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias, overload

import anyio
from anyio.abc import ByteStreamConnectable
from anyio.streams.tls import TLSStream

from ..sockets.tasks import running_loop
from ..transports.stream_ends import DatagramEnd, Opener, StreamEnd
from .sockets import ModemConnectedUDPSocket, ModemSocketStream, ModemUDPSocket

Host: TypeAlias = str | IPv4Address | IPv6Address


@overload
async def connect_tcp(
    remote_host: Host,
    remote_port: int,
    *,
    modem: Opener,
    local_host: Host | None = ...,
    local_port: int | None = ...,
    tls: Literal[True],
    ssl_context: ssl.SSLContext | None = ...,
    tls_standard_compatible: bool = ...,
    tls_hostname: str | None = ...,
) -> TLSStream: ...


@overload
async def connect_tcp(
    remote_host: Host,
    remote_port: int,
    *,
    modem: Opener,
    local_host: Host | None = ...,
    local_port: int | None = ...,
    tls: bool = ...,
    ssl_context: ssl.SSLContext,
    tls_standard_compatible: bool = ...,
    tls_hostname: str | None = ...,
) -> TLSStream: ...


@overload
async def connect_tcp(
    remote_host: Host,
    remote_port: int,
    *,
    modem: Opener,
    local_host: Host | None = ...,
    local_port: int | None = ...,
    tls: bool = ...,
    ssl_context: ssl.SSLContext | None = ...,
    tls_standard_compatible: bool = ...,
    tls_hostname: str,
) -> TLSStream: ...


@overload
async def connect_tcp(
    remote_host: Host,
    remote_port: int,
    *,
    modem: Opener,
    local_host: Host | None = ...,
    local_port: int | None = ...,
    tls: Literal[False] = ...,
    ssl_context: None = ...,
    tls_standard_compatible: bool = ...,
) -> ModemSocketStream: ...


async def connect_tcp(
    remote_host: Host,
    remote_port: int,
    *,
    modem: Opener,
    local_host: Host | None = None,
    local_port: int | None = None,
    tls: bool = False,
    ssl_context: ssl.SSLContext | None = None,
    tls_standard_compatible: bool = True,
    tls_hostname: str | None = None,
) -> ModemSocketStream | TLSStream:
    """Open a TCP connection over a modem, as :func:`anyio.connect_tcp` does over the host's network.

    Args:
        remote_host: the name or address; names are resolved by the module.
        remote_port: the port.
        modem: the modem.
        local_host: ``"0.0.0.0"``, or None; no other address is the module's to choose.
        local_port: the local port; any by default.
        tls: do a TLS handshake, and return anyio's TLS stream; also done where a context or a TLS host name is given.
        ssl_context: for TLS; a default one otherwise.
        tls_standard_compatible: end TLS as the standard requires, which takes a round trip; HTTP needs False.
        tls_hostname: the name that the certificate must bear; the remote host by default.

    Raises:
        anyio.ConnectionFailed: the connection could not be made; its cause is the reason.
        socket.gaierror: the name could not be resolved.
        ssl.SSLError: the TLS handshake failed.
        ValueError: an argument is out of range.
        RuntimeError: anyio runs on trio.
    """
    end = StreamEnd(high_water=0)
    with _connecting(remote_host, remote_port):
        local_addr = _local_addr(local_host, local_port)
        await modem.create_connection(lambda: end, str(remote_host), remote_port, local_addr=local_addr)

    stream = ModemSocketStream(end)
    if not (tls or ssl_context or tls_hostname):
        return stream

    try:
        return await TLSStream.wrap(
            stream,
            server_side=False,
            hostname=tls_hostname or str(remote_host),
            ssl_context=ssl_context,
            standard_compatible=tls_standard_compatible,
        )
    except BaseException:
        await anyio.aclose_forcefully(stream)
        raise


@dataclass
class TCPConnectable(ByteStreamConnectable):
    """A host and a port over a modem, to be connected to later, and again: what anyio's clients take as a remote.

    ``anyio.streams.tls.TLSConnectable`` puts TLS on top.

    Attributes:
        host: the name or address.
        port: the port.
        modem: the modem.
    """

    host: Host
    port: int
    _: KW_ONLY
    modem: Opener

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise ValueError("TCP port number out of range")

    async def connect(self) -> ModemSocketStream:
        """Connect.

        Raises:
            anyio.ConnectionFailed: the connection could not be made; its cause is the reason.
        """
        try:
            return await connect_tcp(self.host, self.port, modem=self.modem)
        except socket.gaierror as exc:
            raise anyio.ConnectionFailed(exc.errno, str(exc)) from exc


async def create_connected_udp_socket(
    remote_host: Host,
    remote_port: int,
    *,
    modem: Opener,
    family: int = socket.AF_UNSPEC,
    local_host: Host | None = None,
    local_port: int = 0,
) -> ModemConnectedUDPSocket:
    """Open a UDP socket to one peer, as :func:`anyio.create_connected_udp_socket` does.

    Args:
        remote_host: the name or address; names are resolved by the module.
        remote_port: the port.
        modem: the modem.
        family: a numeric address must be of it, and a name is resolved first for ``AF_INET6``.
        local_host: ``"0.0.0.0"``, or None.
        local_port: the local port; any by default.

    Raises:
        OSError: it could not be opened.
        ValueError: an argument is out of range.
        RuntimeError: anyio runs on trio.
    """
    running_loop()
    end = DatagramEnd()
    remote_addr, local_addr = (str(remote_host), remote_port), _local_addr(local_host, local_port)
    await modem.create_datagram_endpoint(lambda: end, local_addr, remote_addr, family=family)
    return ModemConnectedUDPSocket(end)


async def create_udp_socket(
    family: int = socket.AF_UNSPEC, *, modem: Opener, local_host: Host | None = None, local_port: int = 0
) -> ModemUDPSocket:
    """Open a UDP socket for many peers, as :func:`anyio.create_udp_socket` does.

    Unlike a kernel socket, it receives from peers that it has sent to only; each takes a connectID, and
    the one that has been quiet longest gives its up: see :class:`bc260y_aio.UnconnectedDatagramTransport`.

    Args:
        family: a peer's numeric address must be of it.
        modem: the modem.
        local_host: ``"0.0.0.0"``, or None.
        local_port: the local port; any by default.

    Raises:
        OSError: it could not be opened.
        ValueError: an argument is out of range.
        RuntimeError: anyio runs on trio.
    """
    running_loop()
    end = DatagramEnd()
    await modem.create_datagram_endpoint(lambda: end, _local_addr(local_host, local_port), family=family)
    return ModemUDPSocket(end)


def _local_addr(host: Host | None, port: int | None) -> tuple[str, int] | None:
    return (str(host or ""), port or 0) if host or port else None


@contextmanager
def _connecting(host: Host, port: int) -> Iterator[None]:
    running_loop()
    try:
        yield
    except socket.gaierror:
        raise
    except OSError as exc:
        raise anyio.ConnectionFailed(exc.errno, f"error connecting to {host}:{port}: {exc}") from exc
