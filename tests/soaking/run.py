"""A run: five sockets at once on an emulated module with faults, until so many records have arrived."""

import asyncio
import contextlib
import gc
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from bc260y_aio import BC260YError, Modem
from bc260y_aio.at.responses import Response
from bc260y_aio.at.urcs import DamagedLine, DamagedPayload, Restarted, Resynchronised
from bc260y_aio.emulator import Emulator, Network
from bc260y_aio.emulator.faults import KINDS
from bc260y_aio.testing import ControlledClockLoop
from tests.soaking.incidents import Incidents
from tests.soaking.records import Violation
from tests.soaking.sessions import HOST, STUCK, Kind, World, choose, run_session

SOCKETS: Final = 5

# The probability of each fault on each of its occasions, where all of them are on.
ALL: Final[dict[str, float]] = {
    "send_fail_taken": 0.01,
    "send_fail_dropped": 0.01,
    "send_ok_lost": 0.003,
    "ok_lost": 0.002,
    "answer_lost": 0.002,
    "open_lost": 0.01,
    "close_ok_lost": 0.01,
    "answer_late": 0.002,
    "urc_late": 0.002,
    "urc_inside": 0.02,
    "closed": 0.002,
    "broken_receiving": 0.002,
    "broken_sending": 0.002,
    "session_lost": 0.0005,
    "outage": 0.0005,
    "restart": 0.0003,
    "deep_sleep": 0.001,
    "unplugged": 0.0002,
    "stalled": 0.001,
    "noise_lost": 3e-6,
    "noise_damaged": 3e-6,
    "noise_doubled": 3e-6,
    "noise_delayed": 0.002,
    "noise_split": 0.005,
}
assert ALL.keys() == set(KINDS)

# Faults that end a connection with `closed`, as a regular close of the peer does.
BREAKS: Final = ("closed", "broken_receiving", "broken_sending")

# The durations. Late answers arrive both before and after the timeout of the driver.
SETTINGS: Final[dict[str, Any]] = {
    "line": "memory",
    "latency": 0.1,
    "jitter": 0.1,
    "completion_delay": 0.02,
    "answer_late_by": 7.0,
    "urc_late_by": 3.0,
    "stalled_by": 2.0,
    "boot_time": 3.0,
    "registration_delay": 2.0,
    "sleep_after": 10.0,
    "names": False,
}
_LIMIT: Final = 64 * 1024

# After how many records memory is measured again, and how much it may grow from a quarter of the run to its end.
_SAMPLE_EVERY: Final = 25_000
_MORE_OBJECTS: Final = 5000
_MORE_MEMORY: Final = 24 * 1024 * 1024
# With fewer measurements, growth is not checked.
_LEAST_SAMPLES: Final = 16


