"""The DCE's side of the line: command lines in, responses out, in the dialect of a firmware."""

from dataclasses import dataclass
from typing import Final

from .buffer import BLANKS, ReceiveBuffer
from .commands import CloseSocket, Command, SendData, read_command
from .commands.splitting import split_commands
from .dte import NEED_DATA, NeedData
from .responses import STANDARD, Completion, Dialect, Failure, Information, Response, Success
from .syntax import Malformed, PayloadFormat

# A longer command line is thrown away whole, in bytes.
LONGEST_COMMAND_LINE: Final = 4096


@dataclass(frozen=True, slots=True)
class Refused:
    """A command line that cannot be read; ``ERROR`` is the answer.

    Attributes:
        line: the line, one character for each byte (Latin-1), cut after 80.
        reason: what is wrong with it.
    """

    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class PromptedData:
    """The data that followed a ``>`` prompt.

    Attributes:
        data: the data; None where ESC cancelled it.
    """

    data: bytes | None


# The bytes that end prompted data without an announced length, and that cancel it.
_CTRL_Z: Final = 0x1A
_ESC: Final = 0x1B
_PROMPT_ENDS: Final = bytes((_CTRL_Z, _ESC))


class DCE:
    """The DCE's end of the line: bytes in, commands out; responses in, bytes out.

    Feed it with :meth:`receive_data`, call :meth:`next_event` until it returns :data:`NEED_DATA`, and write what
    :meth:`echo` and :meth:`send` return.

    Attributes:
        send_format: the format of the payload of AT+QISEND; the module's setting.
        receive_format: the format of received payload; the module's setting.
        dialect: the spelling of responses.
        echo_ending: the bytes after an echoed command line; None when echo is off.
    """

    def __init__(self, dialect: Dialect = STANDARD, *, echo_ending: bytes | None = None) -> None:
        self._buffer = ReceiveBuffer(ord("\r"), LONGEST_COMMAND_LINE)
        self._line = b""
        self._command: Command | None = None
        self._commands: list[bytes] = []
        self._prompted = False
        self._length: int | None = None
        self.send_format = PayloadFormat.TEXT
        self.receive_format = PayloadFormat.TEXT
        self.dialect = dialect
        self.echo_ending = echo_ending

    def __repr__(self) -> str:
        return f"<DCE send={self.send_format.name} receive={self.receive_format.name} buffered={len(self._buffer)}>"

    @property
    def buffered(self) -> int:
        """How many bytes have come and not been read yet: a command line at the most."""
        return len(self._buffer)

    # Receiving

    def receive_data(self, data: bytes) -> None:
        """Take in bytes as they came; commands are then to be had from :meth:`next_event`."""
        self._buffer.feed(data)

    def next_event(self) -> Command | Refused | PromptedData | NeedData:
        """Return the next command, or what could not be understood, or :data:`NEED_DATA`. Nothing is raised."""
        if self._prompted:
            return self._read_prompted()

        if self._commands:
            self._line = b""
            return self._read(self._commands.pop(0))

        while not self._buffer.short:
            self._buffer.skip_blanks()
            if not self._buffer.has_line():
                continue

            line = self._buffer.take_line()
            if len(line) > LONGEST_COMMAND_LINE:
                return Refused("", "the command line is too long")

            if line := line.strip(BLANKS).lstrip(_PROMPT_ENDS):
                self._line = line
                first, *rest = split_commands(line)
                self._commands.extend(rest)
                return self._read(first)

        return NEED_DATA

    @property
    def has_more(self) -> bool:
        """Whether commands of the line that was read last are still to come: ``AT+CSQ;+CEREG?`` has two."""
        return bool(self._commands)

    def drop_line(self) -> None:
        """Forget the commands that are still to come of a line, because one of them failed."""
        self._commands.clear()

    def drop_input(self) -> None:
        """Forget everything that was received and not read."""
        self._commands.clear()
        self._buffer.drop(len(self._buffer))

    def expect_data(self, length: int | None) -> None:
        """Take what comes next for data: so many bytes, or (None) up to Ctrl-Z or ESC."""
        self._prompted, self._length = True, length
        # The LF behind the CR of the command is none of the data.
        if self._buffer.data.startswith(b"\n"):
            self._buffer.drop(1)

    def _read_prompted(self) -> PromptedData | NeedData:
        buffer, length = self._buffer, self._length
        if length is not None:
            if not buffer.require(length):
                return NEED_DATA

            end, data = length, bytes(buffer.data[:length])
        else:
            ends = [place for byte in _PROMPT_ENDS if (place := buffer.data.find(byte)) >= 0]
            if not ends:
                buffer.require(len(buffer) + 1)
                return NEED_DATA

            end = min(ends) + 1
            data = bytes(buffer.data[: end - 1])

        cancelled = length is None and buffer.data[end - 1] == _ESC
        self._prompted = False
        buffer.drop(end)
        return PromptedData(None if cancelled else data)

    def _read(self, line: bytes) -> Command | Refused:
        self._command = None
        try:
            self._command = read_command(line, self.send_format)
        except Malformed as exc:
            return Refused(line[:80].decode("latin-1"), str(exc))

        return self._command

    # Sending

    def echo(self) -> bytes:
        """Return the echo of the command line just read: its printable bytes. Empty when echo is off."""
        if self.echo_ending is None or not self._line:
            return b""

        return bytes(byte for byte in self._line if 0x20 <= byte < 0x7F) + self.echo_ending

    def send(self, *responses: Response) -> bytes:
        """Return the bytes of responses, each as a line of its own."""
        lines, after_information = [], False
        for response in responses:
            is_information = isinstance(response, Information)
            joined = after_information and is_information and self.dialect.compact
            lines.append(b"" if joined else b"\r\n" * (1 + self.dialect.blank_lines))
            lines.append(response.encode(self.dialect) + b"\r\n")
            if self.dialect.stray_nul and isinstance(self._command, SendData | CloseSocket) and _is_result(response):
                lines.append(b"\0")

            after_information = is_information

        return b"".join(lines)


def _is_result(response: Response) -> bool:
    return isinstance(response, Success | Failure | Completion)
