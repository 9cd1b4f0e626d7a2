"""This process on one core and its fakes on another, as a module is another computer, and always the same ones."""

import contextlib
import os
from typing import Final

_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def keep_apart(process_id: int) -> None:
    """Put another process on another core than this one's, where there are two."""
    if len(_CORES) > 1:
        # One that has ended already needs no core.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process_id, {_CORES[-1]})
            os.sched_setaffinity(0, {_CORES[0]})
