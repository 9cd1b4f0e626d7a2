"""The DTE's side of the line: what may be sent now, and what is received.

The rules, which the table of :mod:`.states` spells out:

1. One command at a time. A command line may be sent in IDLE and in no other state. The dialogue that it starts is over
   with its final result code or, for the commands that complete later, with the completion. A completion that has a
   connectID and comes before the ``OK`` counts when the ``OK`` comes.
2. The command decides which lines belong to its dialogue: the class of its information responses and the class of its
   completions. Anything else is a URC, wherever it comes, and changes no state but for the three that report the
   module's own state: RDY, ENTER DEEPSLEEP, EXIT DEEPSLEEP.
3. AT has no sequence numbers. So once a command has been given up, no answer can be trusted until the line has been
   shown to be in step (:mod:`.probing`). Answers that arrive meanwhile are late answers.
4. A completion may come long after its command was given up, for the module works on in the background. It is
   *overdue*: until it has come, a completion that could be it is taken, but marked as doubtful.
5. A peer's payload is no line, whatever it holds (:mod:`.push`).
6. An echo is the command line, received again at the start of a line before the result. It is dropped.

Nearly all that comes is one of four: ``OK``, ``SEND OK``, a push of hex, and the answer to a usual query.
:meth:`DTE.next_event` takes them by their bytes, when nothing is in doubt; everything else is read by the rules, which
have the same result for these four.
"""

import enum
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Final

from .buffer import BLANKS, ReceiveBuffer
from .commands import TESTABLE, Command, Raw, SetDataFormat
from .completions import SEND_OK, SendResult
from .information import DataFormat
from .lines import read_response
from .overdue import OverdueCompletions, may_complete
from .probing import Probing
from .push import HEADER, PushReader
from .responses import Completion, Failure, Information, Response, Success, Text, Unsolicited
from .states import ENGAGED, TRANSITIONS, State, Trigger
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
    """The value that a parser returns while it needs more bytes."""

    NEED_DATA = enum.auto()


NEED_DATA: Final = NeedData.NEED_DATA

# The most frequent lines begin like this, as the guide frames them; a push is read otherwise.
_FRAMED: Final = (b"\r\nOK\r\n", b"\r\nSEND OK\r\n", b"\r\n+")
_PUSH: Final = b"\r\n+QIU"
_OK: Final = Success()
_OK_LINE: Final = b"\r\nOK\r\n"
_SEND_OK_LINE: Final = b"\r\nSEND OK\r\n"
# Looking a member up in its class takes as long as a call.
_AWAITING_RESULT, _AWAITING_COMPLETION = State.AWAITING_RESULT, State.AWAITING_COMPLETION
_SENT, _SUCCEEDED, _ACCEPTED = Trigger.SENT, Trigger.SUCCEEDED, Trigger.ACCEPTED


