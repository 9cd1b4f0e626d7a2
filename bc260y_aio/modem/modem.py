"""The modem: its options, and the public API of its lifecycle, connections and services."""

import asyncio
import inspect
import logging
import os
from collections.abc import AsyncGenerator, Callable
from typing import Any, Self

from ..at.responses import Response
from ..capture import Capture
from ..errors import BC260YError
from ..line.profile import Profile
from ..routing import Match, Route, Scope
from ..sockets.dataformat import Mode, PayloadFormats
from ..tls import TlsSessions
from ..tracing import Callback
from .core import Options
from .lifecycle import Lifecycle
from .radio import RadioStatus
from .services import Services

logger = logging.getLogger("bc260y_aio")


class Modem(Lifecycle, Services, RadioStatus):
    """A BC260Y-CN module on a serial port; an async context manager.

    It has the event loop's methods, with their names, arguments, results and exceptions: what is opened here goes over
    the module's sockets rather than the host's. It may be opened again after it was closed or lost.

        async with bc260y_aio.Modem("/dev/ttyUSB0") as modem:
            reader, writer = await modem.open_connection("example.com", 7)
    """

    def __init__(
        self,
        port: str | os.PathLike[str],
        *,
        baudrate: int | None = None,
        data_format: Mode = "hex",
        profile: Profile | str | os.PathLike[str] | None = None,
        sockets: int | None = None,
        receive_limit: int = 256 * 1024,
        open_timeout: float | None = None,
        registration_timeout: float = 180.0,
        connect_id_timeout: float = 90.0,
        close_timeout: float = 60.0,
        recovery_timeout: float = 60.0,
        command_gap: float | None = None,
        nvram_gap: float | None = None,
        wait_for_local_port: bool = True,
        restore_data_format: bool = False,
        rai_on_close: bool = False,
        adopt_udp: bool = False,
        datagram_rejoin: bool = False,
        tls_sessions: TlsSessions | None = None,
    ) -> None:
        """Describe a modem; nothing is opened yet.

        Args:
            port: a device path, ``socket://host:port``, any pyserial URL with a file descriptor, or ``emulator://``
                with options as a query for a module that is emulated in this process.
            baudrate: the rate of the serial port; None probes the usual ones.
            data_format: ``"hex"`` carries any bytes. ``"text"`` takes half the wire, and refuses what is not printable
                ASCII. ``"auto"`` receives hex and sends text where a run of payload allows it.
            profile: how the module differs from the guide, or the file with that, as ``bc260y-aio doctor --save``
                writes it. None: no difference is known.
            sockets: how many sockets the module has; by default what the profile says, 5.
            receive_limit: how many bytes may wait for a reader, per socket.
            open_timeout: how long to look for a module that answers, in seconds; by default half as long again as the
                profile says that it takes to start: 15.
            registration_timeout: how long the first socket may wait for the module to register, in seconds; a cold
                start takes up to three minutes.
            connect_id_timeout: how long a connection may wait for a free connectID, in seconds, while no connection
                that is being closed makes progress; longer than ``close_timeout``, so that it outlasts such a close.
            close_timeout: how long a close waits while the module takes nothing more, and the peer acknowledges nothing
                more, in seconds; an NB-IoT network delays data by up to half a minute.
            recovery_timeout: after how long without any answer a module is taken for lost, in seconds.
            command_gap: the least time between an answer and the next command, in seconds; by default what the profile
                says, 0.
            nvram_gap: the same after a command that writes NVRAM; by default what the profile says, 0.05.
            wait_for_local_port: wait for a local port that was closed less than 70 s ago, rather than fail.
            restore_data_format: at close, set the payload formats back to what was found. This writes the NVRAM.
            rai_on_close: let the last chunk before a close carry :attr:`RAI.NO_FURTHER_DATA`. Packets of TCP follow
                that, so with firmware R02A01 the release of the radio is asked for after the close of the last
                connection (AT+QNBIOTRAI) instead; closing the modem may wait a round trip for it.
            adopt_udp: leave the UDP sockets that an earlier program left open; the first endpoint opened to the same
                peer adopts one. All others are closed.
            datagram_rejoin: join a datagram of more than 1024 bytes that the module pushed in parts: a push of exactly
                1024 bytes and what follows it at once. By default it is not joined, for two datagrams, of which the
                first is just as long, look the same; and a datagram of 1024 bytes then waits for what might follow.
            tls_sessions: where TLS sessions are kept, so that the next handshake with a peer is short; by default, in a
                store of its own. ``TlsSessions(0)`` keeps none; ``TlsSessions(narrowband=True)`` makes handshakes
                smaller.

        Raises:
            TypeError: the port is neither a string nor a path.
            ValueError: an argument is out of range, or not what the module can do; or the port is empty.
            OSError: the profile's file cannot be read.
        """
        self._port_url, self._baudrate = _port_url(port), baudrate
        options = Options(
            profile=(known := Profile.of(profile, sockets=sockets, command_gap=command_gap, nvram_gap=nvram_gap)),
            receive_limit=receive_limit,
            open_timeout=known.open_timeout if open_timeout is None else open_timeout,
            registration_timeout=registration_timeout,
            connect_id_timeout=connect_id_timeout,
            close_timeout=close_timeout,
            recovery_timeout=recovery_timeout,
            wait_for_local_port=wait_for_local_port,
            restore_data_format=restore_data_format,
            rai_on_close=rai_on_close,
            adopt_udp=adopt_udp,
            datagram_rejoin=datagram_rejoin,
            tls_sessions=TlsSessions() if tls_sessions is None else tls_sessions,
        )
        super().__init__(_line_name(self._port_url), options, PayloadFormats(data_format, known.payload_format))

    def __repr__(self) -> str:
        channel = self._opened
        state = "closed" if channel is None else f"lost: {channel.error}" if channel.error is not None else "open"
        return f"<Modem {self._port_url} {state} sockets={len(self._ids.taken)}/{self._profile.sockets}>"

    @property
    def name(self) -> str:
        """The name in its tasks and log lines: the end of the port's name."""
        return _line_name(self._port_url)

    @property
    def port(self) -> str:
        """The port, as it was given."""
        return self._port_url

    @property
    def baudrate(self) -> int | None:
        """The rate of the line, or None where there is none or the modem is not open."""
        return self._opened.port.baudrate if self._opened is not None else None

    @classmethod
    async def reconnecting(
        cls, port: str | os.PathLike[str], *, first_pause: float = 1.0, longest_pause: float = 60.0, **options: Any
    ) -> AsyncGenerator[Self, None]:
        """Yield an opened modem, and again after each loss: for programs that run for months.

            async for modem in bc260y_aio.Modem.reconnecting("/dev/ttyUSB0"):
                try:
                    ...
                except OSError:
                    continue

        The modem is closed when the loop comes round. A port that is not there, a module that does not answer, and a
        body that ends early are tried again after a pause that doubles each time. A body that lasted as long as the
        longest pause is repeated at once, and the next pause is the first one again.

        Args:
            port: as for :class:`Modem`.
            first_pause: the first pause between attempts, in seconds.
            longest_pause: the longest, in seconds.
            **options: as for :class:`Modem`.

        Raises:
            ValueError: an argument is out of range.
        """
        pause = rest = first_pause
        while True:
            modem = cls(port, **options)
            try:
                await modem.open()
            except BC260YError as exc:
                logger.warning("%s: %s; trying again in %.1f s", port, exc, pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest_pause)
                continue

            pause = first_pause
            began = asyncio.get_running_loop().time()
            try:
                yield modem
            finally:
                await modem.close()

            lasted = asyncio.get_running_loop().time() - began
            if lasted >= longest_pause:
                rest = first_pause
            else:
                await asyncio.sleep(rest)
                rest = min(2 * rest, longest_pause)

    def check_datagram(self, data: bytes) -> None:
        """Check that data can be sent as one datagram: up to 512 bytes with hex, up to 1024 with text.

        Raises:
            OSError: EMSGSIZE, it is too long.
            ValueError: the data format is ``"text"``, and the data holds bytes outside 0x20..0x7E.
        """
        self._formats.check_datagram(data)

    def capture(self, path: str | os.PathLike[str], *, tls_keys: str | os.PathLike[str] | None = None) -> Capture:
        """Write what the sockets send and receive to a pcapng file, which Wireshark opens, from now until it is closed.

            with modem.capture("session.pcapng"):
                ...

        Args:
            path: the file, for its owner only; an existing file is replaced, a symbolic link is not followed.
            tls_keys: a file to which the TLS clients of this modem write their secrets (SSLKEYLOGFILE); they become
                part of the capture, which shows what was encrypted.

        Raises:
            OSError: a file cannot be created.
        """
        capture = Capture(path, tls_keys=tls_keys)
        if tls_keys is not None:
            self.tls_sessions.keylog_filename = os.fspath(tls_keys)

        capture.on_close = self.trace(capture, payload=True)
        return capture

    # asyncio's own calls

    def route(self, match: Match | None = None, scope: Scope = "context", *, exclusive: bool = False) -> Route:
        """Send asyncio's own calls over the modem inside a ``with`` block, so that clients need not know of it.

        That is ``asyncio.open_connection``, ``loop.create_connection`` (with ``sock=`` after ``loop.sock_connect``
        too), ``create_datagram_endpoint``, ``getaddrinfo``, ``getnameinfo``, ``sock_connect``, ``start_tls`` and
        ``sendfile``. Inside the block, and in the tasks that are started there until it ends; elsewhere nothing
        changes. Where blocks are nested, the inner one is asked first, and the outer one for what that does not take.
        Listening sockets stay on the host.

            with modem.route():
                reader, writer = await asyncio.open_connection("example.com", 7)

        Args:
            match: returns whether a host and a port go over the modem; it is called with ``("0.0.0.0", 0)`` for
                datagrams to peers not known yet. By default everything does but this machine's own addresses, for no
                radio leads there.
            scope: ``"loop"`` takes in everything that runs on the loop: tasks and pools made before the block,
                callbacks from other threads.
            exclusive: while the block runs, refuse, on the whole loop, what would go over the host's network:
                connections fail with ENETUNREACH, and names do not resolve.

        Raises:
            ValueError: there is no such scope.
        """
        return Route(self, match, scope, exclusive=exclusive)

    # URCs and tracing

    def subscribe(self, callback: Callable[[Response], None], *kinds: type[Response]) -> Callable[[], None]:
        """Call back for every URC of these kinds except received data, and return a function that unsubscribes.

        Args:
            callback: gets the URC, a value of a class of :mod:`bc260y_aio.at.urcs`. It must not block.
            kinds: those classes; all URCs when there are none.

        Raises:
            TypeError: the callback is a coroutine function, which nothing would await.
            ModemClosed: the modem is not open.
        """
        if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(type(callback).__call__):
            raise TypeError("subscribe() needs a plain function: create a task in it, or put the URC into a queue")

        return self._channel.subscribe(callback, *kinds)

    def trace(self, callback: Callback, *, payload: bool = False) -> Callable[[], None]:
        """Call back for everything that happens from now on, even before :meth:`open`; return what ends that.

        Args:
            callback: gets the event, a value of a class of :mod:`bc260y_aio.tracing`. It must not block.
            payload: show in events the data sent and received. IMEI, IMSI and ICCID are masked elsewhere in any case.
        """
        return self._trace.add(callback, payload=payload)


def _port_url(port: str | os.PathLike[str]) -> str:
    """Return a port as a URL or a device path."""
    url = os.fspath(port) if isinstance(port, str | os.PathLike) else port
    if not isinstance(url, str):
        raise TypeError(f"port must be a string or a path such as '/dev/ttyUSB0', not {type(port).__name__}")

    if not url.strip():
        raise ValueError("port is empty: name a device path, socket://host:port or emulator://")

    return url


def _line_name(url: str) -> str:
    """Return what tasks and log lines call a port: the end of its name."""
    return url.partition("?")[0].rstrip("/").rpartition("/")[2].rstrip(":") or "modem"
