"""The replay: it plays the module of a transcript to a program."""

import asyncio
import os
from collections import deque
from types import TracebackType
from typing import Final, Literal, Self, get_args

from ..at.framing import MAX_LINE, Watch
from ..emulator.line import Line, LineEndpoint, PtyEndpoint, make_endpoint
from ..errors import PortError, ReplayMismatch
from .players import ByContent, InOrder, Player, Reply, incomplete
from .transcript import Transcript

Match = Literal["strict", "by-socket", "lenient"]

# An incomplete line that does not continue for this long is compared as it is, in seconds.
_PAUSE: Final = 0.3


class Replay:
    """Plays the module of a transcript on a line that a program opens like any other port.

    It is an async context manager, and raises at its end if the program did not follow the transcript::

        async with Replay("session.txt", speed=None) as replay:
            async with Modem(replay.url) as modem:
                ...

    The first line that differs closes the line. Data of the module before the first command is sent when the program
    opens the line; on a pty, which does not report that, with the first byte that the program writes.

    Attributes:
        watch: is called with the bytes of either side, and whether they are the program's; to be set.
    """

    def __init__(
        self,
        transcript: Transcript | str | os.PathLike[str],
        *,
        match: Match = "strict",
        speed: float | None = 1.0,
        line: str = "memory",
        link: str | None = None,
        tcp_port: int = 0,
    ) -> None:
        """Describe a replay; a file is read at once.

        Args:
            transcript: a transcript, or the path of its file.
            match: ``"strict"``, ``"by-socket"`` or ``"lenient"``: what the program must write; see
                :mod:`bc260y_aio.recording.players`.
            speed: the speed relative to the recording; 2 is twice as fast. None sends replies without delays, as
                ``"lenient"`` always does.
            line: the kind of line for the program: ``"memory"``, ``"pty"`` or ``"tcp"``.
            link: a symbolic link to the pty.
            tcp_port: on 127.0.0.1; 0 lets the system choose.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not a transcript; or an argument is out of range.
        """
        if match not in get_args(Match):
            raise ValueError(f"match must be one of {', '.join(get_args(Match))}, not {match!r}")

        if speed is not None and not speed > 0:
            raise ValueError(f"speed must be positive, not {speed}")

        self.watch: Watch = lambda data, by_dte: None
        self.transcript = transcript if isinstance(transcript, Transcript) else Transcript.load(transcript)
        self._match = match
        self._scale = None if speed is None else 1 / speed
        self._end: LineEndpoint = make_endpoint(line, port=tcp_port, link=link)
        self._line: Line | None = None
        self._player = self._read()
        self._queues: dict[int, _ReplyQueue] = {}
        self._received = bytearray()
        self._pause: asyncio.TimerHandle | None = None
        self._has_begun = False
        self._error: ReplayMismatch | None = None
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Replay {self.transcript.name} {self._match}>"

    def _read(self) -> Player:
        is_lenient = self._match == "lenient"
        return ByContent(self.transcript) if is_lenient else InOrder(self.transcript, by_socket=self._match != "strict")

    @property
    def url(self) -> str:
        """The URL that the program opens; set by :meth:`start`."""
        return self._end.url

    @property
    def unknown(self) -> list[str]:
        """The command lines that were answered ERROR because the transcript does not have them."""
        return self._player.unknown if isinstance(self._player, ByContent) else []

    # Lifecycle

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
        # A mismatch is the cause of the error that the program raised.
        if error is None or (self._error is not None and isinstance(error, Exception)):
            self.check()

    async def start(self) -> None:
        """Create the line.

        Raises:
            PortError: the line could not be created.
        """
        self._line = line = Line(self._end)
        line.received = self._receive
        if not isinstance(self._end, PtyEndpoint):
            line.connected = self._begin

        try:
            await self._end.start()
        except OSError as exc:
            raise PortError(f"the line for the program could not be created: {exc}", number=exc.errno) from exc

    async def close(self) -> None:
        """Close the line. Closing twice is harmless."""
        if self._line is not None:
            self._stop()
            self._line.close()
            self._line = None
            await self._end.close()

    def _stop(self) -> None:
        for queue in self._queues.values():
            queue.stop()

        if self._pause is not None:
            self._pause.cancel()

    # Result

    def check(self) -> None:
        """Check that the program wrote exactly the commands of the transcript.

        Raises:
            ReplayMismatch: it did not; the message names the line of the transcript.
        """
        if self._error is not None:
            raise self._error

        if (due := self._player.due) is not None:
            raise incomplete(self.transcript.name, due)

    async def wait_finished(self) -> None:
        """Wait until all commands were written and all replies sent; a lenient replay never finishes.

        Raises:
            ReplayMismatch: the program wrote something else.
        """
        while not self._is_finished:
            self._changed.clear()
            await self._changed.wait()

        self.check()

    @property
    def _is_finished(self) -> bool:
        is_over = self._match != "lenient" and self._player.due is None
        return self._error is not None or (is_over and not any(self._queues.values()))

    # Receiving

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._send(-1, self._player.opening)

    def _receive(self, data: bytes) -> None:
        self._begin()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

        self.watch(data, True)
        self._received += data
        while self._error is None and (end := self._received.find(b"\r") + 1):
            self._take(end)

        if self._received and self._error is None:
            self._receive_partial()

    def _receive_partial(self) -> None:
        if self._player.awaits(bytes(self._received)):
            self._take(len(self._received))
        elif len(self._received) > MAX_LINE:
            self._give_up_waiting()
        elif self._match == "strict" and not self.transcript.is_masked:
            self._pause = asyncio.get_running_loop().call_later(_PAUSE, self._give_up_waiting)

    def _give_up_waiting(self) -> None:
        due = self._player.due
        if due is None or not due.wire.startswith(self._received) or len(self._received) > MAX_LINE:
            self._take(len(self._received))

    def _take(self, size: int) -> None:
        wire = bytes(self._received[:size])
        del self._received[:size]
        try:
            queue, replies = self._player.answer(wire)
        except ReplayMismatch as exc:
            self._error = exc
            self._stop()
            self._end.hang_up()
            self._changed.set()
        else:
            self._send(queue, replies)

    # Sending

    def _send(self, number: int, replies: list[Reply]) -> None:
        queue = self._queues.get(number)
        if queue is None:
            scale = None if self._match == "lenient" else self._scale
            queue = self._queues[number] = _ReplyQueue(self, scale)

        queue.send(replies)

    def write(self, wire: bytes) -> None:
        """Write bytes to the program now."""
        if self._line is not None:
            self.watch(wire, False)
            self._line.write(wire)

    def replies_sent(self) -> None:
        """Note that a queue has sent all its replies."""
        self._changed.set()


class _ReplyQueue:
    """Sends replies in order, each after its delay."""

    def __init__(self, replay: Replay, scale: float | None) -> None:
        self._replay = replay
        self._scale = scale
        self._waiting: deque[Reply] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def send(self, replies: list[Reply]) -> None:
        self._waiting += replies
        if self._timer is None:
            self._go_on()

    def stop(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        self._timer = None
        while self._waiting:
            delay = 0.0 if self._scale is None else self._waiting[0].delay * self._scale
            if delay > 0:
                self._timer = asyncio.get_running_loop().call_later(delay, self._send_next)
                return

            self._replay.write(self._waiting.popleft().wire)

        self._replay.replies_sent()

    def _send_next(self) -> None:
        self._timer = None
        if self._waiting:
            self._replay.write(self._waiting.popleft().wire)

        self._go_on()
