"""``bc260y-aio doctor``: a module checked against what this package assumes of any."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..doctor import Finding, Harm, Look, Order, Outcome, Report, examine
from ..sockets.addresses import host_name, port_number
from .common import Subparsers, add_json_option, add_port_options, say, say_json, write
from .stdio import Input

EXIT_DIFFERENCES: Final = 3

_LABEL_WIDTH: Final = 14
_NTP_PORT: Final = 123
_LONGEST_ANSWER: Final = 1024

# What each kind of look does, for whoever is asked.
_QUESTIONS: Final[Mapping[Harm, str]] = {
    Harm.DATA: "look up a name that does not exist and, with --server, send it some 6 KB",
    Harm.NVRAM: "write the payload formats to the module's NVRAM, and back",
    Harm.SLEEP: "let the module sleep, and wake it (half a minute)",
    Harm.RESTART: "restart the module",
}


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="check a module against what this package assumes of it",
        description="Check a module against what this package assumes of any, and print what agrees, what differs, and "
        "a profile for Modem(port, profile=...). What costs or wears something is done with consent only: by --allow "
        "or --yes, or else by the answer to a question; where there is no terminal to ask at, it is left out. "
        "At the end the module's settings and sockets are as they were. The exit status is 0 when nothing differs, "
        f"{EXIT_DIFFERENCES} when something does, 1 for a failure.",
        epilog="; ".join(f"{harm} is to {what}" for harm, what in _QUESTIONS.items()) + ".",
    )
    add_port_options(parser)
    consent = parser.add_mutually_exclusive_group()
    consent.add_argument("--yes", action="store_true", help="allow everything")
    consent.add_argument(
        "--allow",
        type=_harms,
        metavar="LIST",
        help=f"allow these, and do not ask: some of {','.join(Harm)}, separated by commas; or none",
    )
    parser.add_argument(
        "--server", type=_address, metavar="HOST:PORT", help="an echo server, for TCP and UDP, to exchange data with"
    )
    parser.add_argument(
        "--time-server", type=_time_server, metavar="HOST[:PORT]", help="an NTP server to ask for the time"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the profile to a file")
    add_json_option(parser)
    parser.set_defaults(run=run)


def _harms(text: str) -> frozenset[Harm]:
    names = [name for name in text.replace(",", " ").split() if name != "none"]
    try:
        return frozenset(map(Harm, names))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be some of {','.join(Harm)}, or none, not {text!r}") from None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        if not (port.isascii() and port.isdigit()):
            raise ValueError(f"a host and a port are due, such as example.com:7, not {text!r}")

        return host_name(host.removeprefix("[").removesuffix("]")), port_number(int(port), "TCP")
    except (TypeError, ValueError) as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _time_server(text: str) -> tuple[str, int]:
    has_port = text.count(":") == 1 or "]:" in text
    return _address(text if has_port else f"{text}:{_NTP_PORT}")


async def run(options: argparse.Namespace) -> int:
    """Check, and show what came of it."""
    order = Order(allowed=await _consent(options), server=options.server, time_server=options.time_server)
    report = await examine(options.port, baudrate=options.baudrate, order=order, on_look=_tell)
    if options.json:
        say_json(as_dict(options.port, report))
    else:
        _show(options.port, report)

    if options.save is not None:
        options.save.write_text(_profile_of(report), encoding="utf-8")

    return EXIT_DIFFERENCES if report.differences else 0


# Consent


async def _consent(options: argparse.Namespace) -> frozenset[Harm]:
    """Return what may be done: what the options say, or else the answers to questions."""
    if options.yes:
        return frozenset(Harm)

    if options.allow is not None:
        allowed: frozenset[Harm] = options.allow
        return allowed

    if not _is_terminal():
        return frozenset()

    source = Input()
    return frozenset([harm for harm, what in _QUESTIONS.items() if await _ask(source, what)])


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


async def _ask(source: Input, what: str) -> bool:
    sys.stderr.write(f"May the doctor {what}? [y/N] ")
    sys.stderr.flush()
    return (await source.read(_LONGEST_ANSWER)).strip().lower() in (b"y", b"yes")


# Showing


def _tell(look: Look) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"looking at {look.what}\n")
        sys.stderr.flush()


def _show(port: str, report: Report) -> None:
    _line("port", port + (f" at {report.baudrate} baud" if report.baudrate else ""))
    _line("firmware", report.revision or "-")
    for outcome in (Outcome.AGREES, Outcome.NOT_CHECKED, Outcome.DIFFERS):
        findings = report.of(outcome)
        if findings:
            say()

        for finding in findings:
            _show_finding(finding)

    agreeing, differing, unchecked = (
        len(report.of(one)) for one in (Outcome.AGREES, Outcome.DIFFERS, Outcome.NOT_CHECKED)
    )
    say()
    say(f"{agreeing} agree, {differing} differ, {unchecked} not checked. The profile, for Modem(port, profile=...):")
    say()
    write(_profile_of(report))


def _show_finding(finding: Finding) -> None:
    check, verdict = finding.check, finding.verdict
    section = f" (guide {check.section})" if check.section else ""
    seen = f": {verdict.seen}" if verdict.seen else ""
    _line(verdict.outcome, f"{check.key}: {check.assumes}{section}{seen}")
    if verdict.note:
        _line("", verdict.note)


def _line(label: str, text: str) -> None:
    say(f"{label:{_LABEL_WIDTH}}{text}")


def _profile_of(report: Report) -> str:
    return report.profile.to_toml(report.revision)


def as_dict(port: str, report: Report) -> dict[str, Any]:
    """Return a report for JSON."""
    return {
        "port": port,
        "baudrate": report.baudrate,
        "firmware": report.revision or None,
        "findings": [
            {
                "key": one.check.key,
                "outcome": one.verdict.outcome,
                "assumes": one.check.assumes,
                "guide": one.check.section or None,
                "seen": one.verdict.seen or None,
                "note": one.verdict.note or None,
            }
            for one in report.findings
        ],
        "profile": report.profile.quirks,
    }
