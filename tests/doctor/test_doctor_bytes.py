"""Checks on bytes as the guide and real modules have them: no emulator writes them."""

import asyncio
from typing import Any, cast

import pytest

from bc260y_aio.at.commands import (
    Attention,
    CloseSocket,
    Command,
    Ping,
    QueryClock,
    QueryNetworkTime,
    Resolve,
    SendData,
    read_verbatim,
)
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.doctor import CHECKS, Finding, Outcome
from bc260y_aio.doctor.line import Line
from bc260y_aio.doctor.observations import Observations

OK = b"\r\nOK\r\n"


class Script:
    """A port behind which each command is answered by the next bytes."""

    url, baudrate = "script://", None

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self._received: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, data: bytes) -> None:
        self._received.put_nowait(self._answers.pop(0))

    async def read(self) -> bytes:
        return await self._received.get()


async def judge(key: str, **answers: tuple[Command, bytes]) -> Finding:
    """Return the finding of a check for answers, by name, each with its command."""
    line = Line(cast("Any", Script(*(answer for _, answer in answers.values()))))
    observations = Observations(line.exchanges)
    for name, (command, _) in answers.items():
        observations.exchanges[name.replace("_", ".").replace("QQ", "+Q").replace("CC", "+C")] = await line.ask(command)

    await line.listen(1.0)
    (check,) = (one for one in CHECKS if one.key == key)
    return check.check(observations)


GUIDE_PING = (
    OK + b"\r\n+QPING: 0,47.100.63.174,32,369\r\n\r\n+QPING: 0,47.100.63.174,32,479\r\n"
    b"\r\n+QPING: 0,47.100.63.174,32,484\r\n\r\n+QPING: 0,47.100.63.174,32,260\r\n\r\n+QPING: 0,4,4,0,260,484,398\r\n"
)
LOST_PING = OK + b"\r\n+QPING: 569\r\n" * 4 + b"\r\n+QPING: 0,4,0,4,0,0,0\r\n"
GUIDE_NAME = OK + b"\r\n+QIDNSGIP: 0,1,0\r\n\r\n+QIDNSGIP: 39.156.69.79\r\n"
GUIDE_TIME = OK + b'\r\n+QNTIP: 0,"19/06/11,11:08:20:35+32"\r\n'
SENT = SendData(0, b"hi", form=PayloadFormat.TEXT)

AGREES, DIFFERS, NOT_CHECKED = Outcome

