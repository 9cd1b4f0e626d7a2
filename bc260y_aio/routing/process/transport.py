"""A loop's own transport of a socket of this machine that reports the addresses of the module's socket behind it.

asyncio asks the socket object for its addresses, which reports the module's. uvloop asks the kernel.
"""

import asyncio
from typing import Any

from .names import SocketNames


class NamedTransport(asyncio.Transport):
    """A transport with the addresses of a module's socket; everything else is the loop's.

    Attributes:
        wrapped: the loop's transport.
    """

    def __init__(self, wrapped: Any, names: SocketNames) -> None:
        """Take the transport and the addresses."""
        self.wrapped = wrapped
        self._names = names

    def __repr__(self) -> str:
        return f"<NamedTransport of {self.wrapped!r}>"

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the loop's transport does, but the module's addresses."""
        match name:
            case "peername":
                return self._names.peername
            case "sockname":
                return self._names.sockname
            case _:
                return self.wrapped.get_extra_info(name, default)

    def __getattribute__(self, name: str) -> Any:
        # The base class has a method for everything that a transport can do.
        if name in _OWN or name.startswith("__"):
            return super().__getattribute__(name)

        return getattr(super().__getattribute__("wrapped"), name)


_OWN = {"wrapped", "_names", "get_extra_info"}


class Introduction(asyncio.Protocol):
    """A protocol that gives a transport with the module's addresses to another one, and leaves.

    Attributes:
        transport: what the other protocol was given; None until then.
    """

    def __init__(self, protocol: Any, names: SocketNames) -> None:
        """Take the other protocol and the addresses."""
        self.protocol = protocol
        self.transport: NamedTransport | None = None
        self._names = names

    def connection_made(self, transport: Any) -> None:
        """Introduce the transport."""
        self.transport = NamedTransport(transport, self._names)
        transport.set_protocol(self.protocol)
        self.protocol.connection_made(self.transport)
