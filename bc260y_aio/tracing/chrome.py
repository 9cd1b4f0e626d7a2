"""A trace as a file in the Trace Event Format, which ui.perfetto.dev and chrome://tracing show.

One lane is the line, with every command on it and the times in which it was out of step. Each connectID has a lane of
its own: the life of its socket, and in it the commands about it, each behind the time that its turn was waited for.
A URC or data is an instant; the amount of data in queues is a counter. Times are whole microseconds since the first
event.
"""

import json
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self

from .events import (
    CommandEnded,
    CommandSent,
    DataArrived,
    LineClosed,
    LineOpened,
    QueueDepth,
    RecoveryEnded,
    Retried,
    SleepChanged,
    SocketBegan,
    SocketEnded,
    TraceEvent,
    TurnsWaiting,
    UrcHeard,
)
from .files import create_private

PROCESS: Final = 1
"""The number of the modem, which is the only process of the file."""
LINE: Final = 1
"""The number of the line's lane; that of a connectID is 2 more than it."""

_MICROSECONDS: Final = 1e6

Entry = dict[str, Any]


class ChromeTrace:
    """Writes events to a file; a callback for :meth:`bc260y_aio.Modem.trace`, and a context manager.

        with ChromeTrace("trace.json") as trace:
            modem = Modem("/dev/ttyUSB0")
            modem.trace(trace)
            async with modem:
                ...

    A file that is not closed loads all the same, but for being JSON.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Begin a file; one that is there is overwritten.

        Raises:
            OSError: it cannot be written.
        """
        self._file = create_private(path)
        self._separator = "[\n"
        self._origin: float | None = None
        self._latest = 0
        self._lanes: dict[int, int] = {}
        self._open: set[int] = set()
        self._sent: CommandSent | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, event: TraceEvent) -> None:
        """Write an event.

        Raises:
            OSError: it cannot be written.
        """
        if self._file.closed:
            return

        if self._origin is None:
            self._origin = event.time - (event.waited if isinstance(event, CommandSent) else 0.0)
            self._put(ph="M", name="process_name", pid=PROCESS, tid=0, args={"name": "bc260y"})
            self._lane(LINE, "line")

        now = self._latest = max(self._latest, self._at(event.time))
        for entry in self._entries(event, now):
            self._put(**{"pid": PROCESS, **entry})

    def close(self) -> None:
        """End what is still under way, and close the file. Closing twice is harmless."""
        if self._file.closed:
            return

        try:
            for lane in sorted(self._open):
                self._put(ph="E", ts=self._latest, pid=PROCESS, tid=lane)

            self._file.write("[]\n" if self._origin is None else "\n]\n")
        finally:
            self._file.close()

    # Writing

    def _put(self, **entry: Any) -> None:
        self._file.write(self._separator + json.dumps(entry))
        self._separator = ",\n"

    def _at(self, time: float) -> int:
        assert self._origin is not None
        return max(0, round((time - self._origin) * _MICROSECONDS))

    def _lane(self, number: int, name: str) -> None:
        self._lanes[number] = 0
        self._put(ph="M", name="thread_name", pid=PROCESS, tid=number, args={"name": name})
        self._put(ph="M", name="thread_sort_index", pid=PROCESS, tid=number, args={"sort_index": number})

    def _lane_of(self, connect_id: int | None) -> int:
        if connect_id is None:
            return LINE

        number = LINE + 1 + connect_id
        if number not in self._lanes:
            self._lane(number, f"connectID {connect_id}")

        return number

    # The entries of an event

    def _entries(self, event: TraceEvent, now: int) -> Iterator[Entry]:
        match event:
            case CommandSent():
                self._sent = event
            case CommandEnded():
                yield from self._command(event, now)
            case SocketBegan():
                yield self._life(event, now)
            case SocketEnded(connect_id=connect_id):
                lane = self._lane_of(connect_id)
                if lane in self._open:
                    self._open.discard(lane)
                    yield {"ph": "E", "ts": now, "tid": lane, "args": {"reason": event.reason}}
            case RecoveryEnded():
                began = self._at(event.time - event.seconds)
                yield self._span(LINE, "out of step", began, now, "recovery", {"outcome": event.error or "in step"})
            case QueueDepth(connect_id=connect_id):
                args = {"sending": event.sending, "receiving": event.receiving}
                yield {"ph": "C", "name": f"connectID {connect_id} queues", "ts": now, "tid": LINE, "args": args}
            case TurnsWaiting():
                yield {"ph": "C", "name": "turns", "ts": now, "tid": LINE, "args": {"waiting": event.waiting}}
            case _:
                yield from self._instant(event, now)

    def _instant(self, event: TraceEvent, now: int) -> Iterator[Entry]:
        match event:
            case UrcHeard(text=text, connect_id=connect_id):
                name, category = text, "urc"
            case DataArrived(connect_id=connect_id):
                name, category = f"recv {event.size}", "data"
            case Retried(connect_id=connect_id):
                name, category = f"retry: {event.reason}", "retry"
            case SleepChanged() | LineOpened() | LineClosed():
                name, category, connect_id = str(event), "line", None
            case _:
                return

        payload = getattr(event, "payload", None)
        args = {} if payload is None else {"payload": payload.hex()}
        lane = self._lane_of(connect_id)
        yield {"ph": "i", "s": "t", "name": name, "cat": category, "ts": now, "tid": lane, "args": args}

    def _command(self, event: CommandEnded, now: int) -> Iterator[Entry]:
        sent, self._sent = self._sent, None
        began = self._at(event.time - event.seconds)
        waited = sent.waited if sent is not None else 0.0
        args: Entry = {"command": event.command, "result": event.result, "waited_ms": round(waited * 1e3, 3)}
        if event.information:
            args["information"] = list(event.information)

        if sent is not None:
            args["wire_bytes"] = sent.wire_bytes
            if sent.payload is not None:
                args["payload"] = sent.payload.hex()

        name = f"AT{event.name}" if event.name else event.command
        category = "command" if event.is_ok else "command,failed"
        if event.connect_id is not None:
            lane = self._lane_of(event.connect_id)
            asked = max(self._at(event.time - event.seconds - waited), self._lanes[lane])
            if asked < began:
                yield self._span(lane, "waiting", asked, began, "turn", {})

            yield self._span(lane, name, began, now, category, args)

        yield self._span(LINE, name, began, now, category, args)

    def _life(self, event: SocketBegan, now: int) -> Entry:
        """Begin the life of a socket where the wait for its opening began."""
        lane, sent = self._lane_of(event.connect_id), self._sent
        began = now if sent is None else self._at(sent.time - sent.waited)
        self._open.add(lane)
        name = f"{event.service_type} {event.host}:{event.port}"
        return {"ph": "B", "name": name, "cat": "socket", "ts": max(began, self._lanes[lane]), "tid": lane}

    def _span(self, lane: int, name: str, began: int, ended: int, category: str, args: Entry) -> Entry:
        # Where two overlap, a lane cannot show both.
        began = max(began, self._lanes[lane])
        self._lanes[lane] = ended = max(began, ended)
        return {
            "ph": "X",
            "name": name,
            "cat": category,
            "ts": began,
            "dur": ended - began,
            "tid": lane,
            "args": args,
        }
