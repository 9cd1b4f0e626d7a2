"""Lose one answer of the module, and measure how long that holds the line up. `benchmarks.recovery` runs this file.

It stands alone, so that it also runs on an older build of the package, which is found through PYTHONPATH. It prints a
JSON object: for each command the seconds until the next command, which waits from the beginning, has its answer, and
until the caller of the lost answer is told something. A run is by a virtual clock, and comes out the same each time.
"""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network, PeerConnection
from bc260y_aio.emulator.line.memory import MemoryTransport
from bc260y_aio.testing import ControlledClockLoop

T = TypeVar("T")

# The lines of the answer to each command, each of which is lost alone, and all of them together.
LINES: Final[dict[str, tuple[str, ...]]] = {
    "AT+CSQ": (r"\+CSQ:.*", "OK"),
    "AT+QIOPEN=": ("OK", r"\+QIOPEN:.*"),
    'AT+QISEND=0,100,"': ("OK", "SEND OK"),
    "AT+QISEND=0,0": (r"\+QISEND:.*", "OK"),
    "AT+QISTATE?": (r"\+QISTATE:.*", "OK"),
    "AT+QICLOSE=": ("OK", "CLOSE OK"),
    "AT+QIDNSGIP=": ("OK", r"\+QIDNSGIP: 0,.*", r"\+QIDNSGIP: \"?\d+\..*"),
    "AT+QIDNSCFG=": (r"\+QIDNSCFG:.*", "OK"),
    "AT+QPING=": ("OK", r"\+QPING: 0,\"?\d+\..*", r"\+QPING: 0,\d+,\d+,\d+.*"),
    "AT+QNTP=": ("OK", r"\+QNTP:.*"),
    "AT+QSCLK=1": ("OK",),
    "AT+QSCLK=0": ("OK",),
}

# Each command of an opening, of which the table has one row.
OPENING: Final = "opening the modem"
_HOST: Final = "peer.example"
_SETTINGS: Final[dict[str, Any]] = {"line": "memory", "answer_delay": 0.02, "completion_delay": 0.05}


class Loss:
    """The lines to lose, once, after a command was written.

    Attributes:
        written_at: when the command was written, by the loop's clock; None before.
    """

    def __init__(self, command: str, lines: tuple[str, ...], on_written: Callable[[], None]) -> None:
        self._command = command.encode()
        self._lines = [re.compile(rb"\r\n" + line.encode() + rb"\r\n") for line in lines]
        self._on_written = on_written
        self.written_at: float | None = None

    def note(self, data: bytes) -> None:
        """Take note of what the host writes."""
        if self.written_at is None and data.startswith(self._command):
            self.written_at = asyncio.get_running_loop().time()
            self._on_written()

    def filter(self, data: bytes) -> bytes:
        """Return what is left of what the module writes."""
        if self.written_at is not None:
            for line in self._lines.copy():
                data, count = line.subn(b"", data, count=1)
                if count:
                    self._lines.remove(line)

        return data

    @property
    def is_over(self) -> bool:
        """Whether everything was lost that was to be."""
        return not self._lines


_losses: list[Loss] = []


def _lose(method: str, change: Callable[[Loss, bytes], bytes]) -> None:
    original: Any = getattr(MemoryTransport, method)

    def changed(transport: MemoryTransport, data: Any) -> None:
        for loss in _losses:
            data = change(loss, bytes(data))

        if data:
            original(transport, data)

    setattr(MemoryTransport, method, changed)


def _note(loss: Loss, data: bytes) -> bytes:
    loss.note(data)
    return data


