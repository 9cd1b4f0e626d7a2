"""The doctor: it checks a module against what this package assumes of any, and draws up its profile."""

# How it works:
#
# - It talks to the module by itself, on the port. The driver is built upon what is checked here, and the parser
#   understands every spelling, so neither of them would notice a difference. Each byte is kept; see `Line`.
# - *Looks* send commands and keep what comes, under names. *Checks* are functions of what was kept: they send nothing,
#   and one look serves many of them. A look that does something to the module is made with consent only.
# - Whatever happens, the module is left as it was found: settings are read before and set back after, and the sockets
#   that were opened here are closed. What others have open is left alone.

from .checks import Check, Finding, Outcome, Verdict
from .examination import CHECKS, LOOKS, Look, Report, draw_profile, examine
from .record import Harm
from .visit import Order

__all__ = [
    "CHECKS",
    "LOOKS",
    "Check",
    "Finding",
    "Harm",
    "Look",
    "Order",
    "Outcome",
    "Report",
    "Verdict",
    "draw_profile",
    "examine",
]
