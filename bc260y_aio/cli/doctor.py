"""``bc260y-aio doctor``: check a module against the assumptions of this package."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..doctor import Finding, Impact, Options, Outcome, Probe, Report, inspect_module
from ..sockets.addresses import host_name, port_number
from .common import (
    Subparsers,
    add_json_option,
    add_port_options,
    print_error,
    print_field,
    print_json,
    print_line,
    write,
)
from .extras import require
from .stdio import Input

EXIT_DIFFERENCES: Final = 3

_STYLES: Final = {Outcome.AGREES: "green", Outcome.DIFFERS: "bold red", Outcome.NOT_CHECKED: "dim"}
_NTP_PORT: Final = 123
_LONGEST_ANSWER: Final = 1024

# The effect of each kind of probe, for the question to the user.
_QUESTIONS: Final[Mapping[Impact, str]] = {
    Impact.DATA: "resolve a name that does not exist and, with --server, send about 6 KB",
    Impact.NVRAM: "change settings in the module's NVRAM, and restore them (about ten writes)",
    Impact.SLEEP: "let the module sleep, and wake it (half a minute)",
    Impact.RESTART: "restart the module",
}


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help=summary,
        description="Check a module against the assumptions of this package. Print what agrees, what differs, and a "
        "profile for Modem(port, profile=...). Probes that cost money or wear the module need consent: --allow, --yes, "
        "or the answer to a question; without a terminal they are left out. The settings and sockets of the module are "
        "restored at the end. The exit status is 0 if nothing differs, "
        f"{EXIT_DIFFERENCES} if something differs, 1 for a failure.",
        epilog="; ".join(f"{impact}: {what}" for impact, what in _QUESTIONS.items()) + ".",
    )
    add_port_options(parser)
    consent = parser.add_mutually_exclusive_group()
    consent.add_argument("--yes", action="store_true", help="allow everything")
    consent.add_argument(
        "--allow",
        type=_harms,
        metavar="LIST",
        help=f"allow these without a question: some of {','.join(Impact)}, separated by commas; or none",
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


def _harms(text: str) -> frozenset[Impact]:
    names = [name for name in text.replace(",", " ").split() if name != "none"]
    try:
        return frozenset(map(Impact, names))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be some of {','.join(Impact)}, or none, not {text!r}") from None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        if not (port.isascii() and port.isdigit()):
            raise ValueError(f"must be HOST:PORT, such as example.com:7, not {text!r}")

        return host_name(host.removeprefix("[").removesuffix("]")), port_number(int(port), "TCP")
    except (TypeError, ValueError) as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _time_server(text: str) -> tuple[str, int]:
    has_port = text.count(":") == 1 or "]:" in text
    return _address(text if has_port else f"{text}:{_NTP_PORT}")


async def run(options: argparse.Namespace) -> int:
    """Inspect the module, and show the report."""
    if not options.json or options.save is not None:
        require("tomli_w", "a profile")

    permitted = Options(allowed=await _consent(options), server=options.server, time_server=options.time_server)
    report = await inspect_module(options.port, baudrate=options.baudrate, options=permitted, on_probe=_report_probe)
    if options.json:
        print_json(as_dict(options.port, report))
    else:
        _show(options.port, report)

    if options.save is not None:
        options.save.write_text(_profile_of(report), encoding="utf-8")
        if not report.profile.quirks:
            print_error(f"{options.save} has no entries: a Modem needs no profile for this module")

    return EXIT_DIFFERENCES if report.differences else 0


# Consent


async def _consent(options: argparse.Namespace) -> frozenset[Impact]:
    """Return the effects that are allowed: by the options, or else by the answers to questions."""
    if options.yes:
        return frozenset(Impact)

    if options.allow is not None:
        allowed: frozenset[Impact] = options.allow
        return allowed

    if not _is_terminal():
        return frozenset()

    source = Input()
    return frozenset([impact for impact, what in _QUESTIONS.items() if await _ask(source, what)])


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


async def _ask(source: Input, what: str) -> bool:
    sys.stderr.write(f"May the doctor {what}? [y/N] ")
    sys.stderr.flush()
    return (await source.read(_LONGEST_ANSWER)).strip().lower() in (b"y", b"yes")


# Showing


def _report_probe(probe: Probe) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"checking {probe.what}\n")
        sys.stderr.flush()


def _show(port: str, report: Report) -> None:
    print_field("port", port + (f" at {report.baudrate} baud" if report.baudrate else ""))
    print_field("model", report.model or "-")
    print_field("firmware", report.revision or "-")
    for outcome in (Outcome.AGREES, Outcome.NOT_CHECKED, Outcome.DIFFERS):
        findings = report.of(outcome)
        if findings:
            print_line()

        for finding in findings:
            _show_finding(finding)

    agreeing, differing, unchecked = (
        len(report.of(one)) for one in (Outcome.AGREES, Outcome.DIFFERS, Outcome.NOT_CHECKED)
    )
    print_line()
    print_line(
        f"{agreeing} agree, {differing} differ, {unchecked} not checked. The profile, for Modem(port, profile=...):"
    )
    print_line()
    write(_profile_of(report))


def _show_finding(finding: Finding) -> None:
    check, verdict = finding.check, finding.verdict
    section = f" ({check.source})" if check.source else ""
    seen = f": {verdict.seen}" if verdict.seen else ""
    otherwise = check.otherwise if verdict.outcome is Outcome.DIFFERS else ""
    lines = [f"{check.key}: {check.assumes}{section}{seen}", otherwise, verdict.note]
    print_field(verdict.outcome, "\n".join(filter(None, lines)), _STYLES[verdict.outcome])


def _profile_of(report: Report) -> str:
    return report.profile.to_toml(report.revision)


def as_dict(port: str, report: Report) -> dict[str, Any]:
    """Return a report for JSON."""
    return {
        "port": port,
        "baudrate": report.baudrate,
        "model": report.model or None,
        "firmware": report.revision or None,
        "findings": [
            {
                "key": one.check.key,
                "outcome": one.verdict.outcome,
                "assumes": one.check.assumes,
                "guide": one.check.section if one.check.source.startswith("guide") else None,
                "manual": one.check.section.removeprefix("manual ") if one.check.source.startswith("manual") else None,
                "seen": one.verdict.seen or None,
                "otherwise": one.check.otherwise or None,
                "note": one.verdict.note or None,
            }
            for one in report.findings
        ],
        "profile": report.profile.quirks,
    }
