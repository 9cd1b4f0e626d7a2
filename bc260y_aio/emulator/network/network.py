"""The network of emulated modules: its conditions, its hosts and the paths to them."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from .attach import AttachResult, attach_result
from .cell import Cell
from .coverage import PROFILE_FIELDS, CoverageProfile, coverage_figures
from .directory import Directory
from .path_ends import PathOwner, PathRadio
from .paths import NetworkPath, TcpPath, UdpPath

# How long a module waits for the answer to a question of its own, in seconds.
ANSWER_TIMEOUT: Final = 20.0


class Network(Directory):
    """The network that emulated modules reach.

    Every name resolves to an address of its own, in 198.51.100.0/24, that leads to this machine's 127.0.0.1: a server
    that listens there answers under any name. A host that is added leads to its scripted peer instead. Names that end
    in ``.invalid`` do not resolve, other addresses cannot be reached, and no packet ever leaves the loopback interface.
    127.0.0.1, ::1 and localhost are this machine's own.

    Its conditions may be changed at any time, one by one (``network.latency = 2.0``) or together (:meth:`change`).

    Args:
        coverage: the conditions to begin with: ``"good"``, ``"average"`` or ``"edge"``
            (:func:`~bc260y_aio.emulator.network.coverage.coverage_figures` has their figures); None for those of
            :class:`CoverageProfile`.
        names: every name resolves; otherwise only those of hosts that were added.
        any_address: every address leads to the loopback interface, as names do.
        seed: where the random sequence of jitter and loss begins.
        now: the time, aware; by default the host's.
        **figures: single conditions; they go before those of the coverage. :class:`CoverageProfile` has the list.

    Attributes:
        cell: the cell that modules find.
        datagrams_lost: how many datagrams were lost on the way.
        ntp_time: returns the answer of an NTP server, given its name and port; None for no answer. By default, ``now``.

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
    rsrp: int
    rsrq: int
    snr: int

    def __init__(
        self,
        coverage: str | None = None,
        *,
        names: bool = True,
        any_address: bool = False,
        seed: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        **figures: Any,
    ) -> None:
        super().__init__(names=names, any_address=any_address)
        self._listeners: dict[Callable[[], None], None] = {}
        # A dict keeps the order, so that what concerns all paths happens in the same order each time.
        self._paths: dict[NetworkPath, None] = {}
        self._outage = False
        self._has_cell = True
        self._reject_cause: int | None = None
        self._apply(CoverageProfile(**coverage_figures(coverage) | figures))
        self.cell = Cell()
        self.datagrams_lost = 0
        self.now = now
        self.ntp_time: Callable[[str, int], datetime | None] = lambda server, port: self.now()
        self._random = random.Random(f"{seed}.network")

    def __repr__(self) -> str:
        state = " outage" if self._outage else ""
        return f"<Network latency={self.latency:g} hosts={len(self._hosts)} paths={len(self._paths)}{state}>"

    # Its conditions

    def change(self, coverage: str | None = None, **figures: Any) -> None:
        """Change the conditions: to those of a coverage, and single figures.

        Raises:
            ValueError: there is no such coverage, or a figure cannot be.
            TypeError: a figure is unknown.
        """
        before = {name: getattr(self, name) for name in PROFILE_FIELDS}
        self._apply(CoverageProfile(**before | coverage_figures(coverage) | figures))

    def _apply(self, profile: CoverageProfile) -> None:
        for name in PROFILE_FIELDS:
            setattr(self, name, getattr(profile, name))

    @property
    def has_cell(self) -> bool:
        """Whether there is a cell: see :class:`CoverageProfile`."""
        return self._has_cell

    @has_cell.setter
    def has_cell(self, has_cell: bool) -> None:
        if has_cell != self._has_cell:
            self._has_cell = has_cell
            self._resume_if_reachable()
            self._notify_listeners()

    @property
    def reject_cause(self) -> int | None:
        """The EMM cause with which modules are rejected: see :class:`CoverageProfile`."""
        return self._reject_cause

    @reject_cause.setter
    def reject_cause(self, cause: int | None) -> None:
        if cause != self._reject_cause:
            self._reject_cause = cause
            self._notify_listeners()

    def _notify_listeners(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    # Delays, losses, outages

    @property
    def outage(self) -> bool:
        """Whether nothing gets through. Afterwards TCP goes on where it stopped; datagrams are lost."""
        return self._outage

    @outage.setter
    def outage(self, outage: bool) -> None:
        self._outage = outage
        self._resume_if_reachable()

    @property
    def is_silent(self) -> bool:
        """Whether nothing gets through: there is an outage, or no cell."""
        return self._outage or not self._has_cell

    def _resume_if_reachable(self) -> None:
        if not self.is_silent:
            for path in tuple(self._paths):
                path.resume()

    def delay(self) -> float:
        """Draw how long something takes, one way, in seconds."""
        return self.latency + self._random.random() * self.jitter if self.jitter else self.latency

    def loses(self) -> bool:
        """Draw whether a datagram is lost."""
        return self.is_silent or (bool(self.loss) and self._random.random() < self.loss)

    # Requests of a module

    def attach(self) -> AttachResult:
        """Return the answer to a module that attaches now."""
        return attach_result(has_cell=self.has_cell, reject_cause=self.reject_cause)

    def watch_attach(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call back each time that :meth:`attach` may return something else; return what ends that.

        A module that is registered then loses the network, or is rejected by it; one that searches finds it.
        """
        self._listeners[changed] = None
        return lambda: self._listeners.pop(changed, None)

    def path(self, service_type: str, owner: PathOwner, radio: PathRadio) -> NetworkPath:
        """Make a path for a socket of a module; it is then opened to the destination that :meth:`find` returns."""
        path = TcpPath(self, owner, radio) if service_type == "TCP" else UdpPath(self, owner, radio)
        self._paths[path] = None
        path.gone.add_done_callback(lambda _: self._paths.pop(path, None))
        return path

    async def exchange(self) -> bool:
        """Wait as long as a question and its answer take; return False if no answer came."""
        if self.is_silent:
            await asyncio.sleep(ANSWER_TIMEOUT)
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
