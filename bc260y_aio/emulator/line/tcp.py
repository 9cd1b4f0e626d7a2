"""A line that is a TCP port on the loopback interface, as a serial device server offers it."""

import asyncio
from typing import Final, cast

from .uart import LineEndpoint

_HOST: Final = "127.0.0.1"

# How much is read at a time, in bytes: the commands in it are carried out before anything else, a signal among that.
_READ_SIZE: Final = 4096


class TcpEndpoint(LineEndpoint):
    """The host's endpoint of a line that is a TCP port; one host at a time.

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

    def accept(self, host: "_Host") -> bool:
        """Accept a host unless there is one already; return whether it was accepted."""
        # One that is leaving does not count: a program may well come back at once.
        is_free = self._host is None or self._host.transport.is_closing()
        if not is_free or self._server is None:
            return False

        self._host = host
        assert self.line is not None
        self.line.connected()
        return True

    def release(self, host: "_Host") -> None:
        """A host has disconnected."""
        if self._host is host:
            self._host = None
            if self.line is not None:
                self.line.clear()

    def send(self, data: bytes) -> bool:
        if self._host is None or self._host.transport.is_closing():
            return False

        self._host.transport.write(data)
        return True

    def pause_reading(self) -> None:
        if self._host is not None:
            self._host.pause_reading()

    def resume_reading(self) -> None:
        if self._host is not None:
            self._host.resume_reading()


class _Host(asyncio.BufferedProtocol):
    """A program that has connected."""

    transport: asyncio.Transport

    def __init__(self, endpoint: TcpEndpoint) -> None:
        self._endpoint = endpoint
        self._buffer = memoryview(bytearray(_READ_SIZE))
        self._is_paused = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def held(self) -> int:
        return self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        # So that `resume_writing` is called each time that the system has taken everything.
        self.transport.set_write_buffer_limits(0)
        if not self._endpoint.accept(self):
            self.transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._endpoint.line is not None and not self.transport.is_closing():
            self._endpoint.line.host_wrote(bytes(self._buffer[:nbytes]))

    def resume_writing(self) -> None:
        if self._endpoint.line is not None:
            self._endpoint.line.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        self._endpoint.release(self)
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_reading(self) -> None:
        """Read no more for now."""
        if not self._is_paused and not self.transport.is_closing():
            self._is_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        if self._is_paused and not self.transport.is_closing():
            self._is_paused = False
            self.transport.resume_reading()
