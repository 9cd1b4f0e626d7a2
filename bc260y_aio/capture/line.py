"""The bytes of a line, as the events that a capture is made of: for lines whose modem is in another program."""

import asyncio
import re
from collections.abc import Callable
from typing import Final

from ..at.commands import CloseSocket, Command, OpenSocket, QueryAcks, Raw, SendData, SetDataFormat, read_command
from ..at.completions import SendResult, SocketClosed, SocketOpened
from ..at.framing import LineSplitter
from ..at.information import AckStatus, DataFormat
from ..at.lines import read_response
from ..at.privacy import presentable
from ..at.responses import Failure, Response, Success
from ..at.syntax import Malformed, PayloadFormat, decode_payload
from ..at.urcs import PeerClosed, Restarted
from ..tracing import (
    CommandEnded,
    CommandSent,
    DataAcknowledged,
    DataArrived,
    DataTaken,
    SocketBegan,
    SocketEnded,
    TraceEvent,
    UrcHeard,
)

_BLANKS: Final = b"\r\n\0 "
_PUSH: Final = re.compile(rb'\+QIURC: ?"recv",(\d{1,3}),(\d{1,4}),("?)')
# The data of a send that was not confirmed is kept for so many of them, in case the counters tell that it was taken.
_MOST_IN_DOUBT: Final = 8


