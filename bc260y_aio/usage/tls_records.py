"""A TLS handshake as its records show it: its size, and whether it resumed a session. Nothing is decrypted.

The record layer (RFC 8446, 5.1; RFC 5246, 6.2.1) has the types and lengths of records in the clear, and the first
messages of a handshake are in the clear, too:

- A ClientHello that offers a session has ``pre_shared_key`` (TLS 1.3), or a ``session_ticket`` that is not empty.
- TLS 1.3: a ServerHello with ``pre_shared_key`` has resumed. What follows is encrypted; the handshake ends with the
  first encrypted record of the client, which holds its Finished. Tickets that the server sends later are not counted.
- Up to TLS 1.2: a server that resumes sends no Certificate. Data of the application is the first of its record type.
"""

from typing import Final

_CHANGE_CIPHER_SPEC: Final = 20
_ALERT: Final = 21
_HANDSHAKE: Final = 22
_APPLICATION_DATA: Final = 23
_TYPES: Final = (_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION_DATA)

_CLIENT_HELLO: Final = 1
_SERVER_HELLO: Final = 2
_CERTIFICATE: Final = 11

_SESSION_TICKET: Final = 35
_PRE_SHARED_KEY: Final = 41
_SUPPORTED_VERSIONS: Final = 43
_TLS_1_3: Final = b"\x03\x04"
_VERSIONS: Final = {b"\x03\x01": "TLSv1", b"\x03\x02": "TLSv1.1", b"\x03\x03": "TLSv1.2", _TLS_1_3: "TLSv1.3"}

# The header of a record, and of a handshake message, in bytes.
_RECORD_HEADER: Final = 5
_MESSAGE_HEADER: Final = 4
# The random number of a hello begins behind the version, and what follows it behind that.
_SESSION_ID_AT: Final = 34


class TlsRecords:
    """The records of a client's handshake, in both directions, in any pieces.

    Attributes:
        sent: bytes of the handshake that the client has sent.
        received: bytes of it that the server has.
        version: such as ``"TLSv1.3"``; None before the server has chosen it.
        offered: whether the client offered a session.
        resumed: whether the server resumed it.
        is_over: the handshake is over, or these are no records of TLS.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.version: str | None = None
        self.offered = False
        self.resumed = False
        self.is_over = False
        self._up = _Direction()
        self._down = _Direction()
        self._has_certificate = False

    def ends_with(self, data: bytes) -> bool:
        """Return whether this, of the client, begins its last messages of the handshake.

        Up to TLS 1.2, and in TLS 1.3 for the sake of what is between (RFC 8446, D.4), they follow a ChangeCipherSpec.
        """
        is_encrypted = data[:1] == bytes([_APPLICATION_DATA]) and self.version == "TLSv1.3"
        return not self.is_over and (is_encrypted or data[:1] == bytes([_CHANGE_CIPHER_SPEC]))

    def take_sent(self, data: bytes) -> None:
        """Look at bytes that the client sent."""
        for kind, record in self._up.records(data):
            if self.is_over:
                return

            if kind == _APPLICATION_DATA:
                # Of TLS 1.3 it is the client's Finished.
                self.sent += len(record) if self.version == "TLSv1.3" else 0
                self.is_over = True
            else:
                self.sent += len(record)
                if kind == _HANDSHAKE:
                    self._read(self._up, record)

        self.is_over = self.is_over or self._up.is_broken

    def take_received(self, data: bytes) -> None:
        """Look at bytes that the server sent."""
        for kind, record in self._down.records(data):
            if self.is_over:
                return

            if kind == _APPLICATION_DATA and self.version != "TLSv1.3":
                self.is_over = True
                return

            self.received += len(record)
            if kind == _HANDSHAKE:
                self._read(self._down, record)
            elif kind == _CHANGE_CIPHER_SPEC and self.version != "TLSv1.3":
                self.resumed = not self._has_certificate
                self._down.is_encrypted = True

        self.is_over = self.is_over or self._down.is_broken

    def _read(self, direction: "_Direction", record: bytes) -> None:
        for kind, body in direction.messages(record):
            if kind == _CLIENT_HELLO:
                self._read_client_hello(body)
            elif kind == _SERVER_HELLO:
                self._read_server_hello(body)
            elif kind == _CERTIFICATE:
                self._has_certificate = True

    def _read_client_hello(self, body: bytes) -> None:
        found = _extensions(body, lists=(2, 1))
        self.offered = _PRE_SHARED_KEY in found or bool(found.get(_SESSION_TICKET))

    def _read_server_hello(self, body: bytes) -> None:
        found = _extensions(body, lists=(), fixed=3)
        version = found.get(_SUPPORTED_VERSIONS, body[:2])
        self.version = _VERSIONS.get(version, "TLS")
        if version == _TLS_1_3:
            self.resumed = _PRE_SHARED_KEY in found


class _Direction:
    """One direction: pieces in, whole records out."""

    def __init__(self) -> None:
        self.is_broken = False
        self.is_encrypted = False
        self._rest = b""
        self._message = b""

    def records(self, data: bytes) -> "list[tuple[int, bytes]]":
        """Return the records that are whole now, each with its type."""
        rest, found = self._rest + data, []
        while len(rest) >= _RECORD_HEADER and not self.is_broken:
            size = _RECORD_HEADER + int.from_bytes(rest[3:5], "big")
            self.is_broken = rest[0] not in _TYPES or rest[1] != 3
            if self.is_broken or len(rest) < size:
                break

            found.append((rest[0], rest[:size]))
            rest = rest[size:]

        self._rest = rest
        return found

    def messages(self, record: bytes) -> "list[tuple[int, bytes]]":
        """Return the handshake messages that are whole with this record, each with its type; none if encrypted."""
        if self.is_encrypted:
            return []

        rest, found = self._message + record[_RECORD_HEADER:], []
        while len(rest) >= _MESSAGE_HEADER:
            size = _MESSAGE_HEADER + int.from_bytes(rest[1:4], "big")
            if len(rest) < size:
                break

            found.append((rest[0], rest[_MESSAGE_HEADER:size]))
            rest = rest[size:]

        self._message = rest
        return found


def _extensions(body: bytes, *, lists: tuple[int, ...], fixed: int = 0) -> dict[int, bytes]:
    """Return the extensions of a hello.

    Args:
        body: the message.
        lists: the sizes of the length fields of the lists behind the session ID: cipher suites, compression methods.
        fixed: how many bytes follow it instead, in a ServerHello.
    """
    at = _SESSION_ID_AT
    for width in (1, *lists):
        at += width + int.from_bytes(body[at : at + width], "big")

    at += fixed
    end = min(at + 2 + int.from_bytes(body[at : at + 2], "big"), len(body))
    at += 2
    found: dict[int, bytes] = {}
    while at + 4 <= end:
        kind, size = int.from_bytes(body[at : at + 2], "big"), int.from_bytes(body[at + 2 : at + 4], "big")
        found[kind] = body[at + 4 : at + 4 + size]
        at += 4 + size

    return found
