"""Our side of the line: what may be sent now, and what is heard.

The rules, which the table below only spells out:

1. One command at a time. A command line may leave in IDLE and in no other state, and the dialogue that it starts is
over
   when its final result code is heard or, for the commands that complete later, when its completion is.
2. The lines that belong to a dialogue are known by the command: the class of its information responses, the class of
its
   completions. Anything else is a URC, whatever stands around it, and changes no state but for the three that tell of
   the module's own life: RDY, ENTER DEEPSLEEP, EXIT DEEPSLEEP.
3. AT has no sequence numbers. So once a command has been given up, no answer can be trusted until the line has been
shown
   to be in step: first any ``OK`` shows that somebody listens, then a *marker*, a command whose answer cannot be that
   of any earlier one, shows that everything before it has been said. What arrives meanwhile is a late answer.
4. A completion may come long after its command was given up, for the module works on in the background. It is *owed*:
   until it has come, a completion of the same kind that carries no connectID is taken, but marked as doubtful.
5. A peer's payload is delimited by its length and nothing else. Whether it is text or hex shows in the byte after the
   ``length``-th, which no payload can reach: a closing quote or a CR in text, a digit in hex. Where the format is
   known, it must agree as well.
6. An echo is what was sent, heard again at the start of a line before the result. It is dropped.
"""

import enum
import re
from collections import deque
from typing import Final

from .buffer import ReceiveBuffer
from .commands import TESTABLE, Attention, Command, SetDataFormat, Test
from .information import DataFormat
from .lines import read_response
from .responses import Completion, Failure, Information, Response, Success, Text, Unsolicited
from .states import State, Trigger, after
from .syntax import Malformed, PayloadFormat, decode_payload
from .urcs import (
    DamagedPayload,
    DataReceived,
    LateAnswer,
    PowerChanged,
    PowerEvent,
    ProbeAnswered,
    Restarted,
    Resynchronised,
    Unrecognised,
)

# A module pushes at most 1024 bytes at a time (guide 2.3, note 4); a header that tells more than this is damaged.
LARGEST_PUSH: Final = 1500
# The longest line that a module writes but for payload is a +QISTATE with a name of 150 bytes.
LONGEST_LINE: Final = 4096


class NeedData(enum.Enum):
    """The answer of a parser that has nothing to tell until it is fed."""

    NEED_DATA = enum.auto()


NEED_DATA: Final = NeedData.NEED_DATA

# A module that refuses this many markers in a row does not know them; its word that it listens must do.
_REFUSALS: Final = 3

_RECEIVED: Final = re.compile(rb'\+QIURC: ?"recv",(\d{1,3}),(\d{1,6}),')
_HEX_DIGITS: Final = re.compile(rb'"?[0-9A-Fa-f]*')
_CR, _LF, _QUOTE = b'\r\n"'
_ENDS: Final = b"\r\n\0"


