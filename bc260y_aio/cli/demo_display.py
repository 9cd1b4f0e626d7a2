"""The output of the demo: the progress of each socket, and a table of the results."""

import asyncio
import sys
from typing import Final

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from ..at.privacy import printable
from ..transports.traffic import Traffic
from .common import is_terminal, print_line
from .demo_uploads import Upload

# How often progress is updated on a terminal, and printed elsewhere, in seconds.
_REDRAW_INTERVAL: Final = 0.25
_REPORT_INTERVAL: Final = 2.0
_BITS_PER_BYTE: Final = 10
_HEADINGS: Final = ("socket", "bytes", "seconds", "QISENDs", "wire bytes", "line rate")
# Without a terminal a line is as long as it needs to be, in columns.
_UNBOUNDED_WIDTH: Final = 500


async def show_progress(uploads: list[Upload]) -> None:
    """Show the progress of the uploads until this is cancelled."""
    if not is_terminal():
        while True:
            await asyncio.sleep(_REPORT_INTERVAL)
            print_line("  |  ".join(f"{upload.name} {upload.progress:4.0%}" for upload in uploads))

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(file=sys.stdout)) as progress:
        bars = [progress.add_task(upload.name, total=1.0) for upload in uploads]
        try:
            while True:
                await asyncio.sleep(_REDRAW_INTERVAL)
                _update(progress, bars, uploads)
        finally:
            _update(progress, bars, uploads)


def _update(progress: Progress, bars: list[TaskID], uploads: list[Upload]) -> None:
    for bar, upload in zip(bars, uploads, strict=True):
        progress.update(bar, completed=upload.progress)


def show_table(uploads: list[Upload], seconds: float, rate: int | None) -> None:
    """Show the results.

    Args:
        uploads: the uploads.
        seconds: how long all of them took.
        rate: the rate of the line, in baud; None if it has none.
    """
    frame, gap = (box.SIMPLE_HEAD, 1) if is_terminal() else (None, 2)
    table = Table(box=frame, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False, show_footer=True)
    traffic = Traffic(*(sum(getattr(upload.traffic, name) for upload in uploads) for name in Traffic.__slots__))
    good = sum(upload.is_complete for upload in uploads)
    total = _row("all", sum(len(upload.data) for upload in uploads), seconds, traffic, rate)
    for heading, footer in zip(_HEADINGS, total, strict=True):
        # Two lines, to fit into a narrow terminal.
        heading = heading.replace(" ", "\n") if is_terminal() else heading
        table.add_column(heading, footer, justify="left" if heading == "socket" else "right")

    table.add_column("result", f"{good} of {len(uploads)} ok", overflow="fold")
    for upload in uploads:
        result = Text(printable(upload.result), "green" if upload.is_complete else "red")
        table.add_row(*_row(upload.name, len(upload.data), upload.seconds, upload.traffic, rate), result)

    print_line()
    Console(file=sys.stdout, width=None if is_terminal() else _UNBOUNDED_WIDTH).print(table)


def _row(name: str, size: int, seconds: float, traffic: Traffic, rate: int | None) -> tuple[str, ...]:
    share = f"{traffic.wire_bytes * _BITS_PER_BYTE / rate / seconds:.1%}" if rate and seconds else "-"
    return name, f"{size}", f"{seconds:.2f}", f"{traffic.sends}", f"{traffic.wire_bytes}", share
