"""Asking the network to release the radio when the last socket is closed: AT+QNBIOTRAI, of firmware R02A01."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Final

from ..at.commands import read_verbatim
from ..at.responses import Text
from ..errors import BC260YError, CommandFailed
from ..line.channel import Channel
from ..sockets.rai import RAI
from ..sockets.tasks import TaskSet

_MODES: Final = re.compile(r"\+QNBIOTRAI: ?\((\d)(?:[-,](\d))?(?:,(\d))?\)")

# A close is over about a round trip after AT+QICLOSE. Each opening took one, too, and longer where the radio had to be
# connected first. So the shortest of the last few openings counts, and twice, for delays vary: a radio that is released
# too early is paged for what comes later, and stays connected then, which costs more than some seconds of waiting.
_OPENINGS: Final = 8
_ROUND_TRIPS: Final = 2.0
# Networks release an inactive radio not much later, in seconds.
_LONGEST_WAIT: Final = 15.0


class RadioRelease:
    """Asks for the release, where the module can.

    The last packets of a TCP connection are those of its close, for which the module takes no release assistance
    indication. So without this, the network keeps the radio connected for its inactivity time after each connection.

    - After the peer's close, ours is acknowledged, and that is all: one reply (TS 24.301, 9.9.4.25).
    - A close of ours is acknowledged, and the peer's own follows, which the module acknowledges: that is more than one
      reply, and something to send after it. So nothing is indicated before all of it is over.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._modes: frozenset[int] | None = None
        self._task: asyncio.Task[None] | None = None
        self._awaits_reply = False
        self._openings: list[float] = []

    @property
    def is_available(self) -> bool:
        """Whether the module is known to have the command."""
        return bool(self._modes)

    async def prepare(self, channel: Channel) -> None:
        """Query what the module has, once."""
        with contextlib.suppress(BC260YError):
            if self._modes is None:
                self._modes = await _query_modes(channel)

    def ask(
        self,
        channel: Channel,
        tasks: TaskSet,
        *,
        has_peer_closed: bool,
        round_trip: float,
        is_in_use: Callable[[], bool],
    ) -> None:
        """Ask for the release after a close, in a task.

        Args:
            channel: the dialogue with the module.
            tasks: starts the task.
            has_peer_closed: whether the peer had closed first.
            round_trip: how long the opening took, in seconds; 0 if it failed.
            is_in_use: returns whether a socket is open again.
        """
        self.cancel()
        if round_trip:
            self._openings = [*self._openings[1 - _OPENINGS :], round_trip]

        if self._modes:
            self._task = tasks.spawn(self._ask(channel, has_peer_closed, is_in_use), "release")

    async def _ask(self, channel: Channel, has_peer_closed: bool, is_in_use: Callable[[], bool]) -> None:
        self._awaits_reply = has_peer_closed and await self._indicate(channel, RAI.ONE_REPLY)
        # A module may close by itself when its peer does: then the one reply may have come before it was announced.
        await asyncio.sleep(min(_ROUND_TRIPS * min(self._openings, default=0.0), _LONGEST_WAIT))
        if not is_in_use():
            await self._indicate(channel, RAI.NO_FURTHER_DATA)

    def finish(self) -> None:
        """Wait no more where the network knows already what to expect: the modem is being closed."""
        if self._awaits_reply:
            self.cancel()

    def cancel(self) -> None:
        """Ask for nothing more."""
        self._awaits_reply = False
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _indicate(self, channel: Channel, mode: RAI) -> bool:
        """Indicate a mode; return whether that could be done. It fails when the radio is not connected any more."""
        assert self._modes is not None
        if mode not in self._modes:
            return False

        try:
            await channel.execute(read_verbatim(f"AT+QNBIOTRAI={mode:d}"))
        except BC260YError:
            return False

        return True


async def _query_modes(channel: Channel) -> frozenset[int]:
    """Return the modes that the module has; none where it does not know the command."""
    try:
        answer = await channel.execute(read_verbatim("AT+QNBIOTRAI=?"))
    except CommandFailed:
        return frozenset()

    for line in answer.information:
        if isinstance(line, Text) and (found := _MODES.fullmatch(line.text)) is not None:
            numbers = [int(number) for number in found.groups() if number]
            return frozenset(range(min(numbers), max(numbers) + 1))

    return frozenset()