class DTE:
    """The DTE's end of the line: bytes in, events out; commands in, bytes out.

    Feed it with :meth:`receive_data`, take :meth:`next_event` until it is :data:`NEED_DATA`, and write what
    :meth:`send` and :meth:`probe` return. It never waits and knows no time: a deadline reaches it as :meth:`give_up`.
    """

    def __init__(self) -> None:
        self._buffer = ReceiveBuffer()
        self._events: deque[Response] = deque()
        self._state = State.IDLE
        self._command: Command | None = None
        self._completions: list[Completion] = []
        self._echo = b""
        self._payload: tuple[int, int] | None = None
        self._skipping = False
        self._receive_format: PayloadFormat | None = None
        self._owed: set[type[Completion]] = set()
        self._doubtful = False
        self._listening = False
        self._marker = ""
        self._marker_seen = False
        self._markers_sent = 0
        self._refusals = 0

    def __repr__(self) -> str:
        under_way = f" {self._command}" if self._command else ""
        return f"<DTE {self._state.name}{under_way} buffered={len(self._buffer)}>"

    @property
    def state(self) -> State:
        """Where the dialogue stands."""
        return self._state

    @property
    def receive_format(self) -> PayloadFormat | None:
        """How received payload is written, or None while that is not known."""
        return self._receive_format

    @property
    def is_doubtful(self) -> bool:
        """Whether the completion that ended the last dialogue may be that of an earlier command, given up before."""
        return self._doubtful

    # Sending

    def send(self, command: Command) -> bytes:
        """Begin the dialogue of a command and return the bytes to write.

        Raises:
            LocalProtocolError: the line is not idle.
        """
        self._move(Trigger.SENT)
        self._command = command
        self._completions.clear()
        self._doubtful = False
        if isinstance(command, SetDataFormat):
            self._receive_format = None

        return self._line(command)

    def give_up(self) -> None:
        """End the dialogue under way without an answer. The line is out of step until probes have shown otherwise.

        A payload of which the rest has not come is given up as well.

        Raises:
            LocalProtocolError: no dialogue is under way.
        """
        self._move(Trigger.GAVE_UP)
        if self._command is not None and self._command.awaited:
            self._owed.add(self._command.awaited[0])

        if self._payload is not None:
            self._events.append(self._damaged("the rest did not come"))

        self._begin_probing()

    def probe(self) -> bytes:
        """Return the bytes of the next probe: ``AT`` until somebody listens, then one marker after another.

        Raises:
            LocalProtocolError: a dialogue is under way.
        """
        if self._state is not State.UNSYNCHRONISED:
            self._begin_probing()

        self._move(Trigger.PROBED)
        if not self._listening:
            return self._line(Attention())

        avoid = self._command.name if self._command is not None else ""
        markers = [name for name in TESTABLE if name != avoid]
        self._marker = markers[self._markers_sent % len(markers)]
        self._markers_sent += 1
        self._marker_seen = False
        return self._line(Test(self._marker))

    def forgive(self) -> None:
        """Stop expecting the completions of commands that were given up: they will not come any more."""
        self._owed.clear()

    def close(self) -> None:
        """End the dialogue for good: the line is gone."""
        if self._state is not State.CLOSED:
            self._move(Trigger.CLOSED)

    def _line(self, command: Command) -> bytes:
        self._echo = command.encode()
        return self._echo + b"\r"

    def _begin_probing(self) -> None:
        self._listening = False
        self._marker_seen = False
        self._refusals = 0
        self._receive_format = None

    def _move(self, trigger: Trigger) -> None:
        self._state = after(self._state, trigger)

    # Receiving

    def receive_data(self, data: bytes) -> None:
        """Take in bytes as they came; events are then to be had from :meth:`next_event`."""
        self._buffer.feed(data)

    def next_event(self) -> Response | NeedData:
        """Return the next thing that was heard, or :data:`NEED_DATA`. Whatever the bytes are, nothing is raised."""
        if self._events:
            return self._events.popleft()

        while not self._buffer.short:
            event = self._read_payload() if self._payload is not None else self._read_line()
            if event is not None:
                return event

        return NEED_DATA

    def _read_line(self) -> Response | None:
        buffer = self._buffer
        buffer.skip_blanks()
        if self._skipping:
            self._skipping = buffer.take_line() is None and len(buffer) <= LONGEST_LINE
            return None

        if header := _RECEIVED.match(buffer.data):
            connect_id, length = int(header[1]), int(header[2])
            buffer.drop(header.end())
            self._payload = (connect_id, length)
            return self._damaged("no push is as long as that") if length > LARGEST_PUSH else None

        if self._echo and buffer.data.startswith(self._echo):
            buffer.drop(len(self._echo))
            self._echo = b""
            return None

        line = buffer.take_line()
        if line is None:
            return self._overlong() if len(buffer) > LONGEST_LINE else None

        return self._interpret(line) if line else None

    def _overlong(self) -> Response:
        text = bytes(self._buffer.data[:80]).decode("latin-1")
        self._buffer.drop(len(self._buffer))
        self._skipping = True
        return Unrecognised(text)

    # Payload

    def _read_payload(self) -> Response | None:
        assert self._payload is not None
        connect_id, length = self._payload
        buffer, data = self._buffer, self._buffer.data
        if not buffer.require(length + 2):
            return None

        quoted = data[0] == _QUOTE
        if quoted and data[length + 1] == _QUOTE:
            form, start, end, total = PayloadFormat.TEXT, 1, length + 1, length + 2
        elif data[length] == _CR and data[length + 1] == _LF:
            form, start, end, total = PayloadFormat.TEXT, 0, length, length
        else:
            form, start, end = PayloadFormat.HEX, int(quoted), int(quoted) + 2 * length
            total = end + quoted

        if not buffer.require(total + 1):
            return None

        if data[total] not in _ENDS or (start and data[end] != _QUOTE):
            return self._damaged("its end is not where it was announced")

        if self._receive_format is not None and form is not self._receive_format and length:
            return self._damaged(f"it stands there as {form.name}")

        try:
            event = DataReceived(connect_id, decode_payload(bytes(data[start:end]), form), form)
        except Malformed:
            return self._damaged("it is not hexadecimal")

        buffer.drop(total)
        self._payload = None
        return event

    def _damaged(self, reason: str) -> DamagedPayload:
        """Give up the payload under way, and whatever may belong to it, up to where a line can begin again."""
        assert self._payload is not None
        connect_id, length = self._payload
        self._payload = None
        digits = _HEX_DIGITS.match(self._buffer.data)
        hex_width = digits.end() if digits else 0
        # Hex cannot hold the end of its own line, so that is where it ends. Text can hold anything: what a peer wrote
        # must never be read as a line, so all that may be payload goes.
        is_hex = self._receive_format is PayloadFormat.HEX or (self._receive_format is None and hex_width > 1)
        self._buffer.drop(hex_width if is_hex else length + 1)
        self._skipping = True
        return DamagedPayload(connect_id, length, reason)

    # Lines

    def _interpret(self, line: bytes) -> Response:
        text = line.decode("latin-1")
        if self._state is State.UNSYNCHRONISED and (answer := self._probed(text)) is not None:
            return answer

        match response := read_response(text, self._command if self._is_engaged else None):
            case Information() if self._state is State.AWAITING_RESULT:
                return self._informed(response)
            case Success() | Failure() if self._is_engaged:
                return self._result(response)
            case Completion() if self._awaits(response):
                return self._completed(response)
            case Restarted():
                self._move(Trigger.RESTARTED)
                self._begin_probing()
                self._owed.clear()
            case PowerChanged(event=PowerEvent.ENTER_DEEP_SLEEP):
                self._move(Trigger.FELL_ASLEEP)
            case PowerChanged(event=PowerEvent.EXIT_DEEP_SLEEP):
                self._move(Trigger.WOKE)
            case Text() | Unsolicited():
                pass
            case _:
                if isinstance(response, Completion):
                    self._owed.discard(type(response))

                return LateAnswer(response)

        return response

    @property
    def _is_engaged(self) -> bool:
        return self._state in (State.AWAITING_RESULT, State.AWAITING_COMPLETION)

    def _awaits(self, completion: Completion) -> bool:
        command = self._command
        return (
            self._state is State.AWAITING_COMPLETION
            and command is not None
            and isinstance(completion, command.awaited)
            and command.is_answered_by(completion)
        )

    def _informed(self, information: Information) -> Response:
        self._move(Trigger.INFORMED)
        if isinstance(information, DataFormat):
            self._receive_format = information.receive

        return information

    def _result(self, result: Success | Failure) -> Response:
        command = self._command
        assert command is not None
        self._echo = b""
        if isinstance(result, Failure):
            self._move(Trigger.FAILED)
        elif self._state is State.AWAITING_COMPLETION:
            return LateAnswer(result)
        elif command.awaited:
            self._move(Trigger.ACCEPTED)
        else:
            self._move(Trigger.SUCCEEDED)
            if isinstance(command, SetDataFormat):
                self._receive_format = command.receive

        return result

    def _completed(self, completion: Completion) -> Response:
        command = self._command
        assert command is not None
        self._completions.append(completion)
        if command.is_complete(self._completions):
            self._doubtful = command.awaited[0] in self._owed
            self._move(Trigger.COMPLETED)
        else:
            self._move(Trigger.PARTLY_COMPLETED)

        return completion

    def _probed(self, text: str) -> Response | None:
        """Read a line as the answer to a probe, or return None."""
        if self._marker_seen:
            in_step = text == "OK"
        elif text == "ERROR" and self._listening:
            self._refusals += 1
            in_step = self._refusals >= _REFUSALS
        elif text == "OK" and not self._listening:
            in_step = False
            self._listening = True
        else:
            # The parenthesis is what an answer to a test command has, and no other answer of that name.
            self._marker_seen = bool(self._marker) and text.startswith(self._marker + ":") and "(" in text
            return Text(text) if self._marker_seen else None

        if not in_step:
            return ProbeAnswered()

        self._move(Trigger.RESYNCHRONISED)
        return Resynchronised()
