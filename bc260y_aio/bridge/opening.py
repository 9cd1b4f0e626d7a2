"""Opening a module's socket as a descriptor."""

import socket
from collections.abc import Callable, Coroutine
from typing import Any

from ..transports.stream_ends import DatagramEnd, Opener, StreamEnd
from .descriptor import BridgedSocket, packet_pair, stream_pair
from .local import LocalPackets, LocalStream
from .relay import HIGH_WATER, Remote, RemoteDatagrams, relay


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
    theirs, local, remote = await open_ends(opener, host, port, type, local_addr=local_addr)
    spawn(relay(local, remote), f"{remote.transport.get_extra_info('connect_id')}.bridge")
    return theirs


async def open_ends(
    opener: Opener, host: str, port: int, type: int, **kwds: Any
) -> tuple[BridgedSocket, LocalStream, Remote]:
    """Open a connection, and return what has to be pumped between: a program's socket, our end of it, the module's end.

    Args:
        opener: what opens connections: a modem.
        host: the remote name or address.
        port: the remote port.
        type: ``SOCK_STREAM`` or ``SOCK_DGRAM``.
        **kwds: what the opener's method takes.

    Raises:
        ValueError: there are no such sockets; or an argument is out of range.
        OSError: what the opener raises; or there are no more descriptors.
    """
    theirs: BridgedSocket
    match type:
        case socket.SOCK_STREAM:
            ours, theirs = stream_pair()
            local, opening = LocalStream(ours), _connect(opener, (host, port), **kwds)
        case socket.SOCK_DGRAM:
            ours, theirs = packet_pair()
            local, opening = LocalPackets(ours), _connect_datagrams(opener, (host, port), **kwds)
        case _:
            raise ValueError(f"a module has stream and datagram sockets, none of type {type}")

    try:
        remote = await opening
    except BaseException:
        local.close()
        theirs.close()
        raise

    theirs.name(remote.transport.get_extra_info("sockname"), remote.transport.get_extra_info("peername"))
    return theirs, local, remote


async def _connect(opener: Opener, peer: tuple[str, int], **kwds: Any) -> Remote:
    _, end = await opener.create_connection(lambda: StreamEnd(HIGH_WATER), *peer, **kwds)
    return end


async def _connect_datagrams(opener: Opener, peer: tuple[str, int], **kwds: Any) -> Remote:
    _, end = await opener.create_datagram_endpoint(DatagramEnd, remote_addr=peer, **kwds)
    return RemoteDatagrams(end)
