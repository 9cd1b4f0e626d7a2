"""Bringing the line into step, and waking a module that sleeps: probes, until an answer shows that the line is in step.

Three limits hold whatever the module writes:

- Without any answer the module is considered lost after ``timeout``, but not while a command that it was given may
  still be running.
- A restart (``RDY``) gives it that time once more; a module that restarts again and again gets no more. Late answers
  show that it works; they extend the time up to a fixed multiple of ``timeout``.
- A few probes may follow each other at once. After that, and after a restart, there is a pause between two probes.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from ..at.dte import DTE
from ..at.responses import Unsolicited
from ..at.states import State
from ..at.urcs import LateAnswer, PowerChanged, PowerEvent, ProbeAnswered, Restarted, Resynchronised
from ..errors import BC260YError, ModemNotResponding, RemoteProtocolError

# The module wakes or answers within this time of an AT, in seconds; a marker may wait behind a lot of pushed data.
_PROBE_INTERVAL: Final = 0.3
_MARKER_INTERVAL: Final = 5.0
# After this many ATs without an answer, and from the first marker on, each probe gets twice the time of the one before:
# a module that answers late would never catch up with the probes otherwise.
_QUICK_PROBES: Final = 4
# A module that may sleep does so ten seconds after it was woken, and the probe that wakes it is lost. So when the
# pauses are about that long, which ATs reach after this many doublings, every probe is followed by another in time.
_DOUBLINGS: Final = 4
_SECOND_PROBE: Final = 1.2
# Some modules answer a marker with OK and nothing else. If the rest has not come after this time, the next is sent.
_REST_OF_ANSWER: Final = 1.0
# This many probes of one recovery may follow an answer at once.
_PROMPT_PROBES: Final = 12
# Late answers extend the time up to this many times ``timeout``.
_PATIENCE: Final = 15


class Recovery:
    """The probing of one line, when it is needed.

    Attributes:
        timeout: how long to wait for any answer before the module is considered lost, in seconds.
        task: the task that probes, while it does.
        on_lost_probe: called at the end when the line is in step again, but a probe had no answer: the module may have
            slept, for the probe that wakes it is lost.
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
            dte: makes the probes, and knows when the line is in step.
            write: writes them.
            name: the name of the port in messages.
            timeout: how long to wait for any answer before the module is considered lost, in seconds.
            gap: how long to wait before each probe, in seconds.
            on_end: called at the end: with None when the line is in step, else with the error.
        """
        self.timeout = timeout
        self.task: asyncio.Task[Exception | None] | None = None
        self.on_lost_probe: Callable[[], None] | None = None
        self._dte = dte
        self._write = write
        self._name = name
        self._on_end = on_end
        self._gap = gap
        self._waiting: asyncio.Timeout | None = None
        self._began_at = 0.0
        self._lost_at = 0.0
        self._has_restarted = False
        self._must_pause = False
        self._lost_probe = False

    def begin(self, task_name: str, busy_until: float = 0.0) -> None:
        """Begin to probe, unless that is under way.

        Args:
            task_name: the name of the task.
            busy_until: until when the module may be busy with a command that was given up, on the loop's clock.
        """
        if self.task is not None:
            return

        loop = asyncio.get_running_loop()
        self._began_at = loop.time()
        self._lost_at = max(self._began_at, busy_until) + self.timeout
        self._has_restarted = self._lost_probe = False
        self._is_due = asyncio.Event()
        self.task = loop.create_task(self._probe(), name=task_name)
        self.task.add_done_callback(self._over)

    def handle(self, event: Unsolicited) -> None:
        """Take note of an event of the line, while probes are sent."""
        if self.task is None:
            return

        match event:
            case ProbeAnswered() | Resynchronised():
                self._extend()
                self._is_due.set()
            case LateAnswer():
                self._extend()
                self._shorten_wait()
            case Restarted():
                if not self._has_restarted:
                    self._extend()

                self._has_restarted = self._must_pause = True
                self._is_due.set()
            case PowerChanged(event=PowerEvent.EXIT_DEEP_SLEEP):
                # Probes that were sent before are lost, and the module may fall asleep again before long. This is no
                # answer, so the module is considered lost no later than otherwise.
                self._is_due.set()

    def _extend(self) -> None:
        until = min(asyncio.get_running_loop().time(), self._began_at + _PATIENCE * self.timeout) + self.timeout
        self._lost_at = max(self._lost_at, until)

    def _shorten_wait(self) -> None:
        """Wait no longer than is useful for the rest of an answer that may have no more than ``OK``."""
        waiting = self._waiting
        # One that has just expired cannot be changed any more.
        if waiting is None or waiting.expired() or not self._dte.got_bare_ok:
            return

        due, soon = waiting.when(), asyncio.get_running_loop().time() + _REST_OF_ANSWER
        if due is not None and due > soon:
            waiting.reschedule(soon)

    def cancel(self) -> None:
        """Stop probing."""
        if self.task is not None:
            self.task.cancel()

    async def _probe(self) -> Exception | None:
        loop = asyncio.get_running_loop()
        unanswered = count = 0
        try:
            # A timer may fire a moment early.
            while (left := self._lost_at - loop.time()) > 0.001:
                is_prompt = self._is_due.is_set()
                count += 1
                pause = _PROBE_INTERVAL if self._must_pause or (is_prompt and count > _PROMPT_PROBES) else 0.0
                self._must_pause = False
                if pause := max(pause, self._gap):
                    await asyncio.sleep(pause)

                self._is_due.clear()
                probe = self._dte.probe()
                self._write(probe)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(_interval(probe, unanswered), left)) as self._waiting:
                        await self._is_due.wait()

                self._waiting = None
                self._lost_probe |= not self._is_due.is_set()
                if self._dte.state is State.IDLE:
                    return None

                unanswered = 0 if self._is_due.is_set() else unanswered + 1
        except BC260YError as exc:
            return exc
        finally:
            self._waiting = None

        return ModemNotResponding(f"{self._name}: {self._reason(loop.time())}")

    def _reason(self, now: float) -> str:
        if self._has_restarted:
            return f"the module restarted and did not answer for {now - self._began_at:.0f} s"

        waited = now - self._began_at
        return f"no answer for {self.timeout if abs(waited - self.timeout) < 1.0 else round(waited):g} s"

    def _over(self, task: asyncio.Task[Exception | None]) -> None:
        self.task = None
        del self._is_due
        if task.cancelled():
            self._on_end(None)
        elif (failure := task.exception()) is None:
            if self._lost_probe and task.result() is None and self.on_lost_probe is not None:
                self.on_lost_probe()

            self._on_end(task.result())
        else:
            context = {"message": f"{self._name}: bringing the line into step failed", "exception": failure}
            task.get_loop().call_exception_handler(context)
            error = RemoteProtocolError(f"recovery failed: {failure!r}")
            error.__cause__ = failure
            self._on_end(error)


def _interval(probe: bytes, unanswered: int) -> float:
    """Return how long to wait for the answer to a probe, in seconds, after so many without one."""
    if probe == b"AT\r":
        interval, doublings, most = _PROBE_INTERVAL, max(0, unanswered - _QUICK_PROBES + 1), _DOUBLINGS
    else:
        interval, doublings, most = _MARKER_INTERVAL, unanswered, 0

    beyond = max(0, doublings - most)
    if beyond and beyond % 2 == 0:
        return _SECOND_PROBE

    return float(interval * 2 ** (doublings - beyond // 2))
