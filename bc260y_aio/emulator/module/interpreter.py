"""The module's command interpreter: commands are carried out one after another, in the order in which they came."""

# A command that takes its time (QIOPEN, QIDNSGIP, QPING, QNTP) is answered `OK` at once and completed later; commands
# that come meanwhile are answered meanwhile. One that cannot begin yet holds up everything behind it.

import asyncio
from collections import Counter
from collections.abc import Callable

from ...at.commands import Command, Raw
from ...at.dce import Refused
from ...at.dte import NEED_DATA
from ..faults import Faults
from ..options import Options
from .commands.request import name_of
from .response_writer import ResponseWriter


class CommandInterpreter:
    """Reads commands and has them carried out.

    Args:
        options: how long the module takes for each.
        faults: which answers are late.
        writer: holds the DCE that reads the commands, and echoes them.
        carry_out: carries a command out, and answers it.
        is_blocked: whether a command cannot begin yet; :meth:`resume` is to be called when that may be over.

    Attributes:
        commands: how often each command was received, by name: ``"+QIOPEN"``, ``"AT"``; ``"?"`` counts lines that were
            no command.
    """

    def __init__(
        self,
        options: Options,
        faults: Faults,
        writer: ResponseWriter,
        carry_out: Callable[[Command | Refused], None],
        is_blocked: Callable[[Command | Refused], bool],
    ) -> None:
        self._options = options
        self._faults = faults
        self._writer = writer
        self._carry_out = carry_out
        self._is_blocked = is_blocked
        self._blocked: Command | Refused | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.commands: Counter[str] = Counter()

    def receive(self, data: bytes) -> None:
        """Take bytes from the line."""
        self._writer.dce.receive_data(data)
        self.resume()

    def drop(self) -> None:
        """Forget what was received and not carried out."""
        self._blocked = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        """Go on to the next command, unless the one at hand is not done."""
        if self._blocked is not None and not self._is_blocked(self._blocked):
            command, self._blocked = self._blocked, None
            self._carry_out(command)

        while self._timer is None and self._blocked is None:
            event = self._writer.dce.next_event()
            if event is NEED_DATA:
                return

            self._writer.echo()
            self._count(event)
            if delay := self._options.answer_delay + self._faults.delay("answer_late"):
                self._timer = asyncio.get_running_loop().call_later(delay, self._expire, event)
            else:
                self._begin(event)

    def _expire(self, command: Command | Refused) -> None:
        self._timer = None
        self._begin(command)
        self.resume()

    def _begin(self, command: Command | Refused) -> None:
        if self._is_blocked(command):
            self._blocked = command
        else:
            self._carry_out(command)

    def _count(self, command: Command | Refused) -> None:
        match command:
            case Refused():
                self.commands["?"] += 1
            case Raw(line=line):
                self.commands[name_of(line)] += 1
            case _:
                self.commands[command.name or name_of(command.write())] += 1
