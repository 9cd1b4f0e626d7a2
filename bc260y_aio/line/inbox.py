"""The received payload of one connectID, in order, until its transport takes it."""

import sys
from collections import deque
from collections.abc import Callable, Container, Hashable
from typing import Final

from ..at.responses import Unsolicited
from ..at.urcs import DamagedLine, DamagedPayload, PeerClosed, Restarted
from ..errors import ModuleRestarted, ModuleSlept, PayloadDamaged, ReceiveOverflow

_NOISE: Final = ". Noise or an overrun on the serial line does that: check the wiring, or lower the rate"
# The most bytes that are kept for a socket that is being opened.
_HELD: Final = 256 * 1024
# What ends a stream, and costs a datagram socket no more than datagrams.
_ENDS_OF_STREAMS: Final = (ModuleSlept, PayloadDamaged, ReceiveOverflow)


class Inbox:
    """The receive queue of one connectID: filled by the reader task, emptied by a transport.

    Direct push has no flow control: the module sends what its peer sends. So the queue has a limit. Beyond it a stream
    ends with :class:`~bc260y_aio.errors.ReceiveOverflow`, because a hole would be worse, and a datagram socket drops
    its oldest datagrams and counts them.

    Attributes:
        limit: the greatest number of bytes that may wait.
        payloads: what waits, the oldest first.
        size: how many bytes wait.
        is_ended: no more payload will come; some may still wait.
        error: why it ended; None when the peer closed, or when it has not ended.
        dropped: how many datagrams were lost to the limit or to damage.
        received: how many bytes came.
        pushes: in how many payloads.
        length_digits: how many digits the lengths of these have, all together.
        on_payload: is called with each payload, if it is set.
    """

    def __init__(self, limit: int, *, keeps_order: bool) -> None:
        """Make an empty queue.

        Args:
            limit: the greatest number of bytes that may wait.
            keeps_order: it is a stream's queue, which ends rather than have a hole.
        """
        self.limit = limit
        self.size = 0
        self.dropped = 0
        self.on_arrival: Callable[[], None] | None = None
        self.on_size_change: Callable[[], None] | None = None
        self.on_overflow: Callable[[], object] | None = None
        self.on_end: Callable[[], object] | None = None
        self.keeps_order = keeps_order
        self.received = self.pushes = self.length_digits = 0
        self.on_payload: Callable[[bytes], None] | None = None
        self.payloads: deque[bytes] = deque()
        self.is_ended = False
        self.error: Exception | None = None
        self._is_discarding = False

    def __repr__(self) -> str:
        end = "" if not self.is_ended else " ended" if self.error is None else f" ended by {self.error!r}"
        return f"<Inbox {self.size} bytes in {len(self.payloads)} payloads{end}>"

    # The reader task's side

    def put(self, payload: bytes) -> None:
        """Add a payload."""
        size = len(payload)
        self.received += size
        self.pushes += 1
        # Without a call, for this is done for every push.
        self.length_digits += 1 + (size > 9) + (size > 99) + (size > 999)
        if self.on_payload is not None:
            self.on_payload(payload)

        if self.is_ended or self._is_discarding or (self.keeps_order and not payload):
            return

        self.payloads.append(payload)
        self.size += size
        # A stream has no empty payloads, so their number needs no test there.
        if self.size > self.limit or (not self.keeps_order and self._is_too_full):
            self._overflow()

        if self.on_arrival is not None:
            self.on_arrival()

        if self.on_size_change is not None:
            self.on_size_change()

    def record_damage(self, error: Exception) -> None:
        """Note that a payload was lost on the line: it ends a stream, and is a dropped datagram."""
        if self.keeps_order:
            self.end(error)
        else:
            self.dropped += 1

    def end(self, error: Exception | None = None) -> None:
        """Add the end; without an error the peer ended it. Payload that waits before it can still be taken."""
        if not self.is_ended:
            self.is_ended = True
            self.error = error
            self._announce()
            if self.on_end is not None:
                self.on_end()

    @property
    def _is_too_full(self) -> bool:
        # An empty datagram needs memory, too.
        return max(self.size, len(self.payloads)) > self.limit

    def _overflow(self) -> None:
        if self.keeps_order:
            self.size -= len(self.payloads.pop())
            self.end(
                ReceiveOverflow(f"more than {self.limit} bytes were left unread; read faster, or raise receive_limit=")
            )
            if self.on_overflow is not None:
                self.on_overflow()

            return

        while self._is_too_full:
            self.size -= len(self.payloads.popleft())
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
        """Return whether there is a payload to take."""
        return bool(self.payloads)

    @property
    def count(self) -> int:
        """How many payloads wait."""
        return len(self.payloads)

    @property
    def is_readable(self) -> bool:
        """Whether a kernel socket would be readable here: payload waits, or the end has come."""
        return bool(self.payloads) or self.is_ended

    @property
    def is_exhausted(self) -> bool:
        """Whether everything was taken and no more will come."""
        return self.is_ended and not self.payloads

    def take(self) -> bytes:
        """Remove and return the oldest payload.

        Raises:
            IndexError: there is none.
        """
        payload = self.payloads.popleft()
        self.size -= len(payload)
        if self.on_size_change is not None:
            self.on_size_change()

        return payload

    def take_joined(self) -> bytes:
        """Take everything that waits away, in one piece; for a stream.

        Raises:
            IndexError: there is nothing.
        """
        joined = self.payloads.popleft()
        if self.payloads:
            joined = b"".join((joined, *self.payloads))
            self.payloads.clear()

        self.size = 0
        if self.on_size_change is not None:
            self.on_size_change()

        return joined

    def put_back(self, payload: bytes) -> None:
        """Put back the payload that was taken last, or the rest of it."""
        self.payloads.appendleft(payload)
        self.size += len(payload)
        self._report_size()

    def discard(self) -> None:
        """Drop the data that waits and all later data; the end is still reported."""
        self._is_discarding = True
        self.clear()

    def clear(self) -> None:
        """Drop all payload that waits."""
        self.payloads.clear()
        self.size = 0
        self._report_size()


