"""What may come late: the completions of commands that were given up before they had come."""

from .commands import Command
from .responses import Completion, Response


class OverdueCompletions:
    """The commands whose completions a module still owes."""

    def __init__(self) -> None:
        self._commands: list[Command] = []

    def add(self, command: Command) -> None:
        """Note that a command was given up; one that awaits nothing after its ``OK`` leaves nothing owed."""
        if command.awaited:
            self._commands.append(command)

    def includes(self, completion: Completion) -> bool:
        """Tell whether a completion may be one that is owed."""
        return any(may_complete(completion, command) for command in self._commands)

    def settle(self, response: Response) -> None:
        """Note that a late response came: the oldest command that it may belong to is owed nothing more."""
        for command in self._commands:
            if isinstance(response, command.awaited[0]) and may_complete(response, command):
                self._commands.remove(command)
                return

    def clear(self) -> None:
        """Expect none of them any more."""
        self._commands.clear()


def may_complete(response: Response, command: Command) -> bool:
    """Tell whether a response could be what a command awaits after ``OK``."""
    return (
        isinstance(response, Completion) and isinstance(response, command.awaited) and command.is_answered_by(response)
    )
