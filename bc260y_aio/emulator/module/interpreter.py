"""The module's command interpreter: commands are carried out one after another, in the order in which they came."""

# A command that takes its time (QIOPEN, QIDNSGIP, QPING, QNTP) is answered `OK` at once and completed later; commands
# that come meanwhile are answered meanwhile. One that cannot begin yet, or whose final result comes later (CGATT),
# holds up everything behind it. Too much input behind it is thrown away whole, and answered by a single ERROR.

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from ...at.commands import Command, Raw
from ...at.dce import LONGEST_COMMAND_LINE, PromptedData, Refused
from ...at.dte import NEED_DATA
from ..faults import Faults
from ..options import Options
from .commands.request import name_of
from .response_writer import ResponseWriter

# More command lines than these are thrown away while the module is busy with one.
PENDING_LINES: Final = 64


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
        carry_out: Callable[[Command | Refused | PromptedData], None],
        is_blocked: Callable[[Command | Refused | PromptedData], bool],
    ) -> None:
        self._options = options
        self._faults = faults
        self._writer = writer
        self._carry_out = carry_out
        self._is_blocked = is_blocked
        self._blocked: Command | Refused | PromptedData | None = None
        self._holds = 0
        self._pending = 0
        self._timer: asyncio.TimerHandle | None = None
        self.commands: Counter[str] = Counter()

    def receive(self, data: bytes) -> None:
        """Take bytes from the line."""
        dce = self._writer.dce
        dce.receive_data(data)
        if self._is_busy:
            self._pending += data.count(b"\r")
            if dce.buffered > LONGEST_COMMAND_LINE or self._pending > PENDING_LINES:
                dce.drop_input()
                self._pending = 0
                self._writer.refuse()

        self.resume()

    @property
    def _is_busy(self) -> bool:
        return self._timer is not None or self._blocked is not None or self._holds > 0

    def hold(self) -> None:
        """Carry out no further command until :meth:`release`: the final result of the one at hand comes later."""
        self._holds += 1

    def release(self) -> None:
        """Go on after :meth:`hold`."""
        self._holds -= 1
        self.resume()

    def drop(self) -> None:
        """Forget what was received and not carried out."""
        self._blocked = None
        self._pending = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        """Go on to the next command, unless the one at hand is not done."""
        if self._blocked is not None and not self._is_blocked(self._blocked):
            command, self._blocked = self._blocked, None
            self._carry_out(command)

        while not self._is_busy:
            event = self._writer.dce.next_event()
            if event is NEED_DATA:
                self._pending = 0
                return

            self._pending = max(self._pending - 1, 0)
            self._writer.echo()
            self._count(event)
            if delay := self._delay():
                self._timer = asyncio.get_running_loop().call_later(delay, self._expire, event)
            else:
                self._begin(event)

    def _delay(self) -> float:
        options, jitter = self._options, self._options.answer_jitter
        delay = options.answer_delay + (jitter * self._faults.random("answer_jitter").random() if jitter else 0.0)
        return delay + self._faults.delay("answer_late")

    def _expire(self, command: Command | Refused | PromptedData) -> None:
        self._timer = None
        self._begin(command)
        self.resume()

    def _begin(self, command: Command | Refused | PromptedData) -> None:
        if self._is_blocked(command):
            self._blocked = command
        else:
            self._carry_out(command)

    def _count(self, command: Command | Refused | PromptedData) -> None:
        match command:
            case PromptedData():
                pass
            case Refused():
                self.commands["?"] += 1
            case Raw(line=line):
                self.commands[name_of(line)] += 1
            case _:
                self.commands[command.name or name_of(command.write())] += 1