class Inboxes(dict[Hashable, Inbox]):
    """The inboxes of one channel, by connectID; those that are only notified of the end have other keys.

    Attributes:
        sockets: how many sockets the module has. A line about any other socket is damaged: it was about one of these.
        strays: how many payloads came for a connectID without an inbox.
        damaged: how many lines were damaged that may have held data of any socket.
        opening: the connectID that is being opened, and what has come for it.
        unclaimed: the connectIDs for which data or the end came, though they had no inbox.
    """

    def __init__(self) -> None:
        """Make an empty collection."""
        super().__init__()
        self.sockets = sys.maxsize
        self.strays = 0
        self.damaged = 0
        self.opening: tuple[int, Inbox] | None = None
        self.unclaimed: set[Hashable] = set()

    def attach(self, key: Hashable, inbox: Inbox) -> None:
        """Let payload for a connectID go into an inbox; with any other key it is only notified of the end.

        Data that came while the connectID was being opened goes first. What came even before that is lost.
        """
        if key in self.unclaimed:
            inbox.record_damage(PayloadDamaged("data came before the module had reported that the connection was open"))

        if self.opening is not None and self.opening[0] == key:
            held, self.opening = self.opening[1], None
            while held:
                inbox.put(held.take())

            if isinstance(held.error, _ENDS_OF_STREAMS):
                inbox.record_damage(held.error)
            elif held.is_ended:
                inbox.end(held.error)

        self[key] = inbox

    def detach(self, key: Hashable) -> None:
        """Stop that."""
        self.pop(key, None)

    def hold(self, connect_id: int | None) -> None:
        """Keep what comes for a connectID that is being opened, until it is attached; None ends that.

        Data may come between the ``OK`` of AT+QIOPEN and its outcome.
        """
        self.opening = (
            None if connect_id is None or connect_id in self else (connect_id, Inbox(_HELD, keeps_order=True))
        )

    def deliver(self, connect_id: int, payload: bytes) -> bool:
        """Put a payload where it belongs; return whether somebody has that connectID."""
        if self.opening is None and connect_id in self:
            self[connect_id].put(payload)
            return True

        inbox = self._find(connect_id)
        if inbox is not None:
            inbox.put(payload)
            return True

        self.strays += 1
        self._doubt(connect_id)
        return False

    def handle(self, event: Unsolicited) -> None:
        """Report a URC to the inboxes that it is about."""
        match event:
            case DamagedPayload(connect_id=connect_id, announced=announced, reason=reason):
                self._doubt(connect_id)
                if (inbox := self._find(connect_id)) is not None:
                    inbox.record_damage(
                        PayloadDamaged(f"a push of {announced} bytes was damaged on the line: {reason}{_NOISE}")
                    )
            case DamagedLine():
                self._damage_any()
            case PeerClosed(connect_id=connect_id):
                self._doubt(connect_id)
                if (inbox := self._find(connect_id)) is not None:
                    inbox.end()
            case Restarted():
                self.end_all(ModuleRestarted("the module restarted"))

    def _find(self, connect_id: int) -> Inbox | None:
        """Return the inbox for what came for a connectID; note that something did if there is none."""
        if self.opening is not None and self.opening[0] == connect_id:
            return self.opening[1]

        if connect_id not in self:
            self.unclaimed.add(connect_id)

        return self.get(connect_id)

    def _doubt(self, connect_id: int) -> None:
        """Take a line about a socket that the module does not have for a damaged one about another socket."""
        if connect_id >= self.sockets:
            self._damage_any()

    def _damage_any(self) -> None:
        # It may have been anybody's data. A datagram may get lost; a stream may not have a hole.
        self.damaged += 1
        self.end_streams(PayloadDamaged(f"a line was damaged that may have held data of this connection{_NOISE}"))

    @property
    def has_streams(self) -> bool:
        """Whether a stream may receive more."""
        return any(inbox.keeps_order and not inbox.is_ended for inbox in self.values())

    def end_all(self, error: Exception) -> None:
        """Report to all of them that nothing more will come."""
        for inbox in self._all():
            inbox.end(error)

    def end_streams(self, error: Exception, spared: Container[Hashable] = ()) -> None:
        """Report to those of streams, but not of datagram sockets, that nothing more will come.

        Args:
            error: why.
            spared: the connectIDs of streams that go on.
        """
        for key, inbox in tuple(self.items()):
            if inbox.keeps_order and key not in spared:
                inbox.end(error)

        if self.opening is not None and self.opening[0] not in spared:
            self.opening[1].end(error)

    def _all(self) -> list[Inbox]:
        return [*self.values(), *([] if self.opening is None else [self.opening[1]])]
