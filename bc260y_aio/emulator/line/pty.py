"""A line that is a pseudo-terminal: any program can open it as a serial port."""

import asyncio
import contextlib
import errno
import os
from typing import Final

from .uart import LineEndpoint

_READ_SIZE: Final = 4096

try:
    import termios
    import tty
except ModuleNotFoundError:
    HAS_PTYS = False
else:
    HAS_PTYS = True

# The constant of termios for a rate, and the rate in baud.
_RATES: Final = {
    getattr(termios, name): int(name[1:])
    for name in (dir(termios) if HAS_PTYS else ())
    if name[0] == "B" and name[1:].isdigit()
}


def check_link(link: str) -> None:
    """Check that a symbolic link can be made.

    Raises:
        FileExistsError: the name is taken; the message names the file.
    """
    if os.path.islink(link):
        reason = f"there is a link to {os.readlink(link)} already, which this program did not make; remove it first"
        raise FileExistsError(errno.EEXIST, reason, link)

    if os.path.lexists(link):
        raise FileExistsError(errno.EEXIST, "it exists and is not a symbolic link", link)


class PtyEndpoint(LineEndpoint):
    """The host's endpoint of a line that is a pseudo-terminal.

    The emulator keeps the host's side open as well, so that a host may come and go without a hang-up, as on a real
    port. Unread bytes are kept by the system, and then here.

    Args:
        link: a symbolic link to make to the terminal, whose own name is another one each time; None for none. Whatever
            has that name already is left alone, and the start fails.
    """

    def __init__(self, link: str | None = None) -> None:
        super().__init__()
        self._link = link
        self._path = ""
        self._master = -1
        self._slave = -1
        self._pending = bytearray()
        self._has_link = False
        self._is_paused = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return self._path

    @property
    def held(self) -> int:
        return len(self._pending)

    @property
    def baudrate(self) -> int | None:
        return _RATES.get(termios.tcgetattr(self._slave)[5]) if self._slave >= 0 else None

    async def start(self) -> None:
        if not HAS_PTYS:
            raise NotImplementedError('this system has no pseudo-terminals; take line="memory" or line="tcp"')

        self._loop = asyncio.get_running_loop()
        self._master, self._slave = os.openpty()
        try:
            tty.setraw(self._slave)
            self._set_factory_rate()
            os.set_blocking(self._master, False)
            self._path = os.ttyname(self._slave)
            self._make_link()
        except BaseException:
            self._release()
            raise

        self._watch()
        assert self.line is not None
        self.line.connected()

    def _set_factory_rate(self) -> None:
        attributes = termios.tcgetattr(self._slave)
        attributes[4:6] = [termios.B9600] * 2
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)

    async def close(self) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        if self._master < 0:
            return

        assert self._loop is not None
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        self._remove_link()
        self._release()
        if self.line is not None:
            self.line.clear()

    async def plug_in(self) -> None:
        if self._master < 0:
            await self.start()

    def _release(self) -> None:
        self._pending.clear()
        self._is_paused = False
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    # The link

    def _make_link(self) -> None:
        if self._link is None:
            return

        check_link(self._link)
        os.symlink(self._path, self._link)
        self._has_link = True

    def _remove_link(self) -> None:
        if self._link is not None and self._has_link:
            self._has_link = False
            with contextlib.suppress(OSError):
                # Another program may have replaced it by its own.
                if os.readlink(self._link) == self._path:
                    os.unlink(self._link)

    # From the host

    def _watch(self) -> None:
        assert self._loop is not None
        self._loop.add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, _READ_SIZE)
        except BlockingIOError:
            return

        assert self.line is not None
        self.line.host_wrote(data)

    def pause_reading(self) -> None:
        if not self._is_paused and self._master >= 0:
            assert self._loop is not None
            self._is_paused = True
            self._loop.remove_reader(self._master)

    def resume_reading(self) -> None:
        if self._is_paused and self._master >= 0:
            self._is_paused = False
            self._watch()

    # To the host

    def send(self, data: bytes) -> bool:
        if self._master < 0:
            return False

        if not self._pending:
            data = data[self._write(data) :]
            if data:
                assert self._loop is not None
                self._loop.add_writer(self._master, self._flush)

        self._pending += data
        return True

    def _flush(self) -> None:
        del self._pending[: self._write(bytes(self._pending[:_READ_SIZE]))]
        if not self._pending:
            assert self._loop is not None
            self._loop.remove_writer(self._master)

        assert self.line is not None
        self.line.drained()

    def _write(self, data: bytes) -> int:
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
