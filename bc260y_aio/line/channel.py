"""The dialogue with one module: a port, a DTE, the reader task, and a queue for the line.

The rules:

1. One task reads. Received bytes are fed to the DTE at once, and each event is handled at once and in order: answers go
   to the dialogue under way, payload to the inbox of its connectID, the rest to the subscribers. The task awaits
   nothing but the port, and its end, whatever the cause, is the end of the channel.
2. Commands are executed in turns, first come, first served. A turn may hold several commands that belong together.
3. A cancelled caller loses the answer; the command still holds the line until it ends, because the bytes are on the
   wire and the module will answer.
4. A deadline does not count the time in which bytes are coming in, because an answer may wait behind pushed data on a
   slow line. There is a limit to that.
5. After a deadline the line is out of step. Nothing is sent but probes until it is in step again.
"""

import asyncio
import contextlib
import contextvars
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from ..at.commands import Command, OpenSocket, SetDataFormat
from ..at.dte import DTE, NEED_DATA
from ..at.responses import Completion, Failure, Information, Response, Success, Unsolicited
from ..at.states import ENGAGED, State
from ..at.urcs import DataReceived, PowerChanged, Restarted
from ..errors import (
    CommandFailed,
    CommandTimeout,
    ModemClosed,
    ModuleRestarted,
    ModuleSlept,
    PortError,
)
from ..port import Port
from ..tracing import Trace
from .deferred import DeferredCalls
from .inbox import Inboxes
from .line_time import LineTime
from .profile import DEFAULT_PROFILE, Profile
from .reading import read_until_end
from .recovery import Recovery
from .subscribers import Subscribers
from .turns import MOST_LINES, Answer, AnswerFuture, Dialogue, Outcome, Turn, TurnQueue, Watcher

# A completion that has not come so long after its command was given up is not expected any more, in seconds. The
# longest that a driver of another project allows a module (CLOSE OK, mbed).
LATE_ANSWER_WINDOW: Final = 60.0

# Looking a member up in its class takes as long as a call.
_IDLE, _AWAITING_COMPLETION, _UNSYNCHRONISED = State.IDLE, State.AWAITING_COMPLETION, State.UNSYNCHRONISED


