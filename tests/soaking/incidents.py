"""Incidents of a soak, beside the faults that the emulator has of its own.

Two of them change what the module writes; the others happen at random times, one after another.
"""

import asyncio
import contextlib
import random
import re
import threading
from collections import Counter
from typing import Final

from anyio import CancelScope, move_on_after

from bc260y_aio import BC260YError, Modem
from bc260y_aio.at.commands import Raw
from bc260y_aio.emulator import Emulator
from bc260y_aio.emulator.faults import NOISES

# The probability of each on each of its occasions; for those at random times, how often there is one, in seconds.
BURST: Final = "burst lost over a header"
CLOSE_LATE: Final = "CLOSE OK late"
BOOT_LOOP: Final = "boot loop"
SCAN: Final = "command that takes minutes"
ANOTHER_LOOP: Final = "use on another loop"
CANCELLED_AWAKE: Final = "awake() in a cancel scope"
CANCELLED_OPENING: Final = "connection in a cancel scope"
KINDS: Final = (BURST, CLOSE_LATE, BOOT_LOOP, SCAN, ANOTHER_LOOP, CANCELLED_AWAKE, CANCELLED_OPENING)
RATES: Final = {BURST: 2e-3, CLOSE_LATE: 0.02}
EVERY: Final = 150.0

_HEADER: Final = re.compile(rb'\+QIURC: "(?:recv|closed)",')
_CLOSE_OK: Final = b"\r\nCLOSE OK\r\n"
# A burst takes so many bytes at most, and stands so far from any other damage, in bytes: two faults in one push cannot
# be noticed.
_LONGEST_BURST: Final = 64
_GAP: Final = 4096
# mbed's driver allows a module a minute for CLOSE OK; a network scan may take minutes. In seconds.
_LATEST_CLOSE: Final = 55.0
_LONGEST_SCAN: Final = 290.0


class Incidents:
    """The incidents of one run.

    Args:
        emulator: the module that they happen to.
        rng: the random sequence.
        every: how often one happens, in seconds.
        only: the only kind that happens, ten times as often if it is on the line; None for all.

    Attributes:
        counts: how many there were, by kind.
        violations: what went wrong that only an incident can show.
    """

    def __init__(self, emulator: Emulator, rng: random.Random, every: float, only: str | None = None) -> None:
        self._emulator = emulator
        self._rng = rng
        self._every = every
        self._only = only
        self._noises = 0
        self._quiet = 0
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self.is_on = True

    # On the line

    def install(self) -> None:
        """Change what the module writes from now on."""
        self._emulator.line.transmit_filter = self._transmit

    def end(self) -> None:
        """Let nothing more happen."""
        self.is_on = False
        self._emulator.line.transmit_filter = None

    def _transmit(self, data: bytes) -> bytes:
        noises = sum(self._emulator.faults.counts[kind] for kind in NOISES)
        self._quiet = 0 if noises != self._noises else self._quiet + len(data)
        self._noises = noises
        if self._quiet > _GAP + len(data) and (header := _HEADER.search(data)) and self._occurs(BURST):
            return self._without_burst(data, header)

        if _CLOSE_OK in data and self._occurs(CLOSE_LATE):
            before, _, after = data.partition(_CLOSE_OK)
            delay = self._rng.uniform(0.5, _LATEST_CLOSE)
            asyncio.get_running_loop().call_later(delay, self._emulator.line.write, _CLOSE_OK)
            return before + after

        return data

    def _without_burst(self, data: bytes, header: re.Match[bytes]) -> bytes:
        start = self._rng.randint(max(header.start() - _LONGEST_BURST // 2, 0), header.end() - 1)
        # Nobody can notice a line that is lost as a whole, so its end stays.
        end = max(data.find(b"\n", header.end()) - 2, start + 1)
        self._quiet = 0
        # No other damage follows soon.
        self._emulator.line._noise_out._spared = _GAP
        return data[:start] + data[min(start + self._rng.randint(1, _LONGEST_BURST), end) :]

    def _occurs(self, kind: str) -> bool:
        rate = RATES[kind] if self._only is None else RATES[kind] * 10 * (kind == self._only)
        if self._rng.random() >= rate:
            return False

        self.counts[kind] += 1
        return True

    # At random times

    async def happen(self, modem: Modem) -> None:
        """Let one after another happen, until the modem is closed."""
        happenings = {
            BOOT_LOOP: self._boot_loop,
            ANOTHER_LOOP: self._use_another_loop,
            SCAN: self._scan,
            CANCELLED_AWAKE: self._cancel_awake,
            CANCELLED_OPENING: self._cancel_opening,
        }
        kinds = [kind for kind in happenings if self._only in (None, kind)]
        while modem.is_open and self.is_on and kinds:
            await asyncio.sleep(self._rng.expovariate(1 / self._every))
            if not (modem.is_open and self.is_on):
                return

            kind = self._rng.choice(kinds)
            self.counts[kind] += 1
            # Another fault may come in between; the sessions check what that may do.
            with contextlib.suppress(BC260YError):
                await happenings[kind](modem)

    async def _boot_loop(self, modem: Modem) -> None:
        for _ in range(self._rng.randint(2, 8)):
            self._emulator.restart()
            await asyncio.sleep(self._rng.uniform(1.0, 6.0))

    async def _use_another_loop(self, modem: Modem) -> None:
        """A thread with an event loop of its own gets RuntimeError at once."""

        def use() -> None:
            try:
                asyncio.run(_execute(modem))
            except RuntimeError:
                return
            except BaseException as exc:
                self.violations.append(f"a modem used on another loop raised {exc!r}")
            else:
                self.violations.append("a modem could be used on another loop")

        thread = threading.Thread(target=use)
        thread.start()
        thread.join(20.0)
        if thread.is_alive():
            self.violations.append("a modem used on another loop waits for ever")

    async def _scan(self, modem: Modem) -> None:
        """A command that takes minutes."""
        faults = self._emulator.faults
        usual = faults.answer_late, faults.answer_late_by
        async with modem._channel.turn() as turn:
            faults.answer_late, faults.answer_late_by = 1.0, self._rng.uniform(10.0, _LONGEST_SCAN)
            try:
                await turn.execute(Raw("AT+COPS=?"))
            finally:
                faults.answer_late, faults.answer_late_by = usual

    async def _cancel_awake(self, modem: Modem) -> None:
        """A scope of anyio's, which cancels at every await, inside and around `awake()`."""
        with move_on_after(self._rng.uniform(0.0, 1.0)):
            async with modem.awake():
                await asyncio.sleep(self._rng.uniform(0.0, 1.0))
                with CancelScope() as scope:
                    scope.cancel()
                    await modem.execute("AT+CSQ")

                await asyncio.sleep(1.0)

    async def _cancel_opening(self, modem: Modem) -> None:
        """The same around a connection, in whatever it is just doing."""
        with move_on_after(self._rng.uniform(0.0, 3.0)):
            _, writer = await modem.open_connection("soak.example", 7)
            try:
                writer.write(b"")
                await asyncio.sleep(1.0)
            finally:
                writer.close()
                await writer.wait_closed()


async def _execute(modem: Modem) -> None:
    await modem.execute("AT+CSQ")
