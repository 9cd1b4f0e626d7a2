"""Delivery, for programs that hold a stream writer rather than a transport."""

import asyncio

from . import ModemTransport


def modem_transport(writer: asyncio.StreamWriter | asyncio.BaseTransport) -> ModemTransport:
    """Return the modem's transport under a stream writer or a transport, under TLS too.

    Raises:
        TypeError: there is none: this connection does not go over a modem.
    """
    transport = writer.get_extra_info("modem_transport")
    if not isinstance(transport, ModemTransport):
        raise TypeError(f"{writer!r} does not go over a modem")

    return transport


async def wait_acked(writer: asyncio.StreamWriter | asyncio.BaseTransport, timeout: float) -> None:
    """Wait until everything written has been sent, and acknowledged by the peer (guide 4.2.6).

    Args:
        writer: a stream writer or a transport, with TLS or without.
        timeout: how long to wait, in seconds.

    Raises:
        NotAcknowledged: some of it was not acknowledged in time.
        ConnectionLost: the connection ended first.
        TypeError: the connection does not go over a modem.
    """
    await modem_transport(writer).wait_acked(timeout)
