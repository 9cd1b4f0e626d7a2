"""Supply, errors, restart, platform settings (manual 9)."""

from collections.abc import Sequence

from ....at.responses import Response, Success
from ....at.syntax import Malformed
from ..lines import ParameterLine
from ..parts import Parts
from .request import Form, Request
from .table import CommandTable, UnknownCommandError

COMMANDS = CommandTable()

COMMANDS.answers_test("+CBC", "+QADC: (0)", "+CMEE: (0-2)", "+QRST: (1)")


@COMMANDS.execute("+CBC")
def _battery(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CBC (9.1), in mV."""
    return [ParameterLine("+CBC", str(parts.options.battery_mv))]


@COMMANDS.execute("+QADC")
@COMMANDS.read("+QADC")
def _voltage(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QADC (9.2), in mV; the sibling has AT+QADC? instead."""
    if (request.form is Form.READ) is not parts.options.kind.reads_voltage and request.form is not Form.SET:
        raise UnknownCommandError

    return [ParameterLine("+QADC", f"0,{parts.options.adc_mv}")]


@COMMANDS.set("+QADC")
def _voltage_of(parts: Parts, request: Request) -> Sequence[Response]:
    request.parameters.at_most(1)
    request.parameters.integer(0, 0, 0)
    return _voltage(parts, request)


@COMMANDS.read("+CMEE")
def _error_level(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CMEE? (9.3)."""
    return [ParameterLine("+CMEE", str(parts.nvram.error_level))]


@COMMANDS.set("+CMEE")
def _set_error_level(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CMEE=<n> (9.3)."""
    request.parameters.at_most(1)
    parts.nvram.store(error_level=request.parameters.integer(0, 0, 2))
    parts.writer.use_settings()
    return []


@COMMANDS.set("+QRST")
def _restart(parts: Parts, request: Request) -> None:
    """AT+QRST=1 (9.4): restarts at once, without detaching."""
    request.parameters.at_most(1)
    request.parameters.integer(0, 1, 1)
    parts.writer.answer(Success())
    if parts.options.dialect.stray_nul:
        parts.writer.write(b"\0")

    parts.restart()


# Functions


@COMMANDS.test("+QCFG")
def _functions(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QCFG=? (9.5): a line for each function."""
    functions = parts.configuration.functions.items()
    return [ParameterLine("+QCFG", f'"{name}",{function.shown}') for name, function in functions]


@COMMANDS.read("+QCFG")
def _values(parts: Parts, request: Request) -> Sequence[Response]:
    return [ParameterLine("+QCFG", _setting(parts, name)) for name in parts.configuration.functions]


def _setting(parts: Parts, name: str) -> str:
    return f'"{name}",{parts.configuration.value(name)}'


@COMMANDS.set("+QCFG")
def _configure(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QCFG=<function>[,<value>] (9.5): reads a function, or sets it; in force after a restart."""
    parameters, configuration = request.parameters, parts.configuration
    parameters.at_most(2)
    name = configuration.find(parameters.string(0))
    if name is None:
        raise Malformed(f"no function: {parameters.string(0)!r}")

    if len(parameters) == 1:
        return [ParameterLine("+QCFG", _setting(parts, name))]

    value = parameters.integer(1)
    if not configuration.functions[name].allows(value):
        raise Malformed(f"no value of {name}: {value}")

    configuration.set(name, value)
    if name == "statisr":
        parts.statistics.report_every(value)

    return []
