r"""Transcripts: the bytes of a serial line, readable for people and replayable byte for byte.

A file begins with a ``#`` line, its title. Each line after it is a step, with or without a time in seconds before it::

       0.102 > AT+QISEND=0,3,"313233"        a command line; on the wire a CR follows
       0.131 < SEND OK                       a response; on the wire CR LF precedes and follows
       0.140 >> AT\r\n                       any bytes of the DTE, with escapes
       0.151 << \r\nOK\r\n\0                 any bytes of the DCE

After a single mark, the text is printable ASCII without escapes. After a double mark, ``\r``, ``\n``, ``\0``, ``\\``
and ``\xNN`` are escapes. Other lines that begin with ``#`` are notes, and empty lines separate exchanges. Both are
ignored, except the note ``# masked``: see :mod:`.masking`.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

MASKED: Final = "masked"
"""The note that numbers, addresses and credentials are masked."""

_STEP: Final = re.compile(r" *(?:(\d+(?:\.\d+)?) +)?(>>|<<|>|<) (.*)")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))")
_ESCAPES: Final = {"r": "\r", "n": "\n", "0": "\0", "\\": "\\"}
_SPELLED: Final = {ord(character): f"\\{letter}" for letter, character in _ESCAPES.items()}

# Text that needs no escape. Some editors remove a space at the end of a line.
_LINE: Final = rb"([\x20-\x7E]*[\x21-\x7E])"
_FROM_DTE: Final = re.compile(_LINE + rb"\r")
_FROM_DCE: Final = re.compile(rb"\r\n" + _LINE + rb"\r\n")


@dataclass(frozen=True, slots=True)
class Step:
    """The bytes that one side sent.

    Attributes:
        by_dte: whether the DTE sent them.
        wire: the bytes.
        time: when the last of them was sent, in seconds since the beginning; None if unknown.
        line: the line of the file, from 1; 0 without a file.
    """

    by_dte: bool
    wire: bytes
    time: float | None = None
    line: int = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """The command line or the responses, without CR, LF and NUL."""
        return tuple(part.decode("latin-1") for part in re.findall(rb"[^\r\n\0]+", self.wire))

    def __str__(self) -> str:
        """Return the line of the file."""
        time = "" if self.time is None else f"{self.time:10.3f} "
        mark = ">" if self.by_dte else "<"
        plain = (_FROM_DTE if self.by_dte else _FROM_DCE).fullmatch(self.wire)
        return f"{time}{mark} {plain[1].decode()}" if plain else f"{time}{mark}{mark} {escaped(self.wire)}"


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript.

    Attributes:
        title: what it shows.
        steps: the steps, in order.
        name: its name in messages: the name of its file.
        is_masked: numbers, addresses and credentials are masked.
    """

    title: str
    steps: tuple[Step, ...]
    name: str = "transcript"
    is_masked: bool = False

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not a transcript; the message names the line.
        """
        try:
            return cls.parse(Path(path).read_text("ascii"), os.fspath(path))
        except UnicodeDecodeError as exc:
            raise ValueError(f"{os.fspath(path)} is not a transcript: it contains other characters than ASCII") from exc

    @classmethod
    def parse(cls, text: str, name: str = "transcript") -> Self:
        """Parse the text of a transcript.

        Args:
            text: the text.
            name: its name in messages.

        Raises:
            ValueError: it is not a transcript; the message names the line.
        """
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        notes = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
        if not lines[0].startswith("#"):
            raise ValueError(f"{name} is not a transcript: the first line must begin with # and hold a title")

        steps = tuple(
            _step(line, number, name)
            for number, line in enumerate(lines, 1)
            if line.strip() and not line.startswith("#")
        )
        return cls(notes[0], steps, name, MASKED in notes)

    def exchanges(self) -> Iterator[tuple[str | None, tuple[Step, ...]]]:
        """Yield each command line with the DCE's steps until the next one; None for those before the first command."""
        command: str | None = None
        received: list[Step] = []
        for step in self.steps:
            if not step.by_dte:
                received.append(step)
                continue

            if command is not None or received:
                yield command, tuple(received)

            command, received = "".join(step.lines), []

        yield command, tuple(received)


def escaped(wire: bytes) -> str:
    """Return bytes as printable ASCII with escapes."""
    spelled = "".join(_SPELLED.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in wire)
    return f"{spelled[:-1]}\\x20" if spelled.endswith(" ") else spelled


def unescaped(text: str) -> bytes:
    """Return the bytes of a text with escapes.

    Raises:
        ValueError: an escape is unknown.
    """

    def read(escape: re.Match[str]) -> str:
        if escape[1]:
            return chr(int(escape[1], 16))

        if escape[2] not in _ESCAPES:
            raise ValueError(f"{escape[0]} is not an escape")

        return _ESCAPES[escape[2]]

    if text.endswith("\\") and not text.endswith("\\\\"):
        raise ValueError("the text ends in a single backslash")

    return _ESCAPE.sub(read, text).encode("latin-1")


def _step(line: str, number: int, name: str) -> Step:
    match = _STEP.fullmatch(line)
    if match is None:
        raise ValueError(f"{name}, line {number}: expected > or < and text, not {line!r}")

    time = None if match[1] is None else float(match[1])
    mark, text = match[2], match[3]
    by_dte = mark[0] == ">"
    if len(mark) == 1:
        wire = text.encode("ascii")
        return Step(by_dte, wire + b"\r" if by_dte else b"\r\n" + wire + b"\r\n", time, number)

    try:
        return Step(by_dte, unescaped(text), time, number)
    except ValueError as exc:
        raise ValueError(f"{name}, line {number}: {exc}") from None
