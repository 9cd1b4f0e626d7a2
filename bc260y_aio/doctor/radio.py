"""Probes over the radio: names, pings, time, streams and datagrams; and the probe of the payload formats."""

import asyncio
import ipaddress
from typing import Final

from ..at.commands import (
    Attention,
    OpenSocket,
    Ping,
    QueryAcks,
    QueryDataFormat,
    QueryNetworkTime,
    QueryRegistration,
    QuerySocket,
    Resolve,
    SendData,
    SetDataFormat,
    read_verbatim,
)
from ..at.information import DataFormat
from ..at.syntax import PayloadFormat
from ..line.profile import DEFAULT_PROFILE
from .observations import UNKNOWN_HOST, Impact
from .session import Session

# How long an echo may take, in seconds: the usual limit for a radio round trip.
ECHO_TIMEOUT: Final = 20.0
# How often a datagram without an echo is sent, since it may have been lost; and how long to wait for each, in seconds.
_ATTEMPTS: Final = 2
_DATAGRAM_TIMEOUT: Final = 10.0

# The payload in text: it looks like answers, and holds quotes and commas. And in hex: every digit, and bytes that text
# cannot carry.
_TEXT: Final = b'OK "recv",0,5,"ERROR" {"a":"b"}, SEND OK'
_BINARY: Final = bytes((0, 1, 9, 10, 13, 26, 34, 127, 171, 205, 239, 255)) + b"\r\nOK\r\n"


def small_payload(form: PayloadFormat) -> bytes:
    """Return a payload that shows whether data arrives unchanged."""
    return _TEXT if form is PayloadFormat.TEXT else _BINARY


def largest_payload(form: PayloadFormat) -> bytes:
    """Return a payload as large as one command may carry (guide 2.2.5)."""
    payload = small_payload(form)
    return (payload * (form.largest_send // len(payload) + 1))[: form.largest_send]


async def probe_connection_reports(session: Session) -> None:
    """Switch the URC +CSCON on, if it is off: what goes over the radio then shows its form (AT manual 4.7)."""
    found = session.found["connection_reports"]
    if found is None:
        session.observations.skipped["connection_reports"] = "the module does not report whether they are on"
        return

    session.observations.facts["connection_reports"] = True
    if not found:
        await session.line.ask(read_verbatim("AT+CSCON=1"))
        await session.line.listen(DEFAULT_PROFILE.nvram_gap)


# Without a server


async def probe_failures(session: Session) -> None:
    """Open and resolve a host that does not exist, and observe the errors."""
    await session.execute("resolve.nowhere", Resolve(UNKNOWN_HOST))
    connect_id = await session.open("open.nowhere", "TCP", UNKNOWN_HOST, 7)
    if connect_id is not None:
        session.observations.skipped["failure"] = f"something answers for {UNKNOWN_HOST}"
        await session.close("close.hijacked", connect_id)


# With a server


async def probe_names(session: Session) -> None:
    """Resolve a name, and ping a host."""
    assert session.options.server is not None
    host = session.options.server[0]
    if _is_numeric(host):
        session.observations.skipped["resolve"] = "the server was given by its address"
    else:
        await session.execute("resolve", Resolve(host))

    await session.execute("ping", Ping(host, count=1))
    if "largest_ping" not in session.observations.facts:
        await session.execute("ping.largest", Ping(host, count=1, size=DEFAULT_PROFILE.largest_ping))


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False

    return True


async def probe_stream(session: Session, prefix: str = "stream") -> None:
    """Open a TCP connection, exchange data, and close it."""
    assert session.options.server is not None
    form = await _send_format(session, prefix)
    connect_id = await session.open(f"{prefix}.open", "TCP", *session.options.server)
    if connect_id is None:
        return

    await session.execute(f"{prefix}.state", QuerySocket(connect_id))
    await session.execute(f"{prefix}.again", OpenSocket(connect_id, "TCP", *session.options.server))
    await _echo(session, f"{prefix}.small", SendData(connect_id, small_payload(form), form=form))
    await _echo(session, f"{prefix}.largest", SendData(connect_id, largest_payload(form), form=form))
    await _echo(session, f"{prefix}.rai", SendData(connect_id, b"1", 2, form))
    await session.execute(f"{prefix}.acks", QueryAcks(connect_id))
    await session.close(f"{prefix}.close", connect_id)


async def probe_datagrams(session: Session) -> None:
    """Open a UDP socket, exchange a datagram, and close it."""
    assert session.options.server is not None
    form = await _send_format(session, "datagram")
    connect_id = await session.open("datagram.open", "UDP", *session.options.server)
    if connect_id is None:
        return

    command = SendData(connect_id, largest_payload(form), form=form)
    for _ in range(_ATTEMPTS):
        if await _echo(session, "datagram.largest", command, _DATAGRAM_TIMEOUT):
            break

    await session.execute("datagram.acks", QueryAcks(connect_id))
    await session.close("datagram.close", connect_id)


async def _send_format(session: Session, prefix: str) -> PayloadFormat:
    """Return the payload format that the module is set to for sending."""
    exchange = await session.execute(f"{prefix}.format", QueryDataFormat())
    found = [one for one in exchange.information if isinstance(one, DataFormat)]
    return found[0].send if found else PayloadFormat.TEXT


async def _echo(session: Session, name: str, command: SendData, timeout: float = ECHO_TIMEOUT) -> bool:
    """Send a payload and wait for its echo; return whether it came."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    exchange = await session.execute(name, command)
    if exchange.is_refused:
        return False

    size = len(command.data)
    pushes = await session.line.listen_for_data(command.connect_id, size, timeout)
    if sum(len(push.data) for push in pushes) < size:
        # The network may be lost, and found again before the probe ends.
        await session.execute(f"registration.{name}", QueryRegistration())
        return False

    session.observations.facts[f"{name}.echo_after"] = loop.time() - started
    return True


async def probe_time(session: Session) -> None:
    """Ask an NTP server for the time. The module's clock is left alone."""
    assert session.options.time_server is not None
    await session.execute("time", QueryNetworkTime(*session.options.time_server, set_clock=False))


# Writing the NVRAM


async def probe_formats(session: Session) -> None:
    """Change the payload formats; with a server, exchange data in the changed formats too; change them back."""
    found = session.format_found
    if found is None:
        session.observations.skipped["formats"] = "the module does not report its payload formats"
        return

    other = DataFormat(PayloadFormat(1 - found.send), PayloadFormat(1 - found.receive))
    await session.execute("formats.set", SetDataFormat(other.send, other.receive))
    await session.line.listen(DEFAULT_PROFILE.nvram_gap)
    await session.execute("formats.next", Attention())
    session.observations.facts["formats.other"] = other
    await session.execute("formats.reported", QueryDataFormat())
    if session.options.server is not None and Impact.DATA in session.options.allowed:
        await probe_stream(session, "formats.stream")

    await session.execute("formats.back", SetDataFormat(found.send, found.receive))
    await session.line.listen(1.0)
