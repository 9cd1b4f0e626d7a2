"""Our side of the line: what may be sent now, and what is heard.

The rules, which the table below only spells out:

1. One command at a time. A command line may leave in IDLE and in no other state, and the dialogue that it starts is
   over when its final result code is heard or, for the commands that complete later, when its completion is.
2. The lines that belong to a dialogue are known by the command: the class of its information responses, the class of
   its completions. Anything else is a URC, whatever stands around it, and changes no state but for the three that tell
   of the module's own life: RDY, ENTER DEEPSLEEP, EXIT DEEPSLEEP.
3. AT has no sequence numbers. So once a command has been given up, no answer can be trusted until the line has been
   shown to be in step: first any ``OK`` shows that somebody listens, then a *marker*, a command whose answer cannot be
   that of any earlier one, shows that everything before it has been said. What arrives meanwhile is a late answer.
4. A completion may come long after its command was given up, for the module works on in the background. It is *owed*:
   until it has come, a completion that could be it is taken, but marked as doubtful.
5. A peer's payload is no line, whatever it holds (:mod:`.push`).
6. An echo is what was sent, heard again at the start of a line before the result. It is dropped.
"""

import enum
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final

from .buffer import BLANKS, ReceiveBuffer
from .commands import TESTABLE, Attention, Command, Raw, SetDataFormat, Test
from .information import DataFormat
from .lines import read_response
from .overdue import OverdueCompletions, may_complete
from .push import HEADER, PushReader
from .responses import Completion, Failure, Information, Response, Success, Text, Unsolicited
from .states import ENGAGED, State, Trigger, next_state
from .syntax import PayloadFormat
from .urcs import (
    DamagedLine,
    LateAnswer,
    PowerChanged,
    PowerEvent,
    ProbeAnswered,
    Restarted,
    Resynchronised,
    Unrecognised,
)

# A longer line is thrown away, in bytes; the longest that a module writes is a push of 1024 bytes as hex.
LONGEST_LINE: Final = 4096
_LONGEST_SHOWN: Final = 80


class NeedData(enum.Enum):
    """The answer of a parser that has nothing to tell until it is fed."""

    NEED_DATA = enum.auto()


NEED_DATA: Final = NeedData.NEED_DATA

# How the lines begin that come most often, as the guide frames them; but for those that may be pushes.
_FRAMED: Final = (b"\r\nOK\r\n", b"\r\nSEND OK\r\n", b"\r\n+")
_PUSH: Final = b"\r\n+QIU"
_OK: Final = Success()

# A module that refuses this many markers does not know them. When some are unanswered still, an AT goes after them.
_REFUSALS: Final = 3


