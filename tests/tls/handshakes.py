"""TLS handshakes between two SSL objects in memory."""

import contextlib
import ssl
from collections.abc import Callable
from typing import Any

from tests.contract.certificates import NAMES


class Handshake:
    """One connection of a client to a server, both in memory, with the bytes that its handshake cost.

    Attributes:
        client: the client's end.
        sent: the client's bytes up to the end of the handshake.
        received: the server's.
    """

    def __init__(
        self,
        client: ssl.SSLContext,
        server: ssl.SSLContext,
        session: ssl.SSLSession | None = None,
        name: str = NAMES[0],
    ) -> None:
        """Run the handshake."""
        self._to_client, self._to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        from_client, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._from_server = from_server
        self.client = client.wrap_bio(self._to_client, from_client, server_hostname=name)
        self._server = server.wrap_bio(self._to_server, from_server, server_side=True)
        if session is not None:
            self.client.session = session

        self.sent = self.received = 0
        for _ in range(4):
            _go_on(self.client.do_handshake)
            self.sent += self._to_server.write(from_client.read())
            _go_on(self._server.do_handshake)
            self.received += self._to_client.write(from_server.read())

    def answer(self, data: bytes = b"answer") -> bytes:
        """Let the server write; what the client reads brings the tickets of TLS 1.3 with it."""
        self._server.write(data)
        self._to_client.write(self._from_server.read())
        return self.client.read(len(data))


def _go_on(step: Callable[[], Any]) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):
        step()
