"""TLS by the standard library, on any transport and on any loop.

asyncio and uvloop each start TLS on their own transports. This module uses the same parts: the standard library's
SSLProtocol, a protocol below and a transport above (:mod:`.tls_protocol`).
"""

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final

from .tls_protocol import TlsProtocol

if TYPE_CHECKING:
    from ..tls import TlsSessions

# A full handshake is several kilobytes in both directions, which takes two minutes at the edge of a cell; asyncio's own
# limit is 60. In seconds.
HANDSHAKE_TIMEOUT: Final = 180.0


def check_tls_arguments(
    context: ssl.SSLContext | bool | None,
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
    *,
    server_side: bool = False,
) -> None:
    """Refuse what would fail only in the handshake, when the connection has been opened.

    Raises:
        TypeError: the context is none.
        ValueError: an argument means nothing without TLS; a timeout is not positive; the name could be in no
            certificate, or is missing although the context checks it: before Python 3.14 nothing would be checked then.
        ssl.SSLError: the context is that of a server, and this is a client, or the other way round.
    """
    timeouts = {"ssl_handshake_timeout": handshake_timeout, "ssl_shutdown_timeout": shutdown_timeout}
    for name, value in {"server_hostname": server_hostname, **timeouts}.items():
        if value is not None and not context:
            raise ValueError(f"{name} is only meaningful with ssl")

    for name, timeout in timeouts.items():
        if timeout is not None and timeout <= 0:
            raise ValueError(f"{name} should be a positive number, got {timeout!r}")

    if not context:
        return

    if context is True:
        # asyncio's own checks no name where there is none.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False

    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"ssl must be True or an ssl.SSLContext, not {context!r}")

    if context.check_hostname and not server_side and not server_hostname:
        raise ValueError("check_hostname requires server_hostname: the name that the certificate must bear")

    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side, server_hostname or None)
    except UnicodeError as exc:
        raise ValueError(f"server_hostname is no name of a host: {server_hostname!r}: {exc}") from exc


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
        # Below: the transport's protocol.
        self.protocol = TlsProtocol(
            loop,
            protocol,
            None if isinstance(context, bool) else context,
            self.done,
            server_side,
            server_hostname or None,
            call_connection_made=call_connection_made,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT if handshake_timeout is None else handshake_timeout,
            ssl_shutdown_timeout=shutdown_timeout,
        )
        # Above: the transport that the application's protocol gets.
        self.transport: Any = self.protocol.transport_above()

    async def wait(self, transport: asyncio.Transport) -> None:
        """Wait for the handshake's end; on failure or cancellation the transport is aborted.

        Raises:
            ssl.SSLError: the handshake failed.
            ConnectionError: the connection ended first, or the handshake took too long.
        """
        try:
            await self.done
            # A connection that was closed on this side ends the waiting, too.
            if self.transport.get_extra_info("ssl_object") is None:
                raise ConnectionAbortedError("the connection was closed during the TLS handshake")
        except BaseException:
            transport.abort()
            raise
        finally:
            # It holds the exception, whose frames hold this object.
            del self.done


class StreamWriter(asyncio.StreamWriter):
    """asyncio's writer, which starts TLS also on loops that know no transports but their own, as uvloop."""

    def __init__(
        self,
        transport: asyncio.Transport,
        protocol: asyncio.BaseProtocol,
        reader: asyncio.StreamReader | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._tls_starter = _TlsStarter(loop)
        pretended: Any = self._tls_starter
        super().__init__(transport, protocol, reader, pretended)

    async def start_tls(
        self,
        sslcontext: ssl.SSLContext,
        *,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> None:
        """Put TLS on the connection, as :meth:`asyncio.StreamWriter.start_tls` does.

        Args:
            sslcontext: the context.
            server_hostname: the name that the certificate must bear.
            ssl_handshake_timeout: in seconds; 180 by default.
            ssl_shutdown_timeout: in seconds; 30 by default. asyncio's own has it since Python 3.12.

        Raises:
            ssl.SSLError: the handshake failed; the connection is closed.
            ConnectionError: the connection ended first, or the handshake took too long.
        """
        self._tls_starter.shutdown_timeout = ssl_shutdown_timeout
        await super().start_tls(
            sslcontext, server_hostname=server_hostname, ssl_handshake_timeout=ssl_handshake_timeout
        )


class _TlsStarter:
    """An event loop with :func:`start_tls` for its own: asyncio's writer has no other way to start another TLS."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._real_loop = loop
        self.shutdown_timeout: float | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real_loop, name)

    async def start_tls(self, *args: Any, **kwds: Any) -> asyncio.Transport:
        kwds["ssl_shutdown_timeout"] = self.shutdown_timeout
        return await start_tls(*args, **kwds)


def context_over(
    transport: asyncio.BaseTransport, context: ssl.SSLContext | bool, server_hostname: str | None
) -> ssl.SSLContext | bool:
    """Return the context for a client's TLS over a transport, as the modem's TLS settings have it."""
    sessions: TlsSessions | None = transport.get_extra_info("tls_sessions")
    return context if sessions is None else sessions.context(context, server_hostname)


async def start_tls(
    transport: asyncio.Transport,
    protocol: asyncio.BaseProtocol,
    sslcontext: ssl.SSLContext,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
) -> asyncio.Transport:
    """Put TLS on a connection that is in use, as :meth:`asyncio.loop.start_tls` does, on any loop.

    Args:
        transport: the module's, or a TLS transport above it.
        protocol: what goes on above TLS; its ``connection_made`` is not called again.
        sslcontext: the context.
        server_side: play the server's part.
        server_hostname: the name that the certificate must bear.
        ssl_handshake_timeout: in seconds; 180 by default.
        ssl_shutdown_timeout: in seconds; 30 by default.

    Returns:
        The transport above TLS.

    Raises:
        ssl.SSLError: the handshake failed; the connection is closed.
        ConnectionError: the connection ended first, or the handshake took too long.
        TypeError: that is no context.
        ValueError: what :func:`check_tls_arguments` refuses; the connection stays as it was.
    """
    if not isinstance(sslcontext, ssl.SSLContext):
        raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")

    check_tls_arguments(
        sslcontext, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout, server_side=server_side
    )
    handshake = Handshake(
        protocol,
        sslcontext if server_side else context_over(transport, sslcontext, server_hostname),
        server_hostname,
        ssl_handshake_timeout,
        ssl_shutdown_timeout,
        server_side=server_side,
        call_connection_made=False,
    )
    loop = asyncio.get_running_loop()
    # Nothing may be delivered before the layer knows what it stands on.
    transport.pause_reading()
    transport.set_protocol(handshake.protocol)
    begin = loop.call_soon(handshake.protocol.connection_made, transport)
    resume = loop.call_soon(transport.resume_reading)
    try:
        await handshake.wait(transport)
    except BaseException:
        begin.cancel()
        resume.cancel()
        raise

    return handshake.transport  # type: ignore[no-any-return]
