"""The questions that the module asks the network: names, pings, the time."""

import asyncio
from typing import Final

from ....at.commands import Ping, QueryNetworkTime, Resolve
from ....at.completions import NetworkTime, PingError, PingFinished, PingReply, Resolution, ResolvedAddress
from ....errors import ErrorCode
from ...network.paths import QUESTION, UDP_HEADER
from ..parts import Parts

# The TTL that ping replies come with.
_TTL: Final = 52


async def resolve(parts: Parts, command: Resolve) -> None:
    """Report the address of a name: AT+QIDNSGIP (guide 2.2.6)."""
    await asyncio.sleep(parts.options.completion_delay)
    if not parts.registration.is_registered:
        parts.writer.complete(Resolution(ErrorCode.OPEN_CONTEXT_FAILED))
        return

    if not await _ask(parts):
        parts.writer.complete(Resolution(ErrorCode.OPERATION_TIMEOUT))
        return

    addresses = parts.network.resolve_all(command.host)
    if not addresses:
        parts.writer.complete(Resolution(ErrorCode.DNS_PARSE_FAILED))
    else:
        lines = [ResolvedAddress(address) for address in addresses]
        parts.writer.complete(Resolution(ErrorCode.SUCCESS, len(lines), 0), *lines)


async def ping(parts: Parts, command: Ping) -> None:
    """Send packets to a host and report each: AT+QPING (guide 2.2.8)."""
    await asyncio.sleep(parts.options.completion_delay)
    if not parts.registration.is_registered:
        parts.writer.complete(PingError(ErrorCode.OPEN_CONTEXT_FAILED))
        return

    address = parts.network.resolve(command.host)
    if address is None:
        await _ask(parts)
        parts.writer.complete(PingError(ErrorCode.DNS_PARSE_FAILED))
        return

    times: list[int] = []
    if parts.options.kind.separates_ping:
        parts.writer.write(b"\r\n")

    for _ in range(command.count):
        round_trip = await _ping_once(parts, address, command)
        if round_trip is None:
            parts.writer.complete(PingError(ErrorCode.OPERATION_TIMEOUT))
        else:
            times.append(round(round_trip * 1000))
            parts.writer.complete(PingReply(address, command.size, times[-1], _TTL))

    statistics = (min(times), max(times), round(sum(times) / len(times))) if times else (0, 0, 0)
    lost = command.count - len(times)
    # With every packet lost the result is still "success", as on real modules.
    parts.writer.complete(PingFinished(ErrorCode.SUCCESS, command.count, len(times), lost, *statistics))


async def network_time(parts: Parts, command: QueryNetworkTime) -> None:
    """Report the time of an NTP server: AT+QNTP (guide 2.2.9)."""
    network = parts.network
    await asyncio.sleep(parts.options.completion_delay)
    if not parts.registration.is_registered:
        parts.writer.complete(NetworkTime(ErrorCode.OPEN_CONTEXT_FAILED))
        return

    is_answered = await _ask(parts)
    if network.resolve(command.server) is None:
        parts.writer.complete(NetworkTime(ErrorCode.DNS_PARSE_FAILED))
        return

    time = network.ntp_time(command.server, command.port) if is_answered else None
    if time is None:
        parts.writer.complete(NetworkTime(ErrorCode.OPERATION_TIMEOUT))
        return

    # The module sets its clock, unless the command says otherwise.
    if command.set_clock is not False:
        parts.nvram.clock_offset = (time - network.now()).total_seconds()

    parts.writer.complete(NetworkTime(ErrorCode.SUCCESS, time))


async def _ask(parts: Parts) -> bool:
    """Wait for a question and its answer to pass; return False if there is no answer."""
    await _send(parts, QUESTION)
    if not await parts.network.exchange():
        return False

    await parts.radio.received(QUESTION)
    return True


async def _ping_once(parts: Parts, address: str, command: Ping) -> float | None:
    """Send a packet and return how long its reply took, in seconds; None if none came in time."""
    size = command.size + UDP_HEADER
    began = asyncio.get_running_loop().time()
    upward = await _send(parts, size)
    beyond = await parts.network.ping(address, max(command.timeout - upward, 0.0))
    if beyond is None:
        return None

    try:
        async with asyncio.timeout_at(began + command.timeout):
            downward = await _receive(parts, size)
    except TimeoutError:
        return None

    return upward + beyond + downward


async def _send(parts: Parts, size: int) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await parts.radio.sent(size)
    return loop.time() - began


async def _receive(parts: Parts, size: int) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await parts.radio.received(size)
    return loop.time() - began
