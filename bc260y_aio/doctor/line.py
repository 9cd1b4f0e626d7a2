"""A line to a module that keeps every received byte with the command that preceded it."""

# A `DTE` follows the dialogue as it does for the driver, so a command ends here where it ends there. It accepts every
# format and does not report which one it was: for that the bytes are kept.

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from ..at.commands import Command
from ..at.commands.base import RADIO_TIMEOUT
from ..at.dte import DTE, NEED_DATA
from ..at.responses import Completion, Failure, Information, Response, Success
from ..at.states import State
from ..at.urcs import DataReceived, ProbeAnswered, Restarted, Resynchronised
from ..errors import ModemNotResponding
from ..port import Port

# How long to wait after the last byte before a command is sent, in seconds, until the module is known better.
_FIRST_GAP: Final = 0.1
# And after that: the rest of an answer, such as a stray NUL behind it, has come by then.
SETTLED: Final = 0.05
# How long the guide allows for the answer to any command, in seconds.
_RESULT_TIMEOUT: Final = 5.0
_PROBE_INTERVAL: Final = 0.3
_MARKER_INTERVAL: Final = 2.0


@dataclass(slots=True)
class Exchange:
    """The lines that were received after a command, until the next.

    Attributes:
        command: the command; empty for what came unsolicited.
        received: every byte.
        events: the events that the driver's parser returns for them.
        result_after: how long the final result code took, in seconds; None if there was none.
        done_after: how long the whole dialogue took, in seconds; None if it was given up.
    """

    command: str
    received: bytes = b""
    events: list[Response] = field(default_factory=list)
    result_after: float | None = None
    done_after: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether the module answered, and sent the completion if the command has one."""
        return self.done_after is not None

    @property
    def is_accepted(self) -> bool:
        """Whether the module answered ``OK``."""
        return any(isinstance(event, Success) for event in self.events)

    @property
    def is_refused(self) -> bool:
        """Whether the module answered ``ERROR`` or ``+CME ERROR``."""
        return any(isinstance(event, Failure) for event in self.events)

    @property
    def information(self) -> list[Information]:
        """The information responses: what came before the final result code."""
        return [event for event in self.events if isinstance(event, Information)]

    @property
    def completions(self) -> list[Completion]:
        """The completions: what followed ``OK``."""
        return [event for event in self.events if isinstance(event, Completion)]

    @property
    def lines(self) -> list[bytes]:
        """The received lines, stripped, without blank lines and the echo of the command."""
        lines = [line for one in self.received.splitlines() if (line := one.strip(b"\0 "))]
        return lines[1:] if lines and lines[0] == self.command.encode() else lines

    def all_of(self, *kinds: Any) -> list[Any]:
        """Return the events of these classes."""
        return [event for event in self.events if isinstance(event, kinds)]


class Line:
    """A dialogue with a module, one command at a time.

    Attributes:
        port: the port; the caller that opened it closes it.
        gap: how long to wait after the last byte before a command is sent, in seconds.
        exchanges: all exchanges, in order.
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
        """The current exchange."""
        return self.exchanges[-1]

    async def ask(self, command: Command, *, timeout: float | None = None) -> Exchange:
        """Send a command and return the exchange; nothing is raised if the module does not answer.

        Args:
            command: the command.
            timeout: for the final result code and again for the completion, in seconds; by default what the guide
                allows for any command, and the time limit of this command's completion.

        Raises:
            PortLost: the port was lost.
            ModemNotResponding: the line could not be resynchronised after an unanswered command.
        """
        await self.synchronise()
        await self._keep_gap()
        line = self._dte.send(command)
        exchange = Exchange(str(command))
        self.exchanges.append(exchange)
        started = self._loop.time()
        self.port.write(line)
        await self._receive_until_over(exchange, started, timeout or _RESULT_TIMEOUT, is_result=True)
        if self._dte.state is State.AWAITING_COMPLETION:
            # Slower than the driver waits is a finding, not the end of it.
            limit = timeout or max(command.completion_timeout, RADIO_TIMEOUT)
            await self._receive_until_over(exchange, started, limit, is_result=False)

        if self._is_engaged:
            self._dte.give_up()
            self._take_events()
        else:
            exchange.done_after = self._loop.time() - started

        return exchange

    async def _keep_gap(self) -> None:
        while (left := self._heard_at + self.gap - self._loop.time()) > 0:
            await self.listen(left)

    async def _receive_until_over(self, exchange: Exchange, started: float, limit: float, *, is_result: bool) -> None:
        awaited = State.AWAITING_RESULT if is_result else State.AWAITING_COMPLETION
        deadline = self._loop.time() + limit
        while self._dte.state is awaited and await self._receive(deadline):
            if exchange.result_after is None and (exchange.is_accepted or exchange.is_refused):
                exchange.result_after = self._loop.time() - started

    @property
    def _is_engaged(self) -> bool:
        return self._dte.state in (State.AWAITING_RESULT, State.AWAITING_COMPLETION)

    async def listen(self, seconds: float, *kinds: type[Response]) -> Response | None:
        """Receive for ``seconds``, or until an event of these classes has come; return that event, or None."""
        seen = len(self.latest.events)
        deadline = self._loop.time() + seconds
        while True:
            for event in self.latest.events[seen:]:
                if isinstance(event, kinds or ()):
                    return event

            seen = len(self.latest.events)
            if not await self._receive(deadline):
                return None

    async def listen_for_data(self, connect_id: int, size: int, seconds: float) -> list[DataReceived]:
        """Receive until ``size`` bytes were pushed for a connectID since the last command, or for ``seconds``."""
        deadline = self._loop.time() + seconds
        while True:
            pushes = [push for push in self.latest.all_of(DataReceived) if push.connect_id == connect_id]
            if sum(len(push.data) for push in pushes) >= size or not await self._receive(deadline):
                return pushes

    async def _receive(self, deadline: float) -> bool:
        """Wait for data and feed it to the parser; return False if none came in time."""
        try:
            async with asyncio.timeout_at(deadline):
                data = await self.port.read()
        except TimeoutError:
            return False

        self._heard_at = self._loop.time()
        self.latest.received += data
        self._dte.receive_data(data)
        self._take_events()
        return True

    def _take_events(self) -> None:
        while (event := self._dte.next_event()) is not NEED_DATA:
            assert isinstance(event, Response)
            self.latest.events.append(event)

    async def synchronise(self, timeout: float = 60.0, *, anew: bool = False) -> None:
        """Resynchronise the line if it is out of step, as the driver does.

        Args:
            timeout: how long to try, in seconds.
            anew: also when the line seems to be in step.

        Raises:
            ModemNotResponding: the module does not answer.
            PortLost: the port was lost.
        """
        if self._is_engaged:
            # A cancelled caller has left a command without its answer.
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
            is_heard = await self._receive_probe_answer(_PROBE_INTERVAL if probe == b"AT\r" else _MARKER_INTERVAL)
            if not is_heard and self._loop.time() >= deadline:
                raise ModemNotResponding(f"{self.port.url}: no answer for {timeout:g} s")

    async def probe(self, seconds: float) -> Exchange:
        """Send ``AT`` once to a module that may be asleep; the exchange is done if it was answered.

        The line is out of step after that.

        Args:
            seconds: how long to wait for the answer.
        """
        exchange = Exchange("AT")
        self.exchanges.append(exchange)
        started = self._loop.time()
        self.port.write(self._dte.probe())
        if await self._receive_probe_answer(seconds):
            exchange.done_after = self._loop.time() - started

        return exchange

    async def _receive_probe_answer(self, seconds: float) -> bool:
        return await self.listen(seconds, ProbeAnswered, Resynchronised, Restarted) is not None
