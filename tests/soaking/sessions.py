"""Sessions: what one connection carries, from its open to its end, as both of its ends see it."""

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

# A session that has come to no end after so long is stuck, in seconds of the loop's clock.
STUCK: Final = 7200.0
# For so long nothing may be sent on a stream before it is looked whether it is alive; and a datagram may be awaited.
_KEEPALIVE: Final = 60.0
_QUIET: Final = 15.0
_DATAGRAM: Final = 512
# How many records are written at a time, at most.
_BATCH: Final = 200


class Kind(enum.Enum):
    """What a session does."""

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
        size: how many records it shall carry each way.
        up: what has arrived at the peer.
        down: what has arrived here.
        error: what told the program that something went wrong; None when nothing did.
        has_eof: the peer's end came before all that was to come, or while this end closed.
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
        """How many records have to be at the peer, and here, when nothing told of an error."""
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
    """What all sessions share: the peer, who checks what arrives there, and the counts.

    Attributes:
        verified: how many records have arrived, each way, and were as they should be.
        bytes: how many bytes of them.
        violations: what must not be.
        sessions: how many sessions there were, by kind.
        ends: how the sessions ended that did not end as they were meant to.
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
        """Take what has come, at either end."""
        self.bytes += len(data)
        try:
            self.verified += log.feed(data)
        except Violation as exc:
            self.violations.append(exc)
            raise ConnectionError(str(exc)) from exc

    def finish(self, session: Session) -> None:
        """Judge a session that is over."""
        # What is still on its way to the peer is checked when it arrives; only the latest sessions are known there.
        self._open.pop(session.number - 100, None)
        told = session.error is not None or (session.has_eof and session.kind is not Kind.CHECKED_UPLOAD)
        for log, expected in zip((session.up, session.down), session.expected, strict=True):
            with contextlib.suppress(ConnectionError):
                self._end(log)

            if session.kind.is_stream and not told and log.count != expected:
                what = f"{session.kind.value} {log!r}: {log.count} of {expected} records, and nothing told"
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
            piece = await connection.receive()
            if not piece:
                return

            data += piece

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


async def run_session(world: World, modem: Modem, session: Session, dice: random.Random) -> None:
    """Run a session to its end, and judge it.

    Raises:
        TimeoutError: it is stuck.
    """
    try:
        async with asyncio.timeout(STUCK) as bound:
            try:
                work = _run_stream if session.kind.is_stream else _run_datagrams
                await work(world, modem, session, dice)
            except OSError as exc:
                session.error = exc
    except TimeoutError:
        if bound.expired():
            raise TimeoutError(f"{session} is stuck on {modem!r}") from None

        raise

    world.finish(session)


async def _run_stream(world: World, modem: Modem, session: Session, dice: random.Random) -> None:
    reader, writer = await modem.open_connection(HOST, PORT)
    transport = cast("ModemTransport", writer.transport)
    unsubscribe = modem.subscribe(lambda urc: _note_end(session, transport, urc), PeerClosed)
    transport.set_keepalive(_KEEPALIVE, record(session.socket, ALIVE, session.number, 0))
    try:
        match session.kind:
            case Kind.UPLOAD | Kind.CHECKED_UPLOAD:
                await _write(session, writer, dice)
                if session.kind is Kind.CHECKED_UPLOAD:
                    await transport.wait_acked(600.0)
            case Kind.ECHO:
                await _echo(world, session, reader, writer, dice)
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
    # Nothing but this tells a program that closes that the connection broke before all was acknowledged.
    if isinstance(urc, PeerClosed) and urc.connect_id == transport.get_extra_info("connect_id"):
        session.has_eof = True


async def _write(session: Session, writer: asyncio.StreamWriter, dice: random.Random) -> None:
    while session.written < session.size:
        start = session.written
        session.written = min(start + dice.randint(1, _BATCH), session.size)
        writer.write(records(session.socket, UP, session.number, start, session.written))
        await writer.drain()


async def _read(world: World, session: Session, reader: asyncio.StreamReader) -> None:
    if session.kind is Kind.UNREAD:
        # Somebody who has stopped reading; the connection ends before the hour is over.
        await asyncio.sleep(3600)

    while session.down.count < session.size:
        data = await reader.read(64 * 1024)
        if not data:
            session.has_eof = True
            return

        world.feed(session.down, data)


async def _echo(
    world: World, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dice: random.Random
) -> None:
    reading = asyncio.ensure_future(_read(world, session, reader))
    try:
        await _write(session, writer, dice)
        await reading
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()


async def _run_datagrams(world: World, modem: Modem, session: Session, dice: random.Random) -> None:
    endpoint = await modem.open_datagram_endpoint(HOST, PORT)
    reading = asyncio.ensure_future(_receive(world, session, endpoint))
    try:
        for datagram in datagrams(session.socket, UP, session.number, session.size, dice.randint(430, _DATAGRAM)):
            session.written += 1
            await endpoint.send(datagram)

        await endpoint.transport.drained()
        if session.kind is Kind.PINGS and session.error is None:
            await asyncio.sleep(_QUIET)
    finally:
        endpoint.close()
        await endpoint.wait_closed()
        # What it raises, the endpoint raises for whoever sends, too.
        await asyncio.gather(reading, return_exceptions=True)

    reading.result()


async def _receive(world: World, session: Session, endpoint: DatagramEndpoint) -> None:
    async for datagram in endpoint:
        world.feed(session.down, datagram)


def choose(dice: random.Random, kinds: tuple[Kind, ...] | None = None) -> tuple[Kind, int]:
    """Choose a kind of session, and how many records it carries."""
    usual = [kind for kind in kinds or Kind if kind is not Kind.UNREAD]
    is_unread = dice.random() < (0.01 if kinds is None else 0.1 * (Kind.UNREAD in kinds))
    if is_unread:
        # More than fits between a peer and a program that does not read.
        return Kind.UNREAD, 20_000

    kind = dice.choice(usual)
    return kind, dice.choice((1, 10, 300, 1000, 3000) if kind.is_stream else (1, 10, 100, 400))