CASES: list[tuple[str, Outcome, str, dict[str, tuple[Command, bytes]]]] = [
    ("ping_ttl", DIFFERS, "+QPING: 0,47.100.63.174,32,369", {"ping": (Ping("a"), GUIDE_PING)}),
    ("quoted_addresses", AGREES, "+QPING: 0,47.100.63.174,32,369", {"ping": (Ping("a"), GUIDE_PING)}),
    ("ping_ttl", NOT_CHECKED, "no packet came back", {"ping": (Ping("a"), LOST_PING)}),
    ("quoted_addresses", NOT_CHECKED, "no address was received", {"ping": (Ping("a"), LOST_PING)}),
    ("quoted_addresses", AGREES, "+QIDNSGIP: 39.156.69.79", {"resolve": (Resolve("a"), GUIDE_NAME)}),
    ("ntp_prefix", DIFFERS, '+QNTIP: 0,"19/06/11,11:08:20:35+32"', {"time": (QueryNetworkTime("a"), GUIDE_TIME)}),
    ("ntp_colons", DIFFERS, '+QNTIP: 0,"19/06/11,11:08:20:35+32"', {"time": (QueryNetworkTime("a"), GUIDE_TIME)}),
    ("stray_nul", AGREES, "", {"send": (SENT, OK + b"\r\nSEND OK\r\n")}),
    ("stray_nul", DIFFERS, "after AT+QISEND", {"send": (SENT, OK + b"\0\r\nSEND OK\r\n")}),
    ("stray_nul", DIFFERS, "after AT+QISEND", {"send": (SENT, OK + b"\r\nSEND OK\r\n\0")}),
    ("stray_nul", DIFFERS, "after AT+QICLOSE", {"close": (CloseSocket(0), b"\r\nERROR\r\n\0")}),
    ("space_after_colon", DIFFERS, "no space after +CCLK", {
        "a": (QueryClock(), b'\r\n+CCLK:"26/01/02,03:04:05"\r\n' + OK),
    }),
    ("four_digit_year", DIFFERS, '+CCLK: "26/01/02,03:04:05+00"', {
        "query_CCCLK": (QueryClock(), b'\r\n+CCLK: "26/01/02,03:04:05+00"\r\n' + OK),
    }),
    ("compact", DIFFERS, "\\r\\n\\r\\n between them", {
        "identity": (read_verbatim("ATI"), b"\r\nQuectel_Ltd\r\n\r\nBC260Y-CN\r\n" + OK),
    }),
    ("compact", NOT_CHECKED, "ATI returned a single line", {
        "identity": (read_verbatim("ATI"), b"\r\nBC260Y\r\n" + OK),
    }),
    # The echo of the platform: the line without its CR, and the answer behind it (with the CR LF that begins it).
    ("echo_ending", AGREES, "AT", {"echo_on": (Attention(), b"AT\r\nOK\r\n"), "echo_off": (Attention(), OK)}),
    ("echo_ending", DIFFERS, "AT\\r", {"echo_on": (Attention(), b"AT\r\r\nOK\r\n"), "echo_off": (Attention(), OK)}),
    ("echo_ending", DIFFERS, "after ATE1, AT brought \\r\\nOK\\r\\n", {
        "echo_on": (Attention(), OK),
        "echo_off": (Attention(), OK),
    }),
    ("blank_lines", DIFFERS, "\\r\\n\\r\\n before OK", {"echo_off": (Attention(), b"\r\n" + OK)}),
    ("quoted_data", AGREES, "", {"send": (SENT, OK + b'\r\nSEND OK\r\n\r\n+QIURC: "recv",0,2,"hi"\r\n')}),
    ("quoted_data", DIFFERS, "it is not", {"send": (SENT, OK + b'\r\nSEND OK\r\n\r\n+QIURC: "recv",0,2,hi\r\n')}),
    ("quoted_data", NOT_CHECKED, "no data was received", {"send": (SENT, OK + b"\r\nSEND OK\r\n")}),
    ("push_size", DIFFERS, "1025 bytes", {
        "stream_small": (SENT, OK + b'\r\nSEND OK\r\n\r\n+QIURC: "recv",0,1025,"' + b"A" * 1025 + b'"\r\n'),
    }),
    ("unknown_lines", AGREES, "", {
        "a": (Attention(), b"\r\n+CFUN:1\r\n\r\n+CPIN: READY\r\n\r\n+IP: 10.0.0.1\r\n" + OK),
    }),
    ("unknown_lines", DIFFERS, "+QLWEVT: 1", {"a": (Attention(), b"\r\n+QLWEVT: 1\r\n" + OK)}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "outcome", "seen", "said"), CASES)
async def test_a_check_decides_by_the_received_bytes(
    key: str, outcome: Outcome, seen: str, said: dict[str, tuple[Command, bytes]]
) -> None:
    verdict = (await judge(key, **said)).verdict

    assert (verdict.outcome, verdict.seen) == (outcome, seen)
    assert bool(verdict.note) is (outcome is DIFFERS)


# A payload may look like a difference.
@pytest.mark.parametrize("payload", [b"\0", b"+QIURC:", b"+CCLK:1\r\n", b"\r\n+QISEND:1,2,3\r\n", b"\0\0+A:1"])
async def test_payload_is_not_taken_for_the_format_of_the_module(payload: bytes) -> None:
    pushed = b'\r\nSEND OK\r\n\r\n+QIURC: "recv",0,%d,"%b"\r\n' % (len(payload), payload)
    for key in ("stray_nul", "space_after_colon", "unknown_lines"):
        finding = await judge(key, send=(SENT, OK + pushed))
        assert finding.verdict.outcome is AGREES, (key, finding.verdict)
