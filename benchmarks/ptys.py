"""Fake modules behind ptys, in a separate process, so that their work is not counted as the driver's.

The process runs this module as a script. It ends with its standard input, and then prints what it has received.
"""

import argparse
import dataclasses
import json
import os
import random
import select
import subprocess
import sys
import time
import tty
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from .cores import keep_apart
from .fake import Module, PacedModule, push

_ROOT: Final = Path(__file__).parents[1]
# A source repeats itself after so many pushes.
_PUSHES: Final = 16


@dataclass(frozen=True, slots=True)
class Setup:
    """The options of the fake modules.

    Attributes:
        baudrate: the pace of both directions, in baud; 0 for memory speed.
        grain: bytes that arrive within this time are delivered together, in seconds.
        echoes: whether payload that is sent is received again.
        pushes: how long the pushes are that come without pause once a socket is open, in bytes; 0 for none.
    """

    baudrate: int = 0
    grain: float = 0.001
    echoes: bool = False
    pushes: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """The counts of a fake module.

    Attributes:
        taken: how many bytes were sent to it, and their CRC-32.
        given: how many pushes it wrote.
        lost: how many bytes the host left unread for so long that the pty had no room for them.
    """

    taken: tuple[int, int]
    given: int
    lost: int


def pushed(size: int) -> list[bytes]:
    """Return the payloads that a source pushes, again and again in this order."""
    noise = random.Random(7)
    return [noise.randbytes(size) for _ in range(_PUSHES)]


class Ptys:
    """Some ptys with fake modules behind them; a context manager.

    Attributes:
        paths: the paths that a program opens.
    """

    def __init__(self, count: int = 1, setup: Setup | None = None) -> None:
        masters, self._slaves = zip(*(os.openpty() for _ in range(count)), strict=True)
        for slave in self._slaves:
            tty.setraw(slave)

        self.paths = [os.ttyname(slave) for slave in self._slaves]
        options = json.dumps(dataclasses.asdict(setup or Setup()))
        command = [sys.executable, "-m", "benchmarks.ptys", options, *map(str, masters)]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, pass_fds=masters, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        keep_apart(self._process.pid)
        for master in masters:
            os.close(master)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> list[Seen]:
        """End the process, and return the counts of the modules, in the order of the paths."""
        if not self._slaves:
            return []

        out, _ = self._process.communicate(timeout=20)
        for slave in self._slaves:
            os.close(slave)

        self._slaves = ()
        return [Seen(tuple(one["taken"]), one["given"], one["lost"]) for one in json.loads(out)]


# In the other process


class _Served:
    def __init__(self, fd: int, setup: Setup) -> None:
        self.fd = fd
        self.module = Module(echoes=setup.echoes)
        self.paced = PacedModule(self.module, setup.baudrate, grain=setup.grain) if setup.baudrate else None
        self.lost = 0
        self.given = 0
        self._frames = [push(0, payload) for payload in pushed(setup.pushes)] if setup.pushes else []

    def hear(self, now: float) -> None:
        data = os.read(self.fd, 65536)
        if self.paced is None:
            self._write(self.module.feed(data))
        else:
            self.paced.hear(data, now)
            if self._frames and self.paced.source is None and self.module.taken:
                self.paced.begin(now + 0.01)
                self.paced.source = self._give

    def say(self, now: float) -> None:
        if self.paced is not None and (data := self.paced.say(now)):
            self._write(data)

    def _give(self) -> bytes:
        frame = self._frames[self.given % _PUSHES]
        self.given += 1
        return frame

    def _write(self, data: bytes) -> None:
        if data:
            try:
                self.lost += len(data) - os.write(self.fd, data)
            except BlockingIOError:
                self.lost += len(data)

    def seen(self) -> Seen:
        return Seen(self.module.taken.get(0, (0, 0)), self.given, self.lost)


def _heard(served: list[_Served], grain: float) -> Iterator[int]:
    """Yield the descriptors that can be read, until standard input ends; also when something is to be said."""
    poll = select.epoll()
    for fd in (0, *(one.fd for one in served)):
        poll.register(fd, select.EPOLLIN)

    tick = time.monotonic()
    while True:
        if len(served) == 1:
            due = served[0].paced.when() if served[0].paced is not None else None
            select.select([poll], [], [], None if due is None else max(0.0, due - time.monotonic()))
        else:
            tick = max(tick + grain, time.monotonic() - grain)
            time.sleep(max(0.0, tick - time.monotonic()))

        ready = [fd for fd, _ in poll.poll(0)]
        if 0 in ready:
            return

        yield from ready
        yield -1


def _serve(setup: Setup, fds: list[int]) -> None:
    served = [_Served(fd, setup) for fd in fds]
    by_fd = {one.fd: one for one in served}
    for fd in fds:
        os.set_blocking(fd, False)

    for fd in _heard(served, setup.grain):
        now = time.monotonic()
        if fd >= 0:
            by_fd[fd].hear(now)
        elif setup.baudrate:
            for one in served:
                one.say(now)

    print(json.dumps([dataclasses.asdict(one.seen()) for one in served]))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("setup", type=json.loads)
    arguments.add_argument("fds", type=int, nargs="+")
    parsed = arguments.parse_args()
    _serve(Setup(**parsed.setup), parsed.fds)
