"""The table of faults in docs/pages/coverage.md: one run for each kind of fault, with that one alone."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from bc260y_aio.emulator.faults import KINDS
from tests.soaking import incidents
from tests.soaking.run import ALL, Report, Soak
from tests.soaking.sessions import Kind


class Scenario(NamedTuple):
    """A run for one row.

    Attributes:
        rate: how likely the fault is, on each of its occasions.
        occasion: what these are.
        does: what the library does.
    """

    rate: float
    occasion: str
    does: str


_SEND: Final = "AT+QISEND"
_COMMAND: Final = "command"
_OUTPUT: Final = "line or push of the module"
_BYTE: Final = "byte on the line"
_WRITE: Final = "write to the line, either way"
_ASKS: Final = "queries what the module took, and sends the rest"
_RESENDS: Final = "resynchronises the line, queries what the module took, and sends the rest"

SCENARIOS: Final[dict[str, Scenario]] = {
    "send_fail_taken": Scenario(0.1, _SEND, _ASKS),
    "send_fail_dropped": Scenario(0.1, _SEND, _ASKS),
    "send_ok_lost": Scenario(0.05, _SEND, _RESENDS),
    "ok_lost": Scenario(0.02, _COMMAND, _RESENDS),
    "answer_lost": Scenario(0.02, _COMMAND, _RESENDS),
    "open_lost": Scenario(0.2, "AT+QIOPEN", "`ConnectTimeout`, and closes the socket"),
    "close_ok_lost": Scenario(0.2, "AT+QICLOSE", "closes it again"),
    "answer_late": Scenario(0.02, _COMMAND, "times out after 5 s, and sends nothing twice that may still be taken"),
    "urc_late": Scenario(0.05, "URC", "waits"),
    "urc_inside": Scenario(0.2, _COMMAND, "separates it from the answer"),
    "closed": Scenario(
        0.05, "arrival of data", "delivers what arrived, then EOF, or an error to a caller that still writes"
    ),
    "broken_receiving": Scenario(
        0.05, "arrival of data", "delivers what arrived, then EOF, or an error to a caller that still writes"
    ),
    "broken_sending": Scenario(
        0.02, _SEND, "EOF, or an error to a caller that still writes or waits for acknowledgement"
    ),
    "session_lost": Scenario(0.01, _SEND, "with a keepalive, `NotAcknowledged`"),
    "outage": Scenario(0.01, _SEND, "waits for 30 s"),
    "restart": Scenario(0.005, _OUTPUT, "`ModuleRestarted`; sets the module up again"),
    "deep_sleep": Scenario(0.01, _OUTPUT, "wakes it; streams end with `ModuleSlept`"),
    "unplugged": Scenario(0.003, _OUTPUT, "`PortLost`; the modem can be opened again"),
    "stalled": Scenario(0.02, _OUTPUT, "waits for 2 s"),
    "noise_lost": Scenario(
        3e-5, _BYTE, "`PayloadDamaged` for streams; a datagram is lost; a command is repeated if it may be"
    ),
    "noise_damaged": Scenario(3e-5, _BYTE, "the same"),
    "noise_doubled": Scenario(3e-5, _BYTE, "the same"),
    "noise_delayed": Scenario(0.05, _WRITE, "waits"),
    "noise_split": Scenario(0.05, _WRITE, "joins them"),
}
assert SCENARIOS.keys() == set(KINDS)

# Faults that are not those of the module.
LOSS: Final = "datagrams lost by the network"
UNREAD: Final = "a program that stops reading"
TOGETHER: Final = "all of these at once"

RECORDS: Final = 50_000
SEED: Final = 1


def rows() -> Iterator[tuple[str, Report]]:
    """Run each scenario, and yield a row of the table and the report that it is from."""
    for kind in KINDS:
        scenario = SCENARIOS[kind]
        report = Soak(SEED, {kind: scenario.rate}, records=RECORDS).run()
        how = f"{report.faults[kind]} (1 in {1 / scenario.rate:,.0f}: each {scenario.occasion})"
        yield _row(f"`{kind}`", how, scenario.does, report), report

    report = Soak(SEED, {}, records=RECORDS, loss=0.05).run()
    yield _row(LOSS, f"{report.datagrams_lost} (1 in 20)", "nothing", report), report
    report = Soak(SEED, {}, records=RECORDS, kinds=(Kind.UNREAD, Kind.UPLOAD, Kind.ECHO)).run()
    unread = report.sessions[Kind.UNREAD.value]
    yield _row(UNREAD, f"{unread} connections", "`ReceiveOverflow` for that one", report), report
    report = Soak(SEED, ALL, records=4 * RECORDS, loss=0.01).run()
    yield _row(TOGETHER, f"{report.faults.total()}", "all of that", report), report


# What is done for each kind of incident, and what the library does then.
INCIDENTS: Final[dict[str, tuple[str, str]]] = {
    incidents.BURST: ("1 to 64 bytes lost at or in the header of a push or of `closed`", "`PayloadDamaged`"),
    incidents.CLOSE_LATE: ("`CLOSE OK` comes 0.5 to 55 s late", "AT+QISTATE decides what it was about"),
    incidents.BOOT_LOOP: ("2 to 8 restarts, each amid the start before", "`ModuleRestarted`; sets the module up once"),
    incidents.SCAN: ("AT+COPS=? answered after 10 to 290 s", "waits; streams live on"),
    incidents.ANOTHER_LOOP: ("a call from a thread with a loop of its own", "RuntimeError at once"),
    incidents.CANCELLED_AWAKE: ("cancelled at a random moment, by anyio at every await", "allows sleep again"),
    incidents.CANCELLED_OPENING: ("cancelled at a random moment, by anyio at every await", "closes the socket"),
}
assert INCIDENTS.keys() == set(incidents.KINDS)
# How often they happen, in seconds: nothing arrives while a module does nothing but start.
EVERY: Final = {incidents.BOOT_LOOP: 8.0, incidents.SCAN: 8.0}
INCIDENT_RECORDS: Final = 25_000


def incident_rows() -> Iterator[tuple[str, Report]]:
    """Run each kind of incident alone, then all of them with all faults, and yield rows of the second table."""
    for kind, (how, does) in INCIDENTS.items():
        report = Soak(SEED, {}, records=INCIDENT_RECORDS, every=EVERY.get(kind, 1.0), only=kind).run()
        yield _incident_row(kind, how, does, report.incidents[kind], report), report

    report = Soak(SEED, ALL, records=4 * INCIDENT_RECORDS, loss=0.01, every=20.0).run()
    count = report.incidents.total() + report.faults.total()
    yield _incident_row("all of these, with all faults", "at random", "all of that", count, report), report


def _incident_row(kind: str, how: str, does: str, count: int, report: Report) -> str:
    bad = [report.count(one) for one in ("lost", "forged", "repeated")]
    cells = (kind, how, does, str(count), *map(str, bad), str(len(report.stuck)), str(len(report.leaks)))
    return f"| {' | '.join(cells)} |"


INCIDENT_HEAD: Final = (
    "| kind | how tried | what the library does | times | lost in silence | forged | repeated | stuck | left behind |"
)
INCIDENT_RULE: Final = "|---" * 9 + "|"


def _row(fault: str, how: str, does: str, report: Report) -> str:
    ends = ", ".join(f"{name} {count}" for name, count in sorted(report.ends.items())) or "none"
    cells = (
        fault,
        how,
        does,
        f"{ends}, of {report.sessions.total()}",
        f"{report.datagrams_missing}",
        f"{report.count('lost') + report.count('forged')}",
        f"{report.count('repeated')}",
    )
    return f"| {' | '.join(cells)} |"


HEAD: Final = (
    "| fault | how often | what the library does | connections that ended early | missing datagrams, in records "
    "| bytes lost or forged | bytes repeated |"
)
RULE: Final = "|---" * 7 + "|"
