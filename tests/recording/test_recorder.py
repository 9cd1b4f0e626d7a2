import asyncio
import io
import stat
from pathlib import Path

import pytest

from bc260y_aio.at.urcs import Unrecognised
from bc260y_aio.emulator import Emulator
from bc260y_aio.errors import PortLost, PortNotFound
from bc260y_aio.modem.modem import Modem
from bc260y_aio.port import open_port
from bc260y_aio.recording import Recorder, Transcript
from bc260y_aio.recording import transcript_writer as transcript_writer
from bc260y_aio.recording.transcript_writer import TranscriptWriter
from tests.driver.scripted import settle
from tests.loops import Clock
from tests.recording.sessions import PATIENCE, all_at_once, echoing, one_after_the_other, read_until, record


def said(transcript: Transcript, *, by_dte: bool) -> bytes:
    return b"".join(step.wire for step in transcript.steps if step.by_dte is by_dte)


@pytest.mark.parametrize("line", ["memory", "pty", "tcp"])
async def test_every_byte_is_relayed_and_recorded(line: str, tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    async with (
        Emulator(line="memory") as emulator,
        Recorder(emulator.url, path, line=line) as recorder,
        await open_port(recorder.url) as port,
    ):
        port.write(b"ATE0\rAT+CGMM;\x80\r\r\nAT")
        received = await read_until(port, b"\r\nERROR\r\n")
        port.write(b"\r")
        received += await read_until(port, b"\r\nOK\r\n")

    transcript = Transcript.load(path)
    assert said(transcript, by_dte=True) == b"ATE0\rAT+CGMM;\x80\r\r\nAT\r"
    assert (
        said(transcript, by_dte=False)
        == received
        == (b"ATE0\r\nOK\r\n\r\nQuectel_BC260Y-CN\r\n\r\nERROR\r\n\r\nOK\r\n")
    )
    assert transcript.title.startswith("A session on memory://")


async def test_a_recorded_session_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    await record(one_after_the_other, path)

    transcript = Transcript.load(path)
    times = [step.time for step in transcript.steps if step.time is not None]
    assert times == sorted(times)
    assert len(times) == len(transcript.steps)
    commands = [command for command, _ in transcript.exchanges() if command]
    assert [command for command in commands if "QIOPEN" in command] == [
        *(f'AT+QIOPEN=0,{number},"TCP","echo.example",7' for number in range(3)),
        *(f'AT+QIOPEN=0,{number},"UDP","echo.example",7' for number in (3, 4)),
    ]
    assert "\n\n     0." in path.read_text()


async def test_the_rate_follows_the_program(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    async with (
        Emulator(line="pty", baudrate=115200, baudrate_strict=True) as emulator,
        Recorder(emulator.url, path, line="pty") as recorder,
        Modem(recorder.url) as modem,
    ):
        assert modem.baudrate == 115200
        assert await modem.sockets() == []

    notes = [line for line in path.read_text().splitlines() if line.endswith(" baud")]
    assert notes == ["# 9600 baud", "# 115200 baud"]


async def test_an_explicit_rate_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    async with (
        Emulator(line="pty", baudrate=38400, baudrate_strict=True) as emulator,
        Recorder(emulator.url, path, line="pty", baudrate=38400) as recorder,
        Modem(recorder.url) as modem,
    ):
        assert await modem.sockets() == []

    assert [line for line in path.read_text().splitlines() if line.endswith(" baud")] == ["# 38400 baud"]


async def test_a_restart_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    async with (
        Emulator(line="memory") as emulator,
        Recorder(emulator.url, path) as recorder,
        await open_port(recorder.url) as port,
    ):
        emulator.restart()
        await read_until(port, b"+IP: 10.46.18.102\r\n")

    assert "< RDY\n# the module restarted\n" in path.read_text()


async def test_a_lost_port_closes_the_line(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    async with Emulator(line="memory") as emulator, Recorder(emulator.url, path) as recorder:
        async with await open_port(recorder.url) as port:
            emulator.hang_up()
            with pytest.raises(PortLost):
                await port.read()

        async with asyncio.timeout(PATIENCE):
            with pytest.raises(PortLost):
                await recorder.wait_ended()

    assert path.read_text().endswith(" was hung up\n")


async def test_bytes_without_a_listener_are_recorded_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    async with Emulator(line="memory") as emulator, Recorder(emulator.url, path):
        emulator.send_urc(Unrecognised("+CPIN: READY"))
        await settle()

    assert path.read_text().endswith("< +CPIN: READY\n# 16 bytes came while no program had the line open\n")


# Masked


async def test_a_masked_recording_shows_no_identity(tmp_path: Path) -> None:
    async def identify(modem: Modem) -> None:
        assert await modem.execute("AT+CGSN=1") == ["+CGSN: 867997030012345"]
        assert await modem.execute("AT+CIMI") == ["460001234567890"]
        assert await modem.addresses() == ["10.46.18.102"]
        async with await modem.open_datagram_endpoint("192.0.2.77", 7) as endpoint:
            await endpoint.send(b"I am 867997030012345")
            assert await endpoint.receive() == b"I am 867997030012345"

    path = tmp_path / "it.txt"
    await record(identify, path, mask=True)

    text = path.read_text()
    for number in ("867997030012345", "460001234567890", "10.46.18.102", "192.0.2.77", b"867997030012345".hex()):
        assert number not in text

    assert Transcript.load(path).is_masked
    assert b"I am 867900000000345".hex().upper() in text


# Lines that are not complete


async def test_an_incomplete_line_is_recorded_after_a_pause(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript_writer, "PAUSE", 300.0)
    file = io.StringIO()
    writer = TranscriptWriter(file, "It.")
    writer.feed(b"\r\n> ", by_dte=False)
    writer.feed(b"AT+", by_dte=True)
    assert file.getvalue() == "# It.\n"

    await clock.advance(150)
    writer.feed(b"CSQ", by_dte=True)
    await clock.advance(160)
    assert file.getvalue().endswith("<< \\r\\n>\\x20\n")

    writer.feed(b"\r", by_dte=True)
    await clock.advance(301)
    assert file.getvalue().endswith("> AT+CSQ\n")


async def test_a_masked_line_is_not_written_before_it_is_complete(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript_writer, "PAUSE", 300.0)
    file = io.StringIO()
    writer = TranscriptWriter(file, "It.", mask=True)
    writer.feed(b'\r\n+CGSN: "8679970', by_dte=False)
    await clock.advance(301)
    writer.feed(b'30012345"\r\n\r\n867997030', by_dte=False)
    await clock.advance(301)
    assert file.getvalue().endswith('< +CGSN: "867900000000345"\n')

    file.close = lambda: None  # type: ignore[method-assign]
    writer.close()
    assert file.getvalue().endswith("<< \\r\\n000000000\n")


# Errors


async def test_a_file_that_cannot_be_created_leaves_no_port_open(tmp_path: Path) -> None:
    async with Emulator(line="pty") as emulator:
        with pytest.raises(FileNotFoundError):
            await Recorder(emulator.url, tmp_path / "no" / "it.txt").start()

        async with Modem(emulator.url) as modem:
            assert await modem.sockets() == []


async def test_a_recording_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    for _ in range(2):
        async with Recorder("emulator://", path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

        # The second recording replaces a file that others may read.
        path.chmod(0o644)


async def test_a_recording_does_not_follow_a_symbolic_link(tmp_path: Path) -> None:
    target, path = tmp_path / "precious", tmp_path / "it.txt"
    target.write_text("data")
    path.symlink_to(target)
    with pytest.raises(FileExistsError, match="it is a symbolic link"):
        await Recorder("emulator://", path).start()

    assert target.read_text() == "data"


async def test_a_missing_port_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    path.write_text("precious")
    with pytest.raises(PortNotFound):
        await Recorder("/dev/no-such-port", path).start()

    assert path.read_text() == "precious"


async def test_a_full_disk_does_not_end_the_session() -> None:
    async with echoing() as emulator:
        recorder = Recorder(emulator.url, "/dev/full")
        await recorder.start()
        async with Modem(recorder.url) as modem:
            await all_at_once(modem)

        with pytest.raises(OSError, match="No space left"):
            await recorder.close()


def test_an_unknown_kind_of_line_raises_value_error() -> None:
    with pytest.raises(ValueError, match="the line must be one of memory, pty, tcp, not 'usb'"):
        Recorder("/dev/ttyUSB0", "it.txt", line="usb")
