"""Streams and datagram endpoints over a modem, as functions."""

import asyncio
from typing import Any

from .endpoint import DatagramEndpoint
from .modem import Modem


async def open_connection(
    host: str | bytes | None = None, port: int | str | None = None, *, modem: Modem, **kwds: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TCP connection over a modem as a pair of streams; see :meth:`Modem.open_connection`."""
    return await modem.open_connection(host, port, **kwds)


async def open_datagram_endpoint(host: str | bytes, port: int | str, *, modem: Modem, **kwds: Any) -> DatagramEndpoint:
    """Open a UDP socket over a modem, to be awaited; see :meth:`Modem.open_datagram_endpoint`."""
    return await modem.open_datagram_endpoint(host, port, **kwds)