async def _use(modem: Modem, command: str) -> None:
    """Do what sends the command."""
    match command:
        case "AT+CSQ":
            await modem.execute("AT+CSQ")
        case "AT+QISTATE?":
            await modem.sockets()
        case "AT+QIDNSGIP=":
            await modem.resolve(_HOST)
        case "AT+QIDNSCFG=":
            await modem.dns_servers()
        case "AT+QPING=":
            await modem.ping(_HOST, count=1)
        case "AT+QNTP=":
            await modem.ntp_time(_HOST)
        case "AT+QSCLK=1":
            await modem.sleep()
        case "AT+QSCLK=0":
            await modem.sleep()
            await modem.wake()
        case _:
            _, writer = await modem.open_connection(_HOST, 9)
            transport: Any = writer.transport
            writer.write(b"x" * 100)
            await transport.drained()
            await transport.ack_status()
            writer.close()
            await writer.wait_closed()


async def _receive(connection: PeerConnection) -> None:
    while await connection.receive():
        pass


async def _measure(seed: int, command: str, lines: tuple[str, ...]) -> tuple[float, float]:
    """Return when the next command had its answer, and when the caller was told something, after the command."""
    loop = asyncio.get_running_loop()
    network = Network(latency=0.3, jitter=0.2, seed=seed)
    network.add_host(_HOST, _receive)
    async with Emulator(network=network, **_SETTINGS) as emulator, Modem(emulator.url) as modem:
        following: list[asyncio.Task[float]] = []

        async def next_command() -> float:
            await modem.execute("AT+CGMR")
            return loop.time()

        loss = Loss(command, lines, lambda: following.append(asyncio.ensure_future(next_command())))
        if command == "AT+QISTATE?":
            # So that there is a line to lose.
            await modem.open_connection(_HOST, 9)

        _losses.append(loss)
        told_at = await _told(_use(modem, command))
        _losses.remove(loss)
        if loss.written_at is None or not loss.is_over:
            raise AssertionError(f"{command}: {lines} were not all lost")

        return await following[0] - loss.written_at, told_at - loss.written_at


async def _measure_opening(seed: int, command: str) -> float:
    """Return how long an opening takes when the ``OK`` of one of its commands is lost."""
    loop = asyncio.get_running_loop()
    async with Emulator(seed=seed, **_SETTINGS) as emulator:
        loss = Loss(command, ("OK",), lambda: None)
        _losses.append(loss)
        began = loop.time()
        async with Modem(emulator.url):
            took = loop.time() - began

        _losses.remove(loss)
        if command != "never" and not loss.is_over:
            raise AssertionError(f"{command}: its OK was not lost")

        return took


async def _opening_commands() -> list[str]:
    """Return the commands of an opening, up to and with the parameter that tells them apart."""
    seen: list[str] = []

    class Watch(Loss):
        def note(self, data: bytes) -> None:
            seen.append(data.decode().strip())

    watch = Watch("", (), lambda: None)
    async with Emulator(**_SETTINGS) as emulator:
        _losses.append(watch)
        async with Modem(emulator.url):
            _losses.remove(watch)

    # Probes are repeated in any case.
    return [line for line in dict.fromkeys(seen) if line and line != "AT" and not line.endswith("=?")]


async def _told(work: Awaitable[None]) -> float:
    with contextlib.suppress(OSError):
        await work

    return asyncio.get_running_loop().time()


def _run(work: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    with asyncio.Runner(loop_factory=ControlledClockLoop) as runner:
        return runner.run(work(*arguments))  # type: ignore[arg-type]


def main() -> None:
    """Measure every command, and print the result as JSON."""
    _lose("write", _note)
    _lose("feed", lambda loss, data: loss.filter(data))
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(int(sys.argv[1])):
        for command, lines in LINES.items():
            # One line of the answer, all of it, and all after the OK.
            rest = tuple(line for line in lines if line != "OK")
            for lost in dict.fromkeys((*((line,) for line in lines), lines, rest or lines)):
                found.setdefault(command, []).append(_run(_measure, seed, command, lost))

        # A command line that is never written.
        usual = _run(_measure_opening, seed, "never")
        for command in _run(_opening_commands):
            took = _run(_measure_opening, seed, command) - usual
            found.setdefault(OPENING, []).append((took, took))

    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
