"""The radio's ledger: seconds in each state, connections, bytes, and the charge and energy that they cost."""

import abc
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

_SECONDS_PER_HOUR: Final = 3600.0
# A shorter time is none, in seconds.
_RESOLUTION: Final = 1e-9


class RadioState(enum.Enum):
    """The state of a radio."""

    OFF = enum.auto()
    """Off: the module is off, boots, or has its radio switched off (AT+CFUN=0)."""
    DEEP_SLEEP = enum.auto()
    """Off: the module sleeps deeply, and the network does not know. Data for it is lost."""
    PSM = enum.auto()
    """Off: the network knows, and keeps data for the module (TS 23.682, 4.5.4)."""
    IDLE = enum.auto()
    """It listens for paging at its paging occasions (RRC idle)."""
    CONNECTED = enum.auto()
    """It sends and receives, or could at once (RRC connected). Setting the connection up is part of it."""

    # Enum's own hash is written in Python.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, kw_only=True)
class Currents:
    """The currents that a module draws, and its voltage.

    They are the radio's share; they do not include what the serial side draws while it is kept awake.

    Attributes:
        off_ma: switched off.
        deep_sleep_ma: in deep sleep: 0.8 uA, the vendor's figure.
        psm_ma: in PSM: the same.
        idle_ma: idle: 0.11 mA on average, the vendor's figure for a DRX cycle of 2.56 s. Others need another.
        receive_ma: connected, and not sending: 50 mA. The vendor states none; this takes the receiver to be on for as
            long as the connection lasts, and is a round figure of what NB-IoT modules draw then; put in what you
            measure.
        transmit_ma: sending: 270 mA, the vendor's peak, at full power. With good coverage it is less.
        volts: the supply: 3.6 V.
    """

    off_ma: float = 0.0
    deep_sleep_ma: float = 0.0008
    psm_ma: float = 0.0008
    idle_ma: float = 0.11
    receive_ma: float = 50.0
    transmit_ma: float = 270.0
    volts: float = 3.6

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a number, 0 or more, not {getattr(self, name)!r}")

    def of(self, state: RadioState) -> float:
        """Return the current in a state, in mA."""
        match state:
            case RadioState.OFF:
                return self.off_ma
            case RadioState.DEEP_SLEEP:
                return self.deep_sleep_ma
            case RadioState.PSM:
                return self.psm_ma
            case RadioState.IDLE:
                return self.idle_ma
            case RadioState.CONNECTED:
                return self.receive_ma


class Meter(abc.ABC):
    """The figures of a ledger, of a span of it, or of an entry."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def usage(self) -> "Usage":
        """All figures at once."""

    @property
    def seconds(self) -> Mapping[RadioState, float]:
        """How long the radio was in each state, in seconds."""
        return self.usage.by_state

    @property
    def connected_seconds(self) -> float:
        """How long it was connected, in seconds."""
        return self.seconds[RadioState.CONNECTED]

    @property
    def idle_seconds(self) -> float:
        """How long it was idle, in seconds."""
        return self.seconds[RadioState.IDLE]

    @property
    def psm_seconds(self) -> float:
        """How long it was in PSM, in seconds."""
        return self.seconds[RadioState.PSM]

    @property
    def transmit_seconds(self) -> float:
        """For how much of the connected time it sent, in seconds: none, where the network has no ``rate_up``."""
        return self.usage.transmitting

    @property
    def connections(self) -> int:
        """How often it connected."""
        return self.usage.set_up

    @property
    def bytes_sent(self) -> int:
        """How many bytes it sent, headers and signalling included."""
        return self.usage.sent

    @property
    def bytes_received(self) -> int:
        """How many bytes it received, headers included."""
        return self.usage.received

    @property
    def charge_mah(self) -> float:
        """The charge that it took from the battery, in mAh: an estimate, as good as its :class:`Currents`."""
        usage = self.usage
        currents = usage.currents
        drawn = sum(currents.of(state) * seconds for state, seconds in usage.by_state.items())
        return (drawn + (currents.transmit_ma - currents.receive_ma) * usage.transmitting) / _SECONDS_PER_HOUR

    @property
    def energy_mwh(self) -> float:
        """The same as energy, in mWh."""
        return self.charge_mah * self.usage.currents.volts


@dataclass(frozen=True, slots=True)
class Usage(Meter):
    """The figures of a radio: an entry of the ledger.

    Attributes:
        by_state: how long it was in each state, in seconds.
        transmitting: for how much of the connected time it sent, in seconds.
        set_up: how often it connected.
        sent: how many bytes it sent.
        received: how many bytes it received.
        currents: what it draws.
        by_cause: for how much of the connected time each socket kept it awake, in seconds, the longest first; the
            names are such as ``"tcp api.example:443"``. The time of a transfer is its socket's, and what follows it is
            so until the next transfer begins. ``"signalling"`` is the network's own.
    """

    by_state: Mapping[RadioState, float]
    transmitting: float
    set_up: int
    sent: int
    received: int
    currents: Currents
    by_cause: Mapping[str, float] = field(default_factory=dict)

    @property
    def usage(self) -> "Usage":
        return self

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            {state: seconds + other.by_state[state] for state, seconds in self.by_state.items()},
            self.transmitting + other.transmitting,
            self.set_up + other.set_up,
            self.sent + other.sent,
            self.received + other.received,
            self.currents,
            {
                cause: self.by_cause.get(cause, 0.0) + other.by_cause.get(cause, 0.0)
                for cause in {**self.by_cause, **other.by_cause}
            },
        )

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(
            {state: seconds - before.by_state[state] for state, seconds in self.by_state.items()},
            self.transmitting - before.transmitting,
            self.set_up - before.set_up,
            self.sent - before.sent,
            self.received - before.received,
            self.currents,
            {
                cause: left
                for cause, seconds in self.by_cause.items()
                if (left := seconds - before.by_cause.get(cause, 0.0)) > _RESOLUTION
            },
        )

    def __str__(self) -> str:
        states = ", ".join(
            f"{state.name.lower().replace('_', ' ')} {seconds:.1f} s"
            for state, seconds in reversed(list(self.by_state.items()))
            if seconds > 0
        )
        connections = f"{self.set_up} connection{'' if self.set_up == 1 else 's'}"
        traffic = f"{self.sent} bytes up, {self.received} down"
        return f"{connections}, {traffic}; {states or 'no time'}; {self.energy_mwh:.4f} mWh"


class Span(Meter):
    """The figures of a radio for a ``with`` block: see :meth:`Radio.measure`.

    Inside the block they hold up to now. After it they hold for the block and for the connection that it left behind,
    up to its release by the network if nothing more is sent.

    Args:
        until_now: returns what the radio has done.
        to_the_end: returns what it will have done once its connection is released.
    """

    def __init__(self, until_now: Callable[[], Usage], to_the_end: Callable[[], Usage]) -> None:
        self._until_now = until_now
        self._to_the_end = to_the_end
        self._before = until_now()
        self._after: Usage | None = None

    @property
    def usage(self) -> Usage:
        return (self._after or self._until_now()) - self._before

    def __enter__(self) -> Self:
        self._before = self._until_now()
        self._after = None
        return self

    def __exit__(self, *exc: object) -> None:
        self._after = self._to_the_end()

    def __repr__(self) -> str:
        return f"<Span {self.usage}>"
