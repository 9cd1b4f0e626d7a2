"""A line that is a TCP port on the loopback interface, as a serial device server offers it."""

import asyncio
from typing import Final, cast

from .uart import End

_HOST: Final = "127.0.0.1"


class TcpEnd(End):
    """The host's end of a line that is a TCP port; one host at a time.

    Args:
        port: on 127.0.0.1; 0 lets the system choose.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__()
        self._port = port
        self._server: asyncio.Server | None = None
        self._host: _Host | None = None

    @property
    def url(self) -> str:
        return f"socket://{_HOST}:{self._port}"

    @property
    def held(self) -> int:
        return self._host.held if self._host is not None else 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Host(self), _HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        host = self._host
        self.hang_up()
        if host is not None:
            await host.lost

    def hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

        if self._host is not None:
            self._host.transport.abort()

    async def plug_in(self) -> None:
        if self._server is None:
            await self.start()

    def welcome(self, host: "_Host") -> bool:
        """Take a host, unless there is one; tell whether it was taken."""
        # One that is leaving does not count: a program may well come back at once.
        is_free = self._host is None or self._host.transport.is_closing()
        if not is_free or self._server is None:
            return False

        self._host = host
        assert self.line is not None
        self.line.connected()
        return True

    def part(self, host: "_Host") -> None:
        """Let a host go."""
        if self._host is host:
            self._host = None
            if self.line is not None:
                self.line.forget()

    def send(self, data: bytes) -> bool:
        if self._host is None or self._host.transport.is_closing():
            return False

        self._host.transport.write(data)
        return True

    def brake(self, *, on: bool) -> None:
        if self._host is not None:
            self._host.brake(on=on)


class _Host(asyncio.Protocol):
    """A program that has connected."""

    transport: asyncio.Transport

    def __init__(self, end: TcpEnd) -> None:
        self._end = end
        self._is_braked = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def held(self) -> int:
        return self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        # So that `resume_writing` tells of every time the system has taken everything.
        self.transport.set_write_buffer_limits(0)
        if not self._end.welcome(self):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._end.line is not None and not self.transport.is_closing():
            self._end.line.hear(data)

    def resume_writing(self) -> None:
        if self._end.line is not None:
            self._end.line.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.part(self)
        if not self.lost.done():
            self.lost.set_result(None)

    def brake(self, *, on: bool) -> None:
        """Stop, or go on, reading."""
        if on == self._is_braked or self.transport.is_closing():
            return

        self._is_braked = on
        if on:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
