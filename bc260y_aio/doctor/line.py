"""A line to a module on which every byte that comes is kept, with the command that it came after."""

# A `DTE` follows the dialogue, as it does for the driver, so that what ends a command here ends it there. It is
# lenient, and tells nothing of how a thing was spelled: for that there are the bytes.

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from ..at.commands import Command
from ..at.dte import DTE, NEED_DATA
from ..at.responses import Completion, Failure, Information, Response, Success
from ..at.states import State
from ..at.urcs import DataReceived, ProbeAnswered, Restarted, Resynchronised
from ..errors import ModemNotResponding
from ..port import Port

# How long to wait after the last byte before a command is sent, in seconds, as long as nothing is known of the module.
_FIRST_GAP: Final = 0.1
# And afterwards: what belongs to an answer, such as a stray NUL behind it, has come by then.
SETTLED: Final = 0.05
# How long the guide gives any command to be answered, in seconds.
_PATIENCE: Final = 5.0
_PROBE_INTERVAL: Final = 0.3
_MARKER_INTERVAL: Final = 2.0


@dataclass(slots=True)
class Exchange:
    """What came after a command, until the next.

    Attributes:
        command: the command; empty for what came by itself.
        heard: every byte.
        events: what the driver's parser makes of them.
        result_after: how long the final result code took, in seconds; None when there was none.
        done_after: how long it was until the dialogue was over, in seconds; None when it was given up.
    """

    command: str
    heard: bytes = b""
    events: list[Response] = field(default_factory=list)
    result_after: float | None = None
    done_after: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether the module answered, and told the outcome where one is due."""
        return self.done_after is not None

    @property
    def is_accepted(self) -> bool:
        """Whether the module said ``OK``."""
        return any(isinstance(event, Success) for event in self.events)

    @property
    def is_refused(self) -> bool:
        """Whether the module said ``ERROR``, in one form or another."""
        return any(isinstance(event, Failure) for event in self.events)

    @property
    def information(self) -> list[Information]:
        """What stood before the final result code."""
        return [event for event in self.events if isinstance(event, Information)]

    @property
    def completions(self) -> list[Completion]:
        """What followed ``OK``."""
        return [event for event in self.events if isinstance(event, Completion)]

    @property
    def lines(self) -> list[bytes]:
        """What was heard, line by line, without blanks and blank lines."""
        return [line for one in self.heard.splitlines() if (line := one.strip(b"\0 "))]

    def all_of(self, *kinds: Any) -> list[Any]:
        """Return the events of these classes."""
        return [event for event in self.events if isinstance(event, kinds)]


class Line:
    """A dialogue with a module, one command after the other.

    Attributes:
        port: the port; it belongs to whoever opened it.
        gap: how long to wait after the last byte before a command is sent, in seconds.
        exchanges: all that was said, in order.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.gap = _FIRST_GAP
        self._heard_at = 0.0
        self._dte = DTE()
        self._loop = asyncio.get_running_loop()
        self.exchanges = [Exchange("")]

    @property
    def latest(self) -> Exchange:
        """The exchange under way."""
        return self.exchanges[-1]

    async def ask(self, command: Command, *, timeout: float | None = None) -> Exchange:
        """Send a command, and return what it brought; nothing is raised where the module does not answer.

        Args:
            command: the command.
            timeout: for its final result code and again for its completion, in seconds; by default what the guide
                gives any command, and its own.

        Raises:
            PortLost: the port went away.
            ModemNotResponding: after a command that was not answered, nothing brings the line into step.
        """
        await self.synchronise()
        await self._keep_gap()
        line = self._dte.send(command)
        exchange = Exchange(str(command))
        self.exchanges.append(exchange)
        started = self._loop.time()
        self.port.write(line)
        await self._hear_until_over(exchange, started, timeout or _PATIENCE, is_result=True)
        if self._dte.state is State.AWAITING_COMPLETION:
            limit = timeout or command.completion_timeout
            await self._hear_until_over(exchange, started, limit, is_result=False)

        if self._is_engaged:
            self._dte.give_up()
            self._take_events()
        else:
            exchange.done_after = self._loop.time() - started

        return exchange

    async def _keep_gap(self) -> None:
        while (left := self._heard_at + self.gap - self._loop.time()) > 0:
            await self.listen(left)

    async def _hear_until_over(self, exchange: Exchange, started: float, limit: float, *, is_result: bool) -> None:
        awaited = State.AWAITING_RESULT if is_result else State.AWAITING_COMPLETION
        deadline = self._loop.time() + limit
        while self._dte.state is awaited and await self._hear(deadline):
            if exchange.result_after is None and (exchange.is_accepted or exchange.is_refused):
                exchange.result_after = self._loop.time() - started

    @property
    def _is_engaged(self) -> bool:
        return self._dte.state in (State.AWAITING_RESULT, State.AWAITING_COMPLETION)

    async def listen(self, seconds: float, *kinds: type[Response]) -> Response | None:
        """Hear what comes by itself, for so long, or until an event of these classes has come; return that."""
        seen = len(self.latest.events)
        deadline = self._loop.time() + seconds
        while True:
            for event in self.latest.events[seen:]:
                if isinstance(event, kinds or ()):
                    return event

            seen = len(self.latest.events)
            if not await self._hear(deadline):
                return None

    async def listen_for_data(self, connect_id: int, size: int, seconds: float) -> list[DataReceived]:
        """Hear what comes until so many bytes have been pushed for a connectID since the last command, or so long."""
        deadline = self._loop.time() + seconds
        while True:
            pushes = [push for push in self.latest.all_of(DataReceived) if push.connect_id == connect_id]
            if sum(len(push.data) for push in pushes) >= size or not await self._hear(deadline):
                return pushes

    async def _hear(self, deadline: float) -> bool:
        """Take in what has come, waiting for it; return False if nothing came in time."""
        try:
            async with asyncio.timeout_at(deadline):
                data = await self.port.read()
        except TimeoutError:
            return False

        self._heard_at = self._loop.time()
        self.latest.heard += data
        self._dte.receive_data(data)
        self._take_events()
        return True

    def _take_events(self) -> None:
        while (event := self._dte.next_event()) is not NEED_DATA:
            assert isinstance(event, Response)
            self.latest.events.append(event)

    async def synchronise(self, timeout: float = 60.0, *, anew: bool = False) -> None:
        """Bring the line into step, if it is not, as the driver does.

        Args:
            timeout: how long to try, in seconds.
            anew: do it even so.

        Raises:
            ModemNotResponding: the module does not answer.
            PortLost: the port went away.
        """
        if self._is_engaged:
            # Whoever was cancelled has left a command under way.
            self._dte.give_up()
            self._take_events()

        if self._dte.state is State.IDLE and not anew:
            return

        self.exchanges.append(Exchange(""))
        deadline = self._loop.time() + timeout
        while anew or self._dte.state is not State.IDLE:
            anew = False
            await self._keep_gap()
            probe = self._dte.probe()
            self.port.write(probe)
            is_heard = await self._hear_probe(_PROBE_INTERVAL if probe == b"AT\r" else _MARKER_INTERVAL)
            if not is_heard and self._loop.time() >= deadline:
                raise ModemNotResponding(f"{self.port.url}: no answer for {timeout:g} s")

    async def probe(self, seconds: float) -> Exchange:
        """Send ``AT`` once, as to a module that may be asleep; it is answered if the exchange is done.

        Afterwards the line is out of step.

        Args:
            seconds: how long to wait for the answer.
        """
        exchange = Exchange("AT")
        self.exchanges.append(exchange)
        started = self._loop.time()
        self.port.write(self._dte.probe())
        if await self._hear_probe(seconds):
            exchange.done_after = self._loop.time() - started

        return exchange

    async def _hear_probe(self, seconds: float) -> bool:
        return await self.listen(seconds, ProbeAnswered, Resynchronised, Restarted) is not None
