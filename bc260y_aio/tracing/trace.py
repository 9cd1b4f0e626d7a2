"""The hooks: what the parts of a modem call when something happens, and the callbacks that get it."""

# A hook without a callback costs a call and a test, and its arguments are at hand where it is called. Whether the
# logger is enabled is asked once a command, and at rare events.

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Sequence, Sized
from typing import Any, Final, Protocol

from ..at.commands import CloseSocket, Command, OpenSocket, SendData, SetSleep
from ..at.privacy import masked, presentable
from ..at.responses import STANDARD, Response
from ..at.urcs import DamagedLine, DamagedPayload, LateAnswer, PowerChanged, PowerEvent, Restarted
from .events import (
    CommandEnded,
    CommandSent,
    DataAcknowledged,
    DataArrived,
    DataTaken,
    LineClosed,
    LineOpened,
    QueueDepth,
    RecoveryBegan,
    RecoveryEnded,
    Retried,
    SleepChanged,
    SocketBegan,
    SocketEnded,
    TraceEvent,
    TurnsWaiting,
    UrcHeard,
)

LOGGER: Final = "bc260y_aio.trace"
"""The logger that every event goes to, at level DEBUG, without payload."""

_logger = logging.getLogger(LOGGER)
_is_logged: Final = _logger.isEnabledFor

Callback = Callable[[TraceEvent], None]

_POWER: Final = {PowerEvent.ENTER_DEEP_SLEEP: "asleep", PowerEvent.EXIT_DEEP_SLEEP: "awake"}


def _now() -> float:
    """Return the time of the loop, in seconds: that of a virtual clock, too. uvloop's goes in steps of 1 ms."""
    return asyncio.get_running_loop().time()


class Brought(Protocol):
    """The answer to a command."""

    @property
    def information(self) -> Sequence[Response]:
        """Its information responses."""

    @property
    def completions(self) -> Sequence[Response]:
        """The responses after ``OK``."""


class Held(Protocol):
    """A queue with a size in bytes."""

    size: int


