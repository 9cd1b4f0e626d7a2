"""The SIM (manual 7)."""

from typing import Final

from .request import Form
from .table import CommandTable

COMMANDS = CommandTable()

IMSI: Final = "460001234567890"
ICCID: Final = "89860012345678901234"

COMMANDS.answers(Form.EXECUTE, "+CIMI", IMSI)
COMMANDS.answers(Form.EXECUTE, "+QCCID", f"+QCCID: {ICCID}")
COMMANDS.answers(Form.READ, "+CPIN", "+CPIN: READY")
