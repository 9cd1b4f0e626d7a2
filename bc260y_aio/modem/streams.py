"""Streams, transports and datagram endpoints over a modem, as functions: over one that is named, or the routed one."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from ..routing import Router, routed
from ..transports.endpoint import DatagramEndpoint
from .modem import Modem

P = TypeVar("P", bound=asyncio.BaseProtocol)


async def open_connection(
    host: str | bytes | None = None, port: int | str | None = None, *, modem: Modem | None = None, **kwds: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TCP connection over a modem as a pair of streams; see :meth:`Modem.open_connection`.

    Args:
        host: the remote name or address.
        port: the remote port.
        modem: the modem; by default that of the route around the call, see :meth:`Modem.route`.
        **kwds: what :meth:`Modem.open_connection` takes.

    Raises:
        LookupError: no modem is named, and none is routed.
        OSError: as that method.
    """
    return await _router(modem).open_connection(host, port, **kwds)


async def create_connection(
    protocol_factory: Callable[[], P],
    host: str | bytes | None = None,
    port: int | str | None = None,
    *,
    modem: Modem | None = None,
    **kwds: Any,
) -> tuple[asyncio.Transport, P]:
    """Open a TCP connection over a modem; see :meth:`Modem.create_connection`.

    Args:
        protocol_factory: returns the protocol.
        host: the remote name or address.
        port: the remote port.
        modem: the modem; by default that of the route around the call, see :meth:`Modem.route`.
        **kwds: what :meth:`Modem.create_connection` takes.

    Raises:
        LookupError: no modem is named, and none is routed.
        OSError: as that method.
    """
    return await _router(modem).create_connection(protocol_factory, host, port, **kwds)


async def create_datagram_endpoint(
    protocol_factory: Callable[[], P],
    local_addr: tuple[str | None, int] | None = None,
    remote_addr: tuple[str | bytes, int | str] | None = None,
    *,
    modem: Modem | None = None,
    **kwds: Any,
) -> tuple[asyncio.DatagramTransport, P]:
    """Open a UDP socket over a modem; see :meth:`Modem.create_datagram_endpoint`.

    Args:
        protocol_factory: returns the protocol.
        local_addr: ``("", port)`` asks for a local port.
        remote_addr: the peer; None for many.
        modem: the modem; by default that of the route around the call, see :meth:`Modem.route`.
        **kwds: what :meth:`Modem.create_datagram_endpoint` takes.

    Raises:
        LookupError: no modem is named, and none is routed.
        OSError: as that method.
    """
    return await _router(modem).create_datagram_endpoint(protocol_factory, local_addr, remote_addr, **kwds)


async def open_datagram_endpoint(
    host: str | bytes, port: int | str, *, modem: Modem | None = None, **kwds: Any
) -> DatagramEndpoint:
    """Open a UDP socket over a modem, to be awaited; see :meth:`Modem.open_datagram_endpoint`.

    Args:
        host: the remote name or address.
        port: the remote port.
        modem: the modem; by default that of the route around the call, see :meth:`Modem.route`.
        **kwds: what :meth:`Modem.open_datagram_endpoint` takes.

    Raises:
        LookupError: no modem is named, and none is routed.
        OSError: as that method.
    """
    endpoint: DatagramEndpoint = await _router(modem).open_datagram_endpoint(host, port, **kwds)
    return endpoint


def _router(modem: Modem | None) -> Router:
    return routed() if modem is None else modem
