"""Asking the network to release the radio when the last socket is closed: AT+QNBIOTRAI, of firmware R02A01."""

import contextlib
import re
from typing import Final

from ..at.commands import read_verbatim
from ..at.responses import Text
from ..errors import BC260YError, CommandFailed
from ..line.channel import Channel
from ..sockets.rai import RAI

_MODES: Final = re.compile(r"\+QNBIOTRAI: ?\((\d)(?:[-,](\d))?(?:,(\d))?\)")


class RadioRelease:
    """Asks for the release, where the module can.

    The last packet of a TCP connection is its FIN, for which the module takes no release assistance indication. So
    without this, the network keeps the radio connected for its inactivity time after each connection.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._modes: frozenset[int] | None = None

    async def ask(self, channel: Channel, *, has_peer_closed: bool) -> None:
        """Ask for the release: at once, or after the end that the peer is still to send.

        Args:
            channel: the dialogue with the module.
            has_peer_closed: whether the peer had closed first.
        """
        mode = RAI.NO_FURTHER_DATA if has_peer_closed else RAI.ONE_REPLY
        with contextlib.suppress(BC260YError):
            if self._modes is None:
                self._modes = await _query_modes(channel)

            # It fails when the radio is not connected any more.
            if mode in self._modes:
                await channel.execute(read_verbatim(f"AT+QNBIOTRAI={mode:d}"))


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
