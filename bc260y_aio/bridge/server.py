"""The SOCKS5 server: connections of the module for any program that can use a proxy."""

import asyncio
import errno
import ipaddress
import logging
import socket
from types import TracebackType
from typing import Final, Self

from ..errors import NoFreeConnectID, NotRegistered
from ..sockets.tasks import TaskSet
from ..transports.stream_ends import Opener, StreamEnd
from .association import Association
from .local import LocalStream
from .relay import HIGH_WATER, relay, while_connected
from .socks import NEED_DATA, NO_AUTHENTICATION_REPLY, Associate, Code, Connect, Greeting, Negotiation, Refusal, reply

logger = logging.getLogger("bc260y_aio")

# The port that SOCKS proxies have (RFC 1928).
_PORT: Final = 1080
#: How long a peer must have been silent before the connection of a client that has ended its sending is closed, in
#: seconds: about as long as NB-IoT may take for a reply.
LINGER: Final = 60.0
# How many clients may wait to be accepted, and for how long none is when descriptors have run out, in seconds.
_BACKLOG: Final = 64
_PAUSE: Final = 1.0
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

_CODES: Final = {
    errno.ECONNREFUSED: Code.CONNECTION_REFUSED,
    errno.EHOSTUNREACH: Code.HOST_UNREACHABLE,
    errno.ENETUNREACH: Code.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Code.NETWORK_UNREACHABLE,
    errno.ETIMEDOUT: Code.TTL_EXPIRED,
    errno.EAFNOSUPPORT: Code.ADDRESS_TYPE_NOT_SUPPORTED,
}


