"""A command line with several commands, taken apart (V.250, 5.2.1 and 5.4.1)."""

import functools
import re
from typing import Final

# The commands of a line up to this length, in bytes, are kept.
SHORT: Final = 40

# An extended command up to a semicolon outside quotes; and a basic one.
_EXTENDED: Final = re.compile(rb'\+(?:"[^"]*"|[^";])*')
_BASIC: Final = re.compile(rb"(&?[A-Z]) *([0-9]*)", re.IGNORECASE)
# The name and the form of an extended command, with the spaces that may stand in them.
_NAME: Final = re.compile(rb" *\+ *([A-Z0-9]+) *(=(?: *\?(?= *$))?|\?)?", re.IGNORECASE)

# Its payload may hold anything, so nothing can follow it.
_WHOLE: Final = re.compile(rb" *\+ *QISEND *=", re.IGNORECASE)


def split_commands(line: bytes) -> list[bytes]:
    """Return the commands of a line, each as a line of its own: ``AT+CSQ;+CEREG?`` holds two, and ``ATE0V1``, too.

    Spaces in the name of a command, or before it, are dropped. A line that is none comes back as it is.
    """
    if line[2:3] == b"+" and b";" not in line and b" " not in line:
        return [line]

    # Devices are asked the same few things again and again.
    return list(_split_short(line)) if len(line) <= SHORT else _split(line)


@functools.lru_cache(256)
def _split_short(line: bytes) -> tuple[bytes, ...]:
    return tuple(_split(line))


def _split(line: bytes) -> list[bytes]:
    if line[:2].upper() != b"AT":
        return [line]

    found: list[bytes] = []
    rest = line[2:]
    while rest.strip(b"; ") and len(found) < len(line):
        command, rest = _first(rest)
        found.append(line[:2] + command)

    return found if len(found) > 1 or (found and b" " in line) else [line]


def _first(text: bytes) -> tuple[bytes, bytes]:
    text = text.lstrip(b"; ")
    if _WHOLE.match(text):
        return _without_spaces(text), b""

    if (match := _EXTENDED.match(text)) is not None:
        rest = text[match.end() :]
        # A quote that is never closed: whatever follows belongs to it.
        return (_without_spaces(match[0]), rest) if rest[:1] in (b"", b";") else (text, b"")

    match = _BASIC.match(text)
    return (text, b"") if match is None else (match[1] + match[2], text[match.end() :])


def _without_spaces(command: bytes) -> bytes:
    match = _NAME.match(command)
    if match is None:
        return command

    return b"+" + match[1] + (match[2] or b"").replace(b" ", b"") + command[match.end() :].rstrip(b" ")
