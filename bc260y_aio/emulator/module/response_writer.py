"""The module's output to its line: answers, completions and URCs."""

from collections.abc import Callable
from dataclasses import replace

from ...at.completions import SendResult, SocketClosed
from ...at.dce import DCE
from ...at.responses import CmeLevel, Failure, Response, Success
from ...at.urcs import DataReceived
from ...errors import ErrorCode
from ..delayed_calls import DelayedCalls
from ..faults import Faults
from ..line import Line
from ..options import ECHO_ENDINGS, Options
from .nvram import Nvram
from .power import Sleep
from .random_faults import RandomFaults


class ResponseWriter:
    """Writes responses whole, so that none ever stands inside another.

    Args:
        options: how responses are spelled.
        line: the module's UART.
        nvram: how received payload is written.
        faults: which responses are lost or late.
        sleep: a module in deep sleep writes nothing.
        random_faults: what may cut a response short.

    Attributes:
        dce: reads the commands, and writes their answers.
    """

    def __init__(
        self, options: Options, line: Line, nvram: Nvram, faults: Faults, sleep: Sleep, random_faults: RandomFaults
    ) -> None:
        self._options = options
        self._line = line
        self._nvram = nvram
        self._faults = faults
        self._sleep = sleep
        self._random_faults = random_faults
        self._urcs = DelayedCalls(lambda: faults.delay("urc_late"))
        self.dce: DCE
        self.reset()

    def reset(self) -> None:
        """Take the settings of a start, and drop the URCs that are late."""
        options = self._options
        self.dce = DCE(options.dialect, echo_ending=ECHO_ENDINGS[options.echo_ending])
        # Responses that do not answer the command just read are written by a DCE that has read none.
        self._urc_dce = DCE(options.dialect)
        self._urcs.clear()
        self.use_settings()

    def drop_commands(self) -> None:
        """Forget the bytes of commands that were received; the settings stay."""
        before, self.dce = self.dce, DCE(self.dce.dialect, echo_ending=self.dce.echo_ending)
        self.dce.send_format = before.send_format

    # Answers

    def answer(self, *responses: Response) -> None:
        """Answer the command at hand: information, the final result code, and perhaps its completion.

        Of several commands in a line only the last is answered with OK. One that fails ends the line.
        """
        dce, faults = self.dce, self._faults
        if Failure in map(type, responses):
            dce.drop_line()
        elif dce.has_more:
            responses = tuple(one for one in responses if not isinstance(one, Success))

        if faults.answer_lost or faults.ok_lost or faults.urc_inside:
            self.write(self._disturbed(responses))
        else:
            self.write(dce.send(*responses))

    def _disturbed(self, responses: tuple[Response, ...]) -> bytes:
        """Return the bytes of an answer, with the faults that strike."""
        dce, faults = self.dce, self._faults
        if faults.occurs("answer_lost"):
            return b""

        if faults.occurs("ok_lost"):
            responses = tuple(one for one in responses if not isinstance(one, Success | Failure))

        if not (responses and faults.occurs("urc_inside")):
            return dce.send(*responses)

        place, urc = self._random_faults.stray_urc(len(responses))
        return dce.send(*responses[:place]) + self._urc_dce.send(urc) + dce.send(*responses[place:])

    def succeed(self) -> None:
        """Answer the command at hand with OK."""
        self.answer(Success())

    def refuse(self, code: int | None = None, text: str = "") -> None:
        """Answer the command at hand with an error: a plain ERROR without a code."""
        self.answer(Failure(code, text))

    def refuse_socket(self, code: ErrorCode) -> None:
        """Answer a socket command with an error."""
        if self._options.variants.socket_errors:
            self.refuse(code, code.meaning)
        else:
            self.refuse()

    def prompt(self, length: int | None) -> None:
        """Write the ``>`` after which data is due: so many bytes, or (None) up to Ctrl-Z or ESC."""
        self.dce.expect_data(length)
        self.write(b"\r\n> ")

    def echo(self) -> None:
        """Echo the command line just read, if the echo is on."""
        self.write(self.dce.echo())

    # Completions and URCs

    def complete(self, *completions: Response) -> None:
        """Write the outcome of a command that was answered before."""
        data = self._urc_dce.send(*completions)
        is_result = any(isinstance(one, SendResult | SocketClosed) for one in completions)
        self.write(data + b"\0" if is_result and self._options.dialect.stray_nul else data)

    def notify(self, urc: Response, is_due: Callable[[], bool] = lambda: True) -> None:
        """Write a URC once its time has come, if it is still due then."""
        self._urcs.call(self._notify, urc, is_due)

    def _notify(self, urc: Response, is_due: Callable[[], bool]) -> None:
        if is_due():
            self.notify_at_once(urc)

    def notify_at_once(self, urc: Response) -> None:
        """Write a URC, before any that is late."""
        if isinstance(urc, DataReceived):
            urc = DataReceived(urc.connect_id, urc.data, self._nvram.receive_format)

        self.write(self._urc_dce.send(urc))

    def report(self, *urcs: Response) -> None:
        """Write URCs about the module's own sleep, though it may have begun."""
        self._line.write(self._urc_dce.send(*urcs))

    def write(self, data: bytes) -> None:
        """Write bytes to the line. A module in deep sleep writes nothing."""
        if data and self._sleep.can_write:
            self._sleep.restart_timer()
            self._line.write(self._random_faults.cut(data))

    # Settings that show on the line

    def use_settings(self) -> None:
        """Read payload in the format, report errors at the level, and echo, as the NVRAM holds it."""
        if not self._nvram.echo:
            self.dce.echo_ending = None

        self.dce.send_format = self._nvram.send_format
        if (level := CmeLevel(self._nvram.error_level)) is not self.dce.dialect.cme:
            self.dce.dialect = replace(self.dce.dialect, cme=level)

    def set_echo(self, *, on: bool) -> None:
        """Switch the echo."""
        self.dce.echo_ending = ECHO_ENDINGS[self._options.echo_ending] if on else None
