"""The devices of one task: they run here, on one event loop, in one process."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from ..emulator import Emulator, Network, Options
from ..errors import BC260YError
from ..modem import Modem
from ..testing import virtual_clock
from .plan import Plan, resolve, split_port
from .tally import Tally

# How often progress is reported, and whether to stop is asked, in real seconds.
REPORT_INTERVAL: Final = 1.0
# How often the lag of the loop is measured on the real clock, in seconds.
_LAG_INTERVAL: Final = 0.1
# How often devices that have started are taken out of the search for garbage, in seconds.
_FREEZE_INTERVAL: Final = 1.0
# How many devices are made in one turn of the loop.
_DEVICES_PER_TURN: Final = 50

OnProgress = Callable[[Tally], bool]


def run_shard(plan: Plan, numbers: Iterable[int], on_progress: OnProgress) -> Tally:
    """Run these devices to their end, and return what was counted.

    Args:
        plan: what they do.
        numbers: which devices.
        on_progress: is called about once a second with what was counted so far; returns False to stop all devices.
    """
    factory = virtual_clock() if plan.clock == "virtual" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(Shard(plan, list(numbers), on_progress).run())


class Shard:
    """The devices of one task, and their emulated networks: one for each cell."""

    def __init__(self, plan: Plan, numbers: list[int], on_progress: OnProgress) -> None:
        """Take what they do and which they are; :meth:`run` runs them."""
        self._plan = plan
        self._numbers = numbers
        self._on_progress = on_progress
        self._device: Callable[..., Any] = resolve(plan.device)
        self._tally = Tally(devices=len(numbers))
        self._networks: list[Network] = []
        self._collectors: list[Callable[[], Any]] = []
        self._reported = self._began = 0.0
        self._all: asyncio.Task[None] | None = None
        self._is_stopped = False

    async def run(self) -> Tally:
        """Run them to their end, or until they are stopped."""
        cpu = time.thread_time()
        self._began = asyncio.get_running_loop().time()
        self._make_networks()
        background = [asyncio.create_task(work) for work in self._background()]
        self._all = asyncio.create_task(self._run_devices())
        try:
            await self._all
        except asyncio.CancelledError:
            if not self._is_stopped:
                raise
        finally:
            for task in background:
                task.cancel()

            await asyncio.gather(*background, return_exceptions=True)

        for collect in self._collectors:
            self._tally.backend.update(collect())

        self._tally.cpu_seconds = time.thread_time() - cpu
        return self._tally

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    def _make_networks(self) -> None:
        if self._plan.ports:
            return

        backend = resolve(self._plan.backend)
        for cell in range(self._plan.faults.cells):
            network = Network(self._plan.network, seed=hash((self._plan.seed, self._numbers[0], cell)))
            self._networks.append(network)
            if backend is not None and callable(collect := backend(network)):
                self._collectors.append(collect)

    def _background(self) -> Iterable[Any]:
        for outage in self._plan.faults.outages if self._networks else ():
            for cell, network in enumerate(self._networks):
                if outage.cell in (None, cell):
                    yield _interrupt(network, outage.start, outage.duration)

        if self._plan.clock == "real":
            yield self._measure_lag()
            yield self._shorten_collections()

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_INTERVAL
            await asyncio.sleep(_LAG_INTERVAL)
            self._tally.add_lag(loop.time() - due)
            self._report()

    async def _shorten_collections(self) -> None:
        # A search for garbage among all objects of thousands of devices holds the loop up for hundreds of milliseconds,
        # so what is there is left out of it, and then the devices that have started. What they make later is not: some
        # of it becomes garbage, and would never be found.
        last = max(map(self._plan.delay, self._numbers)) + _FREEZE_INTERVAL
        gc.freeze()
        try:
            while self._now <= last:
                await asyncio.sleep(_FREEZE_INTERVAL)
                gc.freeze()

            await asyncio.get_running_loop().create_future()
        finally:
            gc.unfreeze()

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._reported >= REPORT_INTERVAL:
            self._reported = now
            if not self._on_progress(self._tally) and self._all is not None:
                self._is_stopped = True
                self._all.cancel()

    # One device

    async def _run_devices(self) -> None:
        async with asyncio.TaskGroup() as devices:
            for made, number in enumerate(self._numbers, start=1):
                devices.create_task(self._run_device(number))
                if made % _DEVICES_PER_TURN == 0:
                    await asyncio.sleep(0)

    async def _run_device(self, number: int) -> None:
        # A module is switched on when its device starts: thousands at once would hold the loop up.
        await asyncio.sleep(self._plan.delay(number))
        if self._plan.ports:
            await self._run_reports(number, split_port(self._plan.ports[number])[0])
            return

        options = Options().with_settings(**{"line": "memory", **self._plan.settings})
        network = self._networks[number % len(self._networks)]
        seed = hash((self._plan.seed, number))
        async with Emulator(options, network=network, seed=seed) as emulator:
            disturbing = asyncio.create_task(self._disturb(number, emulator))
            try:
                await self._run_reports(number, emulator.url)
            finally:
                disturbing.cancel()
                await asyncio.wait({disturbing})
                self._tally.add_radio(emulator.radio.usage)

    async def _disturb(self, number: int, emulator: Emulator) -> None:
        for moment, kind in self._plan.moments(number):
            await asyncio.sleep(max(0.0, moment - self._now))
            if kind == "restart":
                self._tally.restarts += 1
                emulator.restart()
            else:
                emulator.sleep()

    async def _run_reports(self, number: int, port: str) -> None:
        start = self._plan.delay(number)
        every = self._plan.every or 0.0
        modem: Modem | None = None
        try:
            for turn in range(self._plan.rounds):
                if turn and self._now > start + (turn + 1) * every:
                    self._tally.missed += 1
                    continue

                await asyncio.sleep(max(0.0, start + turn * every - self._now))
                modem = await self._report_once(number, port, modem)
        finally:
            if modem is not None:
                await self._close(modem)

        self._tally.finished += 1
        self._report()

    async def _report_once(self, number: int, port: str, modem: Modem | None) -> Modem | None:
        """Let a device report once, and return its modem; None if it has to be opened again."""
        started = self._now
        try:
            async with asyncio.timeout(self._plan.timeout):
                if modem is None:
                    opening = Modem(port, **self._plan.modem)
                    await opening.open()
                    modem = opening

                await self._device(modem, number)
        except BaseException as exc:
            # sys.exit() is one device's end as well, and so is the cancellation of something that it waits for.
            if _is_cancelled() or isinstance(exc, GeneratorExit):
                raise

            self._tally.add_failure(exc)
            if isinstance(exc, BC260YError) and modem is not None:
                # Whatever is wrong, a modem that is opened anew starts from a known state.
                self._tally.reopened += 1
                await self._close(modem)
                modem = None
        else:
            self._tally.add_report(started, self._now)

        self._report()
        return modem

    async def _close(self, modem: Modem) -> None:
        try:
            await modem.close()
        except Exception as exc:
            self._tally.add_failure(exc)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _interrupt(network: Network, start: float, duration: float) -> None:
    await asyncio.sleep(start)
    network.outage = True
    await asyncio.sleep(duration)
    network.outage = False
