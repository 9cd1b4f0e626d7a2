"""Code that the tests of `at` share: bytes in, events out, whole or in chunks."""

import itertools
from collections.abc import Iterable, Sequence

from bc260y_aio.at.commands import Attention, Command, SendData, SetDataFormat, Test
from bc260y_aio.at.dce import DCE, PromptedData, Refused
from bc260y_aio.at.dte import DTE, NEED_DATA
from bc260y_aio.at.responses import Response, Success
from bc260y_aio.at.states import State
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import LateAnswer

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
RDY = b"\r\nRDY\r\n"
ENTER = b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n'
EXIT = b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n'


def feed(dte: DTE, *data: bytes) -> list[Response]:
    """Feed a DTE, chunk by chunk, and return all its events."""
    events: list[Response] = []
    for piece in data:
        dte.receive_data(piece)
        while (event := dte.next_event()) is not NEED_DATA:
            events.append(event)

    return events


def read(dce: DCE, *data: bytes) -> list[Command | Refused]:
    """Feed a DCE, chunk by chunk, and return all the commands that it reads."""
    commands: list[Command | Refused] = []
    for piece in data:
        dce.receive_data(piece)
        while (command := dce.next_event()) is not NEED_DATA:
            assert not isinstance(command, PromptedData)
            commands.append(command)

    return commands


def cut(data: bytes, points: Iterable[int]) -> list[bytes]:
    """Cut data at these points, those beyond its end left out."""
    edges = [0, *sorted(point for point in points if point <= len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def one_by_one(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def dte_with(form: PayloadFormat | None = None, command: Command | None = None, *, accepted: bool = False) -> DTE:
    """Make a DTE with a known payload format and a command under way, perhaps with ``OK`` to it."""
    dte = DTE()
    if form is not None:
        dte.send(SetDataFormat(form, form))
        assert feed(dte, OK) == [Success()]

    if command is not None:
        dte.send(command)

    if accepted:
        assert feed(dte, OK) == [Success()]

    return dte


def dte_in(state: State, form: PayloadFormat | None = None) -> DTE:
    """Make a DTE in a state of the dialogue, with a known payload format."""
    dte = dte_with(form)
    match state:
        case State.AWAITING_RESULT:
            dte.send(SendData(0, b"abc"))
        case State.AWAITING_COMPLETION:
            dte = dte_with(form, SendData(0, b"abc"), accepted=True)
        case State.UNSYNCHRONISED:
            dte.probe()
        case State.ASLEEP:
            feed(dte, ENTER)
        case State.CLOSED:
            dte.close()

    assert state_of(dte) is state
    return dte


def state_of(dte: DTE) -> State:
    """Return the state of the dialogue now, whatever a type checker has concluded before."""
    return dte.state


def push(connect_id: int, data: bytes, form: PayloadFormat, *, quoted: bool = True) -> bytes:
    """Return the bytes of a push."""
    written = data.hex().upper().encode() if form is PayloadFormat.HEX else data
    quote = b'"' if quoted else b""
    return b'\r\n+QIURC: "recv",%d,%d,%b%b%b\r\n' % (connect_id, len(data), quote, written, quote)


def healthy(line: bytes) -> bytes:
    """Return the answer of a healthy module to a probe."""
    if line == Attention().encode() + b"\r":
        return OK

    name = line.removeprefix(b"AT").removesuffix(b"=?\r")
    assert line == Test(name.decode()).encode() + b"\r"
    return b"\r\n" + name + b": (0-4)\r\n" + OK


def bring_into_step(dte: DTE, probes: int) -> list[Response]:
    """Probe like a driver, answer like a healthy module, and return the events until the line was in step."""
    events: list[Response] = []
    for _ in range(probes):
        events += feed(dte, healthy(dte.probe()))
        if dte.state is State.IDLE:
            return events

    raise AssertionError(f"not in step after {probes} probes: {dte!r}, {events}")


def answers(events: Sequence[Response]) -> list[Response]:
    """Return the events that are answers, late or not."""
    return [event.response if isinstance(event, LateAnswer) else event for event in events]
