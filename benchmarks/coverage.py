"""How long do ordinary programs take on a slow network, and what does that cost the radio?

The programs of the README, the examples, ``nc`` and ``demo`` run as they are, on an emulated module with good, average
and edge coverage, by a clock that jumps over the waits. A program that ends with an error has the error in its row.
Then five sockets upload at once, from many seeds, with and without an outage of 30 s in the middle: each
``wait_closed()`` has to succeed. So does the datagram of the README, also where it or its answer is lost.
"""

import asyncio
import contextlib
import inspect
import os
import runpy
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

from bc260y_aio import Modem
from bc260y_aio.cli import main as command_line
from bc260y_aio.emulator import Emulator, Options
from bc260y_aio.emulator.radio import Span
from bc260y_aio.testing import WaitsForever, virtual_clock
from tests.docs.snippets import Bench, authority, compile_snippet, snippets, unknown

from .common import ROUNDS, Promise, Table, script

ROOT: Final = Path(__file__).parents[1]
COVERAGES: Final = ("good", "average", "edge")
BAUDRATE: Final = 115200

# The examples that run on a module with conditions of their own: fleet.py is many modules of average coverage, and
# any_program.py opens its module in another process, by a real clock.
_OWN_CONDITIONS: Final = {"any_program.py", "fleet.py"}

# The upload of each of five concurrent sockets, in bytes.
UPLOADS: Final = {"average": 2500, "edge": 1000}
OUTAGE: Final = (20.0, 50.0)

Program = Callable[[], None]


@dataclass
class Run:
    """A run of a program.

    Attributes:
        seconds: from the start of its module to the end.
        span: what its radio did, up to the release of the last connection.
        error: why it failed; empty when it ended well.
        printed: what it printed.
    """

    seconds: float = 0.0
    span: Span | None = None
    error: str = ""
    printed: str = ""

    @property
    def cell(self) -> str:
        """Seconds, radio seconds and energy, or the error."""
        if self.error or self.span is None:
            return self.error or "no module"

        return f"{self.seconds:.0f} / {self.span.connected_seconds:.0f} / {self.span.energy_mwh:.1f}"


# The programs


def programs() -> dict[str, Program]:
    """Return the programs by name; each runs to its end, with event loops of its own."""
    found: dict[str, Program] = {
        f"README.md, line {one.line}": lambda one=one: asyncio.run(_run_fragment(one))  # type: ignore[misc]
        for one in snippets(ROOT / "README.md", "python")
    }
    for path in sorted((ROOT / "examples").glob("*.py")):
        if path.name not in _OWN_CONDITIONS:
            found[f"examples/{path.name}"] = lambda path=path: _run_script(path)  # type: ignore[misc]

    found["nc, 10 KB up"] = lambda: _run_nc(10_000)
    found["demo"] = lambda: _run_command("demo", "--seed", "1")
    return found


async def _run_fragment(snippet: Any) -> None:
    """Run a fragment of the README, as its tests do; a test of the README is called as pytest does."""
    async with Emulator(Options.from_url(f"emulator://?baudrate={BAUDRATE}")) as emulator:
        bench = Bench(emulator)
        try:
            await bench.start()
            text = snippet.text.replace("/dev/ttyUSB0", emulator.url)
            text = text.replace("emulator://?latency=0.3&baudrate=9600", emulator.url)
            names: dict[str, Any] = {"asyncio": asyncio, "bc260y_aio": sys.modules["bc260y_aio"]}
            names |= await bench.provide(unknown(text) - names.keys() - {"modem", "network"})
            if inspect.iscoroutine(result := eval(compile_snippet(text, snippet), names)):
                await result

            for name, test in list(names.items()):
                if name.startswith("test_"):
                    async with Modem(emulator.url) as modem:
                        await test(modem, emulator.network)
        finally:
            await bench.close()


def _run_script(path: Path) -> None:
    with mock.patch.object(sys, "argv", [str(path)]), mock.patch.object(sys, "path", [str(path.parent), *sys.path]):
        runpy.run_path(str(path), run_name="__main__")


def _run_command(*arguments: str) -> None:
    if status := command_line(arguments):
        raise SystemExit(status)


def _run_nc(size: int) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(bytes(size))
        file.seek(0)
        kept = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            with mock.patch.object(sys, "stdin", open(0, closefd=False)):
                _run_command("nc", "-q", "0", "--port", f"emulator://?baudrate={BAUDRATE}", "upload.example", "7")
        finally:
            os.dup2(kept, 0)
            os.close(kept)


# Where they run


@contextlib.contextmanager
def _on_coverage(coverage: str, run: Run, chosen: dict[str, Any]) -> Iterator[None]:
    """Run with this coverage and these options of every emulated module, and with a virtual clock on every loop.

    What a module did is noted.
    """
    start, close, read = Emulator.start, Emulator.close, Options.from_url.__func__  # type: ignore[attr-defined]
    began: dict[Emulator, float] = {}

    async def start_here(emulator: Emulator) -> None:
        await start(emulator)
        emulator.network.add_sink("upload.example")
        began[emulator] = asyncio.get_running_loop().time()
        run.span = emulator.radio.measure().__enter__()

    async def close_here(emulator: Emulator) -> None:
        # It may be closed twice.
        if run.span is not None and emulator in began:
            run.seconds = asyncio.get_running_loop().time() - began.pop(emulator)
            run.span.__exit__()

        await close(emulator)

    def read_here(cls: type[Options], url: str) -> Options:
        options: Options = read(cls, url)
        return options.with_settings(network=coverage, **chosen)

    with (
        mock.patch.object(Emulator, "start", start_here),
        mock.patch.object(Emulator, "close", close_here),
        mock.patch.object(Options, "from_url", classmethod(read_here)),
        mock.patch.object(asyncio.events, "new_event_loop", virtual_clock()),
        mock.patch.dict(os.environ),
        tempfile.TemporaryDirectory() as folder,
    ):
        authority().cert_pem.write_to_path(f"{folder}/authority.pem")
        os.environ["SSL_CERT_FILE"] = f"{folder}/authority.pem"
        os.environ.pop("BC260Y_PORT", None)
        yield


