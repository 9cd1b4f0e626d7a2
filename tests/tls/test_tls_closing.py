"""The end of a TLS connection whose transport accepts nothing more at the moment."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bc260y_aio.transports.tls import Handshake
from tests.contract.certificates import NAMES, client_context, server_context
from tests.driver.scripted import settle
from tests.driver.test_transports import Recorder

pytestmark = pytest.mark.loops("asyncio", "eager")


class Below(asyncio.Transport):
    """The transport below TLS: what is written to it reaches a TLS server in memory."""

    def __init__(self, above: Any) -> None:
        super().__init__()
        self._above = above
        self._to_server, self._from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = server_context().wrap_bio(self._to_server, self._from_server, server_side=True)
        self.is_closed = False

    def write(self, data: Any) -> None:
        self._to_server.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.server.do_handshake()

        if answer := self._from_server.read():
            asyncio.get_running_loop().call_soon(self._receive, answer)

    def say(self, data: bytes) -> None:
        """Let the server send data, and its end."""
        self.server.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self.server.unwrap()

        self._receive(self._from_server.read())

    def _receive(self, data: bytes) -> None:
        self._above.get_buffer(len(data))[: len(data)] = data
        self._above.buffer_updated(len(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def _force_close(self, exc: BaseException | None) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


@contextlib.asynccontextmanager
async def connected(protocol: Any = None) -> AsyncIterator[tuple[Any, Below]]:
    """Connect to a TLS server; the end of the transport below is reported when the block ends."""
    handshake = Handshake(protocol or asyncio.Protocol(), client_context(), NAMES[0], None, 5.0)
    below = Below(handshake.protocol)
    handshake.protocol.connection_made(below)
    await handshake.wait(below)
    # The server's tickets come after its handshake.
    await settle()
    yield handshake, below
    handshake.protocol.connection_lost(None)


@pytest.mark.parametrize("data", [b"", b"the last of it"])
@pytest.mark.parametrize("paused", ["reading", "writing"])
async def test_the_rest_and_the_alert_that_shows_that_it_is_all_are_written_though_something_is_paused(
    data: bytes, paused: str
) -> None:
    async with connected() as (handshake, below):
        if paused == "reading":
            handshake.transport.pause_reading()
        else:
            handshake.protocol.pause_writing()

        handshake.transport.write(data)
        handshake.transport.close()
        await settle()

        # Without the alert it would raise SSLWantReadError.
        assert b"".join(iter(lambda: below.server.read(100), b"")) == data


async def test_a_reader_that_was_paused_gets_what_came_before_the_peers_end() -> None:
    recorder = Recorder()
    async with connected(recorder) as (handshake, below):
        handshake.transport.pause_reading()
        below.say(b"unread")
        await settle()
        handshake.protocol.eof_received()
        await settle()
        assert recorder.events == ["made"]
        handshake.transport.resume_reading()
        await settle()
        assert recorder.events == ["made", ("data", b"unread"), "eof"]
        assert below.is_closed


async def test_an_application_that_closes_instead_of_reading_what_came_before_the_peers_end_closes() -> None:
    async with connected() as (handshake, below):
        handshake.transport.pause_reading()
        below.say(b"unread")
        await settle()
        handshake.protocol.eof_received()
        assert not below.is_closed
        handshake.transport.close()
        await settle()
        assert below.is_closed
