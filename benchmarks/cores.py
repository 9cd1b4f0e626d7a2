"""Keep this process on one core and its fake modules on another, since a module is another computer."""

import contextlib
import os
from typing import Final

_CORES: Final = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def keep_apart(process_id: int) -> None:
    """Put another process on another core than this one's, where there are two."""
    if len(_CORES) > 1:
        # A process that has ended needs no core.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process_id, {_CORES[-1]})
            os.sched_setaffinity(0, {_CORES[0]})
