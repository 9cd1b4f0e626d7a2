"""Datagrams that the module split: it pushes at most 1024 bytes at once (guide 2.3, note 4), and marks nothing.

A push of exactly 1024 bytes that another one of the same socket follows at once is probably one datagram in two parts.
It may also be two datagrams, of which the first has just that length: there is no difference. So they are counted,
and joined only if the program asks for that.
"""

import asyncio
import logging
from typing import Final

from ..line.inbox import Inbox

logger = logging.getLogger("bc260y_aio")

# The largest push (guide 2.3, note 4), in bytes.
LARGEST_PUSH: Final = 1024
# No datagram of UDP over IPv4 has more of them than this.
_MOST_PARTS: Final = 64
# How long after one push the next still follows "at once", in seconds, on a line of unknown rate.
_AT_ONCE: Final = 0.1
# A push as hex on a serial line: two characters of ten bits for each byte, and its header.
_LONGEST_PUSH_BITS: Final = 10 * (2 * LARGEST_PUSH + 40)


class DatagramInbox(Inbox):
    """The receive queue of a datagram socket, which notices datagrams that the module split.

    Attributes:
        splits: how many parts seem to have been split off from the datagram before them.
    """

    def __init__(self, limit: int, *, rejoin: bool, baudrate: int | None, peer: str) -> None:
        """Make an empty queue.

        Args:
            limit: the most bytes that may wait.
            rejoin: join the parts.
            baudrate: the rate of the line, or None where it is not known.
            peer: the peer, for the log.
        """
        super().__init__(limit, keeps_order=False)
        self.splits = 0
        self._rejoins = rejoin
        self._peer = peer
        # The next part is complete only when the line has carried it.
        self._patience = _AT_ONCE + (1.2 * _LONGEST_PUSH_BITS / baudrate if baudrate else 0.0)
        self._parts: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def put(self, payload: bytes) -> None:
        """Add a payload, or, where parts are joined, keep it until it is known to be whole."""
        is_continued = self._timer is not None
        if is_continued:
            self._note_split()

        self._cancel()
        may_go_on = len(payload) == LARGEST_PUSH and len(self._parts) < _MOST_PARTS
        if may_go_on:
            self._timer = asyncio.get_running_loop().call_later(self._patience, self._complete)

        if not self._rejoins:
            super().put(payload)
        elif may_go_on:
            self._parts.append(payload)
        else:
            self._parts.append(payload)
            self._complete()

    def end(self, error: Exception | None = None) -> None:
        """Add the end, after the parts that were kept."""
        self._complete()
        super().end(error)

    def _note_split(self) -> None:
        self.splits += 1
        if self.splits == 1:
            remedy = "they are joined" if self._rejoins else "Modem(..., datagram_rejoin=True) would join them"
            logger.warning(
                "%s: a push of %d bytes was followed by another at once; the module splits longer datagrams, and %s",
                self._peer,
                LARGEST_PUSH,
                remedy,
            )

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _complete(self) -> None:
        self._cancel()
        if self._parts:
            parts, self._parts = self._parts, []
            super().put(b"".join(parts))
