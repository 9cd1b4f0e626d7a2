"""How a replay answers a program: three ways to match its command lines with a transcript.

- *strict*: the program must write the bytes of the transcript, in the same order.
- *by socket*: the same for each connectID, and for the commands without one; but commands of different connectIDs may
  come in another order, because the order in which several sockets get the line varies. A push, or the end of a
  connection, belongs to its connectID, and is sent after everything that preceded it on that connectID.
- *lenient*: each command line is answered as in the transcript, whenever it comes: the first time with the first
  answer, and so on; then with the last answer again, without its pushes. A line that is not in the transcript is
  answered with ERROR, and AT with OK. There is no mismatch and no end.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from ..errors import ReplayMismatch
from .masking import Masking
from .transcript import Step, Transcript, escaped

# How much of a line a message shows, in characters.
_SHOWN: Final = 160
_BEFORE: Final = 40

_COMMANDED: Final = re.compile(
    rb"AT\+(?:QIOPEN=\d+|QISTATE=1|QI(?:SEND|CLOSE)=(\d+)(?=[,\r]|$))(?:,(\d+))?", re.IGNORECASE
)
_PUSHED: Final = re.compile(rb'[\r\n\0 ]*\+QIURC: ?"(?:recv|closed)",(\d+)')
_BLANKS: Final = b"\r\n\0 "


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send to the program.

    Attributes:
        delay: how long after the command or the previous reply, in seconds.
        wire: the bytes.
    """

    delay: float
    wire: bytes


