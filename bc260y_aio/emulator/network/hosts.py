"""What an emulated module reaches: names, addresses, real servers on the loopback interface, and scripted peers."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from ..radio import Radio
from .conditions import FIGURES, Conditions, figures_of
from .directory import Directory
from .paths import Owner, Path, TcpPath, UdpPath

# How long a module waits for an answer to a question of its own, in seconds.
SILENCE: Final = 20.0


class Network(Directory):
    """What emulated modules reach.

    Every name resolves to an address of the network's own, in 198.51.100.0/24, behind which the host's 127.0.0.1
    stands with all its ports: a real server that listens there answers, whatever it is called. Hosts that are added
    lead elsewhere, to scripted peers above all. Names that end in ``.invalid`` resolve to nothing, other addresses lead
    nowhere, and no packet ever leaves the loopback interface. 127.0.0.1, ::1 and localhost are the host's own.

    Its conditions may be changed at any time, one by one (``network.latency = 2.0``) or together (:meth:`change`).

    Args:
        coverage: the conditions to begin with: ``"good"``, ``"average"`` or ``"edge"``
            (:func:`~bc260y_aio.emulator.network.conditions.figures_of` has their figures); None for those of
            :class:`Conditions`.
        names: every name resolves; otherwise only those of hosts that were added.
        seed: where the random sequence of jitter and loss begins.
        now: the time, aware; by default the host's.
        **figures: single conditions; they go before those of the coverage. :class:`Conditions` has the list.

    Attributes:
        datagrams_lost: how many datagrams were lost on the way.
        ntp_time: what an NTP server answers, given its name and port; None for silence. By default, ``now``.

    Raises:
        ValueError: there is no such coverage, or a figure cannot be.
        TypeError: a figure is unknown.
    """

    latency: float
    jitter: float
    loss: float
    rate_up: int | None
    rate_down: int | None
    rrc_setup: float
    rrc_inactivity: float
    rrc_release: float
    drx: float
    edrx: float
    paging_window: float
    psm: bool

    def __init__(
        self,
        coverage: str | None = None,
        *,
        names: bool = True,
        seed: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        **figures: Any,
    ) -> None:
        super().__init__(names=names)
        self._take(Conditions(**figures_of(coverage) | figures))
        self.datagrams_lost = 0
        self.now = now
        self.ntp_time: Callable[[str, int], datetime | None] = lambda server, port: self.now()
        self._random = random.Random(f"{seed}.network")
        # In order, so that what happens to all of them happens in the same order each time.
        self._paths: dict[Path, None] = {}
        self._outage = False

    def __repr__(self) -> str:
        state = " outage" if self._outage else ""
        return f"<Network latency={self.latency:g} hosts={len(self._hosts)} paths={len(self._paths)}{state}>"

    # What it is like

    def change(self, coverage: str | None = None, **figures: Any) -> None:
        """Change conditions: to those of a coverage, and single figures.

        Raises:
            ValueError: there is no such coverage, or a figure cannot be.
            TypeError: a figure is unknown.
        """
        before = {name: getattr(self, name) for name in FIGURES}
        self._take(Conditions(**before | figures_of(coverage) | figures))

    def _take(self, conditions: Conditions) -> None:
        for name in FIGURES:
            setattr(self, name, getattr(conditions, name))

    # What it does to data

    @property
    def outage(self) -> bool:
        """Whether the network is silent. TCP goes on where it stopped once it is back; datagrams are lost."""
        return self._outage

    @outage.setter
    def outage(self, outage: bool) -> None:
        self._outage = outage
        if not outage:
            for path in tuple(self._paths):
                path.resume()

    def delay(self) -> float:
        """Draw how long something takes, one way, in seconds."""
        return self.latency + self._random.random() * self.jitter if self.jitter else self.latency

    def loses(self) -> bool:
        """Draw whether a datagram is lost."""
        return self._outage or (bool(self.loss) and self._random.random() < self.loss)

    # What a module asks of it

    def path(self, service_type: str, owner: Owner, radio: Radio) -> Path:
        """Make a path for a socket of a module with this radio, yet to be opened to where :meth:`find` says."""
        path = TcpPath(self, owner, radio) if service_type == "TCP" else UdpPath(self, owner, radio)
        self._paths[path] = None
        path.gone.add_done_callback(lambda _: self._paths.pop(path, None))
        return path

    async def exchange(self) -> bool:
        """Let a question and its answer take their time; return False if the network stayed silent instead."""
        if self._outage:
            await asyncio.sleep(SILENCE)
            return False

        await asyncio.sleep(self.delay() + self.delay())
        return True

    async def ping(self, address: str, timeout: float) -> float | None:
        """Send a packet to an address and return its round-trip time in seconds, or None if none came back in time."""
        round_trip = self.delay() + self.delay()
        lost = self.loses() or self.loses()
        if not self.reaches(address) or lost or round_trip > timeout:
            await asyncio.sleep(timeout)
            return None

        await asyncio.sleep(round_trip)
        return round_trip
