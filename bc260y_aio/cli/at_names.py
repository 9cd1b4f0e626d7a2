"""The names of the module's AT commands, each with a few words, for the completion and the help of ``at``."""

from typing import Final

# The commands of the TCP/IP guide, then those of the AT command manual, by chapter.
NAMES: Final = {
    "AT+QICFG": "payload formats of the serial line, in NVRAM (guide 2.2.1)",
    "AT+QIOPEN": "open a socket (guide 2.2.2)",
    "AT+QICLOSE": "close a socket (guide 2.2.3)",
    "AT+QISTATE": "query the sockets (guide 2.2.4)",
    "AT+QISEND": "send data, or query the acknowledged bytes (guide 2.2.5)",
    "AT+QIDNSGIP": "resolve a name (guide 2.2.6)",
    "AT+QIDNSCFG": "DNS servers (guide 2.2.7)",
    "AT+QPING": "ping a host (guide 2.2.8)",
    "AT+QNTP": "time of an NTP server (guide 2.2.9)",
    "ATI": "manufacturer, model and firmware",
    "AT+CGMI": "manufacturer",
    "AT+CGMM": "model",
    "AT+CGMR": "firmware version",
    "AT+CGSN": "IMEI (=1) and serial numbers",
    "ATE": "echo: 0 off, 1 on",
    "AT+IPR": "rate of the serial port",
    "AT+CSQ": "signal strength",
    "AT+CESQ": "signal strength and quality: RSRQ, RSRP",
    "AT+CEREG": "registration with the network, and its URC",
    "AT+CREG": "registration, and its URC",
    "AT+CGATT": "attach to the packet domain, or detach",
    "AT+CGPADDR": "addresses of the module",
    "AT+CSCON": "state of the radio connection, and its URC",
    "AT+QENG": "serving cell (=0), mobility state (=3)",
    "AT+CGACT": "activate a PDP context",
    "AT+CGDCONT": "define a PDP context",
    "AT+CGAPNRC": "APN rate control",
    "AT+QCGDEFCONT": "default PDP context, after a restart",
    "AT+QPLMNS": "search for a network",
    "AT+COPS": "choose an operator",
    "AT+CCIOTOPT": "CIoT optimisations",
    "AT+QBAND": "bands",
    "AT+QLOCKF": "lock to frequencies",
    "AT+QCSEARFCN": "forget the stored frequencies",
    "AT+CCHO": "open a logical channel of the SIM",
    "AT+CCHC": "close a logical channel of the SIM",
    "AT+CGLA": "command to a logical channel of the SIM",
    "AT+CIMI": "IMSI",
    "AT+CPIN": "PIN of the SIM",
    "AT+CPINR": "remaining attempts for PIN and PUK",
    "AT+CSIM": "command to the SIM",
    "AT+CRSM": "restricted access to the SIM",
    "AT+QCCID": "ICCID",
    "AT+CFUN": "level of function: 0 minimum, 1 full, 4 radio off",
    "AT+CPSMS": "power saving mode (PSM)",
    "AT+CEDRXS": "eDRX",
    "AT+CEDRXRDP": "eDRX values in use",
    "AT+QEDRXCFG": "eDRX with paging time window",
    "AT+QNBIOTEVENT": "URC of PSM",
    "AT+QSCLK": "sleep: 0 none, 1 deep, 2 light",
    "AT+CBC": "supply voltage",
    "AT+QADC": "voltage of the ADC",
    "AT+CMEE": "format of errors: 0 ERROR, 1 numbers, 2 text",
    "AT+QRST": "restart the module",
    "AT+QCFG": "further settings, such as dsevent and slplocktimes",
    "AT+CCLK": "clock",
    "AT+CTZR": "URC of the time zone",
}

PROMPT_COMMANDS: Final = {"help": "list the commands, or `help AT+CSQ`", "exit": "leave the prompt"}


def find_names(typed: str) -> dict[str, str]:
    """Return the commands whose names begin with ``typed``, in either case, and what they do."""
    return {
        name: what
        for name, what in NAMES.items()
        if typed and name.startswith(typed.upper()) and len(typed) < len(name)
    }


def help_text(topic: str = "") -> list[str]:
    """Return the lines of the help: for the command that ``topic`` names, or for the prompt."""
    if topic:
        name = topic.upper().rstrip("?=")
        return [f"{name}: {NAMES[name]}"] if name in NAMES else [f"{topic} is not a command that the manual describes"]

    return [
        "Each line is sent to the module as it is. AT+X=? shows the possible values, AT+X? the current ones.",
        "Tab completes a name, Up and Down recall earlier lines; Ctrl-D or exit ends the prompt.",
        *(f"  {name:16}{what}" for name, what in NAMES.items()),
    ]
