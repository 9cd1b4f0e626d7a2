"""The module's sockets as anyio streams.

    from bc260y_aio.anyio import connect_tcp

    async with await connect_tcp("example.com", 7, modem=modem) as stream:
        await stream.send(b"hello")
        print(await stream.receive())

They keep anyio's contracts: its exceptions, its cancellation, its typed attributes. Where a module is not a kernel:

- ``send`` returns when the module has taken the data. Leaving the ``async with`` block waits a bounded time for the
  peer to acknowledge it, and raises BrokenResourceError if it does not. In a cancelled scope the socket is closed at
  once.
- ``send_eof`` raises NotImplementedError, as on anyio's own TLS streams: a module cannot close one direction only.
- anyio must run on asyncio; a modem does not run on trio.
"""

from .opening import TCPConnectable, connect_tcp, create_connected_udp_socket, create_udp_socket
from .sockets import ModemAttribute, ModemConnectedUDPSocket, ModemSocketStream, ModemUDPSocket

__all__ = [
    "ModemAttribute",
    "ModemConnectedUDPSocket",
    "ModemSocketStream",
    "ModemUDPSocket",
    "TCPConnectable",
    "connect_tcp",
    "create_connected_udp_socket",
    "create_udp_socket",
]
