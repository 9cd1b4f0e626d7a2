"""The module's side of the same line: command lines in, responses out, in the dialect of a firmware."""

from dataclasses import dataclass
from typing import Final

from .buffer import BLANKS, ReceiveBuffer
from .commands import CloseSocket, Command, SendData, read_command
from .dte import NEED_DATA, NeedData
from .responses import STANDARD, Completion, Dialect, Failure, Information, Response, Success
from .syntax import Malformed, PayloadFormat

# A longer command line is thrown away whole, in bytes.
LONGEST_COMMAND_LINE: Final = 3072


@dataclass(frozen=True, slots=True)
class Refused:
    """A command line that cannot be understood; ``ERROR`` is the answer.

    Attributes:
        line: the line, one character a byte (Latin-1), cut after 80.
        reason: what is wrong with it.
    """

    line: str
    reason: str


class DCE:
    """The DCE's end of the line: bytes in, commands out; responses in, bytes out.

    Feed it with :meth:`receive_data`, take :meth:`next_event` until it is :data:`NEED_DATA`, and write what
    :meth:`echo` and :meth:`send` return.

    Attributes:
        send_format: how the payload of AT+QISEND is written; the module's setting.
        receive_format: how received payload is written; the module's setting.
        dialect: how responses are spelled.
        echo_ending: what follows an echoed command line; None when echo is off.
    """

    def __init__(self, dialect: Dialect = STANDARD, *, echo_ending: bytes | None = None) -> None:
        self._buffer = ReceiveBuffer(ord("\r"), LONGEST_COMMAND_LINE)
        self._line = b""
        self._command: Command | None = None
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

    def next_event(self) -> Command | Refused | NeedData:
        """Return the next command, or what could not be understood, or :data:`NEED_DATA`. Nothing is raised."""
        while not self._buffer.short:
            self._buffer.skip_blanks()
            if not self._buffer.has_line():
                continue

            line = self._buffer.take_line()
            if len(line) > LONGEST_COMMAND_LINE:
                return Refused("", "the command line is too long")

            if line := line.strip(BLANKS):
                return self._read(line)

        return NEED_DATA

    def _read(self, line: bytes) -> Command | Refused:
        self._line = line
        self._command = None
        try:
            self._command = read_command(line, self.send_format)
        except Malformed as exc:
            return Refused(line[:80].decode("latin-1"), str(exc))

        return self._command

    # Sending

    def echo(self) -> bytes:
        """Return the echo of the command line just read: its printable bytes. Empty when echo is off."""
        if self.echo_ending is None:
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
