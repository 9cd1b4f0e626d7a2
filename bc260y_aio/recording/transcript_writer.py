"""The writer of a transcript during a session."""

import asyncio
import time
from typing import Final, TextIO

from ..at.framing import LineSplitter
from .masking import Masking
from .transcript import MASKED, Step

# An incomplete line is written when no more of it has come for this long, in seconds.
PAUSE: Final = 0.3

_RESTARTED: Final = b"\r\nRDY\r\n"


class TranscriptWriter:
    """Writes what each side sends, and when.

    Attributes:
        error: the error after which nothing more is written, or None; the session goes on.
    """

    def __init__(self, file: TextIO, title: str, *, mask: bool = False) -> None:
        """Begin.

        Args:
            file: the file; :meth:`close` closes it.
            title: what the transcript shows.
            mask: mask numbers and addresses (:mod:`.masking`). Then a line is written only when it is
                complete.
        """
        self.error: OSError | None = None
        self._file = file
        self._masking = Masking() if mask else None
        self._started = time.monotonic()
        self._splitters = {by_dte: LineSplitter(by_dte=by_dte) for by_dte in (True, False)}
        self._pauses: dict[bool, asyncio.TimerHandle] = {}
        self._last_was_dte = True
        self._write(f"# {self._masking.mask(title.encode()).decode() if self._masking else title}\n")
        if mask:
            self.note(MASKED)

    def feed(self, data: bytes, *, by_dte: bool) -> None:
        """Take bytes that one side sent."""
        splitter = self._splitters[by_dte]
        for wire in splitter.feed(data):
            self._write_step(wire if self._masking is None else self._masking.mask(wire), by_dte=by_dte)

        if (pause := self._pauses.pop(by_dte, None)) is not None:
            pause.cancel()

        if splitter and self._masking is None:
            self._pauses[by_dte] = asyncio.get_running_loop().call_later(PAUSE, self._flush, by_dte)

    def note(self, text: str) -> None:
        """Write a note."""
        self._write(f"# {text}\n")

    def close(self) -> None:
        """Write the incomplete lines, and close the file."""
        for pause in self._pauses.values():
            pause.cancel()

        for by_dte in (True, False):
            self._flush(by_dte)

        try:
            self._file.close()
        except OSError as exc:
            self.error = self.error or exc

    def _flush(self, by_dte: bool) -> None:
        self._pauses.pop(by_dte, None)
        if rest := self._splitters[by_dte].flush():
            self._write_step(rest if self._masking is None else self._masking.mask_fragment(rest), by_dte=by_dte)

    def _write_step(self, wire: bytes, *, by_dte: bool) -> None:
        step = Step(by_dte, wire, time.monotonic() - self._started)
        # An empty line separates exchanges.
        self._write(f"{'' if self._last_was_dte or not by_dte else chr(10)}{step}\n")
        self._last_was_dte = by_dte
        if wire == _RESTARTED:
            self.note("the module restarted")

    def _write(self, text: str) -> None:
        if self.error is not None:
            return

        try:
            self._file.write(text)
            self._file.flush()
        except OSError as exc:
            self.error = exc
