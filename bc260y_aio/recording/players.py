"""What is to be said to which command line: a transcript as a function of what a program writes.

Three readings of "the same session":

- *strict*: all that the program writes is what the transcript has, byte for byte and in its order.
- *by socket*: so is what it writes about each connectID, and what it writes about none; but these may come in another
  order among each other. With several sockets at work it is chance which of them has the line next, and nothing that a
  program promises. A push, or the end of a connection, belongs to its connectID, and is said when all that came before
  it on that connectID has been.
- *lenient*: every command line, whenever it comes, is answered as the transcript answers it: the first time as it was
  the first time, and so on, and then as it was the last time, but without the pushes. A line that is not there is
  answered ERROR, and AT is answered OK. Nothing is an error, and nothing is ever complete.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from ..errors import ReplayMismatch
from .masking import Masking
from .transcript import Step, Transcript, escaped

# The longest that is shown of a line, in characters.
_SHOWN: Final = 160
_BEFORE: Final = 40

_COMMANDED: Final = re.compile(
    rb"AT\+(?:QIOPEN=\d+|QISTATE=1|QI(?:SEND|CLOSE)=(\d+)(?=[,\r]|$))(?:,(\d+))?", re.IGNORECASE
)
_PUSHED: Final = re.compile(rb'[\r\n\0 ]*\+QIURC: ?"(?:recv|closed)",(\d+)')
_BLANKS: Final = b"\r\n\0 "


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be said.

    Attributes:
        delay: how long after the command, or after what was said before, in seconds.
        wire: the bytes.
    """

    delay: float
    wire: bytes


@dataclass(slots=True)
class Exchange:
    """A command line, and what is said until the next one that it is compared with.

    Attributes:
        wire: the bytes that the program is to write; empty for what is said before it writes any.
        line: the line of the transcript in which they begin.
        time: when they were written, in seconds.
        replies: what is said.
    """

    wire: bytes
    line: int
    time: float | None
    replies: list[Reply] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Let a step be said after those before."""
        delay = 0.0 if step.time is None or self.time is None else max(0.0, step.time - self.time)
        self.time = step.time if step.time is not None else self.time
        self.replies.append(Reply(delay, step.wire))


class Player(Protocol):
    """A reading of a transcript.

    Attributes:
        opening: what is said before the program has written anything.
    """

    opening: list[Reply]

    @property
    def due(self) -> Exchange | None:
        """What the program is to write yet; None when there is nothing, or when nothing is required."""

    def awaits(self, partial: bytes) -> bool:
        """Tell whether a line that is not complete is all that is due."""

    def hear(self, wire: bytes) -> tuple[int, list[Reply]]:
        """Take a line that the program wrote.

        Returns:
            Among which replies these are to be said in turn, and the replies.

        Raises:
            ReplayMismatch: it is not what is due.
        """


# In order


class InOrder:
    """The strict reading, and the one by socket; see :class:`Player`."""

    def __init__(self, transcript: Transcript, *, by_socket: bool = False) -> None:
        """Read a transcript.

        Args:
            transcript: it.
            by_socket: each connectID has an order of its own.
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
        """What the program is to write yet: the first of it in the transcript."""
        return min((lane[0] for lane in self._lanes.values() if lane), key=lambda due: due.line, default=None)

    def awaits(self, partial: bytes) -> bool:
        """Tell whether a line that is not complete is all that is due: the transcript ends within it."""
        lane = self._lanes.get(self._lane(partial))
        return bool(lane) and lane is not None and len(lane) == 1 and self._masked(partial) == lane[0].wire

    def hear(self, wire: bytes) -> tuple[int, list[Reply]]:
        """Compare a line with what is due; see :meth:`Player.hear`."""
        key = self._lane(wire)
        lane = self._lanes.get(key)
        if not lane:
            about = f"nothing more of connectID {key}" if key >= 0 else "nothing more"
            raise ReplayMismatch(
                f"{self._name}: {about} is expected after line {self._last}, but {_shown(wire)} came",
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
        message = f"{self._name}, line {due.line}: {_shown(due.wire, at)} is expected, but {_shown(came, at)} came"
        others = {_socket_of(due.wire), _socket_of(came)}
        hint = "; whose turn it is among several sockets is chance: see by-socket" if len(others - {-1}) == 2 else ""
        return ReplayMismatch(f"{message}: byte {at + 1} differs{hint}", line=due.line, expected=due.wire, came=came)


def _socket_of(wire: bytes) -> int:
    """Return the connectID that a command line is about; -1 for none."""
    found = _COMMANDED.match(wire.lstrip())
    number = (found[1] or found[2]) if found else None
    return -1 if number is None else int(number)


def incomplete(name: str, due: Exchange) -> ReplayMismatch:
    """Return the error for a program that ended too early.

    Args:
        name: what messages call the transcript.
        due: what it was to write.
    """
    message = f"{name}, line {due.line}: {_shown(due.wire)} is expected, but nothing more came"
    return ReplayMismatch(message, line=due.line, expected=due.wire, came=b"")


def _lines(transcript: Transcript) -> Iterator[Exchange | Step]:
    """Give the DTE's lines, each whole, and in between the DCE's steps."""
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
    """Write a line, or the part of it around a byte, for a message."""
    line = wire.removesuffix(b"\r")
    start = max(0, around - _BEFORE) if len(line) > _SHOWN else 0
    part = line[start : start + _SHOWN]
    before, after = "..." if start else "", "..." if start + _SHOWN < len(line) else ""
    ending = "" if wire.endswith(b"\r") else " (without CR)"
    return f"{before}{escaped(part)}{after}{ending}" if line else "an empty line"


# In any order


class ByContent:
    """The lenient reading; see :class:`Player`.

    Attributes:
        unknown: the lines that the program wrote and the transcript does not have.
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
        """Nothing is required."""
        return None

    def awaits(self, partial: bytes) -> bool:
        """Wait for whole lines."""
        return False

    def hear(self, wire: bytes) -> tuple[int, list[Reply]]:
        """Look a line up; see :meth:`Player.hear`."""
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
