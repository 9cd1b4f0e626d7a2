"""TLS by the standard library, on any transport and on any loop.

asyncio and uvloop each start TLS on their own transports. This module uses the same parts: the standard library's
SSLProtocol, a protocol below and a transport above.
"""

import asyncio
import ssl
import traceback
from asyncio.sslproto import SSLAgainErrors, SSLProtocol, SSLProtocolState
from typing import Any, Final

from ..tls import Resumption, TlsSessions

# A full handshake is several kilobytes in both directions, which takes two minutes at the edge of a cell; asyncio's own
# limit is 60. In seconds.
HANDSHAKE_TIMEOUT: Final = 180.0

# Its annotations in typeshed are out of date.
_LibraryProtocol: Any = SSLProtocol


class _ResumingProtocol(_LibraryProtocol):  # type: ignore[misc]
    """The standard library's protocol, which offers an earlier session and keeps the one that it receives.

    ``get_extra_info("tls_resumption")`` of the transport above it returns a :class:`bc260y_aio.tls.Resumption`.
    """

    _sessions: TlsSessions | None = None
    _offered: ssl.SSLSession | None = None
    _has_kept = False

    @property
    def _peer(self) -> tuple[ssl.SSLContext, str | None, int]:
        peername = self._transport.get_extra_info("peername")
        return self._sslcontext, self._server_hostname, peername[1] if peername else 0

    def _start_handshake(self) -> None:
        resumption = Resumption.OFF
        if not self._server_side:
            self._sessions = self._transport.get_extra_info("tls_sessions")

        if self._sessions is not None:
            self._offered, resumption = self._sessions.take(*self._peer)
            if self._offered is not None:
                self._sslobj.session = self._offered

        self._extra["tls_resumption"] = resumption
        if (below := self._transport.get_extra_info("modem_transport")) is not None:
            below.note_handshake(None if resumption is Resumption.REFUSED else resumption.value)

        super()._start_handshake()

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        if self._sessions is not None:
            if handshake_exc is not None:
                # SSLObject.session may raise ValueError ("i2d() failed") after a handshake that failed.
                self._sessions.forget(*self._peer)
            else:
                if self._sslobj.session_reused:
                    self._extra["tls_resumption"] = Resumption.RESUMED

                self._keep_session()

        super()._on_handshake_complete(handshake_exc)
        if handshake_exc is not None:
            # The exception refers to these frames, and, before Python 3.14.10, they to it: a reference cycle.
            frames, handshake_exc = handshake_exc.__traceback__, None
            traceback.clear_frames(frames)
            del frames

    def _do_read(self) -> None:
        super()._do_read()
        self._keep_session()

    def _keep_session(self) -> None:
        """Keep what can be resumed; in TLS 1.3 a ticket comes with a read, or never."""
        if self._has_kept or self._sessions is None or self._transport is None or self._sslobj is None:
            return

        if (session := self._sslobj.session) is not None and session != self._offered:
            self._has_kept = self._sessions.keep(self._sslobj, *self._peer)


class TlsProtocol(_ResumingProtocol):
    """The standard library's protocol, with a closing that suits a link with seconds of latency.

    The library's own hands what the peer sent before it received the close to a protocol that has closed, or ends in an
    error over it; here it is thrown away, as uvloop does it. It never closes when the application closes instead of
    reading what came before the peer's end. And what it may not write yet, when it closes, it never writes.
    """

    def _start_shutdown(self) -> None:
        if self._state is SSLProtocolState.FLUSHING and self._has_closed:
            asyncio.get_running_loop().call_soon(self._flush_at_last)

        super()._start_shutdown()

    def _flush_at_last(self) -> None:
        if self._state is SSLProtocolState.FLUSHING:
            self._do_flush()

    @property
    def _has_closed(self) -> bool:
        return self._app_transport is not None and bool(self._app_transport._closed)

    def _do_flush(self) -> None:
        if not self._has_closed:
            super()._do_flush()
            return

        self._do_write()
        self._set_state(SSLProtocolState.SHUTDOWN)
        self._do_shutdown()

    def _do_shutdown(self) -> None:
        try:
            while self._sslobj.read(self.max_size):
                pass
        except (*SSLAgainErrors, ssl.SSLZeroReturnError):
            pass
        except ssl.SSLError as exc:
            self._on_shutdown_complete(exc)
            return

        self._control_ssl_reading()
        super()._do_shutdown()

    def _process_outgoing(self) -> None:
        # The library leaves behind what it could not write when it closes the transport: the alert that shows the
        # peer that nothing is missing, and perhaps data.
        if self._state is SSLProtocolState.SHUTDOWN and (data := self._outgoing.read()):
            self._transport.write(data)

        super()._process_outgoing()

    def _call_eof_received(self) -> None:
        if not self._has_closed:
            super()._call_eof_received()

    def _abort(self, exc: BaseException | None = None) -> None:
        # Before Python 3.13 it takes no exception, though the transport above passes one.
        self._set_state(SSLProtocolState.UNWRAPPED)
        if self._transport is not None:
            self._transport._force_close(exc)


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
        context.check_hostname = bool(server_hostname) and not server_side

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
        self.transport: Any = self.protocol._get_app_transport()

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
