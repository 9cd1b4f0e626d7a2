"""``--report`` and ``--watch``: what a command's traffic costs, afterwards and while it flows."""

import argparse
import json
import math
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..modem.modem import Modem
from ..report import Forecast, Report, Watch, write_page
from .common import error_text, print_error, seconds
from .extras import require

_PAGE: Final = "bc260y-report.html"
_UNITS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--report``, its options, and ``--watch``, for a command that opens its modem under an :class:`Account`."""
    parser.add_argument(
        "--report",
        action="store_const",
        const="text",
        help="at the end, write what the traffic cost to standard error: a table by connection, sums, the emulated "
        "radio. --report=json and --report=html write JSON, or a page with plots",
    )
    # Only with the equals sign: what follows the bare option may be a script.
    for form in ("text", "json", "html"):
        parser.add_argument(f"--report={form}", dest="report", action="store_const", const=form, help=argparse.SUPPRESS)

    parser.add_argument(
        "--report-file",
        type=Path,
        metavar="FILE",
        help=f"write the report to a file; an existing file is replaced (HTML: {_PAGE})",
    )
    parser.add_argument(
        "--every",
        type=duration,
        metavar="TIME",
        help="what is reported happens so often, such as 15min, 1h or 30s: add the forecast of a month to the report",
    )
    parser.add_argument("--battery", type=charge, metavar="MAH", help="its share of a battery of so many mAh, too")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="show the sockets, the line and the radio on standard error meanwhile: a screen, or lines where there is "
        "no terminal",
    )
    parser.set_defaults(title=parser.prog)


def duration(text: str) -> float:
    """Read a time, such as ``15min``, from an argument, in seconds."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(number) :] or "s"
    if unit not in _UNITS or number != number.strip() or not (value := seconds(number) * _UNITS[unit]):
        raise argparse.ArgumentTypeError(f"must be a time, such as 30s, 15min, 1h or 1d, not {text!r}")

    return value


def charge(text: str) -> float:
    """Read the charge of a battery from an argument, in mAh."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0

    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a charge in mAh, such as 2400, not {text!r}")

    return value


class Account:
    """Watches a modem from before it is opened, and reports what it cost once it is closed; a context manager.

    A report that cannot be written is an error on standard error, and changes nothing else.
    """

    def __init__(self, modem: Modem, options: argparse.Namespace) -> None:
        """Begin.

        Raises:
            MissingExtra: a package that this needs is not installed.
            SystemExit: the options do not go together.
        """
        self._modem = modem
        self._form: str | None = getattr(options, "report", None)
        self._options = options
        self._watch: Watch | None = None
        self._is_over = False
        if self._form is None and any(
            getattr(options, name, None) is not None for name in ("report_file", "every", "battery")
        ):
            options.refuse("--report-file, --every and --battery are about a report: add --report")

        if getattr(options, "battery", None) is not None and options.every is None:
            options.refuse("--battery needs a rhythm: add --every")

        if self._form == "html":
            require("bokeh", "a report with plots", extra="report")

    def __enter__(self) -> Self:
        if getattr(self._options, "watch", False) and sys.stderr is not None:
            is_terminal = sys.stderr.isatty()
            if is_terminal:
                require("rich", "--watch on a terminal")

            self._watch = Watch(self._modem.usage, sys.stderr)
            self._modem.trace(self._watch)
            self._watch.__enter__()

        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the view, and write the report. Closing twice is harmless."""
        if self._is_over:
            return

        self._is_over = True
        if self._watch is not None:
            self._watch.stop()

        if self._form is None:
            return

        try:
            self._write(self._report(), self._form)
        except OSError as exc:
            print_error(error_text(exc))

    def _report(self) -> Report:
        usage, options = self._modem.usage(), self._options
        every, battery = options.every, options.battery
        forecast = None if every is None else Forecast.of(usage, every=every, battery_mah=battery)
        return Report(usage=usage, title=_title(options), forecast=forecast)

    def _write(self, report: Report, form: str) -> None:
        path: Path | None = self._options.report_file
        if form == "html":
            path = path or Path(_PAGE)
            write_page(report, str(path))
            print_error(f"the report is in {path}")
            return

        text = f"{report}\n" if form == "text" else f"{json.dumps(report.to_json(), indent=2)}\n"
        if path is not None:
            path.write_text(text, encoding="utf-8")
        elif sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()


def _title(options: argparse.Namespace) -> str:
    program = getattr(options, "module", None) or getattr(options, "script", None) or []
    return " ".join([options.title, *program])
