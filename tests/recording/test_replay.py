import asyncio
from pathlib import Path
from typing import Any

import pytest

from bc260y_aio.errors import CommandFailed, PortLost, ReplayMismatch
from bc260y_aio.modem.modem import Modem
from bc260y_aio.port import Port, open_port
from bc260y_aio.recording import Match, Replay, Transcript
from bc260y_aio.recording.players import ByContent, InOrder, Reply
from tests import transcript as examples
from tests.driver.scripted import settle
from tests.loops import Clock
from tests.recording.sessions import PATIENCE, Session, all_at_once, one_after_the_other, read_until, record


async def replay(session: Session, transcript: Transcript | Path, *, match: Match = "strict") -> None:
    async with Replay(transcript, match=match, speed=None) as module, Modem(module.url) as modem:
        await session(modem)


def line_of(path: Path, start: str) -> int:
    """Return the number of the first line of a transcript with a text."""
    return next(number for number, line in enumerate(path.read_text().split("\n"), 1) if start in line)


# A recorded session


async def test_a_session_over_five_sockets_can_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    await record(one_after_the_other, path)

    for _ in range(3):
        await replay(one_after_the_other, path)


async def test_one_different_byte_of_payload_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    await record(one_after_the_other, path)
    text = path.read_text()
    number = line_of(path, "> AT+QISEND=3,4,")
    path.write_text(text.replace('AT+QISEND=3,4,"32312E35"', 'AT+QISEND=3,4,"32312E36"', 1))

    with pytest.raises(ReplayMismatch) as caught:
        await replay(one_after_the_other, path)

    assert caught.value.line == number
    assert str(caught.value) == (
        f'{path}, line {number}: expected AT+QISEND=3,4,"32312E36", but received AT+QISEND=3,4,"32312E35": '
        "byte 23 differs"
    )


