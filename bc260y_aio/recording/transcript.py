r"""Transcripts: what went over a serial line, to be read by people and to be played again, byte for byte.

A file begins with a ``#`` line that says what it shows. Each line after it is a step, with the time in seconds before
it, or without::

       0.102 > AT+QISEND=0,3,"313233"        a command line; on the wire a CR follows it
       0.131 < SEND OK                       a response; on the wire CR LF stands before and after it
       0.140 >> AT\r\n                       any bytes of the DTE, with escapes
       0.151 << \r\nOK\r\n\0                 any bytes of the DCE

The text of a step with one mark is printable ASCII and stands for itself. Where a mark is double, ``\r``, ``\n``,
``\0``, ``\\`` and ``\xNN`` are the escapes. Other lines that begin with ``#`` are notes; an empty line begins a new
exchange. Neither means anything, but for the note ``# masked``: see :mod:`.masking`.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

MASKED: Final = "masked"
"""The note that tells that numbers and addresses are not those that went over the line."""

_STEP: Final = re.compile(r" *(?:(\d+(?:\.\d+)?) +)?(>>|<<|>|<) (.*)")
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))")
_ESCAPES: Final = {"r": "\r", "n": "\n", "0": "\0", "\\": "\\"}
_SPELLED: Final = {ord(character): f"\\{letter}" for letter, character in _ESCAPES.items()}

# What may stand for itself. A space at the end would not survive every editor.
_LINE: Final = rb"([\x20-\x7E]*[\x21-\x7E])"
_FROM_DTE: Final = re.compile(_LINE + rb"\r")
_FROM_DCE: Final = re.compile(rb"\r\n" + _LINE + rb"\r\n")


@dataclass(frozen=True, slots=True)
class Step:
    """What one side said.

    Attributes:
        by_dte: whether it was the DTE.
        wire: the bytes.
        time: when the last of them passed, in seconds since the beginning; None where that is not known.
        line: the line of the file, from 1; 0 when it is of no file.
    """

    by_dte: bool
    wire: bytes
    time: float | None = None
    line: int = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """The command line, or the responses, without what frames them."""
        return tuple(part.decode("latin-1") for part in re.findall(rb"[^\r\n\0]+", self.wire))

    def __str__(self) -> str:
        """Write it as it stands in a file."""
        time = "" if self.time is None else f"{self.time:10.3f} "
        mark = ">" if self.by_dte else "<"
        plain = (_FROM_DTE if self.by_dte else _FROM_DCE).fullmatch(self.wire)
        return f"{time}{mark} {plain[1].decode()}" if plain else f"{time}{mark}{mark} {escaped(self.wire)}"


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript.

    Attributes:
        title: what it shows.
        steps: who said what.
        name: what messages call it; that of its file.
        is_masked: numbers and addresses are not those that went over the line.
    """

    title: str
    steps: tuple[Step, ...]
    name: str = "transcript"
    is_masked: bool = False

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no transcript; the message names the line.
        """
        try:
            return cls.parse(Path(path).read_text("ascii"), os.fspath(path))
        except UnicodeDecodeError as exc:
            raise ValueError(f"{os.fspath(path)} is no transcript: it holds more than ASCII") from exc

    @classmethod
    def parse(cls, text: str, name: str = "transcript") -> Self:
        """Read the text of one.

        Args:
            text: the text.
            name: what messages call it.

        Raises:
            ValueError: it is none; the message names the line.
        """
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        notes = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
        if not lines[0].startswith("#"):
            raise ValueError(f"{name} is no transcript: its first line is to begin with # and say what it shows")

        steps = tuple(
            _step(line, number, name)
            for number, line in enumerate(lines, 1)
            if line.strip() and not line.startswith("#")
        )
        return cls(notes[0], steps, name, MASKED in notes)

    def exchanges(self) -> Iterator[tuple[str | None, tuple[Step, ...]]]:
        """Give each command line with all that was said until the next; None stands for what came before the first."""
        command: str | None = None
        heard: list[Step] = []
        for step in self.steps:
            if not step.by_dte:
                heard.append(step)
                continue

            if command is not None or heard:
                yield command, tuple(heard)

            command, heard = "".join(step.lines), []

        yield command, tuple(heard)


def escaped(wire: bytes) -> str:
    """Write bytes in printable ASCII."""
    spelled = "".join(_SPELLED.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in wire)
    return f"{spelled[:-1]}\\x20" if spelled.endswith(" ") else spelled


def unescaped(text: str) -> bytes:
    """Read that back.

    Raises:
        ValueError: there is no such escape.
    """

    def read(escape: re.Match[str]) -> str:
        if escape[1]:
            return chr(int(escape[1], 16))

        if escape[2] not in _ESCAPES:
            raise ValueError(f"there is no escape {escape[0]}")

        return _ESCAPES[escape[2]]

    if text.endswith("\\") and not text.endswith("\\\\"):
        raise ValueError("a backslash stands at the end")

    return _ESCAPE.sub(read, text).encode("latin-1")


def _step(line: str, number: int, name: str) -> Step:
    match = _STEP.fullmatch(line)
    if match is None:
        raise ValueError(f"{name}, line {number}: expected > or < and what was said, not {line!r}")

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
