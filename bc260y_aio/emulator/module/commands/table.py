"""A table of commands: from the class, or the name and form, of a command to the function that carries it out."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ....at.commands import Command, Raw
from ....at.dce import PromptedData, Refused
from ....at.responses import Response, Success, Text
from ....at.syntax import Malformed
from ....errors import ErrorCode
from ..mobile_error import MobileError
from ..parts import Parts
from .request import Form, Request, read_request

# Returns the information responses, which are then answered with OK after them; None if the handler answers itself.
Handler = Callable[[Parts, Any], Sequence[Response] | None]
RequestHandler = Callable[[Parts, Request], Sequence[Response] | None]
_OK: Final = Success()
H = TypeVar("H", bound=Handler)
R = TypeVar("R", bound=RequestHandler)


class SocketCommandError(Exception):
    """Raised where a command of the TCP/IP guide is refused.

    Args:
        code: the error.
    """

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


class UnknownCommandError(Exception):
    """Raised where the module has no such command, or not in this form."""


class CommandTable:
    """Commands and their handlers.

    Args:
        *tables: other tables, whose entries this one takes over.
    """

    def __init__(self, *tables: "CommandTable") -> None:
        self._by_class: dict[type[Command | PromptedData], Handler] = {}
        self._by_name: dict[tuple[str, Form], RequestHandler] = {}
        for table in tables:
            self._by_class |= table._by_class
            self._by_name |= table._by_name

    @property
    def forms(self) -> list[tuple[str, Form]]:
        """The commands that are carried out by name, with their form."""
        return sorted(self._by_name, key=lambda entry: (entry[0], entry[1].name))

    # Filling it

    def handles(self, *kinds: type[Command | PromptedData]) -> Callable[[H], H]:
        """Register a function as the handler of commands of these classes."""

        def register(handler: H) -> H:
            self._by_class.update(dict.fromkeys(kinds, handler))
            return handler

        return register

    def test(self, *names: str) -> Callable[[R], R]:
        """Register a function as the handler of the test form of these commands: ``AT+CSQ=?``."""
        return self._registers(Form.TEST, names)

    def read(self, *names: str) -> Callable[[R], R]:
        """Register a function as the handler of the read form of these commands: ``AT+CEREG?``."""
        return self._registers(Form.READ, names)

    def set(self, *names: str) -> Callable[[R], R]:
        """Register a function as the handler of the set form of these commands: ``AT+CEREG=1``."""
        return self._registers(Form.SET, names)

    def execute(self, *names: str) -> Callable[[R], R]:
        """Register a function as the handler of the execute form of these commands: ``AT+CSQ``."""
        return self._registers(Form.EXECUTE, names)

    def _registers(self, form: Form, names: Sequence[str]) -> Callable[[R], R]:
        def register(handler: R) -> R:
            self._by_name.update({(name, form): handler for name in names})
            return handler

        return register

    def answers_test(self, *answers: str) -> None:
        """Answer test forms always so: with ``"+CMEE: (0-2)"``, or by OK alone where there is but a name."""
        for answer in answers:
            name, colon, _ = answer.partition(":")
            self._answers(name, Form.TEST, *((answer,) if colon else ()))

    def answers_execute(self, name: str, *lines: str) -> None:
        """Answer an execute form always with these lines."""
        self._answers(name, Form.EXECUTE, *lines)

    def _answers(self, name: str, form: Form, *lines: str) -> None:
        self._by_name[name, form] = lambda parts, request: [Text(line) for line in lines]

    # Carrying out

    def carry_out(self, parts: Parts, command: Command | Refused | PromptedData) -> None:
        """Carry out a command, and answer it; or refuse it."""
        try:
            information = self._call(parts, command)
        except Exception as exc:
            refuse(parts, exc)
        else:
            if information is not None:
                parts.writer.answer(*information, _OK)

    def _call(self, parts: Parts, command: Command | Refused | PromptedData) -> Sequence[Response] | None:
        if (handler := self._by_class.get(type(command))) is not None:  # type: ignore[arg-type]
            return handler(parts, command)

        if isinstance(command, Refused):
            line = command.line
        elif isinstance(command, PromptedData):
            raise UnknownCommandError
        else:
            line = command.line if isinstance(command, Raw) else command.write()

        request = read_request(line)
        named = None if request is None else self._by_name.get((request.name, request.form))
        if named is None or request is None or (isinstance(command, Refused) and request.name not in PROMPTED):
            raise Malformed(line) if isinstance(command, Refused) else UnknownCommandError

        return named(parts, request)


# Commands with forms that the driver's side does not write, and so cannot read.
PROMPTED = frozenset({"+QISEND"})


def refuse(parts: Parts, exc: Exception) -> None:
    """Answer the command at hand with the error that its handler raised.

    By the manual only errors of the module's function have a number (9.3). A wrong parameter and an unknown command are
    a plain ERROR, whatever AT+CMEE says.
    """
    numbered = parts.options.variants.parameter_errors
    match exc:
        case MobileError():
            parts.writer.refuse(exc.code, exc.text)
        case SocketCommandError():
            parts.writer.refuse_socket(exc.code)
        case Malformed() if numbered:
            refuse(parts, MobileError(50))
        case UnknownCommandError() if numbered:
            refuse(parts, MobileError(4))
        case Malformed() | UnknownCommandError():
            parts.writer.refuse()
        case _:
            raise exc
