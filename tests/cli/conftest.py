"""Fixtures for the tests of the command line."""

import os
from collections.abc import Iterator
from typing import TextIO

import pytest


@pytest.fixture
def broken_output() -> Iterator[TextIO]:
    """Make a pipe whose reading end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    # A command redirects it after an error, so that it can be closed although its buffer was not written.
    with open(writing, "w") as file:
        yield file


@pytest.fixture
def endless_input() -> Iterator[TextIO]:
    """Make a pipe into which nothing is written, and which does not end."""
    reading, writing = os.pipe()
    with open(reading) as file, open(writing, "w"):
        yield file