class DTE:
    """The DTE's end of the line: bytes in, events out; commands in, bytes out.

    Feed it with :attr:`receive_data`, take :meth:`next_event` until it is :data:`NEED_DATA`, and write what
    :meth:`send` and :meth:`probe` return. It never waits and knows no time: a deadline reaches it as :meth:`give_up`.

    Attributes:
        state: where the dialogue stands.
        is_doubtful: the completion that ended the last dialogue may be that of an earlier command, given up before.
        on_echo: is called when a command line is echoed.
    """

    def __init__(
        self,
        *,
        markers: Sequence[str] = TESTABLE,
        numbers: Iterator[int] | None = None,
        quoted_data: bool | None = None,
    ) -> None:
        """Make one.

        Args:
            markers: the names of commands whose test form the module answers; none are tried when there are none.
            numbers: count the markers; shared by those that follow one another on a line, for answers may come late.
            quoted_data: whether the module writes payload between quotes; None when that is not known.
        """
        self._markers = tuple(markers)
        self._buffer = ReceiveBuffer(ord("\n"), LONGEST_LINE)
        # No method of its own, for it is called for every read.
        self.receive_data = self._buffer.feed
        """Take in bytes as they came; return whether events may be had from :meth:`next_event`."""
        self._events: deque[Response] = deque()
        self._push = PushReader(self._buffer, self._events, self._distrust, quoted=quoted_data)
        self.state = State.IDLE
        self._command: Command | None = None
        self._asked = ""
        self._informed = False
        self._completions: list[Completion] = []
        self._echo = b""
        self.on_echo: Callable[[], None] | None = None
        self._overdue = OverdueCompletions()
        self.is_doubtful = False
        self._listening = self._marker_seen = False
        self._marker = ""
        self._numbers = count() if numbers is None else numbers
        # How many markers of each name have yet to be answered. There are few names, and a module may take its time.
        self._markers_due: Counter[str] = Counter()
        # How often in a row an answer to the latest marker, or to an earlier one of its name, was the last to come.
        self._lone_answers, self._is_alone = 0, False
        self._unanswered = 0
        self._refusals = 0

    def __repr__(self) -> str:
        under_way = f" {self._command}" if self.state in ENGAGED else ""
        return f"<DTE {self.state.name}{under_way} buffered={len(self._buffer)}>"

    @property
    def receive_format(self) -> PayloadFormat | None:
        """How received payload is written, or None while that is not known."""
        return self._push.form

    @property
    def missing(self) -> int:
        """How many bytes of a payload have yet to come, at the least, before anything else can; 0 when none is due."""
        if self._push.busy:
            return self._push.missing

        header = self._header if self._buffer.data else None
        return self._push.rest(int(header[2]), len(self._buffer) - header.end()) if header is not None else 0

    @property
    def buffered(self) -> int:
        """How many bytes have come and not been read yet: less than a line may have, and a payload at the most."""
        return len(self._buffer)

    # Sending

    def send(self, command: Command) -> bytes:
        """Begin the dialogue of a command and return the bytes to write.

        Raises:
            LocalProtocolError: the line is not idle.
        """
        line = command.encode()
        self._move(Trigger.SENT)
        self._command, self._asked = command, line.decode("ascii")
        self._informed = self.is_doubtful = False
        self._completions.clear()
        meaning = _meaning(command)
        if isinstance(meaning, SetDataFormat) or (isinstance(meaning, Raw) and b"QICFG" in line.upper()):
            self._push.form = None

        return self._line(line)

    def give_up(self) -> None:
        """End the dialogue under way without an answer. The line is out of step until probes have shown otherwise.

        Text payload of which the rest has not come is given up as well; hex is still taken if it goes on.

        Raises:
            LocalProtocolError: no dialogue is under way.
        """
        self._move(Trigger.GAVE_UP)
        assert self._command is not None
        self._overdue.add(self._command)
        self._see_push()
        self._push.give_up()
        self._begin_probing()

    def probe(self) -> bytes:
        """Return the bytes of the next probe: ``AT`` until somebody listens, then one marker after another.

        Wait for :class:`ProbeAnswered`, or leave the module time to answer, before the next one: a push that does not
        go on while a probe is left unanswered is given up.

        Raises:
            LocalProtocolError: a dialogue is under way.
        """
        if self.state is not State.UNSYNCHRONISED:
            self._begin_probing()

        self._move(Trigger.PROBED)
        self._see_push()
        self._push.settle()
        if not self._listening or self._refusals >= _REFUSALS:
            return self._line(Attention().encode())

        # A module that is behind goes on answering. Twice silence after an answer: those before it were lost.
        self._lone_answers = self._lone_answers + 1 if self._is_alone else 0
        self._is_alone = False
        if self._lone_answers >= 2:
            self._markers_due.clear()

        given_up = str(self._command).upper()
        markers = [name for name in self._markers if name not in given_up] or self._markers
        self._marker = markers[next(self._numbers) % len(markers)]
        self._markers_due[self._marker] += 1
        self._unanswered += 1
        self._marker_seen = False
        return self._line(Test(self._marker).encode())

    def forget_overdue(self) -> None:
        """Stop expecting the completions of commands that were given up: they will not come any more."""
        self._overdue.clear()

    def close(self) -> None:
        """End the dialogue for good: the line is gone."""
        self._move(Trigger.CLOSED)

    def _see_push(self) -> None:
        """Begin to read the push whose header is all that has come of it."""
        if not self._push.busy and (header := self._header) is not None and (event := self._begin_push(header)):
            self._events.append(event)
            self._buffer.short = False

    def _line(self, line: bytes) -> bytes:
        self._echo = line
        return line + b"\r"

    def _begin_probing(self) -> None:
        self._listening = False
        self._marker = ""
        self._marker_seen = False
        self._markers_due.clear()
        self._lone_answers, self._is_alone = 0, False
        self._unanswered = 0
        self._refusals = 0
        self._push.unsettle()

    def _move(self, trigger: Trigger) -> None:
        self.state = next_state(self.state, trigger)

    # Receiving

    def next_event(self) -> Response | NeedData:
        """Return the next thing that was heard, or :data:`NEED_DATA`. Whatever the bytes are, nothing is raised."""
        while not self._buffer.short:
            if self._events:
                return self._events.popleft()

            event = self._push.read() if self._push.busy else self._read_line()
            if event is not None:
                return event

        return NEED_DATA

    # Lines

    @property
    def _header(self) -> re.Match[bytes] | None:
        """The header of a push that comes next. It is read with the line that it begins, but can be seen before."""
        return None if self._buffer.skipping else HEADER.match(self._buffer.data)

    def _begin_push(self, header: re.Match[bytes]) -> Response | None:
        connect_id, length = int(header[1]), int(header[2])
        self._buffer.drop(header.end())
        return self._push.begin(connect_id, length)

    def _read_line(self) -> Response | None:
        buffer = self._buffer
        if not buffer.skipping:
            if buffer.data.startswith(_FRAMED) and not buffer.data.startswith(_PUSH):
                if line := buffer.take_framed():
                    return self._interpret(line)
            elif (header := HEADER.match(buffer.data)) is not None:
                return self._begin_push(header)

        buffer.skip_blanks()
        if not buffer.has_line():
            return None

        if (echo := self._echo) and buffer.data.startswith(echo) and buffer.data[len(echo)] in BLANKS:
            buffer.drop(len(echo))
            self._echo = b""
            if self.on_echo is not None:
                self.on_echo()

            return None

        line = buffer.take_line()
        if len(line) > LONGEST_LINE:
            return self._unread(line, _LONGEST_SHOWN)

        line = line.strip(BLANKS)
        return self._interpret(line) if line else None

    def _interpret(self, line: bytes) -> Response:
        if line == b"OK" and self.state is State.AWAITING_RESULT:
            return self._result(_OK)

        text = line.decode("latin-1")
        response = read_response(text, self._command if self.state in ENGAGED else None)
        if self.state is State.UNSYNCHRONISED and (answer := self._probed(text, response)) is not None:
            return answer

        match response:
            case Text() if text.partition(":")[0] not in self._asked and self._push.suspects(line):
                return self._unread(line)
            case Information() if self.state is State.AWAITING_RESULT:
                self._inform(response)
            case Success() | Failure() if self.state in ENGAGED:
                return self._result(response)
            case Completion() if self._awaits(response):
                self._complete(response)
            case Completion() if self._ends_instead(response):
                return self._result(Success())
            case Restarted():
                self._move(Trigger.RESTARTED)
                self._begin_probing()
                self._push.form = None
                self._overdue.clear()
            case PowerChanged(event=PowerEvent.ENTER_DEEP_SLEEP):
                self._move(Trigger.FELL_ASLEEP)
            case PowerChanged(event=PowerEvent.EXIT_DEEP_SLEEP):
                self._move(Trigger.WOKE)
            case Unrecognised():
                return self._unread(line)
            case Unsolicited():
                pass
            case _:
                self._overdue.settle(response)
                return LateAnswer(response)

        return response

    def _distrust(self) -> None:
        if self.state is not State.UNSYNCHRONISED:
            self._begin_probing()

        self._move(Trigger.DISTRUSTED)

    def _unread(self, line: bytes, shown: int | None = None) -> Response:
        text = line[:shown].decode("latin-1")
        if not self._push.suspects(line):
            return Unrecognised(text)

        self._push.distrust()
        return DamagedLine(text)

    def _awaits(self, completion: Completion) -> bool:
        command = self._command
        return self.state is State.AWAITING_COMPLETION and command is not None and may_complete(completion, command)

    def _ends_instead(self, completion: Completion) -> bool:
        """Tell whether a completion stands in place of the ``OK`` of the command under way."""
        command = self._command
        return (
            self.state is State.AWAITING_RESULT
            and self._informed
            and command is not None
            and command.is_ended_by(completion)
            and not self._overdue.include(completion)
        )

    def _inform(self, information: Information) -> None:
        self._move(Trigger.INFORMED)
        self._informed = True
        if isinstance(information, DataFormat):
            self._push.form = information.receive

    def _result(self, result: Success | Failure) -> Response:
        command = self._command
        assert command is not None
        self._echo = b""
        if isinstance(result, Failure):
            self._move(Trigger.FAILED)
        elif self.state is State.AWAITING_COMPLETION:
            return LateAnswer(result)
        elif command.awaited:
            self._move(Trigger.ACCEPTED)
        else:
            self._move(Trigger.SUCCEEDED)
            if isinstance(setting := _meaning(command), SetDataFormat):
                self._push.form = setting.receive

        return result

    def _complete(self, completion: Completion) -> None:
        command = self._command
        assert command is not None
        self._completions.append(completion)
        if command.is_complete(self._completions):
            self.is_doubtful = self._overdue.include(completion)
            self._move(Trigger.COMPLETED)
        else:
            self._move(Trigger.PARTLY_COMPLETED)

    # Getting into step

    def _probed(self, text: str, response: Response) -> Response | None:
        """Return what a line says as the answer to a probe, or None when it is none."""
        match response:
            case Success() if self._marker_seen or self._refusals >= _REFUSALS:
                return self._in_step()
            case Success() if not self._listening:
                self._listening = True
                if not self._markers:
                    # As if it had refused them: the next OK will do.
                    self._refusals = _REFUSALS

                return self._answered()
            case Failure() if self._listening:
                self._unanswered -= 1
                self._refusals += 1
                return self._in_step() if self._refusals >= _REFUSALS and not self._unanswered else self._answered()
            # The parenthesis is what an answer to a test command has, and no other answer of that name.
            case _ if "(" in text and self._markers_due[name := text.partition(":")[0]]:
                self._markers_due[name] -= 1
                self._is_alone = name == self._marker
                if not self._is_alone or self._markers_due[name]:
                    return None

                self._marker_seen = True
                return Text(text)
            case _:
                return None

    def _answered(self) -> Response:
        # The next probe goes out at once. That the line was quiet until then says nothing.
        self._push.unsettle()
        return ProbeAnswered()

    def _in_step(self) -> Response:
        self._move(Trigger.RESYNCHRONISED)
        return Resynchronised()


def _meaning(command: Command) -> Command:
    return command.parsed or command if isinstance(command, Raw) else command
