"""Running a fleet on the workers of a Dask cluster: a local one, or one that is there."""

import asyncio
import contextlib
import dataclasses
import itertools
import logging
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from distributed import Client, LocalCluster, Worker, as_completed, get_worker
from distributed.comm.addressing import get_address_host, get_address_host_port

from .plan import Plan, look_in, own_paths, resolve, split_port
from .report import FleetReport
from .shard import run_shard
from .tally import Tally

OnTally = Callable[[Tally], object]

# How long a scheduler may take to answer, in seconds.
_CONNECT_TIMEOUT: Final = 10.0
# How long tasks that are asked to stop may take, in seconds.
_STOP_TIMEOUT: Final = 10.0


async def fleet(
    plan: Plan,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    uploads: Iterable[str | os.PathLike[str]] = (),
    on_progress: OnTally | None = None,
) -> FleetReport:
    """Run a fleet of devices, and return the result.

    When the task is cancelled, the devices are stopped, and the report says that its figures are of a part.

    Args:
        plan: what the devices do.
        workers: how many processes a local cluster has; by default, one for each core.
        scheduler: the address of a running cluster, ``"tcp://host:8786"``; by default, a local one is started.
        uploads: files that are sent to every worker and can be imported there, in this order: modules, or ZIP archives.
        on_progress: is called about once a second with what was counted so far.

    Raises:
        ValueError: the plan names a function that does not exist, here or on a worker; the address is none; a part
            of the cluster has another version of this package, or none.
        OSError: the cluster cannot be reached.
    """
    plan = dataclasses.replace(plan, paths=own_paths())
    # A wrong name is found here rather than in each worker.
    resolve(plan.device)
    resolve(plan.backend)
    if scheduler is not None:
        # A client that is made with a wrong address complains a second time when it is collected.
        get_address_host_port(scheduler)

    began = time.monotonic()
    async with _cluster(scheduler, workers or os.cpu_count() or 1) as client:
        if scheduler is not None:
            await check_versions(client)

        for file in uploads:
            await client.upload_file(os.fspath(file))

        running = _Running(plan, client, on_progress)
        tally = await running.run()

    return FleetReport.of(
        tally,
        plan.devices,
        elapsed_seconds=time.monotonic() - began,
        workers=running.workers,
        reruns=running.reruns,
        is_complete=running.is_complete,
    )


@contextlib.asynccontextmanager
async def _cluster(scheduler: str | None, workers: int) -> AsyncIterator[Client]:
    async with contextlib.AsyncExitStack() as stack:
        place = scheduler or await stack.enter_async_context(local_cluster(workers))
        client = Client(place, asynchronous=True, set_as_default=False, timeout=_CONNECT_TIMEOUT)
        try:
            await stack.enter_async_context(client)
        except OSError as exc:
            raise ConnectionError(f"the scheduler at {place} cannot be reached: {exc}") from exc

        yield client


async def check_versions(client: Any) -> None:
    """Raise ValueError if a part of the cluster has another version of this package, or none."""
    # A worker that cannot read its task goes away without a word, and the engine would wait for another one.
    await client.wait_for_workers(1)
    package = __package__.partition(".")[0]
    found = await client.get_versions(packages=[package])
    here = found["client"]["packages"][package]
    parts = {"the scheduler": found["scheduler"]} | {f"the worker at {one}": it for one, it in found["workers"].items()}
    wrong = [
        f"{name} has {it['packages'][package] or 'none'}"
        for name, it in parts.items()
        if it["packages"][package] != here
    ]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}; install bc260y-aio[fleet] {here} there, as it is here")


def local_cluster(workers: int) -> LocalCluster:
    """Return a cluster of so many processes on this machine, with one device task at a time in each."""
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        asynchronous=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.ERROR,
        preload=f"{__package__}.preload",
    )


