"""The files of a SIM, and the commands that its card carries out (TS 102 221, TS 31.102)."""

from typing import Final, NamedTuple

from ..options import Options

# The master file and the directory of the USIM, by their identities; and the USIM's name, of which SELECT may give the
# first seven bytes.
_MASTER_FILE: Final = 0x3F00
_USIM: Final = 0x7FFF
_USIM_NAME: Final = "A0000000871002FF86FFFF89FFFFFFFF"
_SHORTEST_NAME: Final = 14
# What the template of a directory has besides: the name of the USIM, and the card's characteristics.
_NAME: Final = ("84", _USIM_NAME)
_CHARACTERISTICS: Final = ("A5", "800171")

_EF_ICCID: Final = 0x2FE2
_EF_IMSI: Final = 0x6F07
_EF_AD: Final = 0x6FAD

# Status words (TS 102 221, 10.2.1).
DONE: Final = "9000"
NOT_FOUND: Final = "6A82"
LOCKED: Final = "6982"
NO_RECORDS: Final = "6981"
_PAST_END: Final = "6B00"
_NO_FILE_SELECTED: Final = "6986"
_NOTHING_TO_GET: Final = "6985"
_UNKNOWN: Final = "6D00"

# SELECT by the name of an application, and SELECT that asks for nothing.
_BY_NAME: Final = 0x04
_NO_ANSWER: Final = 0x0C


class File(NamedTuple):
    """An elementary file of bytes.

    Attributes:
        contents: its bytes, in hex.
        short: its short identity, 1 to 30.
        needs_pin: whether it can be read only when the PIN was entered.
    """

    contents: str
    short: int
    needs_pin: bool = False

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.contents) // 2

    def read(self, offset: int, *, unlocked: bool) -> tuple[str, str]:
        """Return the status word of a read, and what the file has from an offset on; both in hex."""
        if self.needs_pin and not unlocked:
            return LOCKED, ""

        rest = self.contents[2 * offset :]
        return (DONE, rest) if rest else (_PAST_END, "")


class Card:
    """The card of a SIM.

    Args:
        options: the numbers on it.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._selected = _USIM
        self._answer = ""

    def file(self, identity: int) -> File | None:
        """Return a file; None if there is none with this identity."""
        if identity == _EF_ICCID:
            return File(_swapped(self._options.iccid), 0x02)

        if identity == _EF_IMSI:
            imsi = self._options.imsi
            # The first half byte says whether the digits are odd in number (TS 31.102, 4.2.2).
            digits = _swapped(("9" if len(imsi) % 2 else "1") + imsi)
            return File(f"{len(imsi) // 2 + 1:02X}" + digits, 0x07, needs_pin=True)

        if identity == _EF_AD:
            # Normal operation, and a network code of two digits as all of 460 are (TS 31.102, 4.2.18).
            return File("00000002", 0x03)

        return None

    def control_parameters(self, identity: int) -> str | None:
        """Return the template that SELECT and GET RESPONSE answer, in hex (TS 102 221, 11.1.1.3); None: no file."""
        file = self.file(identity)
        if file is not None:
            rule = "2F0601" if identity == _EF_ICCID else "6F0601"
            objects = [("82", "4121"), ("83", f"{identity:04X}"), ("8A", "05"), ("8B", rule)]
            objects += [("80", f"{file.size:04X}"), ("88", f"{file.short << 3:02X}")]
        elif identity in (_MASTER_FILE, _USIM):
            enabled = "00" if self._options.sim == "ready" else "80"
            objects = [("82", "7821"), ("83", f"{identity:04X}"), _NAME if identity == _USIM else _CHARACTERISTICS]
            objects += [("8A", "05"), ("8B", "2F0601"), ("C6", f"9001{enabled}830101")]
        else:
            return None

        return _object("62", "".join(_object(tag, value) for tag, value in objects))

    def command(self, apdu: str, *, unlocked: bool) -> str:
        """Carry out SELECT, GET RESPONSE or READ BINARY, and return the response; both in hex."""
        instruction, first, second, length = (int(apdu[start : start + 2] or "0", 16) for start in (2, 4, 6, 8))
        match instruction:
            case 0xA4:
                return self._select(first, second, apdu[10 : 10 + 2 * length].upper())
            case 0xC0:
                answer, self._answer = self._answer, ""
                return answer[: 2 * (length or 256)] + DONE if answer else _NOTHING_TO_GET
            case 0xB0:
                return self._read(first << 8 | second, length, unlocked=unlocked)
            case _:
                return _UNKNOWN

    def _select(self, how: int, answer: int, name: str) -> str:
        self._answer = ""
        identity = int(name[-4:] or "0", 16)
        if how == _BY_NAME:
            identity = _USIM if len(name) >= _SHORTEST_NAME and _USIM_NAME.startswith(name) else 0

        template = self.control_parameters(identity)
        if template is None:
            return NOT_FOUND

        self._selected = identity
        if answer & _NO_ANSWER == _NO_ANSWER:
            return DONE

        self._answer = template
        return f"61{len(template) // 2:02X}"

    def _read(self, offset: int, length: int, *, unlocked: bool) -> str:
        file = self.file(self._selected)
        if file is None:
            return _NO_FILE_SELECTED

        status, rest = file.read(offset, unlocked=unlocked)
        if not rest:
            return status

        # T=0: the length has to be that of what is there, and the card says which it would be.
        if (length or 256) > len(rest) // 2:
            return f"6C{len(rest) // 2:02X}"

        return rest[: 2 * length] + status


def _object(tag: str, value: str) -> str:
    return f"{tag}{len(value) // 2:02X}{value}"


def _swapped(digits: str) -> str:
    """Return digits as a card stores them: the two of each byte change places."""
    padded = digits + "F" * (len(digits) % 2)
    return "".join(padded[index + 1] + padded[index] for index in range(0, len(padded), 2))