class LineCapture:
    """Reads a dialogue that others have, and reports what happened in it.

    It is not the party to whom the answers are due: what it cannot read it leaves out.
    """

    def __init__(self, report: Callable[[TraceEvent], None]) -> None:
        """Begin.

        Args:
            report: gets the events, with payload; such as a :class:`bc260y_aio.capture.Capture`.
        """
        self._report = report
        self._splitters = {by_dte: LineSplitter(by_dte=by_dte) for by_dte in (True, False)}
        self._send_format = self._receive_format = PayloadFormat.HEX
        self._command: Command | None = None
        self._sent_at = 0.0
        self._number = 0
        self._has_ok = False
        self._information: list[str] = []
        self._open: set[int] = set()
        self._taken: dict[int, int] = {}
        self._in_doubt: dict[int, list[bytes]] = {}

    def feed(self, data: bytes, *, by_dte: bool) -> None:
        """Take bytes that one side sent."""
        for line in self._splitters[by_dte].feed(data):
            if text := line.strip(_BLANKS):
                if by_dte:
                    self._note_command(text)
                elif (push := _PUSH.match(text)) is not None:
                    self._note_push(push, text)
                else:
                    self._note_response(text.decode("latin-1"))

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # The program's side

    def _note_command(self, line: bytes) -> None:
        if self._command is not None:
            self._end("no answer", is_ok=False)

        try:
            command = read_command(line, self._send_format)
        except Malformed:
            return

        self._command, self._sent_at = command, self._now
        self._number += 1
        self._has_ok = False
        self._information.clear()
        sent = CommandSent(
            time=self._sent_at,
            number=self._number,
            command=presentable(str(command)),
            name=command.name,
            connect_id=_connect_id(command),
            waited=0.0,
            wire_bytes=len(line) + 1,
        )
        self._report(sent)

    # The module's side

    def _note_push(self, push: re.Match[bytes], line: bytes) -> None:
        size, begin = int(push[2]), push.end()
        try:
            data = (
                decode_payload(line[begin : begin + 2 * size], PayloadFormat.HEX)
                if self._receive_format is PayloadFormat.HEX
                else line[begin : begin + size]
            )
        except ValueError:
            return

        if len(data) == size:
            self._report(DataArrived(time=self._now, connect_id=int(push[1]), size=size, payload=data))

    def _note_response(self, text: str) -> None:
        response = read_response(text, self._command)
        match response:
            case Success() if self._command is not None and self._command.awaited and not self._has_ok:
                self._has_ok = True
            case Success() | Failure():
                self._end(text, is_ok=isinstance(response, Success))
            case SocketOpened() | SendResult() | SocketClosed() if self._awaits(response):
                self._end(text, is_ok=not getattr(response, "error", 0) and getattr(response, "ok", True))
            case PeerClosed(connect_id=connect_id):
                self._report(UrcHeard(time=self._now, kind="PeerClosed", text=text, connect_id=connect_id))
            case Restarted():
                self._report(UrcHeard(time=self._now, kind="Restarted", text=text))
                for connect_id in sorted(self._open):
                    self._end_socket(connect_id, "the module restarted")
            case AckStatus():
                self._information.append(text)
                self._count(response)
            case DataFormat():
                self._information.append(text)
                self._send_format, self._receive_format = response.send, response.receive
            case _ if self._command is not None and not self._has_ok:
                self._information.append(presentable(text))
            case _:
                self._report(UrcHeard(time=self._now, kind=type(response).__name__, text=presentable(text)))

    def _awaits(self, response: Response) -> bool:
        return self._command is not None and isinstance(response, self._command.awaited)

    def _end(self, result: str, *, is_ok: bool) -> None:
        command, self._command = self._command, None
        if command is None:
            return

        now = self._now
        if isinstance(command, OpenSocket) and is_ok:
            self._begin_socket(now, command)
        elif isinstance(command, SendData):
            self._note_send(now, command, is_ok=is_ok)
        elif isinstance(command, SetDataFormat) and is_ok:
            self._send_format, self._receive_format = command.send, command.receive

        ended = CommandEnded(
            time=now,
            number=self._number,
            command=presentable(str(command)),
            name=command.name,
            connect_id=_connect_id(command),
            result=presentable(result),
            is_ok=is_ok,
            seconds=now - self._sent_at,
            information=tuple(self._information),
        )
        self._report(ended)
        if isinstance(command, CloseSocket):
            self._end_socket(command.connect_id, "closed")

    # Sockets

    def _begin_socket(self, now: float, command: OpenSocket) -> None:
        self._open.add(command.connect_id)
        self._taken[command.connect_id] = 0
        self._in_doubt[command.connect_id] = []
        peer = command.service_type, command.host, command.remote_port
        began = SocketBegan(time=now, connect_id=command.connect_id, service_type=peer[0], host=peer[1], port=peer[2])
        self._report(began)

    def _end_socket(self, connect_id: int, reason: str) -> None:
        if connect_id in self._open:
            self._open.discard(connect_id)
            self._report(SocketEnded(time=self._now, connect_id=connect_id, reason=reason))

    def _note_send(self, now: float, command: SendData, *, is_ok: bool) -> None:
        if command.connect_id not in self._open:
            return

        if is_ok:
            self._take(now, command.connect_id, command.data)
        else:
            self._in_doubt[command.connect_id].append(command.data)
            del self._in_doubt[command.connect_id][:-_MOST_IN_DOUBT]

    def _take(self, now: float, connect_id: int, data: bytes) -> None:
        self._taken[connect_id] += len(data)
        size, total = len(data), self._taken[connect_id]
        self._report(DataTaken(time=now, connect_id=connect_id, size=size, total=total, payload=data))

    def _count(self, status: AckStatus) -> None:
        """Take note of the counters: they tell what was taken of data whose answer was lost."""
        if not isinstance(self._command, QueryAcks) or self._command.connect_id not in self._open:
            return

        connect_id = self._command.connect_id
        missing = status.sent - self._taken[connect_id]
        doubtful = self._in_doubt[connect_id]
        # The data that is sent again is the same, so that the last of it is what was taken.
        if (
            missing > 0
            and (found := next((one for one in reversed(doubtful) if len(one) >= missing), None)) is not None
        ):
            self._take(self._now, connect_id, found[:missing])

        doubtful.clear()
        if status.acked:
            self._report(DataAcknowledged(time=self._now, connect_id=connect_id, total=status.acked))


def _connect_id(command: Command) -> int | None:
    parsed = command.parsed if isinstance(command, Raw) else command
    found = getattr(parsed, "connect_id", None)
    return found if isinstance(found, int) else None
