"""TLS by the standard library, on any transport and on any loop.

asyncio and uvloop each start TLS on their own transports. What they use is here used by itself: the standard library's
SSLProtocol, a protocol below and a transport above.
"""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from typing import Any


class Handshake:
    """One TLS layer, and its handshake."""

    def __init__(
        self,
        protocol: asyncio.BaseProtocol,
        context: ssl.SSLContext | bool,
        server_hostname: str | None,
        handshake_timeout: float | None = None,
        shutdown_timeout: float | None = None,
        *,
        server_side: bool = False,
        call_connection_made: bool = True,
    ) -> None:
        """Prepare a layer between ``protocol`` and a transport to come; timeouts are in seconds."""
        loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = loop.create_future()
        # What goes below: the transport's protocol.
        self.protocol: Any = SSLProtocol(
            loop,
            protocol,
            context if isinstance(context, ssl.SSLContext) else ssl.create_default_context(),
            self.done,
            server_side,
            server_hostname or None,
            call_connection_made=call_connection_made,
            ssl_handshake_timeout=handshake_timeout,  # type: ignore[arg-type]  # a float will do
            ssl_shutdown_timeout=shutdown_timeout,
        )

    @property
    def transport(self) -> Any:
        """What stands above: the transport that the application's protocol gets."""
        return self.protocol._get_app_transport()

    async def wait(self, transport: asyncio.Transport) -> None:
        """Wait for the handshake's end; on failure or cancellation the transport is aborted.

        Raises:
            ssl.SSLError: the handshake failed.
            ConnectionError: the connection ended first, or the handshake took too long.
        """
        try:
            await self.done
        except BaseException:
            transport.abort()
            raise
