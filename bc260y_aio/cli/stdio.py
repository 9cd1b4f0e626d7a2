"""Standard input and output, without blocking the event loop."""

# The descriptors stay blocking, because O_NONBLOCK would affect every program that shares the terminal or the pipe.
# They are watched instead, and read, or written in small chunks, when they are ready. A descriptor that cannot be
# watched, such as a regular file, is always ready.

import asyncio
import os
import select
import sys
from collections.abc import Callable
from typing import Any, Final

# How much a ready pipe accepts without blocking, in bytes.
_CHUNK: Final = select.PIPE_BUF


class Input:
    """A descriptor to read from.

    Args:
        descriptor: the descriptor; standard input by default.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = _standard(sys.stdin, os.O_RDONLY) if descriptor is None else descriptor

    async def read(self, size: int) -> bytes:
        """Wait for data and return up to ``size`` bytes of it; empty at the end of input."""
        loop = asyncio.get_running_loop()
        await _ready(self._descriptor, loop.add_reader, loop.remove_reader)
        return os.read(self._descriptor, size)

    def is_ready(self) -> bool:
        """Return whether data, or the end of input, can be read now."""
        return bool(select.select([self._descriptor], [], [], 0)[0])


class Output:
    """A descriptor to write to.

    Args:
        descriptor: the descriptor; standard output by default.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = _standard(sys.stdout, os.O_WRONLY) if descriptor is None else descriptor

    async def write(self, data: bytes) -> None:
        """Write all data, as fast as it is read.

        Raises:
            BrokenPipeError: the reader has closed the pipe.
        """
        loop = asyncio.get_running_loop()
        rest = memoryview(data)
        while rest:
            await _ready(self._descriptor, loop.add_writer, loop.remove_writer)
            rest = rest[os.write(self._descriptor, rest[:_CHUNK]) :]


async def _ready(descriptor: int, watch: Callable[..., None], ignore: Callable[[int], Any]) -> None:
    ready = asyncio.Event()
    try:
        watch(descriptor, ready.set)
    except PermissionError:
        return

    try:
        await ready.wait()
    finally:
        ignore(descriptor)


def _standard(stream: Any, flags: int) -> int:
    # Python has no stream if the caller has closed the descriptor, which may belong to something else by now.
    descriptor: int = os.open(os.devnull, flags) if stream is None else stream.fileno()
    return descriptor
