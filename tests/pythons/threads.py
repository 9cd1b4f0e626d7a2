"""Modems in threads, each on a loop of its own: ``python -m tests.pythons.threads``.

On a Python without a GIL they run at the same time, and no import of the package may bring the GIL back. Their clocks
are virtual, so that they have something to do all the time. The exit status is 1 if a byte was wrong, or if the GIL is
on in a Python that was built to do without.
"""

import argparse
import asyncio
import importlib
import pkgutil
import random
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import bc260y_aio
from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network
from bc260y_aio.testing import virtual_clock

# Sockets of a module.
SOCKETS: Final = 5


class Worker(threading.Thread):
    """A thread with a modem, an emulated module, and five connections that echo.

    Attributes:
        records: how many have come back.
        error: what went wrong.
    """

    def __init__(self, number: int, start: threading.Barrier, seconds: float, records: int) -> None:
        super().__init__(name=f"modem {number}")
        self.records = 0
        self.error: BaseException | None = None
        self._random = random.Random(number)
        self._barrier = start
        self._seconds = seconds
        self._most = records

    def run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=virtual_clock()) as runner:
                runner.run(self._work())
        except BaseException as exc:
            self.error = exc
            self._barrier.abort()

    async def _work(self) -> None:
        network = Network("good")
        network.add_echo("echo.example")
        async with Emulator(line="memory", network=network) as emulator, Modem(emulator.url, nvram_gap=0.0) as modem:
            self._barrier.wait(30)
            end = time.monotonic() + self._seconds
            async with asyncio.TaskGroup() as group:
                for _ in range(SOCKETS):
                    group.create_task(self._echo(modem, end))

    async def _echo(self, modem: Modem, end: float) -> None:
        reader, writer = await modem.open_connection("echo.example", 7)
        for _ in range(self._most):
            if time.monotonic() >= end:
                break

            record = self._random.randbytes(self._random.randint(1, 2000))
            writer.write(record)
            if (echoed := await reader.readexactly(len(record))) != record:
                raise AssertionError(f"sent {record!r}, received {echoed!r}")

            self.records += 1

        writer.close()
        await writer.wait_closed()


def run(modems: int, *, seconds: float = 60.0, records: int = sys.maxsize) -> list[Worker]:
    """Run so many modems for some time, or until each of their sockets has echoed so many records.

    Raises:
        BaseException: what went wrong first.
    """
    barrier = threading.Barrier(modems)
    workers = [Worker(number, barrier, seconds, records) for number in range(modems)]
    for worker in workers:
        worker.start()

    for worker in workers:
        worker.join()

    errors = [worker.error for worker in workers if worker.error is not None]
    # The others had to give up waiting for the one that failed.
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error

    return workers


def has_gil() -> bool:
    """Tell whether the GIL is on."""
    module: Any = sys
    return bool(module._is_gil_enabled()) if hasattr(sys, "_is_gil_enabled") else True


def import_everything() -> None:
    """Import every module of the package whose dependencies are installed."""
    for module in pkgutil.walk_packages(bc260y_aio.__path__, "bc260y_aio."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as exc:
                print(f"not imported: {module.name}: {exc}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print what came of it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.pythons.threads", description="Run modems in threads.")
    parser.add_argument("--modems", type=int, default=8, help="how many; 8 by default")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long; 10 by default")
    options = parser.parse_args(arguments)
    is_free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    import_everything()
    start, used = time.monotonic(), time.process_time()
    workers = run(options.modems, seconds=options.seconds)
    seconds, used = time.monotonic() - start, time.process_time() - used
    records = [worker.records for worker in workers]
    print(
        f"Python {sys.version.partition(' ')[0]}, {'free-threaded, ' if is_free else ''}"
        f"GIL {'on' if has_gil() else 'off'}: {len(workers)} modems in threads, "
        f"{sum(records)} records in {seconds:.1f} s, "
        f"{min(records)} to {max(records)} a modem, on {used / seconds:.2f} cores; all right"
    )
    return int(is_free and has_gil())


if __name__ == "__main__":
    sys.exit(main())
