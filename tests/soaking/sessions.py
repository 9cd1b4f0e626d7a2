"""Sessions: what one connection carries, from its open to its end, checked at both ends."""

import asyncio
import contextlib
import enum
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, cast

from bc260y_aio import DatagramEndpoint, Modem, ModemTransport
from bc260y_aio.at.responses import Response
from bc260y_aio.at.urcs import PeerClosed
from bc260y_aio.emulator import PeerConnection
from tests.soaking.records import ALIVE, DOWN, HEADER, UP, Log, Violation, datagrams, record, records

HOST: Final = "soak.example"
PORT: Final = 7

# A session that has not ended after this long is stuck, in seconds of the loop's clock.
STUCK: Final = 7200.0
# The interval of a stream's keepalive, and how long to wait for the last datagrams, in seconds.
_KEEPALIVE: Final = 60.0
_QUIET: Final = 15.0
_DATAGRAM: Final = 512
# How many records are written at a time, at most.
_BATCH: Final = 200


class Kind(enum.Enum):
    """The kind of a session."""

    UPLOAD = "TCP upload"
    CHECKED_UPLOAD = "TCP upload, acknowledged"
    ECHO = "TCP echo"
    DOWNLOAD = "TCP download"
    UNREAD = "TCP download that nobody reads"
    REPORTS = "UDP reports"
    PINGS = "UDP echo"

    @property
    def is_stream(self) -> bool:
        return self not in (Kind.REPORTS, Kind.PINGS)


@dataclass
class Session:
    """One connection.

    Attributes:
        socket: which of the five it is.
        number: its number.
        kind: what it does.
        size: how many records it carries in each direction.
        up: what has arrived at the peer.
        down: what has arrived here.
        error: the exception that the program got; None without one.
        has_eof: EOF arrived before all data, or while this end closed.
    """

    socket: int
    number: int
    kind: Kind
    size: int
    error: BaseException | None = None
    has_eof: bool = False
    written: int = 0
    up: Log = field(init=False)
    down: Log = field(init=False)

    def __post_init__(self) -> None:
        self.up = Log(self.socket, UP, self.number, is_stream=self.kind.is_stream)
        # An echo brings back what went up.
        way = DOWN if self.kind in (Kind.DOWNLOAD, Kind.UNREAD) else UP
        self.down = Log(self.socket, way, self.number, is_stream=self.kind.is_stream)

    @property
    def expected(self) -> tuple[int, int]:
        """How many records must have arrived at the peer, and here, if no error was reported."""
        match self.kind:
            case Kind.UPLOAD | Kind.CHECKED_UPLOAD:
                return self.size, 0
            case Kind.ECHO:
                return self.size, self.size
            case Kind.DOWNLOAD:
                return 1, self.size
            case _:
                return 0, 0


class World:
    """Shared code of all sessions: the peer, which checks what arrives there, and the counts.

    Attributes:
        verified: how many records have arrived, in either direction, and were right.
        bytes: how many bytes of them.
        violations: what was lost, repeated or forged.
        sessions: how many sessions there were, by kind.
        ends: how many sessions ended early, by cause.
    """

    def __init__(self) -> None:
        self._open: dict[int, Session] = {}
        self._numbers = 0
        self.verified = 0
        self.bytes = 0
        self.violations: list[Violation] = []
        self.sessions: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.datagrams_missing = 0

    def begin(self, socket: int, kind: Kind, size: int) -> Session:
        """Begin a session."""
        self._numbers += 1
        self.sessions[kind.value] += 1
        session = self._open[self._numbers] = Session(socket, self._numbers, kind, size)
        return session

    def feed(self, log: Log, data: bytes) -> None:
        """Check data that has arrived at either end."""
        self.bytes += len(data)
        try:
            self.verified += log.feed(data)
        except Violation as exc:
            self.violations.append(exc)
            raise ConnectionError(str(exc)) from exc

    def finish(self, session: Session) -> None:
        """Check a session that is over."""
        # Data that is still on its way to the peer is checked when it arrives. Only the latest sessions are kept.
        self._open.pop(session.number - 100, None)
        is_reported = session.error is not None or (session.has_eof and session.kind is not Kind.CHECKED_UPLOAD)
        for log, expected in zip((session.up, session.down), session.expected, strict=True):
            with contextlib.suppress(ConnectionError):
                self._end(log)

            if session.kind.is_stream and not is_reported and log.count != expected:
                what = f"{session.kind.value} {log!r}: {log.count} of {expected} records, and no error reported"
                self.violations.append(Violation("lost", what))

        self.datagrams_missing += session.up.missing + session.down.missing
        if session.error is not None:
            self.ends[type(session.error).__name__] += 1
        elif session.has_eof and (session.up.count, session.down.count) != session.expected:
            self.ends["EOF"] += 1

    def _end(self, log: Log) -> None:
        try:
            log.end()
        except Violation as exc:
            self.violations.append(exc)

    # The peer

    async def serve(self, connection: PeerConnection) -> None:
        """Be the peer of one connection."""
        data = b""
        while len(data) < HEADER.size:
            chunk = await connection.receive()
            if not chunk:
                return

            data += chunk

        session = self._open.get(HEADER.unpack_from(data)[2])
        if session is None:
            self.violations.append(Violation("forged", f"the peer got {data[:48].hex()}, of no session"))
            return

        if session.kind in (Kind.DOWNLOAD, Kind.UNREAD):
            self.feed(session.up, data)
            await self._send_all(session, connection)
            return

        while data:
            self.feed(session.up, data)
            if session.kind in (Kind.ECHO, Kind.PINGS):
                connection.send(data)
                await connection.drain()

            data = await connection.receive()

    async def _send_all(self, session: Session, connection: PeerConnection) -> None:
        for start in range(0, session.size, _BATCH):
            stop = min(start + _BATCH, session.size)
            connection.send(records(session.socket, DOWN, session.number, start, stop))
            await connection.drain()


