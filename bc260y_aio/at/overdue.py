"""The overdue completions: those of commands that were given up before they had come."""

from .commands import CloseSocket, Command
from .responses import Completion, Response


class OverdueCompletions:
    """The commands whose completions may still come.

    Attributes:
        commands: these commands, the oldest first.
    """

    def __init__(self) -> None:
        self.commands: list[Command] = []

    def add(self, command: Command | None) -> None:
        """Note that a command was given up; one without a completion after its ``OK`` leaves nothing overdue."""
        if command is not None and command.awaited:
            self.commands.append(command)

    def includes(self, completion: Completion, instead_of: Command | None = None) -> bool:
        """Return whether a completion may be an overdue one.

        Args:
            completion: the completion.
            instead_of: the command that it would complete otherwise. Two commands that close the same socket have the
                same outcome, whichever of them it is.
        """
        harmless = instead_of if isinstance(instead_of, CloseSocket) else None
        return any(may_complete(completion, command) for command in self.commands if command != harmless)

    def settle(self, response: Response) -> bool:
        """Note that a late response came: the oldest command that it may belong to has nothing overdue any more.

        Returns:
            Whether it may as well belong to another command, whose own is still overdue.
        """
        owners = [one for one in self.commands if isinstance(response, one.awaited[0]) and may_complete(response, one)]
        if owners:
            self.commands.remove(owners[0])

        return len(owners) > 1

    def clear(self) -> None:
        """Expect none of them any more."""
        self.commands.clear()


def may_complete(response: Response, command: Command) -> bool:
    """Return whether a response may be a completion that a command awaits after ``OK``."""
    return (
        isinstance(response, Completion) and isinstance(response, command.awaited) and command.is_answered_by(response)
    )