async def test_a_mismatch_closes_the_line(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    await record(one_after_the_other, path)

    async def other(modem: Modem) -> None:
        with pytest.raises(PortLost):
            await modem.resolve("another.example")

        assert not modem.is_open

    with pytest.raises(ReplayMismatch, match=r'"echo.example", but received .*"another.example"'):
        await replay(other, path)


async def test_a_program_that_ends_too_early_is_a_mismatch(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    await record(one_after_the_other, path)

    async def half(modem: Modem) -> None:
        await modem.resolve("echo.example")

    number = line_of(path, "> AT+QIOPEN=0,0")
    with pytest.raises(ReplayMismatch, match=f"line {number}: expected AT.QIOPEN=0,0.*, but received AT.QSCLK=1"):
        await replay(half, path)


async def test_a_masked_session_can_be_replayed(tmp_path: Path) -> None:
    async def identify(modem: Modem) -> None:
        (imei,) = await modem.execute("AT+CGSN=1")
        assert len(await modem.addresses()) == 1
        async with await modem.open_datagram_endpoint("192.0.2.77", 7) as endpoint:
            for data in (imei.encode(), bytes(range(256))):
                await endpoint.send(data)
                assert await endpoint.receive() == data

    path = tmp_path / "it.txt"
    await record(identify, path, mask=True)
    assert "192.0.2.77" not in path.read_text()
    await replay(identify, path)

    path.write_text(path.read_text().replace('"UDP","100', '"UDP","200'))
    with pytest.raises(ReplayMismatch, match=r'"UDP","200.0.1.10",7, but received .*"UDP","100.0.1.10",7'):
        await replay(identify, path)


# Several sockets at work


async def test_sockets_that_are_used_concurrently_can_be_replayed_by_socket(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    await record(all_at_once, path)

    for _ in range(3):
        await replay(all_at_once, path, match="by-socket")


ABOUT_TWO = Transcript.parse(
    """# Two sockets.
0.0 > AT+QISEND=0,1,"30"
0.1 < OK
0.2 < SEND OK
0.3 > AT+QISEND=1,1,"31"
0.4 < OK
0.5 < +QIURC: "closed",0
0.6 < SEND OK
0.7 > AT+QICLOSE=0
0.8 < +QIURC: "recv",1,1,"31"
0.9 < CLOSE OK
""",
    "it",
)


def replies(player: InOrder | ByContent, wire: bytes) -> list[bytes]:
    return [reply.wire for reply in player.answer(wire)[1]]


def test_by_socket_a_push_follows_the_earlier_replies_of_its_socket() -> None:
    player = InOrder(ABOUT_TWO, by_socket=True)
    assert replies(player, b'AT+QISEND=1,1,"31"\r') == [
        b"\r\nOK\r\n",
        b"\r\nSEND OK\r\n",
        b'\r\n+QIURC: "recv",1,1,"31"\r\n',
    ]
    assert replies(player, b'AT+QISEND=0,1,"30"\r') == [
        b"\r\nOK\r\n",
        b"\r\nSEND OK\r\n",
        b'\r\n+QIURC: "closed",0\r\n',
    ]
    assert replies(player, b"AT+QICLOSE=0\r") == [b"\r\nCLOSE OK\r\n"]
    assert player.due is None


def test_strict_matching_keeps_the_order_of_the_transcript() -> None:
    player = InOrder(ABOUT_TWO)
    key, said = player.answer(b'AT+QISEND=0,1,"30"\r')
    assert (key, said) == (-1, [Reply(0.1, b"\r\nOK\r\n"), Reply(0.1, b"\r\nSEND OK\r\n")])
    with pytest.raises(ReplayMismatch, match="byte 6 differs; the order of several sockets varies"):
        player.answer(b"AT+QICLOSE=0\r")


@pytest.mark.parametrize("line", ["AT+QIOPEN=0,1,", "AT+QISEND=1,", "AT+QICLOSE=1", "AT+QISTATE=1,1", "at+qisend=1,0"])
def test_the_connect_id_of_each_socket_command_is_found(line: str) -> None:
    player = InOrder(Transcript.parse(f"# It.\n> AT\n> {line}\n"), by_socket=True)
    assert player.answer(line.encode() + b"\r")[0] == 1


@pytest.mark.parametrize("line", ["AT+QISTATE?", "AT+QISTATE=0,0", "AT+QICLOSE=?", "ATE0", 'AT+QPING=0,"1.2.3.4"', ""])
def test_other_commands_have_no_connect_id(line: str) -> None:
    player = InOrder(Transcript.parse(f"# It.\n>> {line}\\r\n"), by_socket=True)
    assert player.answer(line.encode() + b"\r")[0] == -1


def test_by_socket_an_additional_command_is_a_mismatch() -> None:
    player = InOrder(ABOUT_TWO, by_socket=True)
    with pytest.raises(
        ReplayMismatch, match=r"it: expected no more command for connectID 3 after line 9, but received AT\+QICLOSE=3"
    ):
        player.answer(b"AT+QICLOSE=3\r")


# Input


async def opened(module: Replay) -> Port:
    return await open_port(module.url)


ASKED = "# It.\n< RDY\n> AT\n<< AT\\r\n< OK\n"


async def test_a_command_after_the_end_is_a_mismatch() -> None:
    module = Replay(Transcript.parse(ASKED, "it"))
    await module.start()
    async with await opened(module) as port:
        port.write(b"AT\rAT+CSQ\r")
        with pytest.raises(ReplayMismatch, match=r"it: expected no more command after line 3, but received AT\+CSQ"):
            await module.wait_finished()

    await module.close()


@pytest.mark.parametrize("written", [[b"AT\r"], [b"A", b"T", b"\r"], [b"AT", b"\r"]])
async def test_a_line_may_be_written_in_any_chunks(written: list[bytes]) -> None:
    async with Replay(Transcript.parse(ASKED, "it")) as module, await opened(module) as port:
        for piece in written:
            port.write(piece)
            await settle()

        await module.wait_finished()
        assert await read_until(port, b"OK\r\n") == b"\r\nRDY\r\nAT\r\r\nOK\r\n"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"AT+CSQ", r"line 3: expected AT, but received AT\+CSQ \(without CR\): byte 3 differs"),
        (b"\r", "line 3: expected AT, but received an empty line: byte 1 differs"),
        (b"at\r", "line 3: expected AT, but received at: byte 1 differs"),
        (b"A\rT\r", "line 3: expected AT, but received A: byte 2 differs"),
        (b"\xff" * 5000, r"line 3: expected AT, but received (\\xff)+\.\.\. \(without CR\): byte 1 differs"),
    ],
)
async def test_the_first_different_byte_is_reported(written: bytes, message: str) -> None:
    module = Replay(Transcript.parse(ASKED, "it"))
    await module.start()
    async with await opened(module) as port:
        port.write(written)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ReplayMismatch, match=message):
                await module.wait_finished()

        with pytest.raises(PortLost):
            await read_until(port, b"never")

    await module.close()


async def test_a_replay_waits_for_the_rest_of_a_line(clock: Clock) -> None:
    async with Replay(Transcript.parse(ASKED, "it")) as module, await opened(module) as port:
        port.write(b"A")
        await clock.advance(10)
        port.write(b"T\r")
        await module.wait_finished()


async def test_a_transcript_may_end_within_a_line() -> None:
    async with Replay(Transcript.parse("# It.\n>> AT\n", "it")) as module, await opened(module) as port:
        port.write(b"AT")
        await module.wait_finished()