@dataclass(slots=True)
class Exchange:
    """A command line and its replies.

    Attributes:
        wire: the bytes that the program must write; empty for the replies before the first command.
        line: the line of the transcript in which they begin.
        time: when they were written, in seconds.
        replies: the replies.
    """

    wire: bytes
    line: int
    time: float | None
    replies: list[Reply] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Append a step to the replies."""
        delay = 0.0 if step.time is None or self.time is None else max(0.0, step.time - self.time)
        self.time = step.time if step.time is not None else self.time
        self.replies.append(Reply(delay, step.wire))


class Player(Protocol):
    """A way to match a program with a transcript.

    Attributes:
        opening: the replies before the first command.
    """

    opening: list[Reply]

    @property
    def due(self) -> Exchange | None:
        """The exchange that the program must write next; None if there is none."""

    def awaits(self, partial: bytes) -> bool:
        """Return whether an incomplete line is all that the program must still write."""

    def answer(self, wire: bytes) -> tuple[int, list[Reply]]:
        """Return the replies to a line that the program wrote.

        Returns:
            The number of the queue in which the replies are sent in order, and the replies.

        Raises:
            ReplayMismatch: the transcript expects another line.
        """


# In order


class InOrder:
    """Strict matching, and matching by socket; see :class:`Player`."""

    def __init__(self, transcript: Transcript, *, by_socket: bool = False) -> None:
        """Read a transcript.

        Args:
            transcript: the transcript.
            by_socket: compare the order for each connectID separately.
        """
        self._name = transcript.name
        self._masking = Masking() if transcript.is_masked else None
        self._by_socket = by_socket
        self._lanes: dict[int, deque[Exchange]] = {}
        self._last = 0
        current = Exchange(b"", 0, 0.0)
        self.opening = current.replies
        latest: dict[int, Exchange] = {}
        for item in _lines(transcript):
            match item:
                case Exchange():
                    current = latest[self._lane(item.wire)] = item
                    self._lanes.setdefault(self._lane(item.wire), deque()).append(item)
                    self._last = item.line
                case Step():
                    owner = self._owner(item.wire)
                    (latest.get(owner, current) if owner is not None else current).add(item)

    def _lane(self, wire: bytes) -> int:
        return _socket_of(wire) if self._by_socket else -1

    def _owner(self, wire: bytes) -> int | None:
        found = _PUSHED.match(wire) if self._by_socket else None
        return None if found is None else int(found[1])

    @property
    def due(self) -> Exchange | None:
        """The next exchange in the order of the transcript; None at its end."""
        return min((lane[0] for lane in self._lanes.values() if lane), key=lambda due: due.line, default=None)

    def awaits(self, partial: bytes) -> bool:
        """Return whether an incomplete line is all that remains: the transcript ends within it."""
        lane = self._lanes.get(self._lane(partial))
        return bool(lane) and lane is not None and len(lane) == 1 and self._masked(partial) == lane[0].wire

    def answer(self, wire: bytes) -> tuple[int, list[Reply]]:
        """Compare a line with the expected one; see :meth:`Player.answer`."""
        key = self._lane(wire)
        lane = self._lanes.get(key)
        if not lane:
            about = f"no more command for connectID {key}" if key >= 0 else "no more command"
            raise ReplayMismatch(
                f"{self._name}: expected {about} after line {self._last}, but received {_shown(wire)}",
                line=self._last,
                expected=b"",
                came=wire,
            )

        due = lane[0]
        if (masked := self._masked(wire)) != due.wire:
            raise self._mismatch(due, masked)

        lane.popleft()
        return key, due.replies

    def _masked(self, wire: bytes) -> bytes:
        return wire if self._masking is None else self._masking.mask(wire)

    def _mismatch(self, due: Exchange, came: bytes) -> ReplayMismatch:
        same = next((at for at, (a, b) in enumerate(zip(due.wire, came, strict=False)) if a != b), None)
        at = min(len(due.wire), len(came)) if same is None else same
        message = f"{self._name}, line {due.line}: expected {_shown(due.wire, at)}, but received {_shown(came, at)}"
        others = {_socket_of(due.wire), _socket_of(came)}
        hint = "; the order of several sockets varies: match by-socket allows that" if len(others - {-1}) == 2 else ""
        return ReplayMismatch(f"{message}: byte {at + 1} differs{hint}", line=due.line, expected=due.wire, came=came)


def _socket_of(wire: bytes) -> int:
    """Return the connectID of a command line; -1 for none."""
    found = _COMMANDED.match(wire.lstrip())
    number = (found[1] or found[2]) if found else None
    return -1 if number is None else int(number)


def incomplete(name: str, due: Exchange) -> ReplayMismatch:
    """Return the error for a program that ended too early.

    Args:
        name: the name of the transcript in messages.
        due: the exchange that was expected next.
    """
    message = f"{name}, line {due.line}: expected {_shown(due.wire)}, but the program ended"
    return ReplayMismatch(message, line=due.line, expected=due.wire, came=b"")


def _lines(transcript: Transcript) -> Iterator[Exchange | Step]:
    """Yield the DTE's complete lines, and the DCE's steps between them."""
    begun: Exchange | None = None
    for step in transcript.steps:
        if not step.by_dte:
            yield step
            continue

        rest = step.wire
        while rest:
            line, mark, rest = rest.partition(b"\r")
            begun = begun or Exchange(b"", step.line, step.time)
            begun.wire += line + mark
            begun.time = step.time
            if mark:
                yield begun
                begun = None

    if begun is not None:
        yield begun


def _shown(wire: bytes, around: int = 0) -> str:
    """Return a line, or the part of it around a byte, for a message."""
    line = wire.removesuffix(b"\r")
    start = max(0, around - _BEFORE) if len(line) > _SHOWN else 0
    part = line[start : start + _SHOWN]
    before, after = "..." if start else "", "..." if start + _SHOWN < len(line) else ""
    ending = "" if wire.endswith(b"\r") else " (without CR)"
    return f"{before}{escaped(part)}{after}{ending}" if line else "an empty line"


# In any order


class ByContent:
    """Lenient matching; see :class:`Player`.

    Attributes:
        unknown: the lines of the program that are not in the transcript.
    """

    def __init__(self, transcript: Transcript) -> None:
        """Read a transcript."""
        self.unknown: list[str] = []
        self._masking = Masking() if transcript.is_masked else None
        self._exchanges: dict[bytes, deque[list[Reply]]] = {}
        replies: list[Reply] = []
        self.opening = replies
        for item in _lines(transcript):
            match item:
                case Exchange(wire=wire):
                    replies = []
                    self._exchanges.setdefault(wire.strip(_BLANKS), deque()).append(replies)
                case Step(wire=wire):
                    replies.append(Reply(0.0, wire))

    @property
    def due(self) -> Exchange | None:
        """Always None: nothing is required."""
        return None

    def awaits(self, partial: bytes) -> bool:
        """Return False: only complete lines are answered."""
        return False

    def answer(self, wire: bytes) -> tuple[int, list[Reply]]:
        """Look up a line; see :meth:`Player.answer`."""
        line = (wire if self._masking is None else self._masking.mask(wire)).strip(_BLANKS)
        if not line:
            return 0, []

        if (found := self._exchanges.get(line)) is None:
            if line.upper() == b"AT":
                return 0, [Reply(0.0, b"\r\nOK\r\n")]

            self.unknown.append(escaped(line))
            return 0, [Reply(0.0, b"\r\nERROR\r\n")]

        if len(found) > 1:
            return 0, found.popleft()

        replies = found[0]
        found[0] = [reply for reply in replies if not _PUSHED.match(reply.wire)]
        return 0, replies
