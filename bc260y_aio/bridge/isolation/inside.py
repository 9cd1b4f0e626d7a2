"""The process inside the namespaces: it runs the program, and hands its connections to the process with the modem.

The program's only interface is a TUN device. Behind it is the TCP stack of mitmproxy_rs, which gives each connection of
the program, and each of its datagram peers, as a stream. Here they become sockets that the other process serves; names
are answered here.
"""

import asyncio
import contextlib
import errno
import itertools
import os
import re
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ..held import find, has_ended
from ..socks import Datagram
from . import namespaces, sock_diag
from .control import Control
from .dns import INTERFACE, MASK, NAME_SERVER, Names

# How much is read from a program at a time, in bytes; a datagram is never longer.
_READ_SIZE: Final = 16 * 1024
# The kernel's buffer for data on its way to the other process, in bytes; Linux doubles it.
_BUFFER_SIZE: Final = 8 * 1024
# How often to look whether the programs still have their sockets, in seconds.
_INTERVAL: Final = 0.25
_FIRST_PAUSE: Final = 0.01
# How long the connection of a program that has ended may take to come here, in seconds.
_ARRIVAL: Final = 10.0
# A peer without a datagram either way for so long is forgotten, in seconds.
_IDLE: Final = 300.0

_DNS: Final = (NAME_SERVER, 53)
_TUN: Final = "/dev/net/tun"
_UDP_TABLE: Final = "/proc/self/net/udp"

# The exit statuses of a shell for a missing command, and for one that cannot be run.
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126

Address = tuple[str, int]


def run(control: Control, command: list[str]) -> None:
    """Run a program in namespaces of its own; this process ends with it. It must have one thread."""
    try:
        asyncio.run(_Inside(control).run(command))
    except (OSError, RuntimeError, ImportError) as exc:
        # Its library adds a stack trace.
        text = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
        control.send({"failed": text.partition("\n\nStack")[0]})
        os._exit(1)
    except KeyboardInterrupt:
        # Control-C before the program runs: the other process reports it.
        os._exit(1)

    # Its library's threads do not survive the interpreter's end (mitmproxy_rs 0.11.1 and 0.12.15: a crash).
    os._exit(0)