async def test_a_program_that_writes_nothing_is_a_mismatch() -> None:
    with pytest.raises(ReplayMismatch, match=r"it, line 3: expected AT, but the program ended"):
        async with Replay(Transcript.parse(ASKED, "it")):
            pass


async def test_another_exception_of_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Replay(Transcript.parse(ASKED, "it")):
            raise ZeroDivisionError


# When it is answered


@pytest.mark.parametrize(("speed", "pace"), [(1.0, 1.0), (4.0, 0.25)])
async def test_replies_keep_their_recorded_delays(speed: float, pace: float, clock: Clock) -> None:
    text = "# It.\n1000.0 > AT\n1200.0 < OK\n1500.0 < RDY\n1600.0 > AT\n"
    async with Replay(Transcript.parse(text), speed=speed) as module, await opened(module) as port:
        port.write(b"AT\r")
        await clock.advance(190 * pace)
        assert port.in_waiting == 0

        await clock.advance(20 * pace)
        assert await port.read() == b"\r\nOK\r\n"
        await clock.advance(280 * pace)
        assert port.in_waiting == 0

        # A program may be faster than it was.
        port.write(b"AT\r")
        await clock.advance(20 * pace)
        assert await port.read() == b"\r\nRDY\r\n"
        await module.wait_finished()


async def test_without_delays_all_replies_are_sent_at_once() -> None:
    async with Replay(ABOUT_TWO, speed=None) as module, await opened(module) as port:
        for line in (b'AT+QISEND=0,1,"30"\r', b'AT+QISEND=1,1,"31"\r', b"AT+QICLOSE=0\r"):
            port.write(line)

        assert (await read_until(port, b"CLOSE OK\r\n")).count(b"SEND OK") == 2


@pytest.mark.parametrize("line", ["pty", "tcp"])
async def test_a_replay_works_on_each_kind_of_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    await record(one_after_the_other, path)
    async with Replay(path, speed=None, line=line) as module:
        async with Modem(module.url, baudrate=9600) as modem:
            await one_after_the_other(modem)

        await module.wait_finished()


# Leniently


def test_lenient_matching_repeats_the_last_answer_without_pushes() -> None:
    player = ByContent(
        Transcript.parse(
            """# It.
< RDY
> AT+CSQ
< +CSQ: 1,0
< OK
> AT+CEREG?
< ERROR
> AT+CSQ
< +CSQ: 2,0
< OK
< +QIURC: "closed",0
"""
        )
    )
    assert [reply.wire for reply in player.opening] == [b"\r\nRDY\r\n"]
    first, second = [b"\r\n+CSQ: 1,0\r\n", b"\r\nOK\r\n"], [b"\r\n+CSQ: 2,0\r\n", b"\r\nOK\r\n"]
    assert replies(player, b"AT+CEREG?\r") == [b"\r\nERROR\r\n"]
    assert replies(player, b"\nAT+CSQ\r") == first
    assert replies(player, b"AT+CSQ\r") == [*second, b'\r\n+QIURC: "closed",0\r\n']
    assert replies(player, b"AT+CSQ\r") == second
    assert replies(player, b"AT\r") == [b"\r\nOK\r\n"]
    assert replies(player, b"\r") == []
    assert replies(player, b"AT+CFUN?\r") == [b"\r\nERROR\r\n"]
    assert (player.unknown, player.due) == (["AT+CFUN?"], None)


async def test_a_lenient_replay_answers_every_command(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    await record(one_after_the_other, path)
    async with Replay(path, match="lenient") as module:
        async with Modem(module.url) as modem:
            with pytest.raises(CommandFailed):
                await modem.execute("AT+CSQ")

            for _ in range(2):
                modem._resolved.clear()
                assert await modem.resolve("echo.example") == ["192.0.2.77"]

            assert await modem.sockets() == []

        assert module.unknown == ["AT+CSQ"]


async def test_an_example_of_the_guide_can_be_replayed_leniently() -> None:
    (example,) = (one for one in examples.GUIDE if one.section == "4.6")
    async with Replay(example.recorded, match="lenient") as module, await opened(module) as port:
        port.write(b'AT\rAT+QPING=0,"iot.quectel.com"\r')
        assert b"+QPING: 0,47.100.63.174,32,369" in await read_until(port, b"+QPING: 0,4,4,0,260,484,398\r\n")


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"match": "loose"}, "match must be one of strict, by-socket, lenient, not 'loose'"),
        ({"speed": 0.0}, "speed must be positive, not 0.0"),
        ({"line": "usb"}, "the line must be one of memory, pty, tcp, not 'usb'"),
    ],
)
def test_wrong_arguments_raise_value_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Replay(Transcript.parse(ASKED), **options)


def test_a_missing_file_raises_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Replay(tmp_path / "it.txt")
