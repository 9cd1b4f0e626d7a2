"""A table of commands: from the class, or the name and form, of a command to the function that carries it out."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ....at.commands import Command, Raw
from ....at.dce import Refused
from ....at.responses import Response, Success, Text
from ....at.syntax import Malformed
from ....errors import ErrorCode
from ..parts import Parts
from .request import Form, Request, read_request

# Codes of +CME ERROR (TS 27.007, 9.2).
NOT_SUPPORTED: Final = (4, "operation not supported")
WRONG_PARAMETERS: Final = (50, "incorrect parameters")

# Returns the information responses, which are then answered with OK after them; None if the handler has answered.
Handler = Callable[[Parts, Any], Sequence[Response] | None]
RequestHandler = Callable[[Parts, Request], Sequence[Response] | None]
H = TypeVar("H", bound=Handler)
R = TypeVar("R", bound=RequestHandler)


class CommandError(Exception):
    """Raised by a handler to have its command refused.

    Args:
        code: the number after ``+CME ERROR``.
        text: its text.
    """

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class CommandTable:
    """Commands and their handlers.

    Args:
        *tables: other tables, whose entries this one takes over.
    """

    def __init__(self, *tables: "CommandTable") -> None:
        self._by_class: dict[type[Command], Handler] = {}
        self._by_name: dict[tuple[str, Form], RequestHandler] = {}
        for table in tables:
            self._by_class |= table._by_class
            self._by_name |= table._by_name

    def handles(self, *kinds: type[Command]) -> Callable[[H], H]:
        """Register a function as the handler of commands of these classes."""

        def register(handler: H) -> H:
            self._by_class.update(dict.fromkeys(kinds, handler))
            return handler

        return register

    def handles_form(self, form: Form, *names: str) -> Callable[[R], R]:
        """Register a function as the handler of a form of the commands of these names."""

        def register(handler: R) -> R:
            self._by_name.update({(name, form): handler for name in names})
            return handler

        return register

    def answers(self, form: Form, name: str, *lines: str) -> None:
        """Answer a form of a command with these lines, always."""
        self._by_name[name, form] = lambda parts, request: [Text(line) for line in lines]

    def carry_out(self, parts: Parts, command: Command | Refused) -> None:
        """Carry out a command, and answer it; or refuse it."""
        try:
            information = self._call(parts, command)
        except Malformed:
            parts.writer.refuse(*WRONG_PARAMETERS)
        except CommandError as exc:
            parts.writer.refuse(exc.code, exc.text)
        else:
            if information is not None:
                parts.writer.answer(*information, Success())

    def _call(self, parts: Parts, command: Command | Refused) -> Sequence[Response] | None:
        if isinstance(command, Refused):
            raise CommandError(ErrorCode.INVALID_PARAMETERS)

        if (handler := self._by_class.get(type(command))) is not None:
            return handler(parts, command)

        request = read_request(command.line if isinstance(command, Raw) else command.write())
        named = None if request is None else self._by_name.get((request.name, request.form))
        if named is None or request is None:
            raise CommandError(*NOT_SUPPORTED)

        return named(parts, request)
