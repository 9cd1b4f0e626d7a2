"""What the module asks of the network: names, pings, the time."""

import asyncio
from typing import TYPE_CHECKING, Final

from ...at.commands import Ping, QueryNetworkTime, Resolve
from ...at.completions import NetworkTime, PingError, PingFinished, PingReply, Resolution, ResolvedAddress
from ...errors import ErrorCode
from ..network.paths import QUESTION, UDP_HEADER

if TYPE_CHECKING:
    from .bc260y import Module

# The TTL that ping replies come with.
_TTL: Final = 52


async def resolve(module: "Module", command: Resolve) -> None:
    """Tell the address of a name: AT+QIDNSGIP (guide 2.2.6)."""
    if not module.registration.is_registered:
        module.complete(Resolution(ErrorCode.OPEN_CONTEXT_FAILED))
        return

    if not await _ask(module):
        module.complete(Resolution(ErrorCode.OPERATION_TIMEOUT))
        return

    address = module.network.resolve(command.host)
    if address is None:
        module.complete(Resolution(ErrorCode.DNS_PARSE_FAILED))
    else:
        module.complete(Resolution(ErrorCode.SUCCESS, 1, 0), ResolvedAddress(address))


async def ping(module: "Module", command: Ping) -> None:
    """Send packets to a host and tell of each: AT+QPING (guide 2.2.8)."""
    if not module.registration.is_registered:
        module.complete(PingError(ErrorCode.OPEN_CONTEXT_FAILED))
        return

    address = module.network.resolve(command.host)
    if address is None:
        await _ask(module)
        module.complete(PingError(ErrorCode.DNS_PARSE_FAILED))
        return

    times: list[int] = []
    for _ in range(command.count):
        round_trip = await _ping_once(module, address, command)
        if round_trip is None:
            module.complete(PingError(ErrorCode.OPERATION_TIMEOUT))
        else:
            times.append(round(round_trip * 1000))
            module.complete(PingReply(address, command.size, times[-1], _TTL))

    statistics = (min(times), max(times), round(sum(times) / len(times))) if times else (0, 0, 0)
    lost = command.count - len(times)
    # With every packet lost the result is still "success": so real modules have it.
    module.complete(PingFinished(ErrorCode.SUCCESS, command.count, len(times), lost, *statistics))


async def network_time(module: "Module", command: QueryNetworkTime) -> None:
    """Tell the time of an NTP server: AT+QNTP (guide 2.2.9)."""
    network = module.network
    if not module.registration.is_registered:
        module.complete(NetworkTime(ErrorCode.OPEN_CONTEXT_FAILED))
        return

    is_answered = await _ask(module)
    if network.resolve(command.server) is None:
        module.complete(NetworkTime(ErrorCode.DNS_PARSE_FAILED))
        return

    time = network.ntp_time(command.server, command.port) if is_answered else None
    if time is None:
        module.complete(NetworkTime(ErrorCode.OPERATION_TIMEOUT))
        return

    # Unless it is told not to, the module sets its clock.
    if command.set_clock is not False:
        module.clock_offset = time - network.now()

    module.complete(NetworkTime(ErrorCode.SUCCESS, time))


async def _ask(module: "Module") -> bool:
    """Let a question and its answer take their time; return False if there is no answer."""
    await _send(module, QUESTION)
    if not await module.network.exchange():
        return False

    await module.radio.received(QUESTION)
    return True


async def _ping_once(module: "Module", address: str, command: Ping) -> float | None:
    """Send a packet and return how long its reply took, in seconds; None if none came in time."""
    size = command.size + UDP_HEADER
    began = asyncio.get_running_loop().time()
    upward = await _send(module, size)
    beyond = await module.network.ping(address, max(command.timeout - upward, 0.0))
    if beyond is None:
        return None

    try:
        async with asyncio.timeout_at(began + command.timeout):
            downward = await _receive(module, size)
    except TimeoutError:
        return None

    return upward + beyond + downward


async def _send(module: "Module", size: int) -> float:
    seconds = module.radio.send(size)
    if seconds:
        await asyncio.sleep(seconds)

    return seconds


async def _receive(module: "Module", size: int) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await module.radio.received(size)
    return loop.time() - began
