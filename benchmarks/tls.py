"""What do HTTPS requests cost the radio, and what do resumed sessions, the narrowband context and RAI save?

Unmodified httpx and aiohttp, and asyncio's streams, inside `modem.route()`, on the emulator's radio ledger and a
virtual clock. Each request has a connection of its own; the figures of a second request are the means of the second to
the ninth. With `--before COMMIT`, ratios are to that commit of the package, which is checked out in a temporary folder
and measured in the same run, as it is and with this build's emulator; else to this one's own.

`--python PATH` measures with another Python, for another OpenSSL: since 3.5 its default ClientHello has a post-quantum
key share of 1.2 KB.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .common import Table

_ROOT: Final = Path(__file__).parents[1]
_PROBE: Final = Path(__file__).with_name("tls_requests.py")

Row = dict[str, Any]

# So many requests, of which the later ones are averaged: delays and their jitter are drawn anew for each.
REQUESTS: Final = 9

# Settings by name: options of the probe. RAI is of use where the module can be told of the end, as firmware R02A01 can.
RAI: Final = ["--modem", '{"rai_on_close": true}', "--module", '{"firmware": "R02A01"}']
SETTINGS: Final[dict[str, list[str]]] = {
    "resumed": [],
    "resumed, RAI": RAI,
    "narrowband, resumed": ["--narrowband"],
    "the same, session cache": ["--narrowband", "--keeps-sessions"],
    "narrowband, resumed, RAI": ["--narrowband", *RAI],
}
CERTIFICATES: Final = {
    "ECDSA, 1": ["--keys", "ECDSA", "--chain", "1"],
    "RSA, 1": ["--keys", "RSA", "--chain", "1"],
    "RSA, 2": ["--keys", "RSA", "--chain", "2"],
}


class Probe:
    """Runs the probe.

    Args:
        python: the interpreter.
        source: the checkout whose package is measured.
    """

    def __init__(self, python: str, source: Path) -> None:
        self._python = python
        self._source = source

    def __call__(self, client: str, network: str, *options: str) -> list[Row]:
        """Return the rows of its requests."""
        environment = {**os.environ, "PYTHONPATH": str(self._source)}
        command = [self._python, str(_PROBE), client, network, *options]
        run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=600)
        rows: list[Row] = json.loads(run.stdout)
        return rows

    @property
    def openssl(self) -> str:
        """The version of OpenSSL."""
        command = [self._python, "-c", "import ssl; print(ssl.OPENSSL_VERSION)"]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Check a commit out in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(path), commit], cwd=_ROOT, check=True)
        try:
            yield path
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(path)], cwd=_ROOT, check=True)


def handshake(row: Row) -> int:
    """Return the bytes of a handshake."""
    return int(row["up"] + row["down"])


def later(probe: Probe, client: str, *options: str) -> Row:
    """Return the mean of the requests after the first."""
    rows = probe(client, "average", "--requests", str(REQUESTS), *CERTIFICATES["RSA, 2"], *options)[1:]
    means: Row = {
        name: sum(row[name] for row in rows) / len(rows) for name in ("up", "down", "seconds", "queries", "energy")
    }
    return means | {"error": next((row["error"] for row in rows if row["error"]), "")}


def ratios(now: Probe, before: Probe, title: str) -> Table:
    """Compare the later requests of each client with those of the build before."""
    rows = []
    for client in ("httpx", "aiohttp"):
        was = later(before, client)
        here = later(before, client, "--emulator", str(_ROOT))
        rows.append([client, "before", *_cells(was), "", "", ""])
        rows.append(["", "before, on this emulator", *_cells(here), "", "", ""])
        for name, options in SETTINGS.items():
            row = later(now, client, *options)
            shares = [handshake(row) / handshake(was), row["energy"] / was["energy"], row["energy"] / here["energy"]]
            rows.append(["", name, *_cells(row), *(f"{share:.2f}" for share in shares)])

    head = ["", "", "handshake, B", "seconds", "questions", "energy, mWh", "bytes, ratio", "energy, ratio"]
    return Table(
        f"A second HTTPS request, average coverage, chain of two RSA certificates ({title})",
        [*head, "on this emulator"],
        rows,
        ["The last column is the ratio of energy to the earlier build over a serial line of TCP to this emulator."],
    )


def certificates(now: Probe, network: str, title: str) -> Table:
    """Measure three certificates with four settings, first and resumed."""
    rows = []
    for name, certificate in CERTIFICATES.items():
        for setting, options in (("default", []), ("narrowband", ["--narrowband"])):
            first, second = now("streams", network, "--requests", "2", *certificate, *options)
            rows.append([name, f"{setting}, first", *_cells(first)])
            rows.append(["", f"{setting}, resumed", *_cells(second)])

        _, cached = now("streams", network, "--requests", "2", *certificate, "--narrowband", "--keeps-sessions")
        rows.append(["", "narrowband, resumed, session cache", *_cells(cached)])

    head = ["certificates", "", "handshake, B", "seconds", "questions", "energy, mWh"]
    return Table(f"An HTTPS GET by streams, {network} coverage ({title})", head, rows, [])


def _cells(row: Row) -> list[str]:
    if row["error"]:
        return [row["error"], "", "", ""]

    sizes = f"{row['up']:.0f} + {row['down']:.0f}"
    return [sizes, f"{row['seconds']:.1f}", f"{row['queries']:g}", f"{row['energy']:.2f}"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", metavar="COMMIT", help="the commit to compare with")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="the interpreter")
    options = parser.parse_args()
    now = Probe(options.python, _ROOT)
    with contextlib.ExitStack() as stack:
        before = now
        if options.before is not None:
            before = Probe(options.python, stack.enter_context(checked_out(options.before)))

        print(ratios(now, before, now.openssl))

    for network in ("average", "edge"):
        print(certificates(now, network, now.openssl))


if __name__ == "__main__":
    main()
