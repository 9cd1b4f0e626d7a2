"""Checks of the response format: blank lines, spaces, quotes, prefixes."""

import re
from typing import Final

from ..at.commands import TESTABLE
from ..at.completions import PingReply, ResolvedAddress
from ..at.information import Clock
from ..at.responses import Failure
from ..at.suspicion import URC_FORMS
from ..at.urcs import DamagedLine, DamagedPayload, DataReceived, Unrecognised
from .checks import UNDERSTOOD, Check, Verdict, agrees, differs, either, shown
from .line import Exchange
from .observations import NotObserved, Observations

# A line with a prefix: the prefix, and the space after its colon.
_NAMED: Final = re.compile(rb"^(\+[A-Z]+):( ?)(?=[^ \r\n])", re.MULTILINE)
_PUSH: Final = re.compile(rb'\+QIURC: ?"recv",\d+,\d+,("?)')
_QUOTED_ADDRESS: Final = re.compile(rb'\+(?:QIDNSGIP|QPING): ?(?:0,)?("?)[0-9A-Fa-f]+[.:]')
_TIME: Final = re.compile(rb'\+(QNT[A-Z]*): ?0,"([^"]*)"')
_YEAR: Final = re.compile(rb'\+CCLK: ?"?(\d+)/')

# The lines of a start, besides RDY and the address.
BOOT_LINES: Final = ("+CFUN: 1", "+CPIN: READY")


def _colons(observed: Observations) -> Verdict:
    bare: set[str] = set()
    for exchange in observed.everything:
        received = _without_payload(exchange)
        bare |= {match[1].decode() for match in _NAMED.finditer(received) if not match[2]}

    # The URC of this one has a check of its own.
    bare = bare if bare - {"+CSCON"} else set()
    return differs(f"no space after {', '.join(sorted(bare))}") if bare else agrees()


def _without_payload(exchange: Exchange) -> bytes:
    """Return the received bytes without payload."""
    kept, rest = b"", exchange.received
    for push in exchange.all_of(DataReceived):
        if (header := _PUSH.search(rest)) is None:
            break

        kept += rest[: header.end()]
        rest = rest[header.end() :]
        digits = push.data.hex().encode()
        is_hex = rest[: len(digits)].lower() == digits
        rest = rest[len(digits) if is_hex else len(push.data) :]

    return kept + rest


def _nuls(observed: Observations) -> Verdict:
    commands = {one.command.partition("=")[0] for one in observed.everything if b"\0" in _without_payload(one)}
    return differs(f"after {', '.join(sorted(commands))}") if commands else agrees()


def _blank_lines(observed: Observations) -> Verdict:
    before = observed["echo.off"].received.partition(b"OK")[0]
    return either(before == b"\r\n", f"{shown(before)} before OK")


def _compact(observed: Observations) -> Verdict:
    exchange = observed["identity"]
    if len(exchange.information) < 2:
        raise NotObserved("ATI returned a single line")

    first, second = exchange.lines[:2]
    between = exchange.received.partition(first)[2].partition(second)[0]
    return either(between == b"\r\n", f"{shown(between)} between them")


def _echo(observed: Observations) -> Verdict:
    on, off = observed["echo.on"].received, observed["echo.off"].received
    answer = off[: off.find(b"OK")]
    echo, found, _ = on.partition(b"OK")
    if not (found and echo.endswith(answer) and b"AT" in echo):
        return differs(f"after ATE1, AT brought {shown(on)}")

    ending = echo.removesuffix(answer).partition(b"AT")[2]
    return either(not ending, f"AT{shown(ending)}" if ending else "AT")


def _address_quotes(observed: Observations) -> Verdict:
    for name, kind in (("resolve", ResolvedAddress), ("ping", PingReply)):
        exchange = observed.exchanges.get(name)
        if exchange is not None and exchange.all_of(kind) and (match := _QUOTED_ADDRESS.search(exchange.received)):
            return either(not match[1], shown(_line_of(exchange.received, match)))

    raise NotObserved("no address was received")


def _line_of(received: bytes, match: re.Match[bytes]) -> bytes:
    return received[match.start() :].partition(b"\r")[0]


def _ttl(observed: Observations) -> Verdict:
    replies = observed["ping"].all_of(PingReply)
    if not replies:
        raise NotObserved("no packet came back")

    line = next(line for line in observed["ping"].lines if line.startswith(b"+QPING"))
    return either(replies[0].ttl is not None, shown(line))


def _time(observed: Observations) -> re.Match[bytes]:
    if (match := _TIME.search(observed["time"].received)) is None:
        raise NotObserved("no time was received")

    return match


