"""Masking of transcripts that are published: private data is replaced by as many other characters.

These are masked, in both directions:

- IMEI, IMSI and ICCID: zeros replace all but the first four and the last three digits.
- Cell, tracking area, telephone numbers, APN, user, password and PIN: zeros replace them all
  (:mod:`bc260y_aio.at.privacy`).
- IPv4 and IPv6 addresses: each part becomes a 1 with zeros behind it, or stays 0.

Payload and host names stay, but identities that were masked before are also masked in payload, as text and as hex.
Every line and every payload keeps its length.

Masking is idempotent, so a replay masks the lines of a program to compare them with those of a masked transcript.
"""

import re
from typing import Final

from ..at.privacy import hide, masked

_IPV4: Final = re.compile(r"(?<![0-9A-Za-z._])\d{1,3}(?:\.\d{1,3}){3,15}(?![0-9A-Za-z_]|\.\d)")
_IPV6: Final = re.compile(
    r"(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f:]*::|(?:[0-9A-Fa-f]+:){7})[0-9A-Fa-f:]{3,39}(?![0-9A-Za-z:.])"
)
_PART: Final = re.compile(r"[0-9A-Fa-f]+")

# The header of a payload: its length, and perhaps a quote.
_HEADER: Final = re.compile(rb'(?:AT\+QISEND=\d{1,3},|\+QIURC: ?"recv",\d{1,3},)(\d{1,4}),("?)', re.IGNORECASE)
_HEX: Final = re.compile(rb"[0-9A-Fa-f]*")
_DIGIT: Final = re.compile(rb"[0-9]")


class Masking:
    """Masks the lines of a session, in order."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def mask(self, wire: bytes) -> bytes:
        """Return a complete line, masked."""
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
        """Return a part of a line with all digits masked, since their meaning is unknown."""
        return _DIGIT.sub(b"0", wire)

    def _mask_text(self, wire: bytes) -> bytes:
        text = masked(wire.decode("latin-1"), "0", self._learn)
        for addresses in (_IPV4, _IPV6):
            text = addresses.sub(lambda match: _PART.sub(lambda part: _mask_part(part[0]), match[0]), text)

        return text.encode("latin-1")

    def _learn(self, number: str) -> str:
        shown = hide(number, "0")
        plain, replacement = number.encode(), shown.encode()
        self._known[plain] = replacement
        self._known[plain.hex().encode()] = replacement.hex().encode()
        self._known[plain.hex().upper().encode()] = replacement.hex().upper().encode()
        return shown


def _mask_part(part: str) -> str:
    return part if not part.strip("0") else "1" + "0" * (len(part) - 1)


def _payload_width(rest: bytes, length: int, *, is_quoted: bool) -> int:
    """Return the size of a payload on the line: one character per byte in text, two in hex."""
    match = _HEX.match(rest, 0, 2 * length)
    is_hex = match is not None and match.end() == 2 * length
    ends = rest[2 * length : 2 * length + 1] in ((b'"',) if is_quoted else (b"\r", b",", b""))
    return 2 * length if is_hex and ends else length
