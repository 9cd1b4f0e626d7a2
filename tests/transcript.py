"""The transcripts of `tests/transcripts/*.txt`: the guide's examples and variants, to be played against either side.

Their format is that of the package's recordings, without times: see `bc260y_aio/recording/transcript.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bc260y_aio import recording
from bc260y_aio.recording import Step as Said

__all__ = ["ALL", "FOLDER", "GUIDE", "Said", "Transcript"]

FOLDER: Final = Path(__file__).parent / "transcripts"


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript.

    Attributes:
        name: that of its file, without `.txt`.
        recorded: what it holds.
    """

    name: str
    recorded: recording.Transcript

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        """The title of the transcript."""
        return self.recorded.title

    @property
    def steps(self) -> tuple[Said, ...]:
        """The steps, in order."""
        return self.recorded.steps

    @property
    def section(self) -> str:
        """The section of the guide that has it, such as `4.2.1`; empty for a variant."""
        return self.name.partition("-")[0] if self.name[0].isdigit() else ""

    def exchanges(self) -> Iterator[tuple[str | None, tuple[Said, ...]]]:
        """Yield each command line with the steps until the next one; None for those before the first command."""
        return self.recorded.exchanges()


ALL: Final = tuple(Transcript(path.stem, recording.Transcript.load(path)) for path in sorted(FOLDER.glob("*.txt")))
"""Every transcript."""

GUIDE: Final = tuple(transcript for transcript in ALL if transcript.section)
"""The examples of the guide's chapter 4."""
