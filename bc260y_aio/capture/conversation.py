"""One socket of the module as a conversation of packets.

The module reports only data, and what has been acknowledged; the packets around that are made up: they begin with
number 0, and no acknowledgement is shown that is not known.
"""

from collections.abc import Callable

from .packets import End, Flag, tcp, udp

# Writes a packet: when it was, in seconds, and its bytes.
Write = Callable[[float, bytes], None]


class UdpConversation:
    """The datagrams of a socket with its peer."""

    def __init__(self, module: End, peer: End, write: Write) -> None:
        """Describe it.

        Args:
            module: the module's end.
            peer: the peer's.
            write: writes a packet.
        """
        self._module = module
        self._peer = peer
        self._write = write

    def sent(self, time: float, data: bytes) -> None:
        """The module took a datagram."""
        self._write(time, udp(self._module, self._peer, data))

    def received(self, time: float, data: bytes) -> None:
        """A datagram came."""
        self._write(time, udp(self._peer, self._module, data))

    def acknowledged(self, time: float, total: int) -> None:
        """Take no notice: UDP has no acknowledgements."""

    def peer_closed(self, time: float) -> None:
        """Take no notice: UDP has no end."""

    def ended(self, time: float, *, is_closed: bool) -> None:
        """Take no notice: nothing is sent."""


class TcpConversation:
    """A TCP connection."""

    def __init__(self, module: End, peer: End, write: Write) -> None:
        """Describe it; the arguments are those of :class:`UdpConversation`."""
        self._module = module
        self._peer = peer
        self._write = write
        # The number of the next byte of each side.
        self._next_up = self._next_down = 0
        # What the peer is known to have acknowledged, as such a number.
        self._acked = 0
        self._has_peer_closed = self._has_ended = False

    def asked(self, time: float) -> None:
        """The module was told to connect."""
        self._up(time, Flag.SYN)
        self._next_up = 1

    def opened(self, time: float) -> None:
        """The connection is open."""
        self._acked = self._next_up
        self._down(time, Flag.SYN | Flag.ACK)
        self._next_down = 1
        self._up(time, Flag.ACK)

    def refused(self, time: float) -> None:
        """It will not be; the peer, or the network, said no."""
        self._acked = self._next_up
        self._down(time, Flag.RST | Flag.ACK)
        self._has_ended = True

    def sent(self, time: float, data: bytes) -> None:
        """The module took data."""
        if not self._has_ended:
            self._up(time, Flag.PSH | Flag.ACK, data)
            self._next_up += len(data)

    def received(self, time: float, data: bytes) -> None:
        """Data came."""
        if not (self._has_ended or self._has_peer_closed):
            self._down(time, Flag.PSH | Flag.ACK, data)
            self._next_down += len(data)

    def acknowledged(self, time: float, total: int) -> None:
        """The peer has so much of the data."""
        acked = min(total + 1, self._next_up)
        if acked > self._acked and not self._has_ended:
            self._acked = acked
            self._down(time, Flag.ACK)

    def peer_closed(self, time: float) -> None:
        """The peer has closed, after all of its data."""
        if not (self._has_ended or self._has_peer_closed):
            self._has_peer_closed = True
            self._down(time, Flag.FIN | Flag.ACK)
            self._next_down += 1

    def ended(self, time: float, *, is_closed: bool) -> None:
        """The socket is closed; or it is gone, if it was not."""
        if not self._has_ended:
            self._has_ended = True
            self._up(time, Flag.FIN | Flag.ACK if is_closed else Flag.RST | Flag.ACK)

    def _up(self, time: float, flags: Flag, data: bytes = b"") -> None:
        acknowledged = self._next_down if flags & Flag.ACK else 0
        self._write(time, tcp(self._module, self._peer, flags, self._next_up, acknowledged, data))

    def _down(self, time: float, flags: Flag, data: bytes = b"") -> None:
        self._write(time, tcp(self._peer, self._module, flags, self._next_down, self._acked, data))
