"""Opening a module's socket as a descriptor."""

import socket
from collections.abc import Callable, Coroutine
from typing import Any

from ..ends import DatagramEnd, Opener, StreamEnd
from .descriptor import BridgedSocket, packet_pair, stream_pair
from .local import LocalPackets, LocalStream
from .pump import HIGH_WATER, Packets, Remote, pump


async def open_socket(
    opener: Opener,
    host: str,
    port: int,
    type: int = socket.SOCK_STREAM,
    *,
    local_addr: tuple[str, int] | None = None,
    spawn: Callable[[Coroutine[Any, Any, None], str], object],
) -> BridgedSocket:
    """Open a connection, and return a blocking socket of this machine that leads to it.

    Args:
        opener: what opens connections: a modem.
        host: the remote name or address.
        port: the remote port.
        type: ``SOCK_STREAM`` or ``SOCK_DGRAM``.
        local_addr: ``("", port)`` asks for a local port.
        spawn: starts the task that moves the bytes; its second argument is a name for it.

    Raises:
        ValueError: there are no such sockets; or an argument is out of range.
        OSError: what the opener raises; or there are no more descriptors.
    """
    theirs: BridgedSocket
    match type:
        case socket.SOCK_STREAM:
            ours, theirs = stream_pair()
            local, opening = LocalStream(ours), _connect(opener, (host, port), local_addr)
        case socket.SOCK_DGRAM:
            ours, theirs = packet_pair()
            local, opening = LocalPackets(ours), _connect_datagrams(opener, (host, port), local_addr)
        case _:
            raise ValueError(f"a module has stream and datagram sockets, none of type {type}")

    try:
        remote, transport = await opening
    except BaseException:
        local.close()
        theirs.close()
        raise

    theirs.name(transport.get_extra_info("sockname"), transport.get_extra_info("peername"))
    spawn(pump(local, remote), f"{transport.get_extra_info('connect_id')}.bridge")
    return theirs


async def _connect(opener: Opener, peer: tuple[str, int], local_addr: tuple[str, int] | None) -> tuple[Remote, Any]:
    transport, end = await opener.create_connection(lambda: StreamEnd(HIGH_WATER), *peer, local_addr=local_addr)
    return end, transport


async def _connect_datagrams(
    opener: Opener, peer: tuple[str, int], local_addr: tuple[str, int] | None
) -> tuple[Remote, Any]:
    transport, end = await opener.create_datagram_endpoint(DatagramEnd, local_addr, peer)
    return Packets(end), transport
