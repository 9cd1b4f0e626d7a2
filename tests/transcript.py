r"""Transcripts: what went over the line, as `tests/transcripts/*.txt` have it, to be played against either side.

A file begins with a `#` line that says what it shows, and each line after it is a step::

    > AT+QISEND=0,3,"313233"        a command line; on the wire a CR follows it
    < SEND OK                       a response; on the wire CR LF stands before and after it
    << \r\nOK\r\n\0                 bytes as they come in one read, with the escapes \r \n \0

An empty line begins a new exchange, and means nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "transcripts"

_ESCAPES: Final = {r"\r": "\r", r"\n": "\n", r"\0": "\0"}
_ESCAPE: Final = re.compile(r"\\[rn0]")


@dataclass(frozen=True, slots=True)
class Said:
    """What one side said.

    Attributes:
        by_dte: whether it was the DTE.
        lines: the command line, or the responses, without what frames them.
        wire: the bytes.
    """

    by_dte: bool
    lines: tuple[str, ...]
    wire: bytes


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript.

    Attributes:
        name: that of its file, without `.txt`.
        title: what it shows.
        steps: who said what.
    """

    name: str
    title: str
    steps: tuple[Said, ...]

    def __str__(self) -> str:
        return self.name

    @property
    def section(self) -> str:
        """The section of the guide that has it: `4.2.1`; of a variant, nothing."""
        return self.name.partition("-")[0] if self.name[0].isdigit() else ""

    def exchanges(self) -> Iterator[tuple[str | None, tuple[Said, ...]]]:
        """Give each command line with all that was said until the next; None stands for what came before the first."""
        command: str | None = None
        heard: list[Said] = []
        for step in self.steps:
            if not step.by_dte:
                heard.append(step)
                continue

            if command is not None or heard:
                yield command, tuple(heard)

            command, heard = step.lines[0], []

        yield command, tuple(heard)


def read(path: Path) -> Transcript:
    """Read a transcript."""
    title, *lines = path.read_text().splitlines()
    return Transcript(path.stem, title.removeprefix("# "), tuple(_step(line) for line in lines if line))


def _step(line: str) -> Said:
    mark, _, text = line.partition(" ")
    match mark:
        case ">":
            return Said(True, (text,), text.encode("ascii") + b"\r")
        case "<":
            return Said(False, (text,), b"\r\n" + text.encode("ascii") + b"\r\n")
        case "<<":
            wire = _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], text)
            return Said(False, tuple(re.findall(r"[^\r\n\0]+", wire)), wire.encode("ascii"))
        case _:
            raise ValueError(f"not a step: {line!r}")


ALL: Final = tuple(read(path) for path in sorted(FOLDER.glob("*.txt")))
"""Every transcript."""

GUIDE: Final = tuple(transcript for transcript in ALL if transcript.section)
"""The examples of the guide's chapter 4."""
