"""A transcript that may be shown: other numbers and addresses in it, each as long as the one in whose place it stands.

What is masked, on either side of the line:

- IMEI, IMSI and ICCID: any number of 14 to 20 digits. The first four and the last three stay, zeros stand for the rest.
- IPv4 and IPv6 addresses: each part is a 1 with zeros behind it, or 0 as it was.

Payload stays as it is, whatever numbers it may hold; but one that was masked elsewhere before is masked there, too, as
text and as hex. Names stay. Every line keeps its length, and every payload.

What is masked once stays as it is when it is masked again. So the lines of a program can be compared with those of a
masked transcript: they are masked first.
"""

import re
from typing import Final

from ..at.privacy import IDENTITY, hide

_IPV4: Final = re.compile(r"(?<![0-9A-Za-z._])\d{1,3}(?:\.\d{1,3}){3,15}(?![0-9A-Za-z_]|\.\d)")
_IPV6: Final = re.compile(
    r"(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f:]*::|(?:[0-9A-Fa-f]+:){7})[0-9A-Fa-f:]{3,39}(?![0-9A-Za-z:.])"
)
_PART: Final = re.compile(r"[0-9A-Fa-f]+")

# What stands before a payload: its length, and perhaps a quote.
_HEADER: Final = re.compile(rb'(?:AT\+QISEND=\d{1,3},|\+QIURC: ?"recv",\d{1,3},)(\d{1,4}),("?)', re.IGNORECASE)
_HEX: Final = re.compile(rb"[0-9A-Fa-f]*")
_DIGIT: Final = re.compile(rb"[0-9]")


class Masking:
    """What masks the lines of one session, in order."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def mask(self, wire: bytes) -> bytes:
        """Return a whole line as it may be shown."""
        header = _HEADER.search(wire)
        if header is None:
            return self._mask_text(wire)

        start = header.end()
        end = start + _payload_width(wire[start:], int(header[1]), is_quoted=bool(header[2]))
        payload = wire[start:end]
        for number, shown in self._known.items():
            payload = payload.replace(number, shown)

        return self._mask_text(wire[:start]) + payload + self._mask_text(wire[end:])

    def mask_fragment(self, wire: bytes) -> bytes:
        """Return a part of a line as it may be shown: nothing tells what its digits belong to."""
        return _DIGIT.sub(b"0", wire)

    def _mask_text(self, wire: bytes) -> bytes:
        text = IDENTITY.sub(lambda match: self._learn(match[0]), wire.decode("latin-1"))
        for addresses in (_IPV4, _IPV6):
            text = addresses.sub(lambda match: _PART.sub(lambda part: _mask_part(part[0]), match[0]), text)

        return text.encode("latin-1")

    def _learn(self, number: str) -> str:
        shown = hide(number, "0")
        plain, masked = number.encode(), shown.encode()
        self._known[plain] = masked
        self._known[plain.hex().encode()] = masked.hex().encode()
        self._known[plain.hex().upper().encode()] = masked.hex().upper().encode()
        return shown


def _mask_part(part: str) -> str:
    return part if not part.strip("0") else "1" + "0" * (len(part) - 1)


def _payload_width(rest: bytes, length: int, *, is_quoted: bool) -> int:
    """Return how many bytes a payload takes on the line: one a byte, or, as hex, two."""
    match = _HEX.match(rest, 0, 2 * length)
    is_hex = match is not None and match.end() == 2 * length
    ends = rest[2 * length : 2 * length + 1] in ((b'"',) if is_quoted else (b"\r", b",", b""))
    return 2 * length if is_hex and ends else length
