"""The conditions of a network: delays, losses, rates, and how it controls the radio; coverage classes by name."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ...at.syntax import Malformed
from ...at.timers import read_cycle, write_cycle

# The DRX cycles of an NB-IoT cell, in seconds (TS 36.331, defaultPagingCycle: 128 to 1024 radio frames of 10 ms).
DRX_CYCLES: Final = (1.28, 2.56, 5.12, 10.24)

_SOME_DRX_CYCLE: Final = f"0 or one of {', '.join(map(str, DRX_CYCLES))}"

# The step, and the longest, of an NB-IoT paging time window, in seconds (TS 24.008, 10.5.5.32).
WINDOW_STEP: Final = 2.56
LONGEST_WINDOW: Final = 40.96


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageProfile:
    """The conditions of a network. By default it takes no time and loses nothing.

    The figures hold for a module, not for a socket: its sockets share its radio, which either sends or receives. A TCP
    segment is counted with 40 bytes of header, and a datagram with 28.

    Attributes:
        latency: how long data takes through the network, one way, in seconds. Opening a TCP socket takes it twice.
        jitter: up to so much is added to the latency at random, in seconds. Order is kept.
        loss: the probability that a datagram, or a ping, is lost; each way.
        rate_up: how fast the radio sends, in bits a second; None: without limit.
        rate_down: how fast it receives, in bits a second; None: without limit.
        rrc_setup: how long the radio takes to connect before it can send or receive, in seconds.
        rrc_inactivity: how long after the last traffic the network releases the connection, in seconds. On real
            networks that was seen to be 15 to 25; the network sets it, and the module cannot.
        rrc_release: how long the network takes to release it after RAI allowed that, in seconds.
        drx: the cycle in which an idle radio listens for paging, in seconds: 1.28, 2.56, 5.12 or 10.24; 0: all the
            time.
        edrx: the extended cycle that applies where AT+CEDRXS asks for none, in seconds: 20.48, 40.96, 81.92 and so on,
            up to 10485.76; 0: none.
        paging_window: how long it listens, by its DRX cycle, at the start of each extended cycle, in seconds: 2.56 to
            40.96.
        has_cell: whether there is a cell. Without one, modules search for ever; a module that is registered loses the
            network, and nothing gets through.
        reject_cause: the EMM cause with which the network rejects modules (TS 24.301, 9.9.3.9), 1 to 255: 3 illegal UE,
            11 PLMN not allowed, 13 no roaming in this area, 15 no suitable cells, 19 ESM failure such as a wrong APN,
            22 congestion, and so on; None: it accepts them.
        psm: whether the network grants the PSM that AT+CPSMS asks for, with the times asked for.
        rsrp: the power of the cell's reference signal at the module, in dBm (AT+CESQ, AT+QENG).
        rsrq: its quality, in dB.
        snr: the signal to noise ratio, in dB.
    """

    latency: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rate_up: int | None = None
    rate_down: int | None = None
    rrc_setup: float = 0.0
    rrc_inactivity: float = 20.0
    rrc_release: float = 0.0
    drx: float = 0.0
    edrx: float = 0.0
    paging_window: float = 2.56
    has_cell: bool = True
    reject_cause: int | None = None
    psm: bool = True
    rsrp: int = -76
    rsrq: int = -9
    snr: int = 18

    def __post_init__(self) -> None:
        for name in ("latency", "jitter", "rrc_setup", "rrc_inactivity", "rrc_release"):
            self._check(name, 0.0 <= getattr(self, name) < math.inf, "a number of seconds, 0 or more")

        for name in ("rate_up", "rate_down"):
            self._check(name, getattr(self, name) is None or getattr(self, name) > 0, "more than 0")

        is_cause = self.reject_cause is None or 1 <= self.reject_cause <= 255
        self._check("reject_cause", is_cause, "an EMM cause, 1 to 255, or None")
        self._check("rsrp", -140 <= self.rsrp <= -44, "-140 to -44")
        self._check("rsrq", -20 <= self.rsrq <= -3, "-20 to -3")
        self._check("snr", -20 <= self.snr <= 40, "-20 to 40")
        self._check("loss", 0.0 <= self.loss <= 1.0, "a probability, 0 to 1")
        self._check("drx", self.drx in (0, *DRX_CYCLES), _SOME_DRX_CYCLE)
        self._check("edrx", not self.edrx or _is_extended_cycle(self.edrx), "0 or one of 20.48, 40.96 ... 10485.76")
        is_window = 0.0 < self.paging_window <= LONGEST_WINDOW and _is_whole(self.paging_window / WINDOW_STEP)
        self._check("paging_window", is_window, "2.56 to 40.96 in steps of 2.56")

    def _check(self, name: str, is_right: bool, what: str) -> None:
        if not is_right:
            raise ValueError(f"{name} must be {what}, not {getattr(self, name)!r}")


# By name; the sources are given at :func:`coverage_figures`.
COVERAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "good": {
        "latency": 0.15,
        "jitter": 0.1,
        "loss": 0.0,
        "rate_up": 16_000,
        "rate_down": 16_000,
        "rrc_setup": 0.3,
        "rrc_release": 0.2,
        "drx": 2.56,
    },
    "average": {
        "latency": 0.6,
        "jitter": 0.6,
        "loss": 0.01,
        "rsrp": -108,
        "rsrq": -12,
        "snr": 2,
        "rate_up": 2_500,
        "rate_down": 4_000,
        "rrc_setup": 1.0,
        "rrc_release": 0.5,
        "drx": 2.56,
    },
    "edge": {
        "latency": 1.5,
        "jitter": 1.5,
        "loss": 0.05,
        "rsrp": -120,
        "rsrq": -16,
        "snr": -6,
        "rate_up": 250,
        "rate_down": 400,
        "rrc_setup": 2.0,
        "rrc_release": 2.0,
        "drx": 2.56,
    },
}


def coverage_figures(coverage: str | None) -> dict[str, Any]:
    """Return the figures of a coverage: ``"good"``, ``"average"`` or ``"edge"``; {} for None.

    The three are the classes that 3GPP evaluated NB-IoT for (TR 45.820), coupling losses of 144, 154 and 164 dB;
    networks serve them with coverage enhancement levels 0, 1 and 2, by sending everything again and again. The bounds:

    - At 164 dB the study asks for 160 bit/s at least, and for an alarm of some 100 bytes to arrive within 10 s.
    - A category NB1 device sends 16.9 kbit/s on a single tone at best, and receives 26 kbit/s (TS 36.306); of a module
      of this family, 16 kbit/s was seen in practice.
    - Round trips were measured: 0.26 to 0.48 s in the guide's ping (4.6); 0.84 s on average by Ugwuanyi, Paul and
      Irvine (Electronics 10, 2224, 2021); often 3 to 5 s where a connection had to be set up.

    The signals are chosen so that the manual's rule of thumb calls them strong, middling and weak.

    The values themselves are chosen: round, between these bounds, in the order of the classes. They are for tests that
    want to see a program on a slow and lossy link, not for planning a network.

    Raises:
        ValueError: there is no such coverage.
    """
    if coverage is None:
        return {}

    try:
        return dict(COVERAGES[coverage])
    except KeyError:
        raise ValueError(f"network must be one of {', '.join(COVERAGES)}, not {coverage!r}") from None


# The names of all conditions.
PROFILE_FIELDS: Final = tuple(one.name for one in dataclasses.fields(CoverageProfile))


def _is_extended_cycle(seconds: float) -> bool:
    try:
        cycle = read_cycle(write_cycle(timedelta(seconds=seconds)))
    except (Malformed, ValueError, OverflowError):
        return False

    return abs(cycle.total_seconds() - seconds) < 1e-3


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6