def run_program(program: Program, coverage: str, **chosen: Any) -> Run:
    """Run a program to its end.

    Args:
        program: the program.
        coverage: the coverage of every emulated module.
        chosen: other options of the emulator.
    """
    run = Run()
    with _on_coverage(coverage, run, chosen), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A file, for `nc` writes to a descriptor.
        with tempfile.TemporaryFile("w+") as printed:
            try:
                with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                    program()
            except SystemExit as exc:
                printed.seek(0)
                last = (printed.read().strip().splitlines() or [""])[-1]
                run.error = f"exit status {exc.code}: {last}" if exc.code else ""
            except WaitsForever:
                run.error = "waits for ever"
            except Exception as exc:
                run.error = f"{type(exc).__name__}: {exc}"

            printed.seek(0)
            run.printed = printed.read()

    return run


# The datagram


def measure_datagrams(seeds: Sequence[int]) -> Table:
    """Run the datagram of the README from many seeds: it has to be answered, although some datagrams are lost."""
    (snippet,) = [one for one in snippets(ROOT / "README.md", "python") if "open_datagram_endpoint(" in one.text]
    rows, promises = [], []
    for coverage in COVERAGES:
        runs = [run_program(lambda: asyncio.run(_run_fragment(snippet)), coverage, seed=seed) for seed in seeds]
        answered = sum(not run.error and "b'21.5'" in run.printed for run in runs)
        resent = sum("sent again" in run.printed for run in runs)
        seconds = sorted(run.seconds for run in runs)
        rows.append(
            [
                coverage,
                f"{answered} of {len(seeds)}",
                str(resent),
                f"{seconds[len(seconds) // 2]:.0f}",
                f"{seconds[-1]:.0f}",
            ]
        )
        promises.append(
            Promise(f"a datagram, {coverage}: answered, %", 100 * answered / len(seeds), 100, at_least=True)
        )

    columns = ["", "answered", "sent again", "seconds, median", "longest"]
    return Table("The datagram of the README", columns, rows, promises=promises)


# Five sockets


async def _upload(modem: Modem, size: int) -> None:
    _, writer = await modem.open_connection("upload.example", 7)
    writer.write(bytes(size))
    writer.close()
    await writer.wait_closed()


async def five_sockets(coverage: str, size: int, seed: int, outage: tuple[float, float] | None) -> tuple[bool, float]:
    """Upload over five sockets at once; return whether all of it arrived without an error, and the seconds."""
    async with Emulator(line="memory", network=coverage, seed=seed, blackout=outage) as emulator:
        sink = emulator.network.add_sink("upload.example")
        async with Modem(emulator.url) as modem:
            began = asyncio.get_running_loop().time()
            uploads = (_upload(modem, size) for _ in range(5))
            results = await asyncio.gather(*uploads, return_exceptions=True)
            seconds = asyncio.get_running_loop().time() - began

        return not any(results) and [len(one) for one in sink.connections] == [size] * 5, seconds


def measure_uploads(seeds: int) -> Table:
    """Upload from many seeds, with and without an outage."""
    rows, promises = [], []
    for coverage, size in UPLOADS.items():
        for outage in (None, OUTAGE):
            results = []
            for seed in range(seeds):
                with asyncio.Runner(loop_factory=virtual_clock()) as runner:
                    results.append(runner.run(five_sockets(coverage, size, seed, outage)))

            good = sum(is_good for is_good, _ in results)
            seconds = sorted(seconds for _, seconds in results)
            what = f"five sockets of {size} B, {coverage}" + (", outage of 30 s" if outage else "")
            rows.append([what, f"{good} of {seeds}", f"{seconds[len(seconds) // 2]:.0f}", f"{seconds[-1]:.0f}"])
            promises.append(Promise(f"{what}: closed without an error, %", 100 * good / seeds, 100, at_least=True))

    columns = ["", "closed without an error", "seconds, median", "longest"]
    return Table("Five uploads at once", columns, rows, promises=promises)


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Run each program once on each coverage: the emulator is exact. Brief: only the first program."""
    chosen = programs()
    if brief:
        chosen = dict([next(iter(chosen.items()))])

    rows = [
        [name, *(run_program(program, coverage).cell for coverage in COVERAGES)] for name, program in chosen.items()
    ]
    notes = ["Seconds / seconds with the radio connected / mWh, up to the release of the last connection."]
    return Table("Programs by coverage", ["", *COVERAGES], rows, notes)


if __name__ == "__main__":
    script(measure, __doc__)
    print(measure_datagrams(range(100)))
    print(measure_uploads(100))