@dataclass
class Report:
    """The result of a run.

    Attributes:
        seed: the seed of its random choices.
        records: how many records arrived, at either end.
        bytes: how many bytes of them.
        sessions: how many connections there were, by kind.
        ends: how many sessions ended early, by cause.
        faults: how many were injected, by kind.
        incidents: what else happened, by kind.
        recoveries: how often the line was resynchronised, the module restarted, the port was opened again.
        datagrams_missing: how many records were in datagrams that did not arrive, though later ones did.
        datagrams_lost: how many datagrams the network lost.
        violations: what was lost, repeated or forged.
        leaks: what was left behind.
        stuck: sessions that did not end.
        wall: how long it took, in seconds.
        emulated: how long that was by the loop's clock, in seconds.
        memory: resident memory, in bytes, and the number of objects, at each measurement.
        line: how many bytes the line carried.
    """

    seed: int
    records: int = 0
    bytes: int = 0
    sessions: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    incidents: Counter[str] = field(default_factory=Counter)
    recoveries: Counter[str] = field(default_factory=Counter)
    datagrams_missing: int = 0
    datagrams_lost: int = 0
    violations: list[Violation] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wall: float = 0.0
    emulated: float = 0.0
    memory: list[tuple[int, int]] = field(default_factory=list)
    line: int = 0

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, repeated or forged, nothing was stuck and nothing leaked."""
        return not (self.violations or self.leaks or self.stuck)

    def count(self, kind: str) -> int:
        """Return how many violations of a kind there were."""
        return sum(one.kind == kind for one in self.violations)


class Soak:
    """A run.

    Args:
        seed: the seed of its random choices.
        faults: the probability of each kind of fault; 0 for those that are not named.
        records: how many records have to arrive.
        seconds: how long it may take, in real seconds; None for as long as it takes.
        loss: the probability that the network loses a datagram, each way.
        kinds: what the sessions do; by default, everything.
        every: how often one of :mod:`.incidents` happens too, in seconds; None for never.
        only: the only kind of them that happens; None for all.
    """

    def __init__(
        self,
        seed: int,
        faults: dict[str, float],
        *,
        records: int,
        seconds: float | None = None,
        loss: float = 0.0,
        kinds: tuple[Kind, ...] | None = None,
        every: float | None = None,
        only: str | None = None,
    ) -> None:
        self._records = records
        self._end = None if seconds is None else time.monotonic() + seconds
        self._faults = faults
        self._rng = random.Random(f"{seed}.soak")
        self._world = World()
        self._kinds = kinds
        self._network = Network(loss=loss, seed=seed)
        self._network.add_host(HOST, self._world.serve)
        self._emulator = Emulator(network=self._network, seed=seed, **SETTINGS)
        rng = random.Random(f"{seed}.incidents")
        self._incidents = None if every is None else Incidents(self._emulator, rng, every, only)
        self.report = Report(seed)

    @property
    def _is_done(self) -> bool:
        is_over = self._end is not None and time.monotonic() >= self._end
        return is_over or self._world.verified >= self._records or bool(self.report.stuck or self._world.violations)

    def run(self) -> Report:
        """Run it, on a loop of its own, whose clock jumps."""
        report, began = self.report, time.monotonic()
        before = _descriptors()
        with asyncio.Runner(loop_factory=ControlledClockLoop) as runner:
            runner.get_loop().set_exception_handler(self._note_exception)
            runner.run(self._run())
            report.emulated = runner.get_loop().time()

        gc.collect()
        if _descriptors() > before:
            report.leaks.append(f"{_descriptors() - before} descriptors")

        self._judge_memory()
        world = self._world
        report.records, report.bytes = world.verified, world.bytes
        report.sessions, report.ends = world.sessions, world.ends
        report.violations = world.violations
        report.datagrams_missing = world.datagrams_missing
        report.datagrams_lost = self._network.datagrams_lost
        report.faults = Counter(self._emulator.faults.counts)
        if self._incidents is not None:
            report.incidents = self._incidents.counts
            report.stuck += self._incidents.violations

        broken = sum(report.faults[kind] for kind in BREAKS)
        if report.ends["EOF"] > broken:
            text = f"{report.ends['EOF']} streams ended too soon with EOF, and {broken} connections were broken"
            report.violations.append(Violation("lost", text))

        report.wall = time.monotonic() - began
        return report

    def _note_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.report.leaks.append(f"the loop's exception handler: {context}")

    async def _run(self) -> None:
        async with self._emulator as emulator:
            for kind, rate in self._faults.items():
                setattr(emulator.faults, kind, rate)

            if self._incidents is not None:
                self._incidents.install()

            while not self._is_done:
                await self._use_modem(emulator)

            for kind in KINDS:
                setattr(emulator.faults, kind, 0.0)

            if self._incidents is not None:
                self._incidents.end()

            await self._check_leaks(emulator)
            self.report.line = emulator.line.bytes_in + emulator.line.bytes_out

        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            self.report.leaks += [f"{task!r}" for task in others]

    async def _use_modem(self, emulator: Emulator) -> None:
        modem = Modem(emulator.url, receive_limit=_LIMIT, connect_id_timeout=STUCK)
        try:
            async with modem:
                self.report.recoveries["modem opened"] += 1
                modem.subscribe(self._note, Resynchronised, Restarted, DamagedLine, DamagedPayload)
                if emulator.faults.deep_sleep:
                    await modem.sleep()

                await self._work_all(modem)
        except BC260YError as exc:
            # Opened again after a pause: the line is away, or noise has damaged the first commands.
            self.report.recoveries[f"modem not opened: {type(exc).__name__}"] += 1
            await asyncio.sleep(1.0)

    async def _work_all(self, modem: Modem) -> None:
        happening = None if self._incidents is None else asyncio.ensure_future(self._incidents.happen(modem))
        try:
            await asyncio.gather(*(self._work(modem, socket) for socket in range(SOCKETS)))
        finally:
            if happening is not None:
                happening.cancel()
                await asyncio.wait([happening])
                if not happening.cancelled():
                    happening.result()

    def _note(self, event: Response) -> None:
        self.report.recoveries[type(event).__name__] += 1

    async def _work(self, modem: Modem, socket: int) -> None:
        while modem.is_open and not self._is_done:
            kind, size = choose(self._rng, self._kinds)
            session = self._world.begin(socket, kind, size)
            try:
                await run_session(self._world, modem, session, self._rng)
            except TimeoutError as exc:
                self.report.stuck.append(str(exc))
                return

            self._measure_memory()
            if session.error is not None:
                await asyncio.sleep(self._rng.random())

    # Permitted remains

    async def _check_leaks(self, emulator: Emulator) -> None:
        modem = Modem(emulator.url)
        for _ in range(100):
            with contextlib.suppress(BC260YError):
                await modem.open()
                break

            await asyncio.sleep(5.0)

        leaks = self.report.leaks
        leaks += [f"a leftover of an earlier modem: {one}" for one in await modem.sockets()]
        await asyncio.gather(*(self._try(modem, socket) for socket in range(SOCKETS)))
        leaks += [f"the modem still holds connectID {one}" for one in modem._ids.taken]
        leaks += [f"the module still holds {one}" for one in emulator.module.sockets.values()]
        await modem.close()

    async def _try(self, modem: Modem, socket: int) -> None:
        """Use each socket once more, without faults: all of them can be opened and closed."""
        kind, _ = choose(random.Random(socket))
        session = self._world.begin(socket, kind, 10)
        await run_session(self._world, modem, session, self._rng)
        if session.error is not None and session.kind.name != "UNREAD":
            self.report.stuck.append(f"without faults: {session.kind.value}: {session.error!r}")

    def _measure_memory(self) -> None:
        memory = self.report.memory
        if self._world.verified >= _SAMPLE_EVERY * len(memory):
            gc.collect()
            memory.append((_resident(), len(gc.get_objects())))

    def _judge_memory(self) -> None:
        memory = self.report.memory
        if len(memory) < _LEAST_SAMPLES:
            return

        # The least of a few looks, for what is under way at the moment comes and goes.
        early, late = memory[len(memory) // 4 : len(memory) // 4 + 4], memory[-4:]
        more_memory = min(one for one, _ in late) - min(one for one, _ in early)
        more_objects = min(one for _, one in late) - min(one for _, one in early)
        if more_memory > _MORE_MEMORY or more_objects > _MORE_OBJECTS:
            self.report.leaks.append(f"{more_memory} bytes and {more_objects} objects more than after a quarter of it")


def _resident() -> int:
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    return 0


def _descriptors() -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/fd"))

    return 0
