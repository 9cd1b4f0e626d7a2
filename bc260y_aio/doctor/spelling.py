"""Checks of how a module spells: what is between the words, in front of them and behind them."""

import re
from typing import Final

from ..at.commands import TESTABLE
from ..at.completions import PingReply, ResolvedAddress
from ..at.information import Clock
from ..at.responses import Failure
from ..at.urcs import DamagedLine, DamagedPayload, DataReceived, Unrecognised
from .checks import UNDERSTOOD, Check, Verdict, agrees, differs, either, shown
from .line import Exchange
from .record import NotSeen, Record

# A line with a name: the name, and what follows the colon.
_NAMED: Final = re.compile(rb"^(\+[A-Z]+):( ?)(?=[^ \r\n])", re.MULTILINE)
_PUSH: Final = re.compile(rb'\+QIURC: ?"recv",\d+,\d+,("?)')
_QUOTED_ADDRESS: Final = re.compile(rb'\+(?:QIDNSGIP|QPING): ?(?:0,)?("?)[0-9A-Fa-f]+[.:]')
_TIME: Final = re.compile(rb'\+(QNT[A-Z]*): ?0,"([^"]*)"')
_YEAR: Final = re.compile(rb'\+CCLK: ?"(\d+)/')

# What a module says when it starts, besides RDY and the address.
BOOT_LINES: Final = ("+CFUN: 1", "+CPIN: READY")


def _colons(record: Record) -> Verdict:
    bare: set[str] = set()
    for exchange in record.everything:
        heard = _without_payload(exchange)
        bare |= {match[1].decode() for match in _NAMED.finditer(heard) if not match[2]}

    return differs(f"no space after {', '.join(sorted(bare))}") if bare else agrees()


def _without_payload(exchange: Exchange) -> bytes:
    """Return what was heard, without what peers sent."""
    kept, rest = b"", exchange.heard
    for push in exchange.all_of(DataReceived):
        if (header := _PUSH.search(rest)) is None:
            break

        kept += rest[: header.end()]
        rest = rest[header.end() :]
        digits = push.data.hex().encode()
        is_hex = rest[: len(digits)].lower() == digits
        rest = rest[len(digits) if is_hex else len(push.data) :]

    return kept + rest


def _nuls(record: Record) -> Verdict:
    commands = {one.command.partition("=")[0] for one in record.everything if b"\0" in _without_payload(one)}
    return differs(f"after {', '.join(sorted(commands))}") if commands else agrees()


def _blank_lines(record: Record) -> Verdict:
    before = record["echo.off"].heard.partition(b"OK")[0]
    return either(before == b"\r\n", f"{shown(before)} before OK")


def _compact(record: Record) -> Verdict:
    exchange = record["identity"]
    if len(exchange.information) < 2:
        raise NotSeen("ATI told a single line")

    first, second = exchange.lines[:2]
    between = exchange.heard.partition(first)[2].partition(second)[0]
    return either(between != b"\r\n", f"{shown(between)} between them")


def _echo(record: Record) -> Verdict:
    on, off = record["echo.on"].heard, record["echo.off"].heard
    answer = off[: off.find(b"OK")]
    echo, found, _ = on.partition(b"OK")
    if not (found and echo.endswith(answer) and b"AT" in echo):
        return differs(f"after ATE1, AT brought {shown(on)}")

    ending = echo.removesuffix(answer).partition(b"AT")[2]
    return either(not ending, f"AT{shown(ending)}" if ending else "AT")


def _address_quotes(record: Record) -> Verdict:
    for name, kind in (("resolve", ResolvedAddress), ("ping", PingReply)):
        exchange = record.exchanges.get(name)
        if exchange is not None and exchange.all_of(kind) and (match := _QUOTED_ADDRESS.search(exchange.heard)):
            return either(not match[1], shown(_line_of(exchange.heard, match)))

    raise NotSeen("no address was told")


def _line_of(heard: bytes, match: re.Match[bytes]) -> bytes:
    return heard[match.start() :].partition(b"\r")[0]


def _ttl(record: Record) -> Verdict:
    replies = record["ping"].all_of(PingReply)
    if not replies:
        raise NotSeen("no packet came back")

    line = next(line for line in record["ping"].lines if line.startswith(b"+QPING"))
    return either(replies[0].ttl is not None, shown(line))


