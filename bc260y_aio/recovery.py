"""Bringing the line into step, and waking a module that sleeps: probes, until one has been answered that tells so."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from .at.dte import DTE
from .at.states import State
from .errors import BC260YError, ModemNotResponding, RemoteProtocolError

# The module wakes or answers within this time of an AT, in seconds; a marker may stand behind a lot of pushed data.
_PROBE_INTERVAL: Final = 0.3
_MARKER_INTERVAL: Final = 5.0


class Recovery:
    """The probing of one line, when there is need of it.

    Attributes:
        timeout: how long to probe for a module that does not answer, in seconds.
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
            timeout: how long to probe, in seconds.
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

    def begin(self, task_name: str) -> None:
        """Begin to probe, unless that is under way."""
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._probe(), name=task_name)
            self.task.add_done_callback(self._over)

    def hear(self) -> None:
        """Hear that a probe was answered, or that it is time for the next."""
        self._answered.set()

    def cancel(self) -> None:
        """Stop probing."""
        if self.task is not None:
            self.task.cancel()

    async def _probe(self) -> Exception | None:
        try:
            async with asyncio.timeout(self.timeout):
                while True:
                    if self._gap:
                        await asyncio.sleep(self._gap)

                    self._answered.clear()
                    probe = self._dte.probe()
                    self._write(probe)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_PROBE_INTERVAL if probe == b"AT\r" else _MARKER_INTERVAL):
                            await self._answered.wait()

                    if self._dte.state is State.IDLE:
                        return None
        except TimeoutError:
            return ModemNotResponding(f"{self._name}: no answer for {self.timeout:g} s")
        except BC260YError as exc:
            return exc

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
