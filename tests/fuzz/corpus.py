"""The inputs that fuzzing starts with, and that the tests run: a text file for each target, a bytes literal a line."""

import ast
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "corpus"


def read(target: str) -> list[bytes]:
    """Return the inputs for a target."""
    return [ast.literal_eval(line) for line in (FOLDER / f"{target}.txt").read_text().splitlines()]


def unpack(target: str, folder: Path) -> None:
    """Write the inputs for a target into a folder, one in each file, as the fuzzer needs them."""
    folder.mkdir()
    for number, data in enumerate(read(target)):
        (folder / f"{number:04}").write_bytes(data)


def pack(target: str, folder: Path) -> None:
    """Make the files of a folder the inputs for a target, the shortest first."""
    inputs = sorted({path.read_bytes() for path in folder.iterdir()}, key=lambda data: (len(data), data))
    (FOLDER / f"{target}.txt").write_text("".join(f"{data!r}\n" for data in inputs))
