"""What several tests of the command line need."""

import os
from collections.abc import Iterator
from typing import TextIO

import pytest


@pytest.fixture
def broken_output() -> Iterator[TextIO]:
    """Make a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    # A command that meets it leads it elsewhere, so that it can be closed although nobody took what it holds.
    with open(writing, "w") as file:
        yield file


@pytest.fixture
def endless_input() -> Iterator[TextIO]:
    """Make a pipe into which nothing is written, and which does not end."""
    reading, writing = os.pipe()
    with open(reading) as file, open(writing, "w"):
        yield file
