"""The targets of fuzzing, and what must hold for any bytes. A target raises, or asserts, if it does not.

An input has bytes as they arrive over the line or the socket. Inputs for the line also have orders: bytes from 0xF0 on,
which no line has. So a transcript is an input as it is, and a mutation of it is still meaningful.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from bc260y_aio.at.commands import (
    Attention,
    CloseSocket,
    Command,
    OpenSocket,
    Ping,
    QueryAcks,
    QueryDataFormat,
    QuerySockets,
    Resolve,
    SendData,
    SetDataFormat,
    read_command,
    read_verbatim,
)
from bc260y_aio.at.dce import DCE, LONGEST_COMMAND_LINE, Refused
from bc260y_aio.at.dte import DTE, LONGEST_LINE
from bc260y_aio.at.push import LARGEST_PUSH
from bc260y_aio.at.responses import Dialect, Response, Success
from bc260y_aio.at.states import State
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.bridge import socks
from bc260y_aio.errors import LocalProtocolError
from tests.at.helpers import OK, bring_into_step, feed, one_by_one, read

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX

# The orders to a DTE: 0xF0 and so on send one of these; 0xFD gives up, 0xFE probes, and 0xFF does nothing.
COMMANDS: Final[tuple[Command, ...]] = (
    Attention(),
    QueryDataFormat(),
    SetDataFormat(HEX, HEX),
    SetDataFormat(TEXT, TEXT),
    OpenSocket(1, "TCP", "a", 7),
    SendData(0, b"abc"),
    CloseSocket(0),
    QueryAcks(0),
    QuerySockets(),
    Ping("a", 4, 4, 32),
    Resolve("a"),
    read_verbatim("AT+CSQ"),
)
_ORDERS: Final = 0xF0

# The longest input that a DTE keeps: a line, or a payload with its quotes and its end.
_MOST_HELD: Final = max(LONGEST_LINE, 2 * LARGEST_PUSH) + 8
# The longest input that the proxy keeps for one client.
_LONGEST_REQUEST: Final = 517


def _parts(data: bytes) -> Iterator[bytes | int]:
    """Yield the runs of plain bytes, and the orders between them."""
    start = 0
    for index, byte in enumerate(data):
        if byte >= _ORDERS:
            if index > start:
                yield data[start:index]

            yield byte
            start = index + 1

    if start < len(data):
        yield data[start:]


# Our side of the line


def dte(data: bytes) -> None:
    """Only LocalProtocolError is raised, for forbidden calls; cuts change nothing; the dialogue never hangs."""
    whole, cut = DTE(), DTE()
    for part in _parts(data):
        if isinstance(part, int):
            assert _ordered(whole, part) == _ordered(cut, part)
        else:
            events = feed(whole, part)
            assert all(isinstance(event, Response) for event in events)
            assert events == feed(cut, *one_by_one(part))
            assert whole.buffered <= _MOST_HELD

        assert whole.state is cut.state

    _still_works(whole)


def _ordered(dte: DTE, order: int) -> object:
    try:
        match order:
            case _ if order - _ORDERS < len(COMMANDS):
                return dte.send(COMMANDS[order - _ORDERS])
            case 0xFD:
                dte.give_up()
            case 0xFE:
                return dte.probe()
    except LocalProtocolError as exc:
        return str(exc)

    return None


def _still_works(dte: DTE) -> None:
    """A module that answers again is understood again, however the line was left."""
    if dte.state in (State.AWAITING_RESULT, State.AWAITING_COMPLETION):
        dte.give_up()

    # The rest of a line ends, since a module that writes begins a new one.
    feed(dte, b"\r\n")
    bring_into_step(dte, 16)
    dte.send(Attention())
    assert feed(dte, OK)[-1] == Success()
    assert dte.state is State.IDLE


# The module's side


def dce(data: bytes) -> None:
    """Nothing is raised; cuts change nothing; what is read encodes to the same command; nothing grows."""
    whole, cut = _module(data[:1]), _module(data[:1])
    for part in _parts(data):
        if isinstance(part, int):
            continue

        commands = read(whole, part)
        assert commands == read(cut, *one_by_one(part))
        assert whole.buffered <= LONGEST_COMMAND_LINE + 1
        for command in commands:
            if not isinstance(command, Refused):
                assert read_command(command.encode(), whole.send_format) == command

    commands = read(whole, b"\rAT\r")
    assert commands[-1] == Attention()


def _module(seed: bytes) -> DCE:
    flags = seed[0] if seed else 0
    module = DCE(Dialect(stray_nul=bool(flags & 1), compact=bool(flags & 2)), echo_ending=b"\r" if flags & 4 else None)
    module.send_format = HEX if flags & 8 else TEXT
    return module


# The SOCKS server


def proxy(data: bytes) -> None:
    """Nothing is raised; cuts change nothing; no byte is lost; what is refused gets a whole answer; nothing grows."""
    events, rest = _negotiated(data)
    assert (events, rest) == _negotiated(*one_by_one(data))
    assert data.endswith(rest)
    match events[-1:]:
        case [socks.Connect(host=host, port=port)]:
            assert host
            assert 0 <= port <= 65535
        case [socks.Associate(port=port)]:
            assert 0 <= port <= 65535
        case [socks.Refusal(answer=answer, reason=reason)]:
            assert len(answer) in (0, 2, 8, 10)
            assert reason


def _negotiated(*pieces: bytes) -> tuple[list[socks.Event], bytes]:
    """Return the events of a client that sent these pieces, and what is left of them for the peer."""
    negotiation = socks.Negotiation()
    events: list[socks.Event] = []
    for piece in pieces:
        negotiation.receive_data(piece)
        while not (events and events[-1] is negotiation.next_event()):
            event = negotiation.next_event()
            if event is socks.NEED_DATA:
                assert len(negotiation.trailing_data) < _LONGEST_REQUEST
                break

            events.append(event)

    return events, negotiation.trailing_data


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {"dte": dte, "dce": dce, "socks": proxy}
"""The fuzzed parsers, by name."""
