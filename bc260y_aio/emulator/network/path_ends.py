"""What a path between a socket of the module and its peer stands between: the ends of it, the radio and the network."""

from collections.abc import Callable
from typing import Protocol

from ...errors import ErrorCode


class PathOwner(Protocol):
    """The module's end of a path: it is notified of what happens there.

    Attributes:
        host: the peer's name or address.
        remote_port: the peer's port.
    """

    host: str
    remote_port: int

    def opened(self) -> None:
        """Data can go both ways from now on."""

    def failed(self, code: ErrorCode) -> None:
        """The path could not be opened."""

    def received(self, data: bytes) -> None:
        """The peer sent bytes; over UDP, a datagram."""

    def acked(self, size: int) -> None:
        """The peer has acknowledged so many bytes more."""

    def closed(self) -> None:
        """The peer has closed, after everything that it sent."""


class PathRadio(Protocol):
    """The module's radio, as a path uses it."""

    @property
    def is_on(self) -> bool:
        """Whether it is on the air."""

    def send(self, size: int, rai: int, callback: Callable[..., object], *args: object, cause: str) -> None:
        """Send so many bytes with a release assistance indication; call back once they are off the air."""

    def receive(self, size: int, callback: Callable[..., object], *args: object, cause: str) -> None:
        """Call back once so many bytes have been received."""


class PathConditions(Protocol):
    """The network, as a path uses it.

    Attributes:
        datagrams_lost: counts the datagrams that were lost on the way.
    """

    datagrams_lost: int

    @property
    def is_silent(self) -> bool:
        """Whether nothing gets through at present."""

    def delay(self) -> float:
        """Draw how long data takes, one way, in seconds."""

    def loses(self) -> bool:
        """Draw whether a datagram is lost."""


class Endpoint(Protocol):
    """The peer's end of a path."""

    def write(self, data: bytes) -> None:
        """Take what the module sent."""

    def finish(self) -> None:
        """The module has closed, after everything that it sent; over TCP, that is acknowledged."""

    def abort(self) -> None:
        """The module went away without closing."""

    def pause_sending(self) -> None:
        """Send nothing more for now."""

    def resume_sending(self) -> None:
        """Go on sending."""

    def cancel(self) -> None:
        """Stop at once."""