class Channel:
    """The dialogue with one module.

    Attributes:
        name, port, profile: as they were passed.
        loop: the event loop.
        wire_bytes, sends: how many bytes were written, and how many commands by name.
        turns: the queue for the line.
        deferred: calls that wait until a read has been handled.
        recovery: brings the line into step.
        inboxes: the received payload, by connectID.
        may_sleep: the module may sleep, so a command may find it asleep.
        is_needed: the reader ignores a cancellation, for the modem is being closed; None: not known yet.
        subscribe: adds a callback for URCs, except payload; see :meth:`.subscribers.Subscribers.add`.
        error: why the channel ended; None while it has not.
        acked_at: when a peer last acknowledged data of any socket, on the loop's clock: they share the radio.
        trace: gets every event.
    """

    _reader: asyncio.Task[None] | None = None
    _gave_up_at: float | None = None
    _not_before = 0.0
    # How many bytes the port was told to expect.
    _expected = 0

    def __init__(
        self,
        port: Port,
        *,
        name: str,
        recovery_timeout: float,
        profile: Profile = DEFAULT_PROFILE,
        trace: Trace | None = None,
        numbers: Iterator[int] | None = None,
    ) -> None:
        """Make a channel on an open port; :meth:`start` starts it.

        Args:
            port: the port; the channel closes it.
            name: the name in task names and log lines.
            recovery_timeout: how long to wait for any answer before the module is considered lost, in seconds.
            profile: the quirks of the module; it has the gaps between commands.
            trace: gets every event; by default one without listeners.
            numbers: count the markers that show the line to be in step; the channels of one modem share them.
        """
        self.port = port
        self.name = name
        self.profile = profile
        self.trace = trace or Trace(name)
        self.wire_bytes = 0
        self.sends: defaultdict[str, int] = defaultdict(int)
        self.acked_at = 0.0
        self.loop = asyncio.get_running_loop()
        self._dte = DTE(markers=profile.markers, numbers=numbers, quoted_data=profile.quoted_data)
        self._dialogue: Dialogue | None = None
        self._is_dispatching = False
        self.turns = TurnQueue(lambda: self._dialogue is None and not self._is_dispatching, self.trace)
        self.deferred = DeferredCalls()
        self._idle_waiters: list[asyncio.Future[None]] = []
        self.inboxes = Inboxes()
        self._subscribers = Subscribers()
        self.subscribe = self._subscribers.add
        gap = profile.command_gap
        self.recovery = Recovery(
            self._dte, self._write, name=port.url, timeout=recovery_timeout, gap=gap, on_end=self._recovered
        )
        self.may_sleep = False
        self.is_needed: bool | None = None
        self._time = LineTime()
        self.error: Exception | None = None
        # A copy of the context for each timer would cost more than it is worth.
        self._context = contextvars.copy_context()

    def __repr__(self) -> str:
        return f"<Channel {self.name} {self._dte.state.name} waiting={len(self.turns)}>"

    def start(self) -> None:
        """Start the reader task."""
        self.trace.opened(self.port.url, self.port.baudrate)
        self._reader = self.loop.create_task(self._read(), name=f"bc260y[{self.name}].reader")

    async def close(self) -> None:
        """End the channel and close the port. A call that waits for an answer or a turn raises ModemClosed."""
        self.end(ModemClosed("the modem was closed"))
        tasks = [task for task in (self._reader, self.recovery.task) if task is not None]
        for task in tasks:
            task.cancel()

        try:
            if tasks:
                await asyncio.wait(tasks)
        finally:
            await self.port.close()

    # Commands

    def turn(self, *, urgent: bool = False) -> Turn:
        """Return a turn on the line, to be entered with ``async with``.

        Args:
            urgent: put it before all others that wait; the one under way ends first.
        """
        return Turn(self.turns, self.continue_turn, urgent=urgent)

    async def execute(self, command: Command, timeout: float | None = None, watch: Watcher | None = None) -> Answer:
        """Wait for a turn, send a command and return its answer.

        Args:
            command: the command.
            timeout: for its final result code and again for its completion, in seconds; the command's own by default.
            watch: called with each information response and each completion as it comes, while the caller waits.

        Raises:
            CommandFailed: the module answered ERROR.
            CommandTimeout: no answer came in time, or one without an end; it is not known what the module did.
            ModuleRestarted: the module restarted meanwhile.
            ModuleSlept: the module fell asleep meanwhile.
            PortLost: the port went away.
            ModemClosed: the modem was closed.
        """
        answered: AnswerFuture = self.loop.create_future()
        dialogue = Dialogue(self, command, timeout, watch, answered=answered)
        self.turns.enqueue(dialogue)
        try:
            return await answered or await self.continue_turn(command, timeout, watch)
        finally:
            dialogue.leave()

    def begin(self, dialogue: Dialogue) -> int:
        """Write a command, for the holder of the turn and when the line is ready; return how many bytes that are."""
        command = dialogue.command
        line = self._dte.send(command)
        size = len(line)
        # The command is written first; its answer comes in a later turn of the loop.
        self._write(line)
        due = dialogue.await_result(self.loop.time(), self._time.busy)
        self._dialogue = dialogue
        dialogue.deadline = self.loop.call_at(due, self._expire, dialogue, context=self._context)
        self.sends[command.name] += 1
        if self.trace.is_wanted():
            self.trace.sent(command, line, len(self.turns))

        return size

    @property
    def is_ready(self) -> bool:
        """Whether a command may be written at once."""
        return (
            self._dte.state is _IDLE
            and self.error is None
            and self.recovery.task is None
            and self._gave_up_at is None
            and not (self.may_sleep and self._may_be_asleep)
            and (not self._not_before or self._not_before <= self.loop.time())
        )

    async def continue_turn(
        self, command: Command, timeout: float | None = None, watch: Watcher | None = None
    ) -> Answer:
        """Execute a command for the holder of the turn; see :meth:`execute`."""
        await self._wait_until_ready()
        answered: AnswerFuture = self.loop.create_future()
        self.begin(Dialogue(self, command, timeout, watch, answered=answered))
        answer = await answered
        assert answer is not None
        return answer

    async def _wait_until_ready(self) -> None:
        """Wait until a command may be written."""
        while True:
            if self.error is not None:
                raise self.error.with_traceback(None)

            if self._dialogue is None and self.recovery.task is None and not self._is_dispatching:
                if self._dte.state is not State.IDLE or self._may_be_asleep:
                    self.recover()
                elif (gap := self._not_before - self.loop.time()) <= 0:
                    break
                else:
                    await asyncio.sleep(gap)
                    continue

            waiter = self.loop.create_future()
            self._idle_waiters.append(waiter)
            try:
                await waiter
            finally:
                with contextlib.suppress(ValueError):
                    self._idle_waiters.remove(waiter)

        if self._gave_up_at is not None and self.loop.time() - self._gave_up_at > LATE_ANSWER_WINDOW:
            self.forget_overdue()

    def forget_overdue(self) -> None:
        """Stop expecting the completions of commands that were given up."""
        self._gave_up_at = None
        self._dte.forget_overdue()

    @property
    def _may_be_asleep(self) -> bool:
        return self.may_sleep and self.loop.time() - self._time.last_byte_at > self.profile.awake_for

    def _write(self, line: bytes) -> None:
        self.wire_bytes += len(line)
        try:
            self.port.write(line)
        except PortError:
            # The reader reports that, after the bytes received before.
            return

    # Receiving

    async def _read(self) -> None:
        try:
            self.end(await read_until_end(self.port, self._data_received, self._must_go_on, self))
        except asyncio.CancelledError:
            self.end(ModemClosed("the modem was closed"))
            raise

    def _must_go_on(self) -> bool | None:
        return self.error is None and self.is_needed

    def _data_received(self, data: bytes) -> None:
        self._time.note_bytes(self.loop.time(), data, self.port.baudrate)
        self.deferred.is_held = True
        try:
            if self._dte.receive_data(data):
                self._dispatch()

            dte = self._dte
            if (dte.received.data or dte.push.busy or self._expected) and self.recovery.task is None:
                # The silence of a paused port is none.
                self._expected = dte.missing
                self._time.note_pause(self.port.expect(self._expected))

            if self._dialogue is None and dte.state is _UNSYNCHRONISED:
                # Received lines are not trusted until the line is in step again.
                self.recover()
        finally:
            self.deferred.is_held = False
            if self.deferred.calls:
                self.deferred.run()

    def _dispatch(self) -> None:
        # Bytes received before a command was written are no answer to it.
        self._is_dispatching = True
        received = self._dte.received
        try:
            while not received.short and (event := self._dte.next_event()) is not NEED_DATA:
                match event:
                    case DataReceived(connect_id=connect_id, data=data):
                        is_stray = not self.inboxes.deliver(connect_id, data)
                        if self.trace.is_on:
                            self.trace.arrived(connect_id, data, is_stray=is_stray)
                    case Success() | Failure() | Information() | Completion():
                        self._progress(event)
                    case Unsolicited():
                        self._react(event)
        finally:
            self._is_dispatching = False

        if self._dialogue is None and (self._idle_waiters or self.turns.waiting):
            self._line_is_free()

    def _progress(self, response: Response) -> None:
        dialogue = self._dialogue
        if dialogue is None:
            return

        match response:
            case Information() | Completion():
                if dialogue.add(response) and self._dte.state is not _IDLE:
                    self._give_up(dialogue, f"{MOST_LINES} lines")
            case Failure(code=code, text=text):
                self._finish(CommandFailed(str(dialogue.command), code=code, text=text))
                return

        state = self._dte.state
        if state is _IDLE:
            dialogue.answer.is_doubtful = self._dte.is_doubtful
            self._finish(dialogue.answer)
        elif state is _AWAITING_COMPLETION:
            self._await_completion(dialogue, response)

    def _await_completion(self, dialogue: Dialogue, response: Response) -> None:
        due = dialogue.await_completion(response, self.loop.time(), self._time.busy)
        match dialogue.command:
            case OpenSocket(connect_id=connect_id):
                self.inboxes.hold(connect_id)

        # A timer that fires too early is set again.
        if dialogue.deadline is not None and dialogue.deadline.when() > due:
            dialogue.deadline.cancel()
            dialogue.deadline = self.loop.call_at(due, self._expire, dialogue, context=self._context)

    def _finish(self, outcome: Outcome) -> None:
        dialogue = self._dialogue
        if dialogue is None:
            return

        self._dialogue = None
        if self.inboxes.opening is not None:
            self.inboxes.hold(None)

        gap = self.profile.command_gap
        match dialogue.command:
            case SetDataFormat():
                gap = self.profile.nvram_gap

        if gap:
            self._not_before = self.loop.time() + gap

        if self.trace.under_way is not None:
            self.trace.ended(dialogue.command, outcome)

        dialogue.end(outcome)

    def _line_is_free(self) -> None:
        while self._idle_waiters:
            waiter = self._idle_waiters.pop(0)
            if not waiter.done():
                waiter.set_result(None)

        self.turns.grant_next()

    def _react(self, event: Unsolicited) -> None:
        self.trace.urc_received(event)
        self.inboxes.handle(event)
        self.recovery.handle(event)
        if isinstance(event, Restarted):
            # A module that starts may not listen for a while yet.
            self.recover()

        self._subscribers.publish(event)
        if isinstance(event, Restarted):
            self._gave_up_at = self.loop.time()
            self._finish(ModuleRestarted("the module restarted before it answered"))
        elif isinstance(event, PowerChanged) and self._dte.state not in ENGAGED:
            self._finish(ModuleSlept("the module fell asleep before it answered"))

    # Deadlines and recovery

    def _expire(self, dialogue: Dialogue) -> None:
        now = self.loop.time()
        if now < (due := dialogue.due(self._time.busy)) - 0.001:
            dialogue.deadline = self.loop.call_at(due, self._expire, dialogue, context=self._context)
            return

        self._give_up(dialogue, f"{dialogue.timeout:g} s")

    def _give_up(self, dialogue: Dialogue, within: str) -> None:
        awaiting = "outcome" if self._dte.state is State.AWAITING_COMPLETION else "result"
        self._dte.give_up()
        self._gave_up_at = self.loop.time()
        if not self._is_dispatching:
            self._dispatch()

        # The module may be busy with it for as long as the manual allows, and answer nothing else.
        self.recover(busy_until=dialogue.sent_at + dialogue.command.result_timeout)
        self._finish(CommandTimeout(str(dialogue.command), awaiting=awaiting, within=within))

    def recover(self, busy_until: float = 0.0) -> None:
        """Bring the line into step, waking the module if it sleeps; see :meth:`.recovery.Recovery.begin`."""
        if self.error is None:
            self.port.pause(0)
            self.trace.recovery_began()
            self.recovery.begin(f"bc260y[{self.name}].recovery", busy_until)

    def _recovered(self, error: Exception | None) -> None:
        self.trace.recovery_ended(error)
        if error is not None:
            self.end(error)

        self._not_before = max(self._not_before, self.loop.time() + self.profile.command_gap)
        self._line_is_free()

    def end(self, error: Exception) -> None:
        """End every dialogue, turn and inbox with the error."""
        if self.error is not None:
            return

        self.error = error
        self.trace.closed(error)
        self._dte.close()
        if self._dialogue is not None:
            self._dialogue.end(error)
            self._dialogue = None

        self.turns.end(error)
        self._line_is_free()
        self.inboxes.end_all(error)
        self.recovery.cancel()

    def watch_echo(self, callback: Callable[[], None] | None) -> None:
        """Set the callback for an echoed command line; None ends that."""
        self._dte.on_echo = callback