class Trace:
    """Passes events of a modem to its callbacks and to the logger.

    Attributes:
        is_on: whether there was a callback, or the logger was enabled, at the last check. Otherwise waiting turns
            are not reported.
        under_way: the event of the command under way, if it was reported.
    """

    def __init__(self, name: str) -> None:
        """Make one without callbacks.

        Args:
            name: what log lines call the modem.
        """
        self._name = name
        self._callbacks: list[tuple[Callback, bool]] = []
        self.is_on = False
        self._lined_up: dict[object, float] = {}
        self._waited = 0.0
        self.under_way: CommandSent | None = None
        self._recovery_began: float | None = None
        self._sockets: dict[int, SocketBegan] = {}
        self._queues: dict[int, tuple[Sized, Held]] = {}
        self._depths: dict[int, tuple[int, int]] = {}
        self._waiting = 0
        self._number = 0

    # Listening

    def add(self, callback: Callback, *, payload: bool = False) -> Callable[[], None]:
        """Call back for every event from now on; return what ends that.

        Args:
            callback: gets the event. It must not block.
            payload: show it payload, too.
        """
        entry = (callback, payload)
        self._callbacks.append(entry)
        self.is_on = True

        def remove() -> None:
            if entry in self._callbacks:
                self._callbacks.remove(entry)

        return remove

    def _publish(self, event: TraceEvent, payload: bytes | None = None) -> None:
        if _is_logged(logging.DEBUG):
            extra = {
                "modem": self._name,
                "event": type(event).__name__,
                "connect_id": getattr(event, "connect_id", None),
                "trace": event,
            }
            _logger.debug("%s: %s", self._name, event, extra=extra)

        for callback, shows_payload in tuple(self._callbacks):
            shown: Any = event
            if shows_payload and payload is not None:
                shown = dataclasses.replace(shown, payload=payload)

            try:
                callback(shown)
            except Exception as exc:
                context = {"message": f"{callback!r} failed", "exception": exc}
                asyncio.get_running_loop().call_exception_handler(context)

    # The line

    def opened(self, port: str, baudrate: int | None) -> None:
        """The port is open."""
        self.is_on = bool(self._callbacks) or _is_logged(logging.DEBUG)
        if self.is_on:
            self._publish(LineOpened(time=_now(), port=port, baudrate=baudrate))

    def closed(self, error: Exception) -> None:
        """The dialogue is over."""
        self._lined_up.clear()
        self._queues.clear()
        if self._callbacks or _is_logged(logging.DEBUG):
            now = _now()
            if self.under_way is not None:
                self._end(now, self.under_way, masked(str(error)))

            self._end_sockets(now, masked(str(error)))
            self._publish(LineClosed(time=now, reason=masked(str(error))))

    def recovery_began(self) -> None:
        """Probes are sent from now on."""
        if (self._callbacks or _is_logged(logging.DEBUG)) and self._recovery_began is None:
            self._recovery_began = now = _now()
            self._publish(RecoveryBegan(time=now))

    def recovery_ended(self, error: Exception | None) -> None:
        """No more probes are."""
        if self._recovery_began is not None:
            now = _now()
            seconds, self._recovery_began = now - self._recovery_began, None
            self._publish(RecoveryEnded(time=now, seconds=seconds, error=None if error is None else masked(str(error))))

    # Turns and commands

    def is_wanted(self) -> bool:
        """Return whether somebody listens, which is asked before each command; see :attr:`is_on`."""
        self.is_on = True if self._callbacks else _is_logged(logging.DEBUG)
        return self.is_on

    def lined_up(self, waiter: object) -> None:
        """Somebody stands in line."""
        self._lined_up[waiter] = _now()

    def granted(self, waiter: object) -> None:
        """It has the turn."""
        if self._lined_up or self._waited:
            since = self._lined_up.pop(waiter, None)
            self._waited = 0.0 if since is None else _now() - since

    def sent(self, command: Command, line: bytes, waiting: int) -> None:
        """A command was written, while so many wait for a turn; see :meth:`is_wanted`."""
        now = _now()
        self._number += 1
        self.under_way = CommandSent(
            time=now,
            number=self._number,
            command=str(command),
            name=command.name,
            connect_id=_connect_id(command),
            waited=self._waited,
            wire_bytes=len(line),
        )
        self._waited = 0.0
        self._publish(self.under_way, command.data if isinstance(command, SendData) else None)
        self._look()
        if waiting != self._waiting:
            self._waiting = waiting
            self._publish(TurnsWaiting(time=now, waiting=waiting))

    def ended(self, command: Command, outcome: Brought | Exception) -> None:
        """It is answered, or will not be."""
        sent = self.under_way
        if sent is None:
            return

        now = _now()
        is_ok = not isinstance(outcome, Exception) and not any(map(_is_failure, outcome.completions))
        if is_ok and isinstance(command, OpenSocket):
            self._begin_socket(now, command)

        if isinstance(outcome, Exception):
            self._end(now, sent, masked(str(outcome).removeprefix(f"{command}: ")))
        else:
            result = _text(outcome.completions[-1]) if outcome.completions else "OK"
            self._end(now, sent, result, tuple(map(_text, outcome.information)), is_ok=is_ok)

        if isinstance(command, CloseSocket):
            self._end_socket(now, command.connect_id, "closed")
        elif isinstance(command, SetSleep) and is_ok:
            self._publish(SleepChanged(time=now, state="allowed" if command.mode else "not allowed"))

        # Data that the module took leaves its queue after the sender has its result.
        asyncio.get_running_loop().call_soon(self._look)

    def _end(
        self, now: float, sent: CommandSent, result: str, information: tuple[str, ...] = (), *, is_ok: bool = False
    ) -> None:
        self.under_way = None
        self._publish(
            CommandEnded(
                time=now,
                number=sent.number,
                command=sent.command,
                name=sent.name,
                connect_id=sent.connect_id,
                result=result,
                is_ok=is_ok,
                seconds=now - sent.time,
                information=information,
            )
        )

    def retried(self, connect_id: int, reason: str) -> None:
        """Something is done again."""
        if self._callbacks or _is_logged(logging.DEBUG):
            self._publish(Retried(time=_now(), connect_id=connect_id, reason=masked(reason)))

    # URCs and data

    def urc_received(self, event: Response) -> None:
        """The module wrote a URC."""
        if not (self._callbacks or _is_logged(logging.DEBUG)):
            return

        now = _now()
        if (text := _urc(event)) is not None:
            connect_id = _connect_id(event)
            self._publish(UrcHeard(time=now, kind=type(event).__name__, text=text, connect_id=connect_id))

        if isinstance(event, Restarted):
            self._end_sockets(now, "the module restarted")
        elif isinstance(event, PowerChanged) and event.event in _POWER:
            self._publish(SleepChanged(time=now, state=_POWER[event.event]))  # type: ignore[arg-type]

    def arrived(self, connect_id: int, data: bytes, *, is_stray: bool) -> None:
        """A peer's data came."""
        now = _now()
        self._publish(DataArrived(time=now, connect_id=connect_id, size=len(data), is_stray=is_stray), bytes(data))
        self._look()
        # What its reader takes at once does not wait.
        asyncio.get_running_loop().call_soon(self._look)

    def taken(self, connect_id: int, data: bytes, total: int) -> None:
        """The module has taken data of a socket, so much in all since that was opened; called only while it is on."""
        self._publish(DataTaken(time=_now(), connect_id=connect_id, size=len(data), total=total), data)

    def acknowledged(self, connect_id: int, total: int) -> None:
        """The peer of a socket has acknowledged so much since that was opened."""
        if self.is_on:
            self._publish(DataAcknowledged(time=_now(), connect_id=connect_id, total=total))

    # Sockets

    def watch(self, connect_id: int, outbox: Sized, inbox: Held) -> None:
        """Look at these queues from now on."""
        self._queues[connect_id] = outbox, inbox

    def unwatch(self, connect_id: int) -> None:
        """Look at them no more."""
        self._queues.pop(connect_id, None)
        if any(self._depths.pop(connect_id, ())):
            self._publish(QueueDepth(time=_now(), connect_id=connect_id, sending=0, receiving=0))

    def _look(self) -> None:
        now = _now()
        for connect_id, (outbox, inbox) in self._queues.items():
            depth = (len(outbox), inbox.size)
            if depth != self._depths.get(connect_id, (0, 0)):
                self._depths[connect_id] = depth
                self._publish(QueueDepth(time=now, connect_id=connect_id, sending=depth[0], receiving=depth[1]))

    def _begin_socket(self, now: float, command: OpenSocket) -> None:
        self._sockets[command.connect_id] = began = SocketBegan(
            time=now,
            connect_id=command.connect_id,
            service_type=command.service_type,
            host=masked(command.host),
            port=command.remote_port,
        )
        self._publish(began)

    def _end_socket(self, now: float, connect_id: int, reason: str) -> None:
        if self._sockets.pop(connect_id, None) is not None:
            self._publish(SocketEnded(time=now, connect_id=connect_id, reason=reason))

    def _end_sockets(self, now: float, reason: str) -> None:
        for connect_id in tuple(self._sockets):
            self._end_socket(now, connect_id, reason)


def _connect_id(about: object) -> int | None:
    found = getattr(getattr(about, "parsed", None) or about, "connect_id", None)
    return found if isinstance(found, int) else None


def _is_failure(completion: Response) -> bool:
    return bool(getattr(completion, "error", 0)) or not getattr(completion, "ok", True)


def _text(response: Response) -> str:
    return presentable(response.write(STANDARD))


def _urc(event: Response) -> str | None:
    """Return the line, without private data; None for an event that is no line."""
    match event:
        case LateAnswer(response=response):
            return f"(late) {_text(response)}"
        case DamagedLine(text=text):
            return f"(a damaged line of {len(text)} bytes or more)"
        case DamagedPayload(announced=announced, reason=reason):
            return f"(a damaged push of {announced} bytes: {reason})"
        case _:
            try:
                return _text(event)
            except NotImplementedError:
                return None
