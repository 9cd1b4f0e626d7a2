"""What a modem has cost, all its sockets together."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Self

from .connection import ConnectionUsage

if TYPE_CHECKING:
    from ..emulator.radio import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemUsage:
    """What a modem has cost since it was first opened; the difference of two is the cost of what was between.

    Attributes:
        seconds: how long that is, in seconds, by the loop's clock.
        connections: its sockets, in the order of their opening: the newest of those that are closed, up to 1000, and
            those that are open. Of a difference: those that were opened or open in between, as they are at its end.
        opened: how many sockets were opened, or were to be.
        sent: payload that the module has taken, of all sockets, in bytes.
        received: payload that it has pushed, in bytes.
        sends: how many AT+QISEND carried payload.
        queries: how many AT+QISEND only asked what a peer has acknowledged.
        air_sent: bytes on the air, up, by the model of :mod:`bc260y_aio.usage.connection`.
        air_received: bytes on the air, down.
        line_sent: bytes on the serial line to the module, those of all commands: counted, not computed.
        line_received: bytes on it from the module, all.
        handshakes: how many TLS handshakes there were.
        resumed: how many of them resumed a session.
        tls_sent: bytes of handshakes that were sent, without TCP and IP.
        tls_received: bytes of handshakes that were received.
        commands: how many commands were sent, by name, such as ``"+QIOPEN"``.
        radio: the ledger of the emulated radio: seconds by state, energy, who kept it connected; None on a real module.
            Once the modem is closed, it includes the connection that the radio then had, up to its release.
        radio_state: the state of that radio, the name of a :class:`bc260y_aio.emulator.RadioState`; None if there is
            none, or the modem is closed.
    """

    seconds: float
    connections: tuple[ConnectionUsage, ...]
    opened: int
    sent: int
    received: int
    sends: int
    queries: int
    air_sent: int
    air_received: int
    line_sent: int
    line_received: int
    handshakes: int
    resumed: int
    tls_sent: int
    tls_received: int
    commands: Mapping[str, int]
    radio: "Usage | None" = None
    radio_state: str | None = None

    @property
    def handshake_share(self) -> float:
        """Which share of the payload was TLS handshakes, 0 to 1."""
        whole = self.sent + self.received
        return (self.tls_sent + self.tls_received) / whole if whole else 0.0

    @property
    def radio_seconds(self) -> float:
        """How long the emulated radio was connected, in seconds.

        Raises:
            ValueError: the module is a real one, which does not report it.
        """
        return self._radio.connected_seconds

    @property
    def energy_mwh(self) -> float:
        """What the emulated radio has used, in mWh.

        Raises:
            ValueError: the module is a real one, which does not report it.
        """
        return self._radio.energy_mwh

    @property
    def _radio(self) -> "Usage":
        if self.radio is None:
            raise ValueError("a real module does not report what its radio does; the emulated one has a ledger of it")

        return self.radio

    def __sub__(self, before: Self) -> Self:
        amounts: dict[str, Any] = {name: getattr(self, name) - getattr(before, name) for name in _AMOUNTS}
        was_over = {(one.connect_id, one.opened) for one in before.connections if not one.is_open}
        commands = {name: number - before.commands.get(name, 0) for name, number in self.commands.items()}
        radio = self.radio
        if radio is not None and before.radio is not None:
            radio = radio - before.radio

        return type(self)(
            **amounts,
            connections=tuple(one for one in self.connections if (one.connect_id, one.opened) not in was_over),
            commands={name: number for name, number in commands.items() if number},
            radio=radio,
            radio_state=self.radio_state,
        )


_AMOUNTS: Final = [
    one.name for one in fields(ModemUsage) if one.name not in ("connections", "commands", "radio", "radio_state")
]

OF_CONNECTIONS: Final = ("sent", "received", "sends", "queries", "air_sent", "air_received")
"""The fields that are the sums of those of the connections."""


class Totals(Counter[str]):
    """Sums over connections, by the names of fields."""

    def add(self, one: ConnectionUsage) -> None:
        """Add a connection."""
        for name in OF_CONNECTIONS:
            self[name] += getattr(one, name)

        if one.tls is not None:
            self["handshakes"] += 1
            self["resumed"] += one.tls.is_resumed
            self["tls_sent"] += one.tls.sent
            self["tls_received"] += one.tls.received
