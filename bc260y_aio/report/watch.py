"""A view of a modem at work: a row for each socket, the line, the registration, the radio, the last errors.

It lives on the events of the modem's trace, and on counters that are there anyway. It sends no command, and it is drawn
in a thread of its own, so that it does not slow what it watches.
"""

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from ..at.privacy import printable
from ..tracing import TraceEvent
from ..usage import ModemUsage
from .watched import WINDOW, Watched, WatchedSocket

if TYPE_CHECKING:
    from rich.console import RenderableType

# How often it is drawn on a terminal, and how often a line is written elsewhere, in seconds.
DRAW_INTERVAL: Final = 0.25
LINE_INTERVAL: Final = 2.0

_BITS_PER_BYTE: Final = 10
_HEADINGS: Final = ("", "peer", "state", "to send", "to read", "sent", "acked", "received", "bytes/s")


class Watch:
    """Shows a modem at work; a callback for :meth:`bc260y_aio.Modem.trace`, and a context manager.

        modem = Modem("/dev/ttyUSB0")
        with Watch(modem.usage) as watch:
            modem.trace(watch)
            async with modem:
                ...

    On a terminal it is one screen, drawn four times a second (with the extra ``cli``); elsewhere a line every two
    seconds. Everything on it comes from events and counters: the signal is what the module last reported.
    """

    def __init__(
        self,
        usage: Callable[[], ModemUsage],
        stream: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
        is_terminal: bool | None = None,
    ) -> None:
        """Describe a view; nothing is shown yet.

        Args:
            usage: returns the cost so far: :meth:`bc260y_aio.Modem.usage`.
            stream: where to show it.
            clock: the clock of the modem's event loop.
            is_terminal: whether the stream is a terminal; by default it is asked.
        """
        self.watched = Watched()
        self._usage = usage
        self._clock = clock
        self._stream = stream
        self._is_terminal = stream.isatty() if is_terminal is None else is_terminal
        self._began = clock()
        # The time, and the bytes on the line until then.
        self._samples = deque([(self._began, 0, 0)])
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: TraceEvent) -> None:
        """Take note of an event of the modem."""
        self.watched(event)

    def __enter__(self) -> Self:
        show = self._show_screen if self._is_terminal else self._show_lines
        self._thread = threading.Thread(target=show, name="bc260y.watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Show the last state, and end. Stopping twice is harmless."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    # In a thread of its own

    def _show_screen(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, force_terminal=True)
        # What the program prints on the same terminal meanwhile stands above it.
        is_shared = sys.stdout is not None and sys.stdout.isatty()
        with Live(console=console, auto_refresh=False, redirect_stdout=is_shared) as live:
            while True:
                is_last = self._stopping.wait(DRAW_INTERVAL)
                with contextlib.suppress(OSError, ValueError):
                    # rich asks the standard streams only.
                    console.width = os.get_terminal_size(self._stream.fileno()).columns

                live.update(self.screen(), refresh=True)
                if is_last:
                    return

    def _show_lines(self) -> None:
        while True:
            is_last = self._stopping.wait(LINE_INTERVAL)
            print(self.line(), file=self._stream, flush=True)
            if is_last:
                return

    # What is shown

    def screen(self) -> "RenderableType":
        """Return the screen, for rich."""
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        now = self._clock()
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for heading in _HEADINGS:
            if heading in ("peer", "state"):
                table.add_column(heading, overflow="ellipsis", no_wrap=True)
            else:
                # These stay whole on a narrow terminal.
                table.add_column(heading, justify="right", no_wrap=True, min_width=max(len(heading), 1))

        for socket in self.watched.sockets(now):
            table.add_row(*map(Text, self._row(socket, now)))

        lines = [Text(line, overflow="ellipsis", no_wrap=True) for line in self._status(self._usage(), now)]
        errors = [
            Text(f"{when - self._began:7.1f} s  {printable(text)}", "red", overflow="ellipsis", no_wrap=True)
            for when, text in tuple(self.watched.errors)
        ]
        return Group(*lines, table, *errors)

    def line(self) -> str:
        """Return the state in one line."""
        now = self._clock()
        sockets = [
            f"{socket.connect_id} {socket.peer} {socket.state}, {socket.to_send} to send, {socket.to_read} to read, "
            f"{socket.sent} sent, {_acknowledged(socket)} acknowledged, {socket.received} received, "
            f"{socket.rate(now):.0f} bytes/s"
            for socket in self.watched.sockets(now)
        ]
        errors = tuple(self.watched.errors)
        last = [f"last error: {printable(errors[-1][1])}"] if errors else []
        return "  |  ".join([f"{now - self._began:.1f} s", *self._status(self._usage(), now), *sockets, *last])

    def _row(self, socket: WatchedSocket, now: float) -> tuple[str, ...]:
        amounts = (socket.to_send, socket.to_read, socket.sent, _acknowledged(socket), socket.received)
        return (
            *(f"{socket.connect_id}", socket.peer, socket.state),
            *(f"{amount}" for amount in amounts),
            f"{socket.rate(now):.0f}",
        )

    def _status(self, usage: ModemUsage, now: float) -> list[str]:
        watched = self.watched
        rate = f"{watched.baudrate} baud, {self._line_share(usage, now):.0%} in use, " if watched.baudrate else ""
        facts: dict[str, Any] = {
            "registration": watched.registration or "not asked",
            "signal": watched.signal or "not asked",
            "sleep": watched.sleep,
        }
        told = ", ".join(f"{name}: {value}" for name, value in facts.items() if value)
        lines = [f"{rate}{watched.commands} commands, {watched.line}", told]
        if usage.radio is not None:
            state = (usage.radio_state or "off").lower().replace("_", " ")
            radio = usage.radio
            lines.append(f"radio: {state}, connected for {radio.connected_seconds:.1f} s, {radio.energy_mwh:.3f} mWh")

        return lines

    def _line_share(self, usage: ModemUsage, now: float) -> float:
        """Return the share of the line that was in use lately, in its busier direction, 0 to 1."""
        samples = self._samples
        samples.append((now, usage.line_sent, usage.line_received))
        while len(samples) > 2 and now - samples[1][0] >= WINDOW:
            samples.popleft()

        then, sent, received = samples[0]
        busier = max(usage.line_sent - sent, usage.line_received - received)
        capacity = (now - then) * (self.watched.baudrate or 0) / _BITS_PER_BYTE
        return min(busier / capacity, 1.0) if capacity else 0.0


def _acknowledged(socket: WatchedSocket) -> str:
    return "-" if socket.acknowledged is None else f"{socket.acknowledged}"