class _Inside:
    def __init__(self, control: Control) -> None:
        self._control = control
        self._names = Names()
        self._numbers = itertools.count()
        self._lost: set[int] = set()
        self._streams: dict[int, tuple[Address, Address]] = {}
        self._sources: dict[Address, _Source] = {}
        self._has_sources = asyncio.Event()
        self._is_over = False
        self._may_run = asyncio.Event()
        self._orphaned = asyncio.Event()

    async def run(self, command: list[str]) -> None:
        namespaces.enter()
        namespaces.bring_up("lo")
        with tempfile.TemporaryDirectory() as folder:
            _answer_names_here(Path(folder))

        device = await self._make_device()
        loop = asyncio.get_running_loop()
        self._control.setblocking(False)
        loop.add_reader(self._control, self._read_control)
        self._control.send({"ready": True, "resets": sock_diag.can_destroy()})
        looking = asyncio.create_task(self._look_for_sockets())
        try:
            await self._may_run.wait()
            if not self._orphaned.is_set():
                await self._run_command(command)
                await self._until_flushed()
        finally:
            looking.cancel()
            loop.remove_reader(self._control)
            device.close()
            self._close_sources()

    async def _make_device(self) -> Any:
        from mitmproxy_rs import tun

        _check_device()
        device = await tun.create_tun_interface(self._serve_stream, self._serve_datagrams)
        name = device.tun_name()
        namespaces.set_address(name, INTERFACE, MASK)
        namespaces.bring_up(name)
        namespaces.add_default_route(name)
        return device

    def _read_control(self) -> None:
        while True:
            try:
                received = self._control.receive()
            except BlockingIOError:
                return

            if received is None:
                asyncio.get_running_loop().remove_reader(self._control)
                self._orphaned.set()
                self._may_run.set()
                return

            match received[0]:
                case {"run": _}:
                    self._may_run.set()
                case {"lost": int(number)}:
                    self._lost.add(number)

    # The program

    async def _run_command(self, command: list[str]) -> None:
        loop = asyncio.get_running_loop()
        try:
            process = await asyncio.create_subprocess_exec(*command)
        except FileNotFoundError:
            self._control.send({"failed": f"{command[0]}: no such command", "status": _NOT_FOUND})
            return
        except OSError as exc:
            self._control.send({"failed": f"{command[0]}: {exc.strerror}", "status": _NOT_EXECUTABLE})
            return

        # The terminal's own signals reach the program without us.
        for number in (signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, lambda: None)

        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, process.send_signal, number)

        ended = asyncio.create_task(process.wait())
        orphaned = asyncio.create_task(self._orphaned.wait())
        await asyncio.wait((ended, orphaned), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            process.send_signal(signal.SIGHUP)

        self._control.send({"ended": await ended})
        orphaned.cancel()

    async def _until_flushed(self) -> None:
        """Wait until everything that programs wrote before they ended is on its way."""
        clock = asyncio.get_running_loop().time
        pause, arrived = _FIRST_PAUSE, clock() + _ARRIVAL
        while not self._orphaned.is_set():
            is_passed_on = all(find(*ends) for ends in self._streams.values())
            # The TCP stack takes a connection, and all its data, before it is known here.
            if is_passed_on and (clock() >= arrived or not has_ended(INTERFACE)):
                break

            await asyncio.sleep(pause)
            pause = min(2 * pause, _INTERVAL)

    # Streams

    async def _serve_stream(self, stream: Any) -> None:
        source, target = stream.get_extra_info("peername"), stream.get_extra_info("sockname")
        if target == _DNS:
            await self._serve_names(stream)
            return

        host, number = self._names.host_of(target[0]), next(self._numbers)
        ours, theirs = _pair(socket.SOCK_STREAM)
        with ours:
            with theirs:
                if host is not None:
                    self._control.send({"stream": number, "host": host, "port": target[1]}, theirs.fileno())
                else:
                    self._lost.add(number)

            self._streams[number] = source, target
            try:
                await self._carry(stream, ours, number)
            finally:
                del self._streams[number]
                self._lost.discard(number)
                stream.close()

    async def _carry(self, stream: Any, ours: socket.socket, number: int) -> None:
        upload = asyncio.create_task(_upload(stream, ours, lambda: find(*self._streams[number]) is not False))
        download = asyncio.create_task(_download(stream, ours))
        await asyncio.wait((upload, download), return_when=asyncio.FIRST_COMPLETED)
        for task in (upload, download):
            task.cancel()

        await asyncio.gather(upload, download, return_exceptions=True)
        # Data that the other process sent before it closed the socket.
        self._read_control()
        if number in self._lost:
            with contextlib.suppress(OSError):
                sock_diag.destroy(*self._streams[number])

    async def _serve_names(self, stream: Any) -> None:
        waiting = b""
        with contextlib.suppress(OSError):
            while data := await stream.read(_READ_SIZE):
                waiting += data
                while len(waiting) >= 2 and len(waiting) >= (end := 2 + int.from_bytes(waiting[:2])):
                    answer = self._names.answer(waiting[2:end]) or b""
                    waiting = waiting[end:]
                    stream.write(len(answer).to_bytes(2) + answer)
                    await stream.drain()

        stream.close()

    # Datagrams

    async def _serve_datagrams(self, stream: Any) -> None:
        source, target = stream.get_extra_info("peername"), stream.get_extra_info("sockname")
        host = self._names.host_of(target[0])
        while not stream.is_closing():
            data = await stream.read(_READ_SIZE)
            if target == _DNS:
                if (answer := self._names.answer(data)) is not None:
                    stream.write(answer)
                    await stream.drain()
            elif host is not None and data and not self._is_over:
                self._source(source).send(Datagram(host, target[1], data), stream)

    def _source(self, address: Address) -> "_Source":
        found = self._sources.get(address)
        if found is None:
            ours, theirs = _pair(socket.SOCK_SEQPACKET)
            with theirs:
                self._control.send({"datagrams": next(self._numbers)}, theirs.fileno())

            found = self._sources[address] = _Source(ours)
            self._has_sources.set()

        return found

    async def _look_for_sockets(self) -> None:
        """Close the datagram sockets of programs that have closed theirs, or have been silent for long."""
        clock = asyncio.get_running_loop().time
        while True:
            if not self._sources:
                self._has_sources.clear()
                await self._has_sources.wait()

            await asyncio.sleep(_INTERVAL)
            ports = _udp_ports()
            for address, source in tuple(self._sources.items()):
                if address[1] not in ports or clock() - source.used_at > _IDLE:
                    del self._sources[address]
                    source.close()

    def _close_sources(self) -> None:
        """Close the datagram sockets of all programs, and make no more."""
        self._is_over = True
        while self._sources:
            _, source = self._sources.popitem()
            source.close()


class _Source:
    """A datagram socket of a program, and its peers."""

    def __init__(self, ours: socket.socket) -> None:
        self._sock = ours
        self._loop = asyncio.get_running_loop()
        self._streams: dict[tuple[str, int], Any] = {}
        self.used_at = self._loop.time()
        ours.setblocking(False)
        self._loop.add_reader(ours, self._receive)

    def send(self, datagram: Datagram, stream: Any) -> None:
        """Send a datagram; it is lost if the buffer is full."""
        self.used_at = self._loop.time()
        self._streams[datagram.host, datagram.port] = stream
        with contextlib.suppress(OSError):
            self._sock.send(datagram.encode())

    def _receive(self) -> None:
        try:
            packet = self._sock.recv(_READ_SIZE)
        except OSError:
            packet = b""

        if not packet:
            self._loop.remove_reader(self._sock)
            return

        self.used_at = self._loop.time()
        datagram = Datagram.read(packet)
        stream = self._streams.get((datagram.host, datagram.port)) if datagram is not None else None
        if datagram is not None and stream is not None and not stream.is_closing():
            stream.write(datagram.data)

    def close(self) -> None:
        """Close."""
        self._loop.remove_reader(self._sock)
        self._sock.close()


async def _upload(stream: Any, ours: socket.socket, is_held: Callable[[], bool]) -> None:
    """Pass on what the program sends; return when it has closed its socket."""
    loop = asyncio.get_running_loop()
    while data := await stream.read(_READ_SIZE):
        await loop.sock_sendall(ours, data)

    # It may still read.
    with contextlib.suppress(OSError):
        ours.shutdown(socket.SHUT_WR)

    # The system's table has no event to wait for.
    while is_held():  # noqa: ASYNC110
        await asyncio.sleep(_INTERVAL)


async def _download(stream: Any, ours: socket.socket) -> None:
    """Pass on what the peer sends; return at its end."""
    loop = asyncio.get_running_loop()
    is_open = True
    with contextlib.suppress(OSError):
        while is_open:
            turn = _Turn(stream, ours, loop.create_future())
            loop.add_reader(ours, turn.receive)
            try:
                is_open = await turn.over
            finally:
                loop.remove_reader(ours)

            # It wakes a thread, and that wakes the loop: not for every piece.
            await stream.drain()


class _Turn:
    """Passes on up to 16 KiB of what the peer sends, by a callback: one wake-up for each piece.

    Attributes:
        over: results in whether there is more to come.
    """

    def __init__(self, stream: Any, ours: socket.socket, over: "asyncio.Future[bool]") -> None:
        self._stream = stream
        self._sock = ours
        self._left = _READ_SIZE
        self.over = over

    def receive(self) -> None:
        if self.over.done():
            return

        try:
            data = self._sock.recv(_READ_SIZE)
            if data:
                self._stream.write(data)
        except BlockingIOError:
            return
        except OSError as exc:
            self.over.set_exception(exc)
            return

        self._left -= len(data)
        if not data or self._left <= 0:
            self.over.set_result(bool(data))


def _check_device() -> None:
    if not os.access(_TUN, os.R_OK | os.W_OK):
        number = errno.EACCES if os.path.exists(_TUN) else errno.ENOENT
        raise OSError(number, f"{_TUN}: {os.strerror(number)}; it makes the program's only network")


def _pair(kind: socket.SocketKind) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    for one in (ours, theirs):
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_SIZE)

    return ours, theirs


def _udp_ports() -> set[int]:
    """Return the local ports of the UDP sockets that programs have."""
    lines = Path(_UDP_TABLE).read_text().splitlines()[1:]
    return {int(line.split()[1].partition(":")[2], 16) for line in lines}


def _answer_names_here(folder: Path) -> None:
    """Let the C library ask our name server, and nothing else that may ask for it outside of the namespaces."""
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {NAME_SERVER}\n")
    try:
        namespaces.bind_over("/etc/resolv.conf", str(resolver))
    except OSError as exc:
        raise OSError(exc.errno, f"/etc/resolv.conf must be there, to be replaced inside: {exc.strerror}") from exc

    switch = Path("/etc/nsswitch.conf")
    if switch.exists():
        replaced = folder / "nsswitch.conf"
        replaced.write_text(re.sub(r"(?m)^hosts:.*$", "hosts: files dns", switch.read_text()))
        namespaces.bind_over(str(switch), str(replaced))

    # Daemons of the host that resolve for every program that can reach their socket.
    for path in ("/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve", "/run/avahi-daemon/socket"):
        if os.path.exists(path):
            namespaces.bind_over(path, os.devnull)