def _time(record: Record) -> re.Match[bytes]:
    if (match := _TIME.search(record["time"].heard)) is None:
        raise NotSeen("no time was told")

    return match


def _time_prefix(record: Record) -> Verdict:
    return either((match := _time(record))[1] == b"QNTP", shown(match[0]))


def _time_fields(record: Record) -> Verdict:
    return either((match := _time(record))[2].count(b":") == 2, shown(match[0]))


def _year(record: Record) -> Verdict:
    exchange = record["question.+CCLK"]
    match = _YEAR.search(exchange.heard)
    if match is None or not exchange.all_of(Clock):
        raise NotSeen("the module does not tell its clock")

    return either(len(match[1]) == 2, shown(_line_of(exchange.heard, match)))


def _payload_quotes(record: Record) -> Verdict:
    quotes = {match[1] for one in record.everything if one.all_of(DataReceived) for match in _PUSH.finditer(one.heard)}
    if not quotes:
        raise NotSeen("no data was received")

    if quotes == {b'"', b""}:
        return differs("some is, some is not", UNDERSTOOD)

    is_quoted = quotes == {b'"'}
    return agrees(quoted_data=True) if is_quoted else differs("it is not", quoted_data=False)


def _error_level(record: Record) -> Verdict:
    exchange = record["error.found"]
    line = next((line for line in exchange.lines if line.startswith((b"ERROR", b"+CME"))), b"nothing")
    return either(
        line == b"ERROR",
        f"{exchange.command} brought {shown(line)}",
        f"{UNDERSTOOD} An earlier program may have set AT+CMEE; so does a modem.",
    )


def _error_numbers(record: Record) -> Verdict:
    exchange = record["error.number"]
    failures = exchange.all_of(Failure)
    told = shown(b", ".join(exchange.lines))
    note = f"{UNDERSTOOD} But errors are told without their reason."
    return either(bool(failures) and failures[0].code is not None, told, note)


def _unknown_lines(record: Record) -> Verdict:
    unknown = [
        one.text if isinstance(one, Unrecognised | DamagedLine) else str(one)
        for exchange in record.everything
        for one in exchange.all_of(Unrecognised, DamagedLine, DamagedPayload)
        if not (isinstance(one, Unrecognised) and _is_known(one.text))
    ]
    seen = "; ".join(dict.fromkeys(shown(text.encode("latin-1", "replace")) for text in unknown[:5]))
    note = "Such a line changes nothing. A subscriber gets it as Unrecognised."
    return either(not unknown, seen, note)


def _is_known(text: str) -> bool:
    # What an earlier program wrote may be echoed still, and the test forms bring the line into step.
    is_marker = "(" in text and text.partition(":")[0] in TESTABLE
    return is_marker or text.replace(":", ": ").replace(":  ", ": ") in BOOT_LINES or text.startswith("AT")


SPELLING: Final = (
    Check("blank_lines", "one CR LF stands before a response", "2.1.2", "echo", _blank_lines),
    Check("compact", "a blank line stands between two information responses", "2.1.2", "identity", _compact),
    Check("echo_ending", "an echo is the command line, and nothing follows it", "", "echo", _echo),
    Check("space_after_colon", "a space follows the colon of a response", "2.2", "everything", _colons),
    Check("stray_nul", "no NUL stands between responses", "2.1.2", "everything", _nuls),
    Check("cme", "an error is told as ERROR until AT+CMEE says otherwise", "2.2", "errors", _error_level),
    Check("error_numbers", "after AT+CMEE=1 an error is told by its number", "", "errors", _error_numbers),
    Check("four_digit_year", "clocks print two digits of the year", "2.2.9", "commands", _year),
    Check("quoted_data", "received payload stands between quotes", "2.3.2", "stream", _payload_quotes),
    Check("quoted_addresses", "addresses of names and pings stand without quotes", "4.4", "names", _address_quotes),
    Check("ping_ttl", "a reply to a ping tells its TTL", "2.2.8", "names", _ttl),
    Check("ntp_prefix", "the time of a server is told as +QNTP", "2.2.9", "time", _time_prefix),
    Check("ntp_colons", "that time has three fields between colons", "2.2.9", "time", _time_fields),
    Check("unknown_lines", "every line is one that this package knows", "", "everything", _unknown_lines),
)
