"""The standard library's TLS protocol, for a link on which each record, and each turn of waiting, costs seconds.

It offers earlier sessions, joins small writes into full records, and closes without waiting for more than it must.
"""

import asyncio
import ssl
import traceback
from asyncio.sslproto import SSLAgainErrors, SSLProtocol, SSLProtocolState
from typing import Any, Final

from ..sockets.rai import RAI, effective, rai
from ..tls import ResumingHandshake, Resumption, TlsSessions

# The most data in a record, in bytes (RFC 8446, 5.1). Writes that fill one wait for no more.
_RECORD: Final = 16 * 1024

# Its annotations in typeshed are out of date.
_LibraryProtocol: Any = SSLProtocol


class _ResumingProtocol(_LibraryProtocol):  # type: ignore[misc]
    """The standard library's protocol, which offers an earlier session and keeps the one that it receives.

    ``get_extra_info("tls_resumption")`` of the transport above it returns a :class:`bc260y_aio.tls.Resumption`.
    """

    _sessions: TlsSessions | None = None
    _handshake: ResumingHandshake | None = None

    def _start_handshake(self) -> None:
        if not self._server_side:
            self._sessions = self._transport.get_extra_info("tls_sessions")

        peername = self._transport.get_extra_info("peername")
        peer = self._server_hostname, peername[1] if peername else 0
        self._handshake = ResumingHandshake(self._sessions, self._sslcontext, *peer)
        # Which a route's SSL objects would do themselves otherwise.
        self._sslobj.resumes_by_itself = False
        self._handshake.begin(self._sslobj)
        self._extra["tls_resumption"] = resumption = self._handshake.resumption
        if (below := self._transport.get_extra_info("modem_transport")) is not None:
            below.note_handshake(None if resumption is Resumption.REFUSED else resumption.value)

        super()._start_handshake()

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        if self._handshake is not None:
            if handshake_exc is not None:
                self._handshake.failed()
            else:
                self._handshake.succeeded(self._sslobj)
                self._extra["tls_resumption"] = self._handshake.resumption

        super()._on_handshake_complete(handshake_exc)
        # For a peer that has closed, the library passes a class.
        if isinstance(handshake_exc, BaseException):
            # The exception refers to these frames, and, before Python 3.14.10, they to it: a reference cycle.
            frames, handshake_exc = handshake_exc.__traceback__, None
            traceback.clear_frames(frames)
            del frames

    def _do_read(self) -> None:
        super()._do_read()
        if self._handshake is not None and self._transport is not None and self._sslobj is not None:
            self._handshake.keep(self._sslobj)


class RecordProtocol(_ResumingProtocol):
    """A protocol that puts the small writes of one turn of the loop into one record.

    A record adds 22 bytes to what it carries, and a write of its own would be an AT+QISEND of its own.
    """

    _is_write_due = False

    def _write_appdata(self, list_of_data: Any) -> None:
        if self._state is not SSLProtocolState.WRAPPED:
            super()._write_appdata(list_of_data)
            return

        for data in list_of_data:
            # A copy, for the caller may change what it wrote.
            self._write_backlog.append(bytes(data))
            self._write_buffer_size += len(self._write_backlog[-1])

        if self._write_buffer_size >= _RECORD or effective(None) is not RAI.NONE:
            self._write_now()
            return

        self._control_app_writing()
        if not self._is_write_due:
            self._is_write_due = True
            self._loop.call_soon(self._write_due)

    def _write_due(self) -> None:
        self._is_write_due = False
        self.write_records()

    def write_records(self) -> None:
        """Pass what was written above on to the transport below now."""
        if isinstance(self._app_protocol, RecordProtocol):
            self._app_protocol.write_records()

        if self._state is SSLProtocolState.WRAPPED and self._write_backlog:
            # A write with an indication would not have waited; whoever calls this may have another.
            with rai(RAI.NONE):
                self._write_now()

    def _write_now(self) -> None:
        try:
            self._do_write()
        except Exception as exc:
            self._fatal_error(exc, "Fatal error on SSL protocol")

    def _do_write(self) -> None:
        if len(self._write_backlog) > 1:
            joined = b"".join(self._write_backlog)
            self._write_backlog.clear()
            self._write_backlog.append(joined)

        super()._do_write()


class TlsProtocol(RecordProtocol):
    """The standard library's protocol, with a closing that suits a link with seconds of latency.

    The library's own hands what the peer sent before it received the close to a protocol that has closed, or ends in an
    error over it; here it is thrown away, as uvloop does it. It never closes when the application closes instead of
    reading what came before the peer's end. And what it may not write yet, when it closes, it never writes.
    """

    _has_peer_closed = False
    _is_alert_needed = True

    def transport_above(self) -> Any:
        """Return the transport that the application's protocol gets."""
        return self._get_app_transport()

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

            self._has_peer_closed = True
        except SSLAgainErrors:
            pass
        except ssl.SSLZeroReturnError:
            self._has_peer_closed = True
        except ssl.SSLError as exc:
            self._on_shutdown_complete(exc)
            return

        self._control_ssl_reading()
        if self._sessions is None or self._sessions.close_notify:
            # A peer that has closed reads nothing any more, so that it need not have the answer to its alert.
            self._is_alert_needed = not self._has_peer_closed or bool(self._outgoing.pending)
            super()._do_shutdown()
        else:
            self._process_outgoing()
            self._on_shutdown_complete(None)

    def _process_outgoing(self) -> None:
        # The library leaves behind what it could not write when it closes the transport: the alert that shows the
        # peer that nothing is missing, and perhaps data.
        if self._state is SSLProtocolState.SHUTDOWN and (data := self._outgoing.read()):
            # Of what is between them, only the module's transport knows what may announce the end to the network.
            write = getattr(self._transport, "write_last", None)
            if write is None:
                self._transport.write(data)
            else:
                write(data, is_answered=not self._has_peer_closed, is_needed=self._is_alert_needed)

        super()._process_outgoing()

    def _call_eof_received(self) -> None:
        if not self._has_closed:
            super()._call_eof_received()

    def _abort(self, exc: BaseException | None = None) -> None:
        # Before Python 3.13 it takes no exception, though the transport above passes one.
        self._set_state(SSLProtocolState.UNWRAPPED)
        if self._transport is not None:
            self._transport._force_close(exc)
