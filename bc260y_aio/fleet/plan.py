"""The task of a fleet: a value that every worker gets."""

import importlib
import math
import os
import random
import sys
import sysconfig
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Device = Callable[..., Awaitable[object]]
Clock = Literal["virtual", "real"]

# How many devices one task of the engine has on the virtual clock. It is the same whatever the number of workers, so
# that the same seed gives the same day.
DEVICES_PER_SHARD: Final = 100


@dataclass(frozen=True, slots=True)
class Outage:
    """A cell is down: its devices lose the network, and all come back at once.

    Attributes:
        start: when it begins, in seconds since the fleet started.
        duration: how long it lasts, in seconds.
        cell: the number of the cell, from 0; None for every cell.
    """

    start: float
    duration: float
    cell: int | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or self.duration <= 0:
            raise ValueError(f"an outage starts at 0 s or later and lasts longer than 0 s, not {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFaults:
    """The faults, by a plan that depends on nothing but the seed.

    Attributes:
        cells: how many cells the devices are spread over: device n is in cell n modulo this number.
        outages: when cells are down.
        restarts: how often a module restarts by itself, per device and hour.
        sleeps: how often a module falls into deep sleep by itself, per device and hour.
    """

    cells: int = 1
    outages: tuple[Outage, ...] = ()
    restarts: float = 0.0
    sleeps: float = 0.0

    def __post_init__(self) -> None:
        if self.cells < 1:
            raise ValueError(f"a fleet has at least 1 cell, not {self.cells}")

        for name in ("restarts", "sleeps"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number per hour, 0 or more, not {getattr(self, name)!r}")

        for outage in self.outages:
            if outage.cell is not None and not 0 <= outage.cell < self.cells:
                raise ValueError(f"{outage} names a cell that is not there: there are {self.cells}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The task of a fleet.

    Attributes:
        device: the coroutine function that is called as ``device(modem, number)``, or ``"module:function"``.
        devices: how many there are.
        ports: the ports of real modules, instead of emulated ones; ``PORT@WORKER`` says which worker has it.
        backend: is called with each emulated network, to add its hosts; or ``"module:function"``; or None. If it
            returns a callable, that is called at the end and returns counters, which are added up.
        clock: ``"virtual"`` skips every wait; ``"real"`` does not.
        every: a device reports this often, in seconds; None for once.
        stagger: the devices start evenly spread over ``every``, in a random order, rather than all at once.
        duration: how long the fleet reports, in seconds; None for one report of each device.
        timeout: a report that takes longer fails, in seconds, so that a device that hangs holds nothing up; None for no
            limit.
        network: the coverage: ``"good"``, ``"average"`` or ``"edge"``; None for a network without delays.
        seed: where everything random begins.
        faults: what goes wrong.
        settings: further options of each emulator.
        modem: further arguments of each modem.
        paths: where workers look for modules, before their own ``sys.path``.
    """

    device: Device | str
    devices: int
    ports: tuple[str, ...] = ()
    backend: Callable[..., Any] | str | None = None
    clock: Clock = "virtual"
    every: float | None = None
    stagger: bool = False
    duration: float | None = None
    timeout: float | None = 3600.0
    network: str | None = "average"
    seed: int = 0
    faults: FleetFaults = field(default_factory=FleetFaults)
    settings: Mapping[str, Any] = field(default_factory=dict)
    modem: Mapping[str, Any] = field(default_factory=dict)
    paths: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise ValueError(f"a fleet has at least 1 device, not {self.devices}")

        if self.clock not in ("virtual", "real"):
            raise ValueError(f'the clock is "virtual" or "real", not {self.clock!r}')

        for name in ("every", "duration", "timeout"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be a number of seconds above 0, not {value!r}")

        if self.stagger and self.every is None:
            raise ValueError("to stagger devices, say how often they report: every=")

        if self.duration is not None and self.every is None:
            raise ValueError("a duration means something only for devices that report again and again: every=")

        if self.ports and self.clock != "real":
            raise ValueError('real modules need the real clock: clock="real"')

        for reference in (self.device, self.backend):
            if isinstance(reference, str) and not all(reference.partition(":")):
                raise ValueError(f"name a function as module:function, not {reference!r}")

    @property
    def rounds(self) -> int:
        """How many reports each device makes."""
        if self.every is None or self.duration is None:
            return 1

        return max(1, math.ceil(self.duration / self.every))

    def delay(self, number: int) -> float:
        """Return when a device starts, in seconds."""
        if not self.stagger or self.every is None:
            return 0.0

        return random.Random(f"{self.seed}.{number}.delay").random() * self.every

    def shards(self, workers: int) -> list[range]:
        """Divide the devices among tasks.

        On the virtual clock the division depends on nothing but their number; in real time all run at once, so there
        is one task for each worker.
        """
        size = DEVICES_PER_SHARD if self.clock == "virtual" else math.ceil(self.devices / workers)
        return [range(start, min(start + size, self.devices)) for start in range(0, self.devices, size)]

    def moments(self, number: int) -> Iterator[tuple[float, Literal["restart", "sleep"]]]:
        """Yield when a module restarts or falls asleep by itself, in seconds, in order."""
        span = self.rounds * (self.every or 0.0) if self.every else 3600.0
        found: list[tuple[float, Literal["restart", "sleep"]]] = []
        kinds: tuple[tuple[Literal["restart", "sleep"], float], ...]
        kinds = (("restart", self.faults.restarts), ("sleep", self.faults.sleeps))
        for kind, rate in kinds:
            chance = random.Random(f"{self.seed}.{number}.{kind}")
            when = chance.expovariate(rate / 3600) if rate else math.inf
            while when < span:
                found.append((when, kind))
                when += chance.expovariate(rate / 3600)

        yield from sorted(found)


def split_port(port: str) -> tuple[str, str]:
    """Return the port of a real modem and the name of the worker that has it, ``""`` for any: ``PORT@WORKER``."""
    name, _, worker = port.rpartition("@")
    return (name, worker) if name else (port, "")


def resolve(reference: Any) -> Any:
    """Return the function that is named by ``"module:function"``; anything else is returned as it is.

    Raises:
        ValueError: there is no such module or function; the message says which.
    """
    if not isinstance(reference, str):
        return reference

    module, _, name = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as exc:
        raise ValueError(f"{reference}: {exc}; is its folder on sys.path?") from exc
    except AttributeError as exc:
        raise ValueError(f"{reference}: the module {module} has no {name}") from exc


def own_paths() -> tuple[str, ...]:
    """Return the folders where a program's own modules are found: a worker has a Python and packages of its own."""
    installed = tuple(map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")))
    folders = [os.path.abspath(path) for path in sys.path]
    return tuple(folder for folder in folders if not folder.startswith(installed))


def look_in(paths: tuple[str, ...]) -> None:
    """Let modules be found in these folders, too."""
    sys.path[:0] = [path for path in paths if path not in sys.path]