# This end


async def run_session(world: World, modem: Modem, session: Session, rng: random.Random) -> None:
    """Run a session to its end, and check it.

    Raises:
        TimeoutError: it is stuck.
    """
    try:
        async with asyncio.timeout(STUCK) as bound:
            try:
                work = _run_stream if session.kind.is_stream else _run_datagrams
                await work(world, modem, session, rng)
            except OSError as exc:
                session.error = exc
    except TimeoutError:
        if bound.expired():
            raise TimeoutError(f"{session} is stuck on {modem!r}") from None

        raise

    world.finish(session)


async def _run_stream(world: World, modem: Modem, session: Session, rng: random.Random) -> None:
    reader, writer = await modem.open_connection(HOST, PORT)
    transport = cast("ModemTransport", writer.transport)
    unsubscribe = modem.subscribe(lambda urc: _note_end(session, transport, urc), PeerClosed)
    transport.set_keepalive(_KEEPALIVE, record(session.socket, ALIVE, session.number, 0))
    try:
        match session.kind:
            case Kind.UPLOAD | Kind.CHECKED_UPLOAD:
                await _write(session, writer, rng)
                if session.kind is Kind.CHECKED_UPLOAD:
                    await transport.wait_acked(600.0)
            case Kind.ECHO:
                await _echo(world, session, reader, writer, rng)
            case _:
                writer.write(record(session.socket, UP, session.number, 0))
                await _read(world, session, reader)

        transport.close()
        await writer.wait_closed()
    finally:
        transport.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

        unsubscribe()


def _note_end(session: Session, transport: ModemTransport, urc: Response) -> None:
    # Only this URC shows a program that closes that the connection broke before all was acknowledged.
    if isinstance(urc, PeerClosed) and urc.connect_id == transport.get_extra_info("connect_id"):
        session.has_eof = True


async def _write(session: Session, writer: asyncio.StreamWriter, rng: random.Random) -> None:
    while session.written < session.size:
        start = session.written
        session.written = min(start + rng.randint(1, _BATCH), session.size)
        writer.write(records(session.socket, UP, session.number, start, session.written))
        await writer.drain()


async def _read(world: World, session: Session, reader: asyncio.StreamReader) -> None:
    if session.kind is Kind.UNREAD:
        # A program that has stopped reading; the connection ends before the hour is over.
        await asyncio.sleep(3600)

    while session.down.count < session.size:
        data = await reader.read(64 * 1024)
        if not data:
            session.has_eof = True
            return

        world.feed(session.down, data)


async def _echo(
    world: World, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rng: random.Random
) -> None:
    reading = asyncio.ensure_future(_read(world, session, reader))
    try:
        await _write(session, writer, rng)
        await reading
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()


async def _run_datagrams(world: World, modem: Modem, session: Session, rng: random.Random) -> None:
    endpoint = await modem.open_datagram_endpoint(HOST, PORT)
    reading = asyncio.ensure_future(_receive(world, session, endpoint))
    try:
        for datagram in datagrams(session.socket, UP, session.number, session.size, rng.randint(430, _DATAGRAM)):
            session.written += 1
            await endpoint.send(datagram)

        await endpoint.transport.drained()
        if session.kind is Kind.PINGS and session.error is None:
            await asyncio.sleep(_QUIET)
    finally:
        endpoint.close()
        await endpoint.wait_closed()
        # The endpoint raises the same in send().
        await asyncio.gather(reading, return_exceptions=True)

    reading.result()


async def _receive(world: World, session: Session, endpoint: DatagramEndpoint) -> None:
    async for datagram in endpoint:
        world.feed(session.down, datagram)


def choose(rng: random.Random, kinds: tuple[Kind, ...] | None = None) -> tuple[Kind, int]:
    """Choose a kind of session, and how many records it carries."""
    usual = [kind for kind in kinds or Kind if kind is not Kind.UNREAD]
    is_unread = rng.random() < (0.01 if kinds is None else 0.1 * (Kind.UNREAD in kinds))
    if is_unread:
        # More than fits between a peer and a program that does not read.
        return Kind.UNREAD, 20_000

    kind = rng.choice(usual)
    return kind, rng.choice((1, 10, 300, 1000, 3000) if kind.is_stream else (1, 10, 100, 400))
