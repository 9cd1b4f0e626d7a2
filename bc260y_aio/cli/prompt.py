"""A prompt at the terminal, with completion and history; other output goes above it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Final, Self

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.patch_stdout import StdoutProxy

from ..at.privacy import printable
from .at_names import PROMPT_COMMANDS, find_names

PROMPT: Final = "> "
# How long output may be collected before it is written, in seconds: rarer writes redraw the prompt less often.
_WRITE_INTERVAL: Final = 0.02


class Prompt:
    """Reads lines from the terminal; an async context manager."""

    def __init__(self) -> None:
        # The history ends with the program: commands may contain PINs and passwords.
        self._session: PromptSession[str] = PromptSession(
            completer=_CommandNames(), complete_while_typing=False, enable_suspend=True, erase_when_done=True
        )
        self.output = StdoutProxy(sleep_between_writes=_WRITE_INTERVAL)
        """A text stream whose lines appear above the prompt."""
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read(), name="at.prompt")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._reading is not None
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        # This joins a thread that may still write by way of this loop.
        await asyncio.to_thread(self.output.close)

    async def lines(self) -> AsyncIterator[str]:
        """Yield each line that is entered, until the end of input."""
        while (line := await self._lines.get()) is not None:
            yield line

    async def _read(self) -> None:
        # The next line can be typed while the module has not answered the last one.
        try:
            while True:
                self._lines.put_nowait(await self._session.prompt_async(PROMPT))
        except EOFError:
            self._lines.put_nowait(None)
        except KeyboardInterrupt:
            # As without a prompt: asyncio's handler cancels the main task, and the modem is closed.
            signal.raise_signal(signal.SIGINT)

    def show(self, text: str) -> None:
        """Show a line above the prompt."""
        self.output.write(f"{printable(text)}\n")


class _CommandNames(Completer):
    """Completes the names of AT commands, and the commands of the prompt itself."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        typed = document.text_before_cursor
        own = {name: what for name, what in PROMPT_COMMANDS.items() if name.startswith(typed)}
        for name, what in (own | find_names(typed)).items():
            yield Completion(name, start_position=-len(typed), display_meta=what)
