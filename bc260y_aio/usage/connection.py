"""What one socket of the module has cost, and the model of its packets on the air.

The module reports neither packets nor retransmissions, so that packets are computed from what is counted:

- IPv4 without options: 20 bytes; TCP without options: 20 bytes; UDP: 8 bytes.
- What one AT+QISEND carried is one packet, and so is what the module pushed at once.
- Every TCP segment with data is acknowledged by one without. Opening takes three segments, two up and one down; closing
  takes a FIN and its acknowledgement each way; an open that fails, one each way. Real stacks join some of
  these, and add options to the first.
- Retransmissions, and the resolution of names, are left out.

On the line it is the commands and answers about this socket in their usual spelling.
"""

from dataclasses import dataclass
from typing import Final

from .tls_records import TlsRecords

TCP_HEADER: Final = 40
"""The headers of a TCP segment, IPv4's included, in bytes."""
UDP_HEADER: Final = 28
"""The headers of a UDP datagram, IPv4's included, in bytes."""

_OK: Final = len("\r\nOK\r\n")
_SEND_OK: Final = _OK + len("\r\nSEND OK\r\n")
_QUERY: Final = len("AT+QISEND=0,0\r")
_ACKS: Final = len("\r\n+QISEND: ,,\r\n") + _OK
_PUSH: Final = len('\r\n+QIURC: "recv",0,,""\r\n')
_OPENED: Final = _OK + len("\r\n+QIOPEN: 0,0\r\n")
_CLOSE: Final = len("AT+QICLOSE=0\r")
_CLOSED: Final = _OK + len("\r\nCLOSE OK\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsUsage:
    """What a TLS handshake cost.

    Attributes:
        version: such as ``"TLSv1.3"``; None if the server did not answer.
        sent: bytes of the handshake that were sent, without TCP and IP.
        received: bytes of it that were received.
        resumption: ``"resumed"``, or why not: ``"none kept"``, ``"expired"``, ``"refused by the server"``, ``"off"``.
            Where TLS is not this package's, but the program's own, it is ``"none offered"`` for the first two and
            the last.
    """

    version: str | None
    sent: int
    received: int
    resumption: str

    @property
    def is_resumed(self) -> bool:
        """Whether it resumed an earlier session."""
        return self.resumption == "resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionUsage:
    """What one socket of the module has cost: see :mod:`bc260y_aio.usage.connection` for the model.

    Attributes:
        connect_id: its connectID.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the remote host.
        name: its name, if it is an address that the modem resolved a name to; otherwise the same.
        port: the remote port.
        opened: when it was opened, in seconds since the modem was first opened.
        seconds: how long it has been open, in seconds.
        was_opened: whether it could be opened.
        is_open: whether it still is.
        sent: payload that the module has taken, in bytes.
        received: payload that it has pushed, in bytes.
        sends: how many AT+QISEND carried payload.
        queries: how many AT+QISEND only asked what the peer has acknowledged.
        pushes: in how many pieces payload came.
        air_sent: bytes on the air, up.
        air_received: bytes on the air, down.
        line_sent: bytes on the serial line to the module.
        line_received: bytes on it from the module.
        tls: its TLS handshake; None if it began with none.
    """

    connect_id: int
    service_type: str
    host: str
    name: str
    port: int
    opened: float
    seconds: float
    was_opened: bool
    is_open: bool
    sent: int
    received: int
    sends: int
    queries: int
    pushes: int
    air_sent: int
    air_received: int
    line_sent: int
    line_received: int
    tls: TlsUsage | None = None

    @property
    def peer(self) -> str:
        """The peer, such as ``"tcp api.example:443"``, as the ledger of the emulated radio has it."""
        return f"{self.service_type.lower()} {self.host}:{self.port}"

    @property
    def title(self) -> str:
        """The same with the name of the host, also where a client resolved that itself."""
        return f"{self.service_type.lower()} {self.name}:{self.port}"

    @property
    def handshake_share(self) -> float:
        """Which share of the payload was the TLS handshake, 0 to 1."""
        whole = self.sent + self.received
        return (self.tls.sent + self.tls.received) / whole if self.tls is not None and whole else 0.0


@dataclass(slots=True)
class Counts:
    """What a socket has counted; a copy of it outlives the socket.

    Attributes:
        connect_id: its connectID.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the remote host.
        name: its name, if it is an address that the modem resolved a name to; otherwise the same.
        port: the remote port.
        opened_at: when it was opened, on the loop's clock.
        was_opened: whether it could be.
        ended_at: when it was closed; None if it is not.
        sent: payload that the module has taken, in bytes.
        received: payload that it has pushed, in bytes.
        sends: how many AT+QISEND carried payload.
        queries: how many only asked.
        pushes: in how many pieces payload came.
        length_digits: how many digits the lengths of these had, all together.
        wire_bytes: the size of the AT+QISEND with payload.
        width: how many characters a pushed byte has on the line.
        tls: its handshake.
        reason: how that went about resuming, where TLS is this package's.
    """

    connect_id: int
    service_type: str
    host: str
    name: str
    port: int
    opened_at: float
    was_opened: bool
    ended_at: float | None
    sent: int
    received: int
    sends: int
    queries: int
    pushes: int
    length_digits: int
    wire_bytes: int
    width: int
    tls: TlsRecords | None
    reason: str | None

    def usage(self, origin: float, now: float) -> ConnectionUsage:
        """Compute the rest.

        Args:
            origin: when the modem was first opened, on the loop's clock.
            now: the time.
        """
        air_sent, air_received = self._on_air()
        line_sent, line_received = self._on_line()
        return ConnectionUsage(
            connect_id=self.connect_id,
            service_type=self.service_type,
            host=self.host,
            name=self.name,
            port=self.port,
            opened=max(self.opened_at - origin, 0.0),
            seconds=(now if self.ended_at is None else self.ended_at) - self.opened_at,
            was_opened=self.was_opened,
            is_open=self.ended_at is None,
            sent=self.sent,
            received=self.received,
            sends=self.sends,
            queries=self.queries,
            pushes=self.pushes,
            air_sent=air_sent,
            air_received=air_received,
            line_sent=line_sent,
            line_received=line_received,
            tls=None if self.tls is None else _tls_usage(self.tls, self.reason),
        )

    def _on_air(self) -> tuple[int, int]:
        if self.service_type == "UDP":
            return self.sent + UDP_HEADER * self.sends, self.received + UDP_HEADER * self.pushes

        if not self.was_opened:
            return TCP_HEADER, TCP_HEADER

        acks_and_data = self.sends + self.pushes
        closing = 2 if self.ended_at is not None else 0
        return (
            self.sent + TCP_HEADER * (2 + acks_and_data + closing),
            self.received + TCP_HEADER * (1 + acks_and_data + closing),
        )

    def _on_line(self) -> tuple[int, int]:
        opening = len(f'AT+QIOPEN=0,0,"{self.service_type}","{self.host}",{self.port}\r')
        is_over = self.ended_at is not None
        up = opening + self.wire_bytes + _QUERY * self.queries + _CLOSE * is_over
        # The counters of the last query; all of them have about as many digits.
        acks = (_ACKS + 2 * len(str(self.sent)) + 1) * self.queries
        pushes = _PUSH * self.pushes + self.length_digits + self.width * self.received
        return up, _OPENED + _SEND_OK * self.sends + acks + pushes + _CLOSED * is_over


def _tls_usage(records: TlsRecords, reason: str | None) -> TlsUsage:
    if records.resumed:
        resumption = "resumed"
    else:
        resumption = reason or ("refused by the server" if records.offered else "none offered")

    return TlsUsage(version=records.version, sent=records.sent, received=records.received, resumption=resumption)
