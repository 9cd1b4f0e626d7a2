"""What has come for one connectID, in order, until its transport takes it."""

import sys
from collections import deque
from collections.abc import Callable, Container, Hashable

from ..at.responses import Unsolicited
from ..at.urcs import DamagedLine, DamagedPayload, PeerClosed, Restarted
from ..errors import ModuleRestarted, PayloadDamaged, ReceiveOverflow


class Inbox:
    """The receive queue of one connectID: filled by the reader task, emptied by a transport.

    Direct push has no brake: the module sends what its peer sends. So the queue has a limit, and a defined end: past it
    a stream breaks off with :class:`~bc260y_aio.errors.ReceiveOverflow`, for a hole would be worse, and a datagram
    socket loses its oldest datagrams, and counts them.

    Attributes:
        limit: the most bytes that may wait.
        size: how many bytes wait.
        dropped: how many datagrams were lost to the limit or to damage.
    """

    def __init__(self, limit: int, *, keeps_order: bool) -> None:
        """Make an empty queue.

        Args:
            limit: the most bytes that may wait.
            keeps_order: a stream's queue breaks off rather than have a hole.
        """
        self.limit = limit
        self.size = 0
        self.dropped = 0
        self.on_arrival: Callable[[], None] | None = None
        self.on_size_change: Callable[[], None] | None = None
        self.on_overflow: Callable[[], object] | None = None
        self.keeps_order = keeps_order
        self._payloads: deque[bytes] = deque()
        self._ended = False
        self._is_discarding = False
        self._error: Exception | None = None

    def __repr__(self) -> str:
        end = "" if not self._ended else " ended" if self._error is None else f" ended by {self._error!r}"
        return f"<Inbox {self.size} bytes in {len(self._payloads)} payloads{end}>"

    # The reader task's side

    def put(self, payload: bytes) -> None:
        """Add a payload."""
        if self._ended or self._is_discarding or (self.keeps_order and not payload):
            return

        self._payloads.append(payload)
        self.size += len(payload)
        if self._is_too_full:
            self._overflow()

        self._announce()

    def record_damage(self, error: Exception) -> None:
        """Add that a payload was lost on the line: the end of a stream, one datagram less."""
        if self.keeps_order:
            self.end(error)
        else:
            self.dropped += 1

    def end(self, error: Exception | None = None) -> None:
        """Add the end: of what the peer sent when there is no error. What waits before it can still be taken."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._announce()

    @property
    def _is_too_full(self) -> bool:
        # An empty datagram takes room, too.
        return max(self.size, len(self._payloads)) > self.limit

    def _overflow(self) -> None:
        if self.keeps_order:
            self.size -= len(self._payloads.pop())
            self.end(ReceiveOverflow(f"more than {self.limit} bytes were left unread"))
            if self.on_overflow is not None:
                self.on_overflow()

            return

        while self._is_too_full:
            self.size -= len(self._payloads.popleft())
            self.dropped += 1

    def _announce(self) -> None:
        if self.on_arrival is not None:
            self.on_arrival()

        self._report_size()

    def _report_size(self) -> None:
        if self.on_size_change is not None:
            self.on_size_change()

    # The transport's side

    def __bool__(self) -> bool:
        """Tell whether there is a payload to take."""
        return bool(self._payloads)

    @property
    def count(self) -> int:
        """How many payloads wait."""
        return len(self._payloads)

    @property
    def is_ended(self) -> bool:
        """Whether no more will come; something may still be there to take."""
        return self._ended

    @property
    def is_readable(self) -> bool:
        """Whether a kernel socket in this place would be readable: there is something to take, or the end has come."""
        return bool(self._payloads) or self._ended

    @property
    def is_exhausted(self) -> bool:
        """Whether everything was taken and no more will come."""
        return self._ended and not self._payloads

    @property
    def error(self) -> Exception | None:
        """Why it ended; None when the peer closed, or when it has not ended."""
        return self._error

    def take(self) -> bytes:
        """Take the oldest payload away.

        Raises:
            IndexError: there is none.
        """
        payload = self._payloads.popleft()
        self.size -= len(payload)
        self._report_size()
        return payload

    def take_joined(self) -> bytes:
        """Take everything that waits away, in one piece; for a stream.

        Raises:
            IndexError: there is nothing.
        """
        if len(self._payloads) == 1:
            return self.take()

        joined = b"".join(self._payloads)
        if not self._payloads:
            raise IndexError("nothing waits")

        self._payloads.clear()
        self.size = 0
        self._report_size()
        return joined

    def put_back(self, payload: bytes) -> None:
        """Put back what was taken last, or the rest of it."""
        self._payloads.appendleft(payload)
        self.size += len(payload)
        self._report_size()

    def discard(self) -> None:
        """Throw away what waits and all that comes; the end still comes."""
        self._is_discarding = True
        self.clear()

    def clear(self) -> None:
        """Throw away what waits."""
        self._payloads.clear()
        self.size = 0
        self._report_size()


class Inboxes(dict[Hashable, Inbox]):
    """The inboxes of one channel, by connectID; those that only want to hear of the end have other keys.

    Attributes:
        sockets: how many sockets the module has. What is said of others is damaged: it was said of one of these.
        strays: how many payloads came for a connectID that nobody has.
    """

    def __init__(self) -> None:
        """Make an empty collection."""
        super().__init__()
        self.sockets = sys.maxsize
        self.strays = 0

    def attach(self, key: Hashable, inbox: Inbox) -> None:
        """Let payload for a connectID go into an inbox; with any other key it only hears of the end."""
        self[key] = inbox

    def detach(self, key: Hashable) -> None:
        """Stop that."""
        self.pop(key, None)

    def deliver(self, connect_id: int, payload: bytes) -> bool:
        """Put a payload where it belongs; return whether somebody has that connectID."""
        inbox = self.get(connect_id)
        if inbox is not None:
            inbox.put(payload)
            return True

        self.strays += 1
        self._doubt(connect_id)
        return False

    def handle(self, event: Unsolicited) -> None:
        """Tell those that a URC is about."""
        match event:
            case DamagedPayload(connect_id=connect_id, announced=announced, reason=reason):
                self._doubt(connect_id)
                if (inbox := self.get(connect_id)) is not None:
                    inbox.record_damage(
                        PayloadDamaged(f"a push of {announced} bytes was damaged on the line: {reason}")
                    )
            case DamagedLine():
                self._damage_any()
            case PeerClosed(connect_id=connect_id):
                self._doubt(connect_id)
                if (inbox := self.get(connect_id)) is not None:
                    inbox.end()
            case Restarted():
                self.end_all(ModuleRestarted("the module restarted"))

    def _doubt(self, connect_id: int) -> None:
        if connect_id >= self.sockets:
            self._damage_any()

    def _damage_any(self) -> None:
        # It may have been anybody's data; a datagram may get lost, a stream may not have a hole.
        self.end_streams(PayloadDamaged("a line was damaged that may have held data of this connection"))

    def end_all(self, error: Exception) -> None:
        """Tell all of them that nothing more will come."""
        for inbox in tuple(self.values()):
            inbox.end(error)

    def end_streams(self, error: Exception, spared: Container[Hashable] = ()) -> None:
        """Tell those of streams, but not of datagram sockets, that nothing more will come.

        Args:
            error: why.
            spared: the connectIDs of streams that go on.
        """
        for key, inbox in tuple(self.items()):
            if inbox.keeps_order and key not in spared:
                inbox.end(error)