class _Running:
    """The tasks of one fleet on a cluster."""

    def __init__(self, plan: Plan, client: Client, on_progress: OnTally | None) -> None:
        self._plan = plan
        # Its methods are typed for its other half, which blocks.
        self._client: Any = client
        self._on_progress = on_progress
        self._topic = f"bc260y-fleet-{uuid.uuid4().hex}"
        self._latest: dict[int, Tally] = {}
        self._done: dict[int, Tally] = {}
        self._places: dict[str, str] = {}
        self._running: set[int] = set()
        self._has_ended = asyncio.Event()
        self._started = 0
        self._tasks = 0
        self.workers = 0
        self.is_complete = True

    @property
    def reruns(self) -> int:
        """How many tasks were started again."""
        return max(0, self._started - self._tasks)

    async def run(self) -> Tally:
        """Run all tasks, and return what they counted."""
        await self._client.wait_for_workers(1)
        known = (await self._client.scheduler.identity(n_workers=-1))["workers"]
        self.workers = len(known)
        self._places = worker_addresses(self._plan.ports, {str(one["name"]): name for name, one in known.items()})
        shards = self._plan.shards(self.workers) if not self._plan.ports else by_port(self._plan, self.workers)
        self._tasks = len(shards)
        self._client.subscribe_topic(self._topic, self._receive)
        futures = {self._submit(shard, index): index for index, shard in enumerate(shards)}
        try:
            async for future, result in as_completed(
                futures, loop=self._client.loop, with_results=True, raise_errors=True
            ):
                self._done[futures[future]] = Tally.from_message(result)
                # Otherwise the engine would run it again if the worker that has the result dies later.
                future.release()
                self._show()
        except asyncio.CancelledError:
            self.is_complete = False
            await self._stop(futures)
        finally:
            with contextlib.suppress(Exception):
                await self._client.unsubscribe_topic(self._topic)

        return self._total()

    def _submit(self, shard: Sequence[int], index: int) -> Any:
        place = self._places.get(split_port(self._plan.ports[shard[0]])[1]) if self._plan.ports else None
        # Its machine rather than the worker: one that died and was started again has another address.
        workers = None if place is None else [get_address_host(place)]
        return self._client.submit(_run_on_worker, self._plan, shard, index, self._topic, pure=False, workers=workers)

    async def _stop(self, futures: Iterable[Any]) -> None:
        """Stop what runs, and wait for what it has counted; what waits never begins."""
        await self._client.cancel(list(futures))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_TIMEOUT):
                while self._running:
                    self._has_ended.clear()
                    await self._has_ended.wait()

    def _receive(self, event: tuple[float, dict[str, Any]]) -> None:
        _, message = event
        shard: int = message["shard"]
        if (counted := message.get("tally")) is None:
            self._started += 1
            self._running.add(shard)
            return

        self._latest[shard] = Tally.from_message(counted)
        if message["ended"]:
            self._running.discard(shard)
            self._has_ended.set()

        self._show()

    def _show(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._total())

    def _total(self) -> Tally:
        total = Tally()
        # In order, so that sums of fractions are the same each time.
        for _, tally in sorted((self._latest | self._done).items()):
            total += tally

        return total


def _run_on_worker(plan: Plan, numbers: Sequence[int], shard: int, topic: str) -> dict[str, Any]:
    """Run devices; this is what a worker is sent."""
    worker = get_worker()
    key = worker.get_current_task()
    look_in(plan.paths)
    try:
        resolve(plan.device)
        resolve(plan.backend)
    except ValueError as exc:
        hint = "a file is sent to all workers by --upload FILE, or uploads="
        raise ValueError(f"on the worker {worker.name} at {worker.address}: {exc} ({hint})") from exc

    worker.log_event(topic, {"shard": shard})

    def report(tally: Tally, *, ended: bool = False) -> bool:
        worker.log_event(topic, {"shard": shard, "tally": tally.to_message(), "ended": ended})
        return _is_wanted(worker, key)

    tally = run_shard(plan, numbers, report)
    # Of a task that was cancelled, this is all that is received.
    report(tally, ended=True)
    return tally.to_message()


def _is_wanted(worker: Worker, key: Any) -> bool:
    """Return whether anybody waits for a task; nobody does when it was cancelled, or its client is gone."""
    # The engine does not stop a task that runs. To ask the scheduler would hold the loop of the devices up.
    task = worker.state.tasks.get(key)
    return task is not None and task.state != "cancelled"


def by_port(plan: Plan, workers: int) -> list[list[int]]:
    """Divide the ports among tasks, one for each worker at most, since all run at once; return their numbers.

    The first of a task is one that names its worker, if any does.
    """
    named: dict[str, list[int]] = {}
    others: list[int] = []
    for number, port in enumerate(plan.ports):
        worker = split_port(port)[1]
        (named.setdefault(worker, []) if worker else others).append(number)

    tasks = list(named.values())
    free = min(max(workers - len(tasks), 0), len(others))
    places: list[list[int]] = [[] for _ in range(free)] or tasks
    for place, number in zip(itertools.cycle(places), others, strict=False):
        place.append(number)

    return tasks if places is tasks else tasks + places


def worker_addresses(ports: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses of the workers that ports name, by their names.

    Args:
        ports: the ports of real modules: ``PORT`` or ``PORT@WORKER``.
        known: the addresses of all workers by their names.

    Raises:
        ValueError: there is no such worker: the engine would wait for it for ever.
    """
    named = {split_port(port)[1] for port in ports} - {""}
    if missing := sorted(named - known.keys()):
        there = ", ".join(sorted(known))
        raise ValueError(f"no worker is named {', '.join(missing)}; there are: {there} (dask worker --name NAME)")

    return {name: known[name] for name in named}
