"""A socket that the loop has connected over a modem, made a transport of."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

from ..transports.tls import Handshake, context_over
from .rules import Router
from .socket_relay import SocketRelay

# Linux gives ports from here on to sockets that ask for none (ip_local_port_range).
_FIRST_EPHEMERAL: Final = 32768


async def adopt(
    relay: SocketRelay,
    protocol_factory: Callable[[], Any],
    *,
    sock: socket.socket,
    ssl: Any = None,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    **ignored: Any,
) -> tuple[Any, Any]:
    """Give a client's socket to a protocol, as asyncio does with ``sock=``; it is closed together with the transport.

    Args:
        relay: what moved its bytes so far.
        protocol_factory: returns the protocol.
        sock: the client's socket.
        ssl: True, or a context, for TLS.
        server_hostname: the name that the certificate must bear; ``""`` for any.
        ssl_handshake_timeout: in seconds; 60 by default.
        ssl_shutdown_timeout: in seconds; 30 by default.
        **ignored: what asyncio ignores for a socket that is connected.

    Returns:
        The transport and the protocol.

    Raises:
        ConnectionResetError: the connection is lost already.
        ssl.SSLError: the handshake failed.
    """
    protocol = protocol_factory()
    handshake = None
    if ssl:
        context = context_over(relay.transport, ssl, server_hostname)
        handshake = Handshake(protocol, context, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)

    transport = relay.transport
    unread = relay.release(sock)
    transport.get_extra_info("socket").adopt(sock)
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    transport.replace_protocol(protocol if handshake is None else handshake.protocol, waiter, unread)
    try:
        await waiter
    except BaseException:
        transport.abort()
        raise

    if handshake is None:
        return transport, protocol

    await handshake.wait(transport)
    return handshake.transport, protocol


async def adopt_unconnected(
    router: Router, protocol_factory: Callable[[], Any], sock: socket.socket, bound: tuple[str, int]
) -> tuple[Any, Any]:
    """Open a datagram endpoint in the place of a client's socket without a peer; the socket is closed with it.

    Args:
        router: the modem.
        protocol_factory: returns the protocol.
        sock: the client's socket; nothing goes over it.
        bound: its local address. A port below 32768 is asked of the module too.

    Returns:
        The transport and the protocol.

    Raises:
        OSError: the endpoint cannot be opened.
    """
    local_addr = ("", bound[1]) if 0 < bound[1] < _FIRST_EPHEMERAL else None
    transport, protocol = await router.create_datagram_endpoint(protocol_factory, local_addr)
    transport.get_extra_info("socket").adopt(sock)
    return transport, protocol
