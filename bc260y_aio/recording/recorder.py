"""The recorder: it relays between a program and a port, and writes a transcript."""

import asyncio
import contextlib
import os
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..emulator.line import Line, LineEndpoint, make_endpoint
from ..errors import BC260YError, PortError
from ..port import DEFAULT_BAUDRATE, Port, open_port
from ..tracing.files import create_private
from .transcript_writer import TranscriptWriter

if TYPE_CHECKING:
    from ..at.framing import Watch


class Recorder:
    """Relays bytes between a program and a port, unchanged and at once, and writes a transcript of them.

    It is an async context manager; the program opens :attr:`url`::

        async with Recorder("/dev/ttyUSB0", "session.txt", baudrate=9600) as recorder:
            async with Modem(recorder.url) as modem:
                ...

    The default line, in memory, is for a program in this process; ``line="pty"`` or ``"tcp"`` serves other processes.

    Attributes:
        watch: is called with the bytes of either side, and whether they are the program's; to be set.
    """

    def __init__(
        self,
        port: str,
        path: str | os.PathLike[str],
        *,
        baudrate: int | None = None,
        line: str = "memory",
        link: str | None = None,
        tcp_port: int = 0,
        mask: bool = False,
    ) -> None:
        """Describe a recording; nothing is opened yet.

        Args:
            port: the port of the module, as for :class:`bc260y_aio.Modem`.
            path: the file to write, for its owner only; an existing file is replaced, a symbolic link is not followed.
            baudrate: the rate of the port. None means: the rate that the program sets on its pty; 9600 on other lines.
            line: the kind of line for the program: ``"memory"``, ``"pty"`` or ``"tcp"``.
            link: a symbolic link to the pty.
            tcp_port: on 127.0.0.1; 0 lets the system choose.
            mask: mask numbers, addresses and credentials in the transcript: see :mod:`bc260y_aio.recording.masking`.

        Raises:
            ValueError: there is no such kind of line.
        """
        self.watch: Watch = lambda data, by_dte: None
        self._port_url = port
        self._path = path
        self._baudrate = baudrate
        self._mask = mask
        self._end: LineEndpoint = make_endpoint(line, port=tcp_port, link=link)
        self._line: Line | None = None
        self._port: Port | None = None
        self._writer: TranscriptWriter | None = None
        self._relay: asyncio.Task[None] | None = None
        self._changing: asyncio.Task[None] | None = None
        self._rate: int | None = None
        self._held = bytearray()

    def __repr__(self) -> str:
        return f"<Recorder {self._port_url} to {os.fspath(self._path)}>"

    @property
    def url(self) -> str:
        """The URL that the program opens; set by :meth:`start`."""
        return self._end.url

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Open the port, create the file, and create the line.

        Raises:
            PortNotFound, PortBusy, PortError: the port cannot be opened, or the line cannot be created.
            OSError: the file cannot be written.
            ValueError: the port's name is malformed.
        """
        async with contextlib.AsyncExitStack() as undo:
            self._port = port = await open_port(self._port_url, self._baudrate or DEFAULT_BAUDRATE)
            undo.push_async_callback(port.close)
            self._rate = port.baudrate
            # The writer closes it.
            self._writer = TranscriptWriter(
                create_private(self._path), f"A session on {self._port_url}.", mask=self._mask
            )
            undo.callback(self._writer.close)
            self._note_rate()
            self._line = Line(self._end)
            self._line.received = self._from_program
            try:
                await self._end.start()
            except OSError as exc:
                raise PortError(f"the line for the program could not be created: {exc}", number=exc.errno) from exc

            self._relay = asyncio.create_task(
                self._relay_to_program(port, self._writer), name=f"record[{self._port_url}]"
            )
            undo.pop_all()

    async def close(self) -> None:
        """Close the port, the line and the file.

        Raises:
            OSError: the transcript could not be written completely.
        """
        relay, writer, line = self._relay, self._writer, self._line
        if relay is None or writer is None or line is None or self._port is None:
            return

        self._relay = None
        relay.cancel()
        tasks = [task for task in (relay, self._changing) if task is not None]
        await asyncio.wait(tasks)
        line.close()
        await self._end.close()
        await self._port.close()
        if line.bytes_lost:
            writer.note(f"{line.bytes_lost} bytes came while no program had the line open")

        writer.close()
        if writer.error is not None:
            raise writer.error

    async def wait_ended(self) -> None:
        """Wait until the port is lost.

        Raises:
            PortLost: the port was lost.
        """
        if self._relay is not None:
            await asyncio.shield(self._relay)

    # From the module to the program

    async def _relay_to_program(self, port: Port, writer: TranscriptWriter) -> None:
        assert self._line is not None
        try:
            while True:
                data = await port.read()
                self._line.write(data)
                writer.feed(data, by_dte=False)
                self.watch(data, False)
        except BC260YError as exc:
            writer.note(str(exc))
            self._end.hang_up()
            raise

    # From the program to the module

    def _from_program(self, data: bytes) -> None:
        rate = self._end.baudrate
        if self._baudrate is None and rate not in (None, self._rate) and self._rate is not None:
            self._rate = rate
            self._changing = asyncio.create_task(self._change_rate(self._changing), name=f"rate[{self._port_url}]")

        if self._changing is not None:
            self._held += data
        else:
            self._to_module(data)

    def _to_module(self, data: bytes) -> None:
        assert self._port is not None
        assert self._writer is not None
        # The reading task reports a lost port.
        with contextlib.suppress(BC260YError):
            self._port.write(data)

        self._writer.feed(data, by_dte=True)
        self.watch(data, True)

    async def _change_rate(self, earlier: asyncio.Task[None] | None) -> None:
        """Set the port to the program's rate, then send the data that the program wrote meanwhile."""
        if earlier is not None:
            await asyncio.wait([earlier])

        assert self._port is not None
        with contextlib.suppress(BC260YError, ValueError):
            if self._rate is not None:
                await self._port.set_baudrate(self._rate)

        if self._changing is asyncio.current_task():
            self._changing = None
            self._note_rate()
            held, self._held = bytes(self._held), bytearray()
            self._to_module(held)

    def _note_rate(self) -> None:
        if self._writer is not None and self._port is not None and self._port.baudrate is not None:
            self._writer.note(f"{self._port.baudrate} baud")
