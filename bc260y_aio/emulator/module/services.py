"""What the module asks of the network: names, pings, the time."""

from typing import TYPE_CHECKING, Final

from ...at.commands import Ping, QueryNetworkTime, Resolve
from ...at.completions import NetworkTime, PingError, PingFinished, PingReply, Resolution, ResolvedAddress
from ...errors import ErrorCode

if TYPE_CHECKING:
    from .bc260y import Module

# The TTL that ping replies come with.
_TTL: Final = 52


async def resolve(module: "Module", command: Resolve) -> None:
    """Tell the address of a name: AT+QIDNSGIP (guide 2.2.6)."""
    if not module.registration.is_registered:
        module.complete(Resolution(ErrorCode.OPEN_CONTEXT_FAILED))
        return

    if not await module.network.exchange():
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
        await module.network.exchange()
        module.complete(PingError(ErrorCode.DNS_PARSE_FAILED))
        return

    times: list[int] = []
    for _ in range(command.count):
        round_trip = await module.network.ping(address, command.timeout)
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

    is_answered = await network.exchange()
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
