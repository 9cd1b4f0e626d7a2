"""The commands that the package has no class for, as far as programs use them."""

import re
from typing import TYPE_CHECKING, Final

from ...at.information import Clock
from ...at.responses import Success, Text
from ...at.syntax import Malformed, Parameters
from .nvram import read_edrx, read_psm

if TYPE_CHECKING:
    from .bc260y import Module

_LINE: Final = re.compile(r"AT(\+?[A-Z&]+[0-9]?)(=\?|\?|=|$)(.*)", re.IGNORECASE | re.DOTALL)

IMSI: Final = "460001234567890"
ICCID: Final = "89860012345678901234"

# The rates that AT+IPR takes, in baud.
RATES: Final = (4800, 9600, 14400, 19200, 28800, 33600, 38400, 57600, 115200, 230400, 460800)

# Codes of +CME ERROR (TS 27.007, 9.2).
_NOT_SUPPORTED: Final = (4, "operation not supported")
_WRONG_PARAMETERS: Final = (50, "incorrect parameters")

# What never changes. {revision} is the firmware's, {imei} the module's.
_FIXED: Final = {
    "I": ("Quectel_Ltd", "Quectel_BC260Y-CN", "Revision: {revision}"),
    "+CGMI": ("Quectel_Ltd",),
    "+GMI": ("Quectel_Ltd",),
    "+CGMM": ("Quectel_BC260Y-CN",),
    "+GMM": ("Quectel_BC260Y-CN",),
    "+CGMR": ("Revision: {revision}",),
    "+GMR": ("Revision: {revision}",),
    "+CGSN": ("{imei}",),
    "+GSN": ("{imei}",),
    "+CIMI": (IMSI,),
    "+QCCID": (f"+QCCID: {ICCID}",),
    "+CSQ": ("+CSQ: 23,0",),
    "+CESQ": ("+CESQ: 45,0,255,255,22,58",),
}

# What is accepted and changes nothing.
_ACCEPTED: Final = frozenset({"Z", "Z0", "&F", "&F0", "&W", "&W0", "V1", "Q0"})

# The answers to test commands that the guide does not describe.
_TESTS: Final = {
    "+CMEE": "(0-2)",
    "+CEREG": "(0-5)",
    "+CFUN": "(0,1),(0,1)",
    "+QSCLK": "(0-2)",
    "+IPR": f"(),({','.join(map(str, RATES))})",
    "+CPSMS": "(0-2),(),(),(00000000-11111111),(00000000-11111111)",
    "+CEDRXS": "(0-3),(5),(0000-1111)",
    "+QNBIOTEVENT": "(0,1),(1)",
}


def carry_out(module: "Module", line: str) -> None:
    """Carry out a command line, or refuse it."""
    parts = _LINE.fullmatch(line)
    name, form = (parts[1].upper(), parts[2]) if parts else ("", "")
    try:
        if form == "=":
            assert parts is not None
            is_known = _set(module, name, parts[3])
        else:
            is_known = bool(parts) and not (parts and parts[3]) and _tell(module, name, form)
    except Malformed:
        module.refuse(*_WRONG_PARAMETERS)
        return

    if not is_known:
        module.refuse(*_NOT_SUPPORTED)


def _tell(module: "Module", name: str, form: str) -> bool:
    """Answer a query; return False for one that is unknown."""
    match form:
        case "" if name in _ACCEPTED:
            lines: tuple[str, ...] = ()
        case "" if name in _FIXED:
            lines = tuple(
                text.format(revision=module.firmware.revision, imei=module.options.imei) for text in _FIXED[name]
            )
        case "=?" if name in _TESTS:
            lines = (f"{name}: {_TESTS[name]}",)
        case "?" if (state := _state(module, name)) is not None:
            lines = (f"{name}: {state}",)
        case _:
            return False

    module.answer(*map(Text, lines), Success())
    return True


def _state(module: "Module", name: str) -> str | None:
    """Return what a read command tells; None for one that is unknown."""
    is_registered = module.registration.is_registered
    match name:
        case "+CFUN":
            return str(module.function)
        case "+IPR":
            return str(module.nvram.baudrate)
        case "+CMEE":
            return f"{module.error_level:d}"
        case "+CPIN":
            return "READY"
        case "+CGATT":
            return f"{is_registered:d}"
        case "+COPS":
            return '0,2,"46000",9' if is_registered else "0"
        case "+CPSMS":
            return module.nvram.psm
        case "+CEDRXS":
            return module.nvram.edrx
        case "+QNBIOTEVENT":
            return f"{module.reports_power:d},1"
        case _:
            return None


def _set(module: "Module", name: str, text: str) -> bool:
    """Carry out a set command; return False for one that is unknown."""
    parameters = Parameters(text)
    match name:
        case "+QCFG" if parameters.string(0).lower() == "dsevent":
            module.answer(Text(f'+QCFG: "dsevent",{module.reports_deep_sleep:d}'), Success())
        case "+CGSN":
            imei = module.options.imei
            text = f'+CGSN: "{imei}"' if parameters.integer(0, 0, 3) == 1 else imei
            module.answer(Text(text), Success())
        case "+IPR":
            _set_rate(module, parameters.integer(0))
        case "+CFUN":
            _set_function(
                module, parameters.integer(0, 0, 1), is_reset=parameters.has(1) and parameters.integer(1) == 1
            )
        case "+QRST":
            parameters.integer(0, 1, 1)
            module.answer(Success())
            module.restart()
        case "+CCLK":
            module.clock_offset = Clock.read(parameters).time - module.network.now()
            module.answer(Success())
        case "+CPSMS":
            read_psm(text)
            module.nvram.store(psm=text)
            module.answer(Success())
            module.radio.update()
        case "+CEDRXS":
            edrx = text.partition(",")[2] if parameters.integer(0, 0, 3) in (1, 2) else "0"
            read_edrx(edrx)
            module.nvram.store(edrx=edrx)
            module.answer(Success())
            module.radio.update()
        case _:
            return False

    return True


def _set_rate(module: "Module", rate: int) -> None:
    if rate not in RATES:
        raise Malformed(f"no rate: {rate}")

    module.nvram.store(baudrate=rate)
    module.answer(Success())
    module.line.set_baudrate(rate)


def _set_function(module: "Module", function: int, *, is_reset: bool) -> None:
    before, module.function = module.function, function
    module.answer(Success())
    if is_reset:
        module.restart()
    elif function and not before:
        module.register_soon()
    elif before and not function:
        module.go_off_air()
