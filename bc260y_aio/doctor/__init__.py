"""Check a module against what this package assumes of any module, and derive its profile."""

# How it works:
#
# - It talks to the module itself, on the port. The driver relies on what is checked here, and the parser accepts every
#   format, so neither of them would notice a difference. `Line` keeps each byte.
# - *Probes* send commands and keep the responses under names. *Checks* are functions of those observations: they send
#   nothing, and several checks use the same probe. A probe that affects the module runs only with consent.
# - The module is always left as it was found: its settings are read first and restored at the end, and the sockets that
#   were opened here are closed. Sockets that were already open are left alone.

from .checks import Check, Finding, Outcome, Verdict
from .inspection import CHECKS, PROBES, Probe, Report, draw_profile, inspect_module
from .observations import Impact
from .session import Options

__all__ = [
    "CHECKS",
    "PROBES",
    "Check",
    "Finding",
    "Impact",
    "Options",
    "Outcome",
    "Probe",
    "Report",
    "Verdict",
    "draw_profile",
    "inspect_module",
]
