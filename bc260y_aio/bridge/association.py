"""A UDP association of a SOCKS5 client: datagrams that go over a module (RFC 1928, section 7)."""

import asyncio
import logging
from types import TracebackType
from typing import Any, Final, Self

from ..transports.stream_ends import Opener
from .socks import Datagram

logger = logging.getLogger("bc260y_aio")

# The most data that may wait in the module's transport, in bytes; more is dropped, as a network drops it.
_MOST_WAITING: Final = 16 * 1024


class DatagramRelay:
    """Datagrams of one program, in the form of SOCKS5, over the module; an async context manager."""

    def __init__(self, opener: Opener) -> None:
        """Take what opens connections: a modem."""
        self._opener = opener
        self._remote: Any = None
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._remote, _ = await self._opener.create_datagram_endpoint(lambda: _Remote(self))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._remote.close()
        try:
            await self._closed.wait()
        except BaseException:
            self._remote.abort()
            raise

    def pass_on(self, packet: bytes) -> None:
        """Send a datagram of the program's to its peer."""
        datagram = Datagram.read(packet)
        if datagram is None:
            logger.info("a datagram of %d bytes was dropped: malformed, or a fragment", len(packet))
        elif self._remote.get_write_buffer_size() > _MOST_WAITING:
            logger.info("a datagram was dropped: %d bytes wait", self._remote.get_write_buffer_size())
        else:
            try:
                self._remote.sendto(datagram.data, (datagram.host, datagram.port))
            except (OSError, ValueError) as exc:
                self.failed(exc)

    def deliver(self, packet: bytes) -> None:
        """Pass a datagram of a peer's to the program."""
        raise NotImplementedError

    def failed(self, exc: Exception) -> None:
        """Note that a datagram could not be sent."""
        logger.warning("a datagram of a program was not sent: %s", exc)

    def lost(self) -> None:
        """Note that the module's endpoint has come to its end."""
        self._closed.set()


class Association(DatagramRelay):
    """A UDP socket of this machine, for one client, and the module's datagram endpoint behind it.

    Datagrams are taken from the client's host only, and from the port that it named, or else the first that it uses.
    Fragments are dropped, as the standard allows.

    Attributes:
        address: where the client sends its datagrams; known inside the context.
    """

    address: tuple[str, int]

    def __init__(self, opener: Opener, here: str, client: str, port: int) -> None:
        """Describe an association.

        Args:
            opener: what opens connections: a modem.
            here: the address of this machine that the client has reached.
            client: the client's address.
            port: the port that the client has named; 0 if it did not.
        """
        super().__init__(opener)
        self._here = here
        self._client = client
        self._port = port
        self._local: Any = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._local, _ = await loop.create_datagram_endpoint(lambda: _Local(self), local_addr=(self._here, 0))
        self.address = self._local.get_extra_info("sockname")[:2]
        try:
            return await super().__aenter__()
        except BaseException:
            self._local.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._local.close()
        await super().__aexit__(kind, error, traceback)

    def from_client(self, packet: bytes, address: Any) -> None:
        """Pass a datagram on, if it is the client's."""
        if address[0] == self._client and self._port in (0, address[1]):
            self._port = address[1]
            self.pass_on(packet)

    def deliver(self, packet: bytes) -> None:
        """Pass a datagram of a peer's to the client."""
        if self._port and not self._local.is_closing():
            self._local.sendto(packet, (self._client, self._port))


class _Local(asyncio.DatagramProtocol):
    def __init__(self, association: Association) -> None:
        self._association = association

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._association.from_client(data, addr)


class _Remote(asyncio.DatagramProtocol):
    def __init__(self, relay: DatagramRelay) -> None:
        self._relay = relay

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._relay.deliver(Datagram(addr[0], addr[1], data).encode())

    def error_received(self, exc: Exception) -> None:
        self._relay.failed(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.lost()
