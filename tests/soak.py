"""Check that nothing is lost, forged or stuck: five sockets at once, with faults, for any number of records.

Each byte arrives once and in order, or its stream ends with an error; a datagram may be lost, but is never damaged,
repeated or moved. That is checked at both ends of every connection, byte by byte. Afterwards nothing may be left: no
connectID, in the module's view or in the modem's, no task, no descriptor, no memory.

    python -m tests.soak --records 1000000
    python -m tests.soak --seconds 30 --seed 7 --faults noise_lost=1e-5,restart=0.001
    python -m tests.soak --table faults
    python -m tests.soak --table incidents

It runs on a loop whose clock jumps, so that a timeout costs nothing. It counts records of some 25 bytes: many of them
fit in one AT+QISEND, and many in one push.
"""

import argparse
import logging
import random
import sys

from bc260y_aio.emulator.faults import KINDS
from tests.soaking.incidents import EVERY
from tests.soaking.run import ALL, Report, Soak
from tests.soaking.table import HEAD, INCIDENT_HEAD, INCIDENT_RULE, RULE, incident_rows, rows


def read_faults(text: str) -> dict[str, float]:
    """Read ``all``, ``none``, or names, with probabilities or with those of ``all``: ``restart=0.01,ok_lost``.

    Raises:
        ValueError: there is no such fault, or no such probability.
    """
    if text in ("all", "none"):
        return ALL if text == "all" else {}

    faults = {}
    for one in text.split(","):
        name, _, rate = one.partition("=")
        if name not in KINDS:
            raise ValueError(f"no such fault: {name!r}; there are {', '.join(KINDS)}")

        faults[name] = float(rate) if rate else ALL[name]

    return faults


def print_report(report: Report) -> None:
    """Print the figures of a run."""
    print(f"seed {report.seed}")
    print(f"{report.records} records arrived, {report.bytes} bytes; the line carried {report.line} bytes")
    print(f"{report.wall:.1f} s, {report.records / report.wall:.0f} records a second; {report.emulated:.0f} s emulated")
    for title, counts in (
        ("sessions", report.sessions),
        ("ended early by", report.ends),
        ("faults", report.faults),
        ("incidents", report.incidents),
        ("recoveries", report.recoveries),
    ):
        print(f"{title} ({sum(counts.values())}): " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())))

    print(f"datagrams lost by the network: {report.datagrams_lost}; records missing: {report.datagrams_missing}")
    if report.memory:
        step = max(len(report.memory) // 8, 1)
        samples = [f"{size / 2**20:.1f} MB/{objects}" for size, objects in report.memory[::step]]
        print("memory/objects: " + ", ".join(samples))

    print(", ".join(f"{kind} {report.count(kind)}" for kind in ("lost", "repeated", "forged")), end=", ")
    print(f"stuck {len(report.stuck)}, leaked {len(report.leaks)}")
    for what in (*report.violations, *report.stuck, *report.leaks):
        print(f"  {what}")

    print("good" if report.is_good else "NOT GOOD")


def print_table(kind: str) -> bool:
    """Print a table of docs/pages/coverage.md, and return whether every run for it was good."""
    head, rule, made = {
        "faults": (HEAD, RULE, rows),
        "incidents": (INCIDENT_HEAD, INCIDENT_RULE, incident_rows),
    }[kind]
    print(f"{head}\n{rule}")
    is_good = True
    for row, report in made():
        print(row, flush=True)
        if not report.is_good:
            print_report(report)
            is_good = False

    return is_good


def main(arguments: list[str] | None = None) -> int:
    """Run it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "--records", type=int, default=100_000, help="stop after this many records have arrived (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, help="stop after this many real seconds")
    parser.add_argument("--seed", type=int, help="the seed of all random choices; a random one by default")
    parser.add_argument("--faults", type=read_faults, default=ALL, help="all, none, or names: restart=0.01,ok_lost")
    parser.add_argument(
        "--loss", type=float, default=0.01, help="the probability that the network loses a datagram (%(default)s)"
    )
    parser.add_argument(
        "--table",
        choices=("faults", "incidents"),
        nargs="?",
        const="faults",
        help="print a table: one run for each kind of fault, or of incident, alone",
    )
    options = parser.parse_args(arguments)
    if options.table:
        return 0 if print_table(options.table) else 1

    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    soak = Soak(
        seed,
        options.faults,
        records=options.records,
        seconds=options.seconds,
        loss=options.loss,
        every=EVERY if options.faults is ALL else None,
    )
    print(f"seed {seed}", flush=True)
    report = soak.run()
    print_report(report)
    return 0 if report.is_good else 1


if __name__ == "__main__":
    logging.getLogger("bc260y_aio").setLevel(logging.ERROR)
    sys.exit(main())