def _time_prefix(observed: Observations) -> Verdict:
    return either((match := _time(observed))[1] == b"QNTP", shown(match[0]))


def _time_fields(observed: Observations) -> Verdict:
    return either((match := _time(observed))[2].count(b":") == 2, shown(match[0]))


def _year(observed: Observations) -> Verdict:
    exchange = observed["query.+CCLK"]
    match = _YEAR.search(exchange.received)
    if match is None or not exchange.all_of(Clock):
        raise NotObserved("the module does not report its clock")

    return either(len(match[1]) == 4, shown(_line_of(exchange.received, match)))


def _payload_quotes(observed: Observations) -> Verdict:
    quotes = {
        match[1] for one in observed.everything if one.all_of(DataReceived) for match in _PUSH.finditer(one.received)
    }
    if not quotes:
        raise NotObserved("no data was received")

    if quotes == {b'"', b""}:
        return differs("some is, some is not", UNDERSTOOD)

    is_quoted = quotes == {b'"'}
    return agrees(quoted_data=True) if is_quoted else differs("it is not", quoted_data=False)


def _error_level(observed: Observations) -> Verdict:
    exchange = observed["error.found"]
    line = next((line for line in exchange.lines if line.startswith((b"ERROR", b"+CME"))), b"nothing")
    return either(
        line == b"ERROR",
        f"{exchange.command} brought {shown(line)}",
        f"{UNDERSTOOD} An earlier program may have set AT+CMEE; Modem sets it too.",
    )


def _error_numbers(observed: Observations) -> Verdict:
    exchange = observed["error.number"]
    failures = exchange.all_of(Failure)
    reported = shown(b", ".join(exchange.lines))
    return either(bool(failures) and failures[0] == Failure(), reported, UNDERSTOOD)


def _unknown_lines(observed: Observations) -> Verdict:
    unknown = [
        one.text if isinstance(one, Unrecognised | DamagedLine) else str(one)
        for exchange in observed.everything
        for one in exchange.all_of(Unrecognised, DamagedLine, DamagedPayload)
        if not (isinstance(one, Unrecognised) and _is_known(one.text))
    ]
    seen = "; ".join(dict.fromkeys(shown(text.encode("latin-1", "replace")) for text in unknown[:5]))
    note = "Such a line has no effect. A subscriber receives it as Unrecognised."
    return either(not unknown, seen, note)


def _is_known(text: str) -> bool:
    # The echo of an earlier program may still come, and test forms are used to resynchronise the line.
    name, _, parameters = text.partition(":")
    is_marker = "(" in text and name in TESTABLE
    if name in URC_FORMS and URC_FORMS[name].fullmatch(parameters.strip()):
        return True

    return is_marker or text.replace(":", ": ").replace(":  ", ": ") in BOOT_LINES or text.startswith("AT")


FORMATTING: Final = (
    Check("blank_lines", "one CR LF precedes a response", "2.1.2", "echo", _blank_lines),
    Check(
        "compact",
        "one CR LF separates two information responses",
        "",
        "identity",
        _compact,
        "The guide (2.1.2) writes each with a CR LF on either side.",
    ),
    Check("echo_ending", "an echo is the command line without its CR", "", "echo", _echo),
    Check("space_after_colon", "a space follows the colon of a response", "2.2", "everything", _colons),
    Check("stray_nul", "there is no NUL between responses", "2.1.2", "everything", _nuls),
    Check("cme", "an error is reported as ERROR until AT+CMEE changes that", "2.2", "errors", _error_level),
    Check("error_numbers", "a refused socket command is a plain ERROR after AT+CMEE=1", "", "errors", _error_numbers),
    Check(
        "four_digit_year",
        "the clock has four digits for the year",
        "manual 10.1",
        "commands",
        _year,
        "The guide (4.7) has two, in +QNTP.",
    ),
    Check("quoted_data", "received payload is quoted", "2.3.2", "stream", _payload_quotes),
    Check("quoted_addresses", "addresses of names and pings are not quoted", "4.4", "names", _address_quotes),
    Check("ping_ttl", "a reply to a ping has its TTL", "2.2.8", "names", _ttl),
    Check(
        "ntp_prefix",
        "the time of an NTP server is reported as +QNTP",
        "2.2.9",
        "time",
        _time_prefix,
        "The guide's example (4.7) has +QNTIP.",
    ),
    Check(
        "ntp_colons",
        "that time has three fields between colons",
        "2.2.9",
        "time",
        _time_fields,
        "The guide's example (4.7) has four.",
    ),
    Check("unknown_lines", "this package knows every line", "", "everything", _unknown_lines),
)
