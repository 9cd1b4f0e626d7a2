"""A port, a DTE, the reader task, and whose turn it is.

The rules:

1. One task reads. It feeds the DTE and deals with each event at once and in order, before it reads again: answers go to
   the dialogue under way, payload to the inbox of its connectID, the rest to whoever subscribed. It awaits nothing but
   the port, and its end, whatever the cause, is the end of the channel.
2. Commands are executed in turns, first come, first served. A turn may hold several commands that belong together.
3. Whoever is cancelled gives up its answer, never its turn: the bytes are on the wire, the module will answer. The turn
   passes on when the dialogue is over.
4. A deadline runs from the last byte heard, for an answer may wait behind pushed data on a slow line; but not for ever.
5. After a deadline the line is out of step. Nothing is sent but probes until it is in step again.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Container, Hashable
from typing import Final

from .at.commands import Command, SetDataFormat
from .at.dte import DTE, NEED_DATA
from .at.responses import Completion, Failure, Information, Response, Success, Unsolicited
from .at.states import State
from .at.urcs import (
    DamagedLine,
    DamagedPayload,
    DataReceived,
    PeerClosed,
    PowerChanged,
    ProbeAnswered,
    Restarted,
    Resynchronised,
)
from .errors import (
    BC260YError,
    CommandFailed,
    CommandTimeout,
    ModemClosed,
    ModemNotResponding,
    ModuleRestarted,
    ModuleSlept,
    PayloadDamaged,
    PortLost,
    RemoteProtocolError,
)
from .inbox import Inbox
from .port import Port
from .subscribers import Subscribers
from .turns import Answer, Dialogue, Turn, TurnQueue, Watcher

logger = logging.getLogger(__package__)

# The module wakes or answers within this time of an AT, in seconds; a marker may stand behind a lot of pushed data.
_PROBE_INTERVAL: Final = 0.3
_MARKER_INTERVAL: Final = 5.0
# A module that may sleep does so about ten seconds after the last command; well before that it is surely awake.
_SLEEPS_AFTER: Final = 5.0
# A deadline that traffic keeps pushing back ends after so many times its length.
_PATIENCE: Final = 12
# A completion that has not come this long after its command was given up will not come any more, in seconds.
_LATE_ANSWER_WINDOW: Final = 60.0


class Channel:
    """The dialogue with one module.

    Attributes:
        name: what tasks and log lines call it.
        port: the serial port.
        wire_bytes: how many bytes were written.
        sends: how many commands were written, by name.
        strays: how many payloads came for a connectID that nobody has.
        recovery_timeout: how long to probe for a module that does not answer, in seconds.
        may_sleep: the module is allowed to sleep, so a command may find it asleep.
    """

    def __init__(self, port: Port, *, name: str, command_gap: float, nvram_gap: float, recovery_timeout: float) -> None:
        """Make a channel on an open port; :meth:`start` sets it going.

        Args:
            port: the port; the channel closes it.
            name: what tasks and log lines call it.
            command_gap: the least time between an answer and the next command, in seconds.
            nvram_gap: the same after a command that writes NVRAM, in seconds.
            recovery_timeout: how long to probe for a module that does not answer, in seconds.
        """
        self.port = port
        self.name = name
        self.wire_bytes = 0
        self.sends: dict[str, int] = {}
        self.strays = 0
        self._command_gap = command_gap
        self._nvram_gap = nvram_gap
        self.recovery_timeout = recovery_timeout
        self._loop = asyncio.get_running_loop()
        self._dte = DTE()
        self._dialogue: Dialogue | None = None
        self._turns = TurnQueue(lambda: self._dialogue is None)
        self._at_rest: deque[asyncio.Future[None]] = deque()
        self._inboxes: dict[Hashable, Inbox] = {}
        self._subscribers = Subscribers()
        self._reader: asyncio.Task[None] | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._probe_answered = asyncio.Event()
        self.may_sleep = False
        self._heard_at = 0.0
        self._gave_up_at: float | None = None
        self._not_before = 0.0
        self._error: Exception | None = None

    def __repr__(self) -> str:
        return f"<Channel {self.name} {self._dte.state.name} waiting={len(self._turns)}>"

    def start(self) -> None:
        """Start the reader task."""
        self._reader = self._loop.create_task(self._read(), name=f"bc260y[{self.name}].reader")

    async def close(self) -> None:
        """End the channel and close the port. Whoever waits for an answer or a turn gets ModemClosed."""
        self._end(ModemClosed("the modem was closed"))
        tasks = [task for task in (self._reader, self._recovery) if task is not None]
        for task in tasks:
            task.cancel()

        try:
            if tasks:
                await asyncio.wait(tasks)
        finally:
            await self.port.close()

    # Asking

    def turn(self, *, urgent: bool = False) -> Turn:
        """Return a turn on the line, to be entered with ``async with``.

        Args:
            urgent: it comes before all others that wait, not before the one under way.
        """
        return Turn(self._turns, self._execute, urgent=urgent)

    async def execute(self, command: Command, timeout: float | None = None, watch: Watcher | None = None) -> Answer:
        """Wait for a turn, send a command and return what it brought.

        Args:
            command: the command.
            timeout: for its final result code and again for its completion, in seconds; the command's own by default.
            watch: is called with each completion as it comes.

        Raises:
            CommandFailed: the module said ERROR.
            CommandTimeout: no answer came in time; what the module did is not known.
            ModuleRestarted: the module restarted meanwhile.
            ModuleSlept: the module fell asleep meanwhile.
            PortLost: the port went away.
            ModemClosed: the modem was closed.
        """
        async with self.turn() as turn:
            return await turn.execute(command, timeout, watch)

    async def _execute(self, command: Command, timeout: float | None, watch: Watcher | None) -> Answer:
        await self._rest()
        result_timeout = command.result_timeout if timeout is None else timeout
        completion_timeout = command.completion_timeout if timeout is None else timeout
        answered: asyncio.Future[Answer] = self._loop.create_future()
        dialogue = Dialogue(command, answered, self._loop.time(), result_timeout, completion_timeout, watch)
        line = self._dte.send(command)
        self._dialogue = dialogue
        self._write(line)
        self.sends[command.name] = self.sends.get(command.name, 0) + 1
        logger.debug("%s > %s", self.name, command)
        dialogue.deadline = self._loop.call_later(result_timeout, self._expire, dialogue, "result")
        return await dialogue.answered

    async def _rest(self) -> None:
        """Wait until a command may be written."""
        while True:
            if self._error is not None:
                raise self._error.with_traceback(None)

            if self._dialogue is None and self._recovery is None:
                if self._dte.state is not State.IDLE or self._may_be_asleep:
                    self.recover()
                elif (gap := self._not_before - self._loop.time()) > 0:
                    await asyncio.sleep(gap)
                    continue
                else:
                    break

            waiter = self._loop.create_future()
            self._at_rest.append(waiter)
            try:
                await waiter
            finally:
                with contextlib.suppress(ValueError):
                    self._at_rest.remove(waiter)

        now = self._loop.time()
        if self._gave_up_at is not None and now - self._gave_up_at > _LATE_ANSWER_WINDOW:
            self._gave_up_at = None
            self._dte.forgive()

    @property
    def _may_be_asleep(self) -> bool:
        return self.may_sleep and self._loop.time() - self._heard_at > _SLEEPS_AFTER

    def _write(self, line: bytes) -> None:
        self.wire_bytes += len(line)
        # That the port was lost is for the reader to tell, after what came before.
        with contextlib.suppress(PortLost):
            self.port.write(line)

    # Hearing

    async def _read(self) -> None:
        try:
            while True:
                data = await self.port.read()
                self._heard_at = self._loop.time()
                self._dte.receive_data(data)
                self._dispatch()
                if self._dialogue is None and self._dte.state is State.UNSYNCHRONISED:
                    # What comes is not believed until the line is in step again.
                    self.recover()
        except asyncio.CancelledError:
            self._end(ModemClosed("the modem was closed"))
            raise
        except BC260YError as exc:
            self._end(exc)
        except Exception as exc:
            error = RemoteProtocolError(f"the reader failed: {exc!r}")
            error.__cause__ = exc
            self._end(error)
            self._loop.call_exception_handler({"message": f"{self!r}: the reader failed", "exception": exc})

    def _dispatch(self) -> None:
        while (event := self._dte.next_event()) is not NEED_DATA:
            match event:
                case DataReceived(connect_id=connect_id, data=data):
                    self._deliver(connect_id, data)
                case Success() | Failure() | Information() | Completion():
                    self._progress(event)
                case Unsolicited():
                    self._react(event)

    def _deliver(self, connect_id: int, data: bytes) -> None:
        inbox = self._inboxes.get(connect_id)
        if inbox is None:
            self.strays += 1
            logger.debug("%s: %d bytes for connectID %d, which nobody has", self.name, len(data), connect_id)
        else:
            inbox.put(data)

    def _progress(self, response: Response) -> None:
        dialogue = self._dialogue
        if dialogue is None:
            return

        match response:
            case Information():
                dialogue.information.append(response)
            case Completion():
                dialogue.completions.append(response)
                if dialogue.watch is not None and not dialogue.answered.done():
                    dialogue.watch(response)
            case Failure(code=code, text=text):
                self._finish(CommandFailed(str(dialogue.command), code=code, text=text))
                return

        match self._dte.state:
            case State.IDLE:
                self._finish(Answer(dialogue.information, dialogue.completions, self._dte.is_doubtful))
            case State.AWAITING_COMPLETION if isinstance(response, Success):
                self._await_completion(dialogue)

    def _await_completion(self, dialogue: Dialogue) -> None:
        assert dialogue.deadline is not None
        dialogue.deadline.cancel()
        dialogue.started = self._loop.time()
        dialogue.timeout = dialogue.completion_timeout
        dialogue.deadline = self._loop.call_later(dialogue.timeout, self._expire, dialogue, "outcome")

    def _finish(self, outcome: Answer | Exception) -> None:
        dialogue = self._dialogue
        if dialogue is None:
            return

        self._dialogue = None
        gap = self._nvram_gap if isinstance(dialogue.command, SetDataFormat) else self._command_gap
        if gap:
            self._not_before = self._loop.time() + gap

        dialogue.end(outcome)
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        while self._at_rest:
            waiter = self._at_rest.popleft()
            if not waiter.done():
                waiter.set_result(None)

        self._turns.pass_on()

    def _react(self, event: Unsolicited) -> None:
        logger.debug("%s < %s", self.name, event)
        match event:
            case DamagedPayload(connect_id=connect_id, announced=announced, reason=reason):
                if (inbox := self._inboxes.get(connect_id)) is not None:
                    inbox.put_damage(PayloadDamaged(f"a push of {announced} bytes was damaged on the line: {reason}"))
            case DamagedLine():
                # It may have been anybody's data; a datagram may get lost, a stream may not have a hole.
                self.end_streams(PayloadDamaged("a line was damaged that may have held data of this connection"))
            case PeerClosed(connect_id=connect_id):
                if (inbox := self._inboxes.get(connect_id)) is not None:
                    inbox.end()
            case ProbeAnswered() | Resynchronised():
                self._probe_answered.set()
            case Restarted():
                for inbox in self._inboxes.values():
                    inbox.end(ModuleRestarted("the module restarted"))

                # A module that starts may be deaf for a while yet.
                self._probe_answered.set()
                self.recover()
            case _:
                pass

        self._subscribers.publish(event)
        if isinstance(event, Restarted) and self._dte.state not in _ENGAGED:
            self._finish(ModuleRestarted("the module restarted before it answered"))
        elif isinstance(event, PowerChanged) and self._dte.state not in _ENGAGED:
            self._finish(ModuleSlept("the module fell asleep before it answered"))

    # Deadlines and recovery

    def _expire(self, dialogue: Dialogue, awaiting: str) -> None:
        now = self._loop.time()
        due = max(dialogue.started, self._heard_at) + dialogue.timeout
        last = dialogue.started + _PATIENCE * dialogue.timeout
        if now < min(due, last) - 0.001:
            dialogue.deadline = self._loop.call_at(min(due, last), self._expire, dialogue, awaiting)
            return

        self._dte.give_up()
        self._gave_up_at = now
        self._dispatch()
        self.recover()
        self._finish(CommandTimeout(str(dialogue.command), awaiting=awaiting, seconds=dialogue.timeout))

    def recover(self) -> None:
        """Bring the line into step, waking the module if it sleeps; whoever has a turn waits meanwhile."""
        if self._recovery is None and self._error is None:
            self._recovery = self._loop.create_task(self._probe(), name=f"bc260y[{self.name}].recovery")
            self._recovery.add_done_callback(self._recovered)

    async def _probe(self) -> None:
        try:
            async with asyncio.timeout(self.recovery_timeout):
                while True:
                    self._probe_answered.clear()
                    probe = self._dte.probe()
                    self._write(probe)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_PROBE_INTERVAL if probe == b"AT\r" else _MARKER_INTERVAL):
                            await self._probe_answered.wait()

                    if self._dte.state is State.IDLE:
                        return
        except TimeoutError:
            self._end(ModemNotResponding(f"{self.port.url}: no answer for {self.recovery_timeout:g} s"))
        except BC260YError as exc:
            self._end(exc)

    def _recovered(self, task: asyncio.Task[None]) -> None:
        self._recovery = None
        self._come_to_rest()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._end(RemoteProtocolError(f"recovery failed: {error!r}"))
            self._loop.call_exception_handler({"message": f"{self!r}: recovery failed", "exception": error})

    def _end(self, error: Exception) -> None:
        """Tell everybody that there is nothing more to come."""
        if self._error is not None:
            return

        self._error = error
        self._dte.close()
        if self._dialogue is not None:
            self._dialogue.end(error)
            self._dialogue = None

        self._turns.end(error)
        self._come_to_rest()
        for inbox in tuple(self._inboxes.values()):
            inbox.end(error)

        if self._recovery is not None:
            self._recovery.cancel()

    @property
    def error(self) -> Exception | None:
        """Why the channel ended, or None while it has not."""
        return self._error

    # Inboxes and subscribers

    def end_streams(self, error: Exception, *, spared: Container[Hashable] = ()) -> None:
        """Tell the inboxes of streams, but not of datagram sockets, that nothing more will come.

        Args:
            error: why.
            spared: the connectIDs of streams that go on.
        """
        for key, inbox in tuple(self._inboxes.items()):
            if inbox.keeps_order and key not in spared:
                inbox.end(error)

    def attach(self, key: Hashable, inbox: Inbox) -> None:
        """Let payload for a connectID go into an inbox from now on.

        Args:
            key: the connectID; anything else for an inbox that only wants to hear of the end.
            inbox: the inbox.
        """
        self._inboxes[key] = inbox

    def detach(self, key: Hashable) -> None:
        """Stop that."""
        self._inboxes.pop(key, None)

    def subscribe(self, callback: Callable[[Response], None], *kinds: type[Response]) -> Callable[[], None]:
        """Call back for every URC of these kinds, but for payload; return what ends that.

        Args:
            callback: is called from the reader task, and must not block.
            kinds: classes of :mod:`bc260y_aio.at.urcs`; all when there are none.
        """
        return self._subscribers.add(callback, kinds)


_ENGAGED: Final = (State.AWAITING_RESULT, State.AWAITING_COMPLETION)
