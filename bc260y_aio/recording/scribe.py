"""Who writes a transcript while a session goes on."""

import asyncio
import time
from typing import Final, TextIO

from .masking import Masking
from .pieces import Pieces
from .transcript import MASKED, Step

# A line that is not complete is written down when nothing more came of it for this long, in seconds.
PAUSE: Final = 0.3

_RESTARTED: Final = b"\r\nRDY\r\n"


class Scribe:
    """Writes down who says what, and when.

    Attributes:
        error: why nothing more is written, if the file could not be; a session is not ended by that.
    """

    def __init__(self, file: TextIO, title: str, *, mask: bool = False) -> None:
        """Begin.

        Args:
            file: where to write; it is closed in the end.
            title: what the session is.
            mask: mask numbers and addresses (:mod:`.masking`). Then a line is written when it is complete, and not
                before.
        """
        self.error: OSError | None = None
        self._file = file
        self._masking = Masking() if mask else None
        self._started = time.monotonic()
        self._pieces = {by_dte: Pieces(by_dte=by_dte) for by_dte in (True, False)}
        self._pauses: dict[bool, asyncio.TimerHandle] = {}
        self._spoke_last = True
        self._write(f"# {self._masking.mask(title.encode()).decode() if self._masking else title}\n")
        if mask:
            self.note(MASKED)

    def hear(self, data: bytes, *, by_dte: bool) -> None:
        """Take in what one side said."""
        pieces = self._pieces[by_dte]
        for wire in pieces.feed(data):
            self._tell(wire if self._masking is None else self._masking.mask(wire), by_dte=by_dte)

        if (pause := self._pauses.pop(by_dte, None)) is not None:
            pause.cancel()

        if pieces and self._masking is None:
            self._pauses[by_dte] = asyncio.get_running_loop().call_later(PAUSE, self._flush, by_dte)

    def note(self, text: str) -> None:
        """Write something down that nobody said."""
        self._write(f"# {text}\n")

    def close(self) -> None:
        """Write down what is left, and close the file."""
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
        if rest := self._pieces[by_dte].flush():
            self._tell(rest if self._masking is None else self._masking.mask_fragment(rest), by_dte=by_dte)

    def _tell(self, wire: bytes, *, by_dte: bool) -> None:
        step = Step(by_dte, wire, time.monotonic() - self._started)
        # An empty line begins a new exchange.
        self._write(f"{'' if self._spoke_last or not by_dte else chr(10)}{step}\n")
        self._spoke_last = by_dte
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
