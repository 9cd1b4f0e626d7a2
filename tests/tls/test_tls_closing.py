"""The end of a TLS connection whose transport accepts nothing more at the moment."""

import asyncio
import contextlib
import ssl
from typing import Any

import pytest

from bc260y_aio.transports.tls import Handshake
from tests.contract.certificates import NAMES, client_context, server_context

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


@pytest.mark.parametrize("data", [b"", b"the last of it"])
async def test_the_rest_and_the_alert_that_shows_that_it_is_all_are_written_though_writing_is_paused(
    data: bytes,
) -> None:
    handshake = Handshake(asyncio.Protocol(), client_context(), NAMES[0], None, 5.0)
    below = Below(handshake.protocol)
    handshake.protocol.connection_made(below)
    await handshake.wait(below)
    handshake.protocol.pause_writing()
    handshake.transport.write(data)
    handshake.transport.close()
    for _ in range(20):
        await asyncio.sleep(0)

    # Without the alert it would raise SSLWantReadError.
    assert b"".join(iter(lambda: below.server.read(100), b"")) == data
    handshake.protocol.connection_lost(None)


async def test_an_application_that_closes_instead_of_reading_what_came_before_the_peers_end_closes() -> None:
    handshake = Handshake(asyncio.Protocol(), client_context(), NAMES[0], None, 5.0)
    below = Below(handshake.protocol)
    handshake.protocol.connection_made(below)
    await handshake.wait(below)
    handshake.transport.pause_reading()
    below.say(b"unread")
    for _ in range(20):
        await asyncio.sleep(0)

    handshake.protocol.eof_received()
    assert not below.is_closed
    handshake.transport.close()
    for _ in range(20):
        await asyncio.sleep(0)

    assert below.is_closed
    handshake.protocol.connection_lost(None)