class DTE:
    """The DTE's end of the line: bytes in, events out; commands in, bytes out.

    Feed it with :attr:`receive_data`, call :meth:`next_event` until it returns :data:`NEED_DATA`, and write what
    :meth:`send` and :meth:`probe` return. It never waits and knows no time: at a deadline, call :meth:`give_up`.

    Attributes:
        received: the received bytes that are not read yet; while it is short, there is no event.
        push: reads the pushes.
        state: the state of the dialogue.
        is_doubtful: the completion that ended the last dialogue may be that of an earlier command, given up before.
        on_echo: called when a command line is echoed.
    """

    def __init__(
        self,
        *,
        markers: Sequence[str] = TESTABLE,
        numbers: Iterator[int] | None = None,
        quoted_data: bool | None = None,
    ) -> None:
        """Make a DTE.

        Args:
            markers: the names of commands whose test form the module answers; none are tried when there are none.
            numbers: count the markers; DTEs that follow one another on a line share them, for answers may come late.
            quoted_data: whether the module writes payload between quotes; None when that is not known.
        """
        self._buffer = self.received = ReceiveBuffer(ord("\n"), LONGEST_LINE)
        # The buffer's own method, because it is called for every read.
        self.receive_data = self._buffer.feed
        """Take in received bytes; return whether events may be had from :meth:`next_event`."""
        # Lists, here and where little waits: an empty deque takes ten times as much memory.
        self._events: list[Response] = []
        self.push = PushReader(self._buffer, self._events, self._distrust, quoted=quoted_data)
        self.state = State.IDLE
        self._command: Command | None = None
        self._asked = b""
        self._awaited: tuple[type[Completion], ...] = ()
        self._informed = False
        self._completions: list[Completion] = []
        self._echo = b""
        self.on_echo: Callable[[], None] | None = None
        self._overdue = OverdueCompletions()
        self.is_doubtful = False
        self._probing = Probing(markers, count() if numbers is None else numbers)

    def __repr__(self) -> str:
        under_way = f" {self._command}" if self.state in ENGAGED else ""
        return f"<DTE {self.state.name}{under_way} buffered={len(self._buffer)}>"

    @property
    def receive_format(self) -> PayloadFormat | None:
        """How received payload is written, or None while that is not known."""
        return self.push.form

    @property
    def missing(self) -> int:
        """The least number of payload bytes that come before anything else can; 0 when none are due."""
        if self.push.busy:
            return self.push.missing

        header = self._header if self._buffer.data else None
        return self.push.rest(int(header[2]), len(self._buffer) - header.end()) if header is not None else 0

    @property
    def buffered(self) -> int:
        """How many received bytes are not read yet: less than the longest line, or at most a payload."""
        return len(self._buffer)

    # Sending

    def send(self, command: Command) -> bytes:
        """Begin the dialogue of a command and return the bytes to write.

        Raises:
            LocalProtocolError: the line is not idle.
        """
        line = command.encode()
        self.state = TRANSITIONS[self.state][_SENT]
        self._command, self._asked, self._echo = command, line, line
        self._awaited = command.awaited
        self._informed = self.is_doubtful = False
        if self._completions:
            self._completions.clear()

        if command.changes_format and _receive_format_set(command) is not self.push.form:
            self.push.form = None

        return line + b"\r"

    def give_up(self) -> None:
        """End the dialogue under way without an answer. The line is out of step until probes have shown otherwise.

        An incomplete text payload is given up as well; one of hex is still taken if it goes on.

        Raises:
            LocalProtocolError: no dialogue is under way.
        """
        self._move(Trigger.GAVE_UP)
        assert self._command is not None
        self._overdue.add(self._command)
        self._see_push()
        self.push.give_up()
        self._begin_probing(has_overdue_ok=True)

    def probe(self) -> bytes:
        """Return the bytes of the next probe: ``AT`` until the module listens, then one marker after another.

        Wait for :class:`ProbeAnswered`, or leave the module time to answer, before the next one: a push that does not
        go on while a probe is left unanswered is given up.

        Raises:
            LocalProtocolError: a dialogue is under way.
        """
        if self.state is not State.UNSYNCHRONISED:
            self._begin_probing()

        self._move(Trigger.PROBED)
        self._see_push()
        self.push.note_probe()
        self._echo = self._probing.next_probe(str(self._command)).encode()
        return self._echo + b"\r"

    @property
    def got_bare_ok(self) -> bool:
        """Whether the latest probe, a test command, was answered with ``OK`` and nothing else, so far."""
        return self.state is State.UNSYNCHRONISED and self._probing.got_bare_ok

    def forget_overdue(self) -> None:
        """Stop expecting the completions of commands that were given up."""
        self._overdue.clear()

    def close(self) -> None:
        """End the dialogue for good: the line is gone."""
        self._move(Trigger.CLOSED)

    def _see_push(self) -> None:
        """Begin to read the push whose header is all that has come of it."""
        if not self.push.busy and (header := self._header) is not None and (event := self._begin_push(header)):
            self._events.append(event)
            self._buffer.short = False

    def _begin_probing(self, *, has_overdue_ok: bool = False) -> None:
        self._probing.begin(has_overdue_ok=has_overdue_ok)
        self.push.forget_probe()

    def _move(self, trigger: Trigger) -> None:
        self.state = TRANSITIONS[self.state][trigger]

    # Receiving

    def next_event(self) -> Response | NeedData:
        """Return the next event, or :data:`NEED_DATA`. Whatever the bytes are, nothing is raised."""
        buffer, push = self._buffer, self.push
        if not (buffer.short or buffer.skipping or push.busy or self._events):
            data = buffer.data
            if self.state is _AWAITING_RESULT:
                if data[:6] == _OK_LINE:
                    buffer.drop(6)
                    return self._result(_OK)

                assert self._command is not None
                usual = self._command.usual_answer
                if usual is not None and (answer := usual.match(data)) is not None:
                    information = Text(answer[1].decode("ascii"))
                    buffer.drop(answer.end())
                    self._informed = True
                    return information

            elif self.state is _AWAITING_COMPLETION and SendResult in self._awaited and data[:11] == _SEND_OK_LINE:
                buffer.drop(11)
                self._complete(SEND_OK)
                return SEND_OK

            if (received := push.read_usual()) is not None:
                return received

        return self._next_event()

    # By the rules

    def _next_event(self) -> Response | NeedData:
        while not self._buffer.short:
            if self._events:
                return self._events.pop(0)

            event = self.push.read() if self.push.busy else self._read_line()
            if event is not None:
                return event

        return NEED_DATA

    # Lines

    @property
    def _header(self) -> re.Match[bytes] | None:
        """The header of the push that comes next; available before the line that it begins is complete."""
        return None if self._buffer.skipping else HEADER.match(self._buffer.data)

    def _begin_push(self, header: re.Match[bytes]) -> Response | None:
        connect_id, length = int(header[1]), int(header[2])
        self._buffer.drop(header.end())
        return self.push.begin(connect_id, length)

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
        if self.state is State.UNSYNCHRONISED and (answer := self._receive_probe(text, response)) is not None:
            return answer

        match response:
            case Text() if self.push.suspects_answer(line, self._asked.decode("ascii")):
                return self._damaged(line)
            case Information() if self.state is State.AWAITING_RESULT:
                self._inform(response)
            case Success() | Failure() if self.state in ENGAGED:
                return self._result(response)
            case Completion() if self._awaits(response):
                self._complete(response)
            case Completion() if self._comes_early(response):
                self._completions.append(response)
            case Completion() if self._ends_instead(response):
                return self._result(Success())
            case Restarted():
                # Noise may have written RDY: then what is under way is still answered.
                self._overdue.add(self._command if self.state in ENGAGED else None)
                self._move(Trigger.RESTARTED)
                self._begin_probing()
                self.push.form = None
            case PowerChanged(event=PowerEvent.ENTER_DEEP_SLEEP):
                self._move(Trigger.FELL_ASLEEP)
            case PowerChanged(event=PowerEvent.EXIT_DEEP_SLEEP):
                self._move(Trigger.WOKE)
            case Unrecognised() if not self._is_late_information(line):
                return self._unread(line)
            case Unsolicited():
                pass
            case _:
                return LateAnswer(response, is_doubtful=self._overdue.settle(response))

        return response

    def _distrust(self) -> None:
        if self.state is not State.UNSYNCHRONISED:
            self._begin_probing()

        self._move(Trigger.DISTRUSTED)

    def _unread(self, line: bytes, shown: int | None = None) -> Response:
        return self._damaged(line, shown) if self.push.suspects(line) else Unrecognised(line[:shown].decode("latin-1"))

    def _damaged(self, line: bytes, shown: int | None = None) -> Response:
        self.push.distrust()
        return DamagedLine(line[:shown].decode("latin-1"))

    def _awaits(self, completion: Completion) -> bool:
        command = self._command
        return self.state is State.AWAITING_COMPLETION and command is not None and may_complete(completion, command)

    def _ends_instead(self, completion: Completion) -> bool:
        """Return whether a completion stands in place of the ``OK`` of the command under way."""
        command = self._command
        return (
            self.state is State.AWAITING_RESULT
            and self._informed
            and command is not None
            and command.is_ended_by(completion)
            and not self._overdue.includes(completion)
        )

    def _comes_early(self, completion: Completion) -> bool:
        """Return whether a completion that names its connectID came before the ``OK`` of its command."""
        command = self._command
        return (
            self.state is State.AWAITING_RESULT
            and completion.has_connect_id
            and command is not None
            and may_complete(completion, command)
            and not self._overdue.includes(completion)
        )

    def _is_late_information(self, line: bytes) -> bool:
        """Return whether a line may be information of the command that was given up."""
        command = self._command
        return (
            self.state is State.UNSYNCHRONISED
            and command is not None
            and isinstance(read_response(line.decode("latin-1"), command), Information)
            and not self.push.suspects_answer(line, self._asked.decode("ascii"))
        )

    def _inform(self, information: Information) -> None:
        self._move(Trigger.INFORMED)
        self._informed = True
        if isinstance(information, DataFormat):
            self.push.form = information.receive

    def _result(self, result: Success | Failure) -> Response:
        command = self._command
        assert command is not None
        self._echo = b""
        if type(result) is Failure:
            self._move(Trigger.FAILED)
        elif self.state is _AWAITING_COMPLETION:
            return LateAnswer(result)
        elif self._awaited:
            self.state = TRANSITIONS[self.state][_ACCEPTED]
            if self._completions and command.is_complete(self._completions):
                self._move(Trigger.COMPLETED)
        else:
            self.state = TRANSITIONS[self.state][_SUCCEEDED]
            if command.changes_format and (form := _receive_format_set(command)) is not None:
                self.push.form = form

        return result

    def _complete(self, completion: Completion) -> None:
        command = self._command
        assert command is not None
        self._completions.append(completion)
        if command.is_complete(self._completions):
            self.is_doubtful = bool(self._overdue.commands) and self._overdue.includes(completion, command)
            self._move(Trigger.COMPLETED)
        else:
            self._move(Trigger.PARTLY_COMPLETED)

    # Getting into step

    def _receive_probe(self, text: str, response: Response) -> Response | None:
        """Return what a line proves as the answer to a probe, or None when it answers none."""
        answer = self._probing.receive(text, response)
        if isinstance(answer, Resynchronised):
            self._move(Trigger.RESYNCHRONISED)
        elif isinstance(answer, ProbeAnswered):
            # The next probe goes out at once. That the line was quiet until then proves nothing.
            self.push.forget_probe()

        return answer


def _receive_format_set(command: Command) -> PayloadFormat | None:
    """Return the format of received payload that a command sets, if it sets one."""
    setting = command.parsed if isinstance(command, Raw) else command
    return setting.receive if isinstance(setting, SetDataFormat) else None
