"""Looks that go over the radio: names, pings, the time, streams and datagrams. And those that set payload formats."""

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
)
from ..at.information import DataFormat, Registration
from ..at.syntax import PayloadFormat
from ..line.profile import DEFAULT_PROFILE
from .record import NOWHERE, Harm
from .visit import Visit

# How long the module may take to register with the network, in seconds: as long as a modem waits by default.
REGISTRATION_TIMEOUT: Final = 60.0
# How long an echo may take, in seconds: what crosses the radio is given so long everywhere.
ECHO_TIMEOUT: Final = 20.0
# So often a datagram is sent of which no echo comes, for it may have been lost on the way; and each is given so long,
# in seconds.
_ATTEMPTS: Final = 2
_DATAGRAM_TIMEOUT: Final = 10.0

# What is sent in text: what looks like answers, quotes and commas among it. And in hex: every digit, and every byte
# that text cannot carry.
_TEXT: Final = b'OK "recv",0,5,"ERROR" {"a":"b"}, SEND OK'
_BINARY: Final = bytes((0, 1, 9, 10, 13, 26, 34, 127, 171, 205, 239, 255)) + b"\r\nOK\r\n"


def small_payload(form: PayloadFormat) -> bytes:
    """Return a payload that shows whether it arrives as it was sent."""
    return _TEXT if form is PayloadFormat.TEXT else _BINARY


def largest_payload(form: PayloadFormat) -> bytes:
    """Return a payload as large as one command may carry (guide 2.2.5)."""
    payload = small_payload(form)
    return (payload * (form.largest_send // len(payload) + 1))[: form.largest_send]


async def look_at_registration(visit: Visit) -> None:
    """See whether the module is registered; wait for it if something is to go over the radio."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        exchange = await visit.see("registration", QueryRegistration())
        told = [one for one in exchange.information if isinstance(one, Registration)]
        visit.record.facts["registration_after"] = loop.time() - started
        if not told or told[0].status.is_registered:
            return

        if Harm.DATA not in visit.order.allowed or loop.time() - started > REGISTRATION_TIMEOUT:
            visit.record.facts["is_unregistered"] = True
            return

        await visit.line.listen(1.0)


# Without a server


async def look_at_failures(visit: Visit) -> None:
    """See how an open fails, what it leaves, and how a name fails that cannot exist."""
    await visit.see("resolve.nowhere", Resolve(NOWHERE))
    connect_id = await visit.open("open.nowhere", "TCP", NOWHERE, 7)
    if connect_id is not None:
        visit.record.skipped["failure"] = f"something answers for {NOWHERE}"
        await visit.close("close.hijacked", connect_id)


# With one


async def look_at_names(visit: Visit) -> None:
    """See how a name is resolved, and a host pinged."""
    assert visit.order.server is not None
    host = visit.order.server[0]
    if _is_numeric(host):
        visit.record.skipped["resolve"] = "the server was given by its address"
    else:
        await visit.see("resolve", Resolve(host))

    await visit.see("ping", Ping(host, count=1))
    if "largest_ping" not in visit.record.facts:
        await visit.see("ping.largest", Ping(host, count=1, size=DEFAULT_PROFILE.largest_ping))


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False

    return True


async def look_at_stream(visit: Visit, prefix: str = "stream") -> None:
    """See how a TCP connection is opened, carries data both ways, and is closed."""
    assert visit.order.server is not None
    form = await _send_format(visit, prefix)
    connect_id = await visit.open(f"{prefix}.open", "TCP", *visit.order.server)
    if connect_id is None:
        return

    await visit.see(f"{prefix}.state", QuerySocket(connect_id))
    await visit.see(f"{prefix}.again", OpenSocket(connect_id, "TCP", *visit.order.server))
    await _echo(visit, f"{prefix}.small", SendData(connect_id, small_payload(form), form=form))
    await _echo(visit, f"{prefix}.largest", SendData(connect_id, largest_payload(form), form=form))
    await _echo(visit, f"{prefix}.rai", SendData(connect_id, b"1", 2, form))
    await visit.see(f"{prefix}.acks", QueryAcks(connect_id))
    await visit.close(f"{prefix}.close", connect_id)


async def look_at_datagrams(visit: Visit) -> None:
    """See how a UDP socket is opened, carries a datagram both ways, and is closed."""
    assert visit.order.server is not None
    form = await _send_format(visit, "datagram")
    connect_id = await visit.open("datagram.open", "UDP", *visit.order.server)
    if connect_id is None:
        return

    command = SendData(connect_id, largest_payload(form), form=form)
    for _ in range(_ATTEMPTS):
        if await _echo(visit, "datagram.largest", command, _DATAGRAM_TIMEOUT):
            break

    await visit.see("datagram.acks", QueryAcks(connect_id))
    await visit.close("datagram.close", connect_id)


async def _send_format(visit: Visit, prefix: str) -> PayloadFormat:
    """Return how payload is to be sent, as the module is set."""
    exchange = await visit.see(f"{prefix}.format", QueryDataFormat())
    found = [one for one in exchange.information if isinstance(one, DataFormat)]
    return found[0].send if found else PayloadFormat.TEXT


async def _echo(visit: Visit, name: str, command: SendData, timeout: float = ECHO_TIMEOUT) -> bool:
    """Send a payload, and wait for its echo; return whether it came."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    exchange = await visit.see(name, command)
    if exchange.is_refused:
        return False

    size = len(command.data)
    pushes = await visit.line.listen_for_data(command.connect_id, size, timeout)
    if sum(len(push.data) for push in pushes) < size:
        return False

    visit.record.facts[f"{name}.echo_after"] = loop.time() - started
    return True


async def look_at_time(visit: Visit) -> None:
    """See how the time of an NTP server is told. The module's clock is left alone."""
    assert visit.order.time_server is not None
    await visit.see("time", QueryNetworkTime(*visit.order.time_server, set_clock=False))


# With writes to the NVRAM


async def look_at_formats(visit: Visit) -> None:
    """See how the payload formats are set; and, with a server, data in those that were not found."""
    found = visit.format_found
    if found is None:
        visit.record.skipped["formats"] = "the module does not tell its payload formats"
        return

    other = DataFormat(PayloadFormat(1 - found.send), PayloadFormat(1 - found.receive))
    await visit.see("formats.set", SetDataFormat(other.send, other.receive))
    await visit.line.listen(DEFAULT_PROFILE.nvram_gap)
    await visit.see("formats.next", Attention())
    visit.record.facts["formats.other"] = other
    await visit.see("formats.told", QueryDataFormat())
    if visit.order.server is not None and Harm.DATA in visit.order.allowed:
        await look_at_stream(visit, "formats.stream")

    await visit.see("formats.back", SetDataFormat(found.send, found.receive))
    await visit.line.listen(1.0)
