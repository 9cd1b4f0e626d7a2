"""Ping, all at once or reply by reply (guide 2.2.8)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..at.commands import Ping
from ..at.completions import PingError, PingFinished, PingReply
from ..errors import ErrorCode, socket_error
from ..line.channel import Channel

if TYPE_CHECKING:
    from ..at.responses import Completion, Information

# The module does nothing else while it pings. If the packets may take longer than this, each is sent by a command of
# its own. In seconds.
_LONGEST_HOLD: Final = 20.0


@dataclass(frozen=True, slots=True)
class PingLost:
    """A packet that did not come back.

    Attributes:
        error: the module's code for it, 569 as a rule.
    """

    error: int


@dataclass(frozen=True, slots=True)
class PingResult:
    """The result of a ping.

    Attributes:
        replies: those that came back: ``.address``, ``.size`` in bytes, ``.rtt_ms``, and ``.ttl``, which is None with
            firmware that does not report it.
        sent: packets sent.
        received: packets that came back.
        lost: packets that did not.
        min_ms: the shortest round trip in milliseconds, 0 without a reply.
        max_ms: the longest.
        avg_ms: the mean.
    """

    replies: list[PingReply]
    sent: int
    received: int
    lost: int
    min_ms: int
    max_ms: int
    avg_ms: int

    def __bool__(self) -> bool:
        """Return whether any packet came back. The module itself reports success even when all were lost."""
        return self.received > 0


async def ping(channel: Channel, host: str, timeout: int, count: int, size: int) -> PingResult:
    """Ping; see :meth:`bc260y_aio.Modem.ping`."""
    outcomes = [outcome async for outcome in ping_replies(channel, host, timeout, count, size)]
    replies = [outcome for outcome in outcomes if isinstance(outcome, PingReply)]
    times = [reply.rtt_ms for reply in replies] or [0]
    lost = len(outcomes) - len(replies)
    return PingResult(
        replies, len(outcomes), len(replies), lost, min(times), max(times), round(sum(times) / len(times))
    )


async def ping_replies(
    channel: Channel, host: str, timeout: int, count: int, size: int
) -> AsyncIterator[PingReply | PingLost]:
    """Ping, and yield each outcome as it comes; see :meth:`bc260y_aio.Modem.ping_replies`."""
    whole = Ping(host, timeout, count, size)
    commands = [whole] if timeout * count <= _LONGEST_HOLD else [Ping(host, timeout, 1, size)] * count
    for command in commands:
        async for outcome in _ping_once(channel, command):
            yield outcome


async def _ping_once(channel: Channel, command: Ping) -> AsyncIterator[PingReply | PingLost]:
    outcomes: asyncio.Queue[Information | Completion | None] = asyncio.Queue()
    asking = asyncio.ensure_future(channel.execute(command, watch=outcomes.put_nowait))
    asking.add_done_callback(lambda _: outcomes.put_nowait(None))
    reported = 0
    try:
        while (outcome := await outcomes.get()) is not None:
            match outcome:
                case PingReply():
                    reported += 1
                    yield outcome
                case PingError(error=code) if code == ErrorCode.OPERATION_TIMEOUT and reported < command.count:
                    reported += 1
                    yield PingLost(code)
                case PingError(error=code):
                    raise socket_error(code, f"pinging {command.host}")
                case PingFinished(error=code, sent=sent, received=received) if code and not received:
                    raise socket_error(code, f"pinging {command.host}")
                case PingFinished(sent=sent):
                    # Some firmware prints nothing for a packet that was lost.
                    for _ in range(min(sent, command.count) - reported):
                        yield PingLost(ErrorCode.OPERATION_TIMEOUT)

        await asking
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await asking