class SocksServer:
    """A SOCKS5 proxy on this machine whose connections go over a module; an async context manager.

        async with Modem("/dev/ttyUSB0") as modem, SocksServer(modem):
            ...  # curl --socks5-hostname 127.0.0.1:1080 http://example.com/

    It connects by TCP, and passes UDP datagrams on: to names, which the module resolves, and to IPv4 and IPv6
    addresses, which the module's network may refuse. It has no authentication: every program that
    reaches its port can use the module.

    Unlike a proxy on a kernel's sockets, it cannot close one direction of a connection only. When a client has ended
    its sending and may still read, the peer is not notified: its data is passed on until it closes, or has
    acknowledged everything and been silent for ``linger`` seconds. Then the connection is closed, and its connectID is
    free for another client. Whether a client on this machine has closed its socket is known on Linux only.

    UDP datagrams are carried by UDP ASSOCIATE, for as long as the client's connection stands: each peer takes a
    connectID, see :class:`bc260y_aio.transports.UnconnectedDatagramTransport`.
    """

    def __init__(
        self,
        modem: Opener,
        host: str = "127.0.0.1",
        port: int = _PORT,
        *,
        handshake_timeout: float = 10.0,
        linger: float = LINGER,
        max_clients: int = 64,
    ) -> None:
        """Describe a proxy; it does not listen yet.

        Args:
            modem: what opens connections.
            host: the address to listen on, in digits, or ``"localhost"``. Every program that reaches it can use the
                module.
            port: the port to listen on; 0 for any that is free.
            handshake_timeout: how long a client may take for its request, in seconds.
            linger: for how long a peer must have been silent before the connection of a client that has ended its
                sending, and may still read, is closed, in seconds.
            max_clients: how many clients there may be at once; further ones are refused. Clients without a
                connectID wait for one, as long as the modem allows.

        Raises:
            ValueError: the host is a name, or a number is out of range.
        """
        self._address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if not 0 <= port <= 65535 or max_clients < 1 or handshake_timeout <= 0 or linger < 0:
            raise ValueError("port, max_clients, handshake_timeout or linger is out of range")

        self._opener = modem
        self._port = port
        self._handshake_timeout = handshake_timeout
        self._linger = linger
        self._max_clients = max_clients
        self._listener: socket.socket | None = None
        self._resuming: asyncio.TimerHandle | None = None
        self._clients = TaskSet("socks")
        self._number = 0

    def __repr__(self) -> str:
        state = "closed" if self._listener is None else f"listening clients={len(self._clients)}"
        return f"<SocksServer {self._address}:{self.port} {state}>"

    @property
    def port(self) -> int:
        """The port that it listens on, or is to listen on."""
        number: int = self._port if self._listener is None else self._listener.getsockname()[1]
        return number

    # From start to close

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is not this machine's, or the port is in use.
            RuntimeError: it listens already.
        """
        if self._listener is not None:
            raise RuntimeError(f"{self!r} listens already")

        if not self._address.is_loopback:
            logger.warning(
                "the SOCKS server listens on %s: every program that reaches it can use the module", self._address
            )

        family = socket.AF_INET if self._address.version == 4 else socket.AF_INET6
        self._listener = socket.create_server((str(self._address), self._port), family=family, backlog=_BACKLOG)
        self._listener.setblocking(False)
        self._resume()

    async def close(self) -> None:
        """Stop listening, and reset open connections. Closing twice is harmless."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._pause(listener)
            listener.close()

        await self._clients.wait_all(0.0)

    # Accepting

    def _resume(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def _pause(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(listener)
        if self._resuming is not None:
            self._resuming.cancel()

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError as exc:
            if exc.errno in _EXHAUSTED:
                logger.warning("%r: no client can be accepted: %s", self, exc)
                self._pause(listener)
                self._resuming = asyncio.get_running_loop().call_later(_PAUSE, self._resume)

            return

        if len(self._clients) >= self._max_clients:
            logger.warning("%r: a client was refused: there are %d", self, self._max_clients)
            client.close()
            return

        self._number += 1
        self._clients.spawn(self._serve(LocalStream(client), self._number), f"client {self._number}")

    # One client

    async def _serve(self, client: LocalStream, number: int) -> None:
        try:
            request = await self._negotiate(client, number)
            match request:
                case Connect():
                    if (end := await self._connect(client, request, number)) is not None:
                        await relay(client, end, linger=self._linger)
                case Associate():
                    await self._associate(client, request, number)
        finally:
            client.close()

    async def _negotiate(self, client: LocalStream, number: int) -> Connect | Associate | None:
        """Return the request of a client; None if it sends none that can be served."""
        negotiation = Negotiation()
        try:
            async with asyncio.timeout(self._handshake_timeout):
                while True:
                    match negotiation.next_event():
                        case Greeting():
                            await client.send(NO_AUTHENTICATION_REPLY)
                        case Connect() | Associate() as request:
                            client.unread(negotiation.trailing_data)
                            return request
                        case Refusal(answer=answer, reason=reason):
                            logger.info("SOCKS client %d is refused: %s", number, reason)
                            await client.send(answer)
                            await client.finish()
                            return None
                        case event if event is NEED_DATA:
                            if not (data := await client.receive()):
                                return None

                            negotiation.receive_data(data)
        except TimeoutError:
            logger.info("SOCKS client %d sent no request in time", number)
            return None

    async def _connect(self, client: LocalStream, request: Connect, number: int) -> StreamEnd | None:
        """Connect a client, and reply; return None if that fails or the client has closed."""
        end = StreamEnd(HIGH_WATER)
        try:
            if await while_connected(client, self._opener.create_connection(lambda: end, request.host, request.port)):
                bound = end.transport.get_extra_info("sockname")
                await client.send(reply(Code.SUCCEEDED, ("0.0.0.0", bound[1])))
                return end

            logger.info("SOCKS client %d went away while it was being connected", number)
        except (OSError, ValueError) as exc:
            logger.info("SOCKS client %d cannot be connected to %s:%d: %s", number, request.host, request.port, exc)
            await client.send(reply(reply_code(exc)))
            await client.finish()
        except BaseException:
            end.abort()
            raise

        return None

    async def _associate(self, client: LocalStream, request: Associate, number: int) -> None:
        """Pass datagrams on for a client, until it closes its connection."""
        try:
            async with Association(self._opener, client.sockname[0], client.peername[0], request.port) as association:
                await client.send(reply(Code.SUCCEEDED, association.address))
                while await client.receive():
                    # The client only closes it.
                    continue
        except OSError as exc:
            logger.info("SOCKS client %d gets no UDP association: %s", number, exc)
            await client.send(reply(reply_code(exc)))
            await client.finish()


def reply_code(exc: Exception) -> Code:
    """Return the reply to a client whose connection failed."""
    match exc:
        case NoFreeConnectID():
            return Code.GENERAL_FAILURE
        case NotRegistered():
            return Code.NETWORK_UNREACHABLE
        case socket.gaierror():
            return Code.HOST_UNREACHABLE
        case OSError(errno=number) if number in _CODES:
            return _CODES[number]
        case TimeoutError():
            return Code.TTL_EXPIRED
        case _:
            return Code.GENERAL_FAILURE
