"""Commands that make a module print text that a stranger wrote, and why they are refused.

Received payload of a socket has a length, so nothing in it can be taken for a line. Other texts have none: the body of
an SMS or a cell broadcast, USSD, the payload of an MQTT, HTTP, CoAP, FTP or LwM2M client inside the module, and data
over the control plane. Such a text can hold whole lines, ``+QIURC: "recv",...`` and ``OK`` among them, and they
look like the module's own. So the package does not switch such output on; the sockets of the module do the same
without it. The test forms, the queries, and the forms that switch it off are harmless.
"""

import re
from typing import Final

_REFUSED: Final = re.compile(
    r"\+(CMGL|CMGR|CNMI|CSCB|CUSD|CRTDCP|CGCMD|NNMI|NMGR|NQMGR|NSOR\w*|QMT\w*|QLW\w*|QLA\w*|QHTTP\w*|QCOAP\w*|QFTP\w*"
    r"|MIPL\w*|MQTT\w*)(=\?|\?|=([^;]*)|)(?=;|$)",
    re.IGNORECASE,
)
_ENDINGS: Final = re.compile(r"(?:CLOSE|DISC|UNS|STOP|DEL|DEREG)$", re.IGNORECASE)
# Commands that parameters of 0 switch off.
_SWITCHES: Final = frozenset(("CNMI", "CSCB", "CUSD", "CRTDCP"))
_ALL_OFF: Final = re.compile(r"[0, ]*")


def check_foreign_text(line: str) -> None:
    """Check that a command line does not make the module print text of strangers.

    Raises:
        ValueError: it does.
    """
    for name, form, parameters in _REFUSED.findall(line):
        is_query = form in ("?", "=?")
        is_switch = name.upper() in _SWITCHES and form.startswith("=")
        switches_off = is_switch and _ALL_OFF.fullmatch(parameters) is not None
        if not (is_query or switches_off or _ENDINGS.search(name)):
            raise ValueError(
                f"AT+{name.upper()} makes the module print text that a stranger wrote. It could hold lines that look "
                f"like the module's own, such as received data of a connection, so the command is refused. Use a "
                f"client library over the modem's connections instead, or this command without this package"
            )
