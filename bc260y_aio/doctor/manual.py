"""Checks of what the AT command manual describes: clock, contexts, identity, errors, sleep lock."""

import re
from typing import Final

from ..at.responses import Failure
from ..line.profile import DEFAULT_PROFILE
from .checks import UNDERSTOOD, Check, Verdict, agrees, differs, either, shown
from .observations import NotObserved, Observations

_CLOCK: Final = re.compile(rb'\+CCLK: ?("?)\d')
_ADDRESS: Final = re.compile(rb'\+CGPADDR: ?(\d+)(?:,("?)[0-9A-Fa-f])?')
_IPV6: Final = re.compile(rb"\+(?:CGPADDR|QIDNSGIP|QPING): ?[^\r]*?(?:((?:\d+\.){15}\d+)|[0-9A-Fa-f]*:[0-9A-Fa-f:]+)")
_IMEI: Final = re.compile(rb'\+CGSN: ?("?)\d{15}')
_CONNECTION: Final = re.compile(rb"^\+CSCON:( ?)[01]\r", re.MULTILINE)
_SLEEP_LOCK: Final = re.compile(rb'\+QCFG: ?"slplocktimes",(\d+)')


def _match(observed: Observations, name: str, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
    exchange = observed[name]
    if (match := pattern.search(exchange.received)) is None:
        raise NotObserved(f"{exchange.command} did not report it")

    return match


def _quoted_clock(observed: Observations) -> Verdict:
    is_quoted = _match(observed, "query.+CCLK", _CLOCK)[1] == b'"'
    return either(is_quoted, "it is" if is_quoted else "it is not", UNDERSTOOD)


def _default_context(observed: Observations) -> Verdict:
    return either((context := _match(observed, "query.+CGPADDR", _ADDRESS)[1]) == b"0", f"it is {context.decode()}")


def _quoted_pdp_address(observed: Observations) -> Verdict:
    quote = _match(observed, "query.+CGPADDR", _ADDRESS)[2]
    if quote is None:
        raise NotObserved("the module has no address")

    return either(quote == b'"', "they are" if quote == b'"' else "they are not")


def _quoted_imei(observed: Observations) -> Verdict:
    is_bare = _match(observed, "imei", _IMEI)[1] == b""
    return either(is_bare, "it is not" if is_bare else "it is")


def _parameter_errors(observed: Observations) -> Verdict:
    exchange = observed["error.parameter"]
    if not (failures := exchange.all_of(Failure)):
        raise NotObserved(f"{exchange.command} was not refused")

    seen = f"{exchange.command} brought {shown(exchange.lines[-1])}"
    return either(failures[0] == Failure(), seen, UNDERSTOOD)


def _ipv6_octets(observed: Observations) -> Verdict:
    found = {bool(match[1]): match[0] for one in observed.everything for match in _IPV6.finditer(one.received)}
    if not found:
        raise NotObserved("no IPv6 address was received")

    return either(False not in found, shown(found.get(False, found.get(True, b""))))


def _sleep_lock(observed: Observations) -> Verdict:
    seconds = int(_match(observed, "sleep_lock", _SLEEP_LOCK)[1])
    seen = f"{seconds} s"
    return agrees(seen) if seconds >= DEFAULT_PROFILE.awake_for else differs(seen, awake_for=seconds / 2)


def _connection_space(observed: Observations) -> Verdict:
    observed.fact("connection_reports")
    spaces = {match[1] for one in observed.everything for match in _CONNECTION.finditer(one.received)}
    if not spaces:
        raise NotObserved("the radio's connection did not change")

    if observed["query.+CMEE"].received.find(b"+CMEE: ") < 0:
        raise NotObserved("it writes no such space anywhere")

    return either(spaces == {b" "}, "there is one" if spaces == {b" "} else "there is none")


MANUAL: Final = (
    Check(
        "quoted_clock",
        "the time of AT+CCLK is quoted",
        "",
        "commands",
        _quoted_clock,
        "The manual's example (10.1) has it without quotes.",
    ),
    Check(
        "default_context",
        "the default PDP context is 0",
        "manual 4.5",
        "commands",
        _default_context,
        "The guide's example (4.1) has 5.",
    ),
    Check(
        "quoted_pdp_address",
        "the addresses of AT+CGPADDR are quoted",
        "4.1",
        "commands",
        _quoted_pdp_address,
        "The manual's example (4.5) has them without quotes.",
    ),
    Check(
        "ipv6_octets",
        "IPv6 addresses are 16 decimal numbers with dots",
        "manual 4.5",
        "commands",
        _ipv6_octets,
        "The guide (4.5) has the form with colons, for DNS servers.",
    ),
    Check(
        "quoted_imei",
        "the IMEI of AT+CGSN=1 is not quoted",
        "manual 2.5",
        "identity",
        _quoted_imei,
        "The chip's own AT engine quotes it.",
    ),
    Check(
        "parameter_errors",
        "a wrong parameter is a plain ERROR",
        "manual 9.3",
        "errors",
        _parameter_errors,
        "The chip's own AT engine has +CME ERROR: 50.",
    ),
    Check(
        "cscon_space",
        "a space follows the colon of the URC +CSCON",
        "manual 4.7",
        "connection_reports",
        _connection_space,
        "The operator's note on this module has none.",
    ),
    Check(
        "sleep_lock",
        f"the sleep lock is {DEFAULT_PROFILE.awake_for:g} s or longer",
        "manual 9.5",
        "identity",
        _sleep_lock,
    ),
)
