"""Bringing the line into step, and waking a module that sleeps: probes, until one has been answered that tells so."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from ..at.dte import DTE
from ..at.states import State
from ..errors import BC260YError, ModemNotResponding, RemoteProtocolError

# The module wakes or answers within this time of an AT, in seconds; a marker may stand behind a lot of pushed data.
_PROBE_INTERVAL: Final = 0.3
_MARKER_INTERVAL: Final = 5.0
# After so many ATs without an answer, and from the first marker on, each probe is given twice the time of the one
# before: a module that answers late would never come to the end of what it was asked meanwhile.
_QUICK_PROBES: Final = 4
# A module that may sleep does so ten seconds after it was woken, and the probe that wakes it is lost. So when the
# pauses are about that long, which ATs are after so many doublings, every probe is followed by another in time.
_DOUBLINGS: Final = 4
_SECOND_PROBE: Final = 1.2


class Recovery:
    """The probing of one line, when there is need of it.

    Attributes:
        timeout: after how long without any answer the module is taken for lost, in seconds.
        task: what probes, while it does.
    """

    def __init__(
        self,
        dte: DTE,
        write: Callable[[bytes], None],
        *,
        name: str,
        timeout: float,
        gap: float = 0.0,
        on_end: Callable[[Exception | None], None],
    ) -> None:
        """Describe it.

        Args:
            dte: tells what to write, and when the line is in step.
            write: writes it.
            name: what messages call the port.
            timeout: after how long without any answer the module is taken for lost, in seconds.
            gap: how long to wait before each probe, in seconds.
            on_end: is called when it is over: with None when the line is in step, else with what went wrong.
        """
        self.timeout = timeout
        self.task: asyncio.Task[Exception | None] | None = None
        self._dte = dte
        self._write = write
        self._name = name
        self._on_end = on_end
        self._gap = gap
        self._answered = asyncio.Event()
        self._last_byte_at = 0.0

    def begin(self, task_name: str) -> None:
        """Begin to probe, unless that is under way."""
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._probe(), name=task_name)
            self.task.add_done_callback(self._over)

    def note_answer(self) -> None:
        """Hear that a probe was answered, or that it is time for the next."""
        self.note_activity()
        self.probe_now()

    def probe_now(self) -> None:
        """Send the next probe now. That is no answer, and the module is taken for lost no later than it would be."""
        self._answered.set()

    def note_activity(self) -> None:
        """Hear an answer to something asked before: it tells that the module is there, and no more."""
        self._last_byte_at = asyncio.get_running_loop().time()

    def cancel(self) -> None:
        """Stop probing."""
        if self.task is not None:
            self.task.cancel()

    async def _probe(self) -> Exception | None:
        self.note_activity()
        unanswered = 0
        try:
            # A timer may ring a moment early.
            while (left := self._last_byte_at + self.timeout - asyncio.get_running_loop().time()) > 0.001:
                if self._gap:
                    await asyncio.sleep(self._gap)

                self._answered.clear()
                probe = self._dte.probe()
                self._write(probe)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(_interval(probe, unanswered), left)):
                        await self._answered.wait()

                if self._dte.state is State.IDLE:
                    return None

                unanswered = 0 if self._answered.is_set() else unanswered + 1
        except BC260YError as exc:
            return exc

        return ModemNotResponding(f"{self._name}: no answer for {self.timeout:g} s")

    def _over(self, task: asyncio.Task[Exception | None]) -> None:
        self.task = None
        if task.cancelled():
            self._on_end(None)
        elif (failure := task.exception()) is None:
            self._on_end(task.result())
        else:
            context = {"message": f"{self._name}: bringing the line into step failed", "exception": failure}
            task.get_loop().call_exception_handler(context)
            error = RemoteProtocolError(f"recovery failed: {failure!r}")
            error.__cause__ = failure
            self._on_end(error)


def _interval(probe: bytes, unanswered: int) -> float:
    """Return how long a probe is given, in seconds, when so many before it had no answer."""
    if probe == b"AT\r":
        interval, doublings, most = _PROBE_INTERVAL, max(0, unanswered - _QUICK_PROBES + 1), _DOUBLINGS
    else:
        interval, doublings, most = _MARKER_INTERVAL, unanswered, 0

    beyond = max(0, doublings - most)
    if beyond and beyond % 2 == 0:
        return _SECOND_PROBE

    return float(interval * 2 ** (doublings - beyond // 2))
