import asyncio
from pathlib import Path

import pytest

from bc260y_aio.emulator import Emulator
from tests.cli.running import finished, run, serving
from tests.tracing.chrome import lanes, load, spans

PORT = "emulator://?baudrate=115200&latency=0.005"


async def test_the_demo_shows_five_sockets_and_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "it.json"
    assert await run("demo", "--size", "1500", "--trace", str(path), "--port", PORT) == 0

    entries = load(path)
    assert lanes(entries) == {1: "line", **{number + 2: f"connectID {number}" for number in range(5)}}
    on_the_line = spans(entries, 1)
    for lane in range(2, 7):
        names = [name for name, _, _ in spans(entries, lane)]
        assert names[-1] == "AT+QICLOSE"
        assert {"waiting", "AT+QIOPEN", "AT+QISEND"} <= set(names)
        assert {span for span in spans(entries, lane) if span[0] != "waiting"} <= set(on_the_line)
        lives = [entry for entry in entries if entry["tid"] == lane and entry["ph"] in "BE"]
        assert [entry["ph"] for entry in lives] == ["B", "E"]
        assert any(entry["ph"] == "i" and entry["name"].startswith("recv") for entry in entries if entry["tid"] == lane)

    counters = {entry["name"] for entry in entries if entry["ph"] == "C"}
    assert counters == {"turns", *(f"connectID {number} queues" for number in range(5))}


async def test_a_trace_holds_no_identity_and_no_payload(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    assert await run("info", "--unmasked", "--trace", str(path), "--port", "emulator://") == 0
    text = path.read_text()
    assert "8679********345" in text
    assert not [number for number in ("867997030012345", "460001234567890", "89860012345678901234") if number in text]


@pytest.mark.parametrize(("option", "is_shown"), [([], False), (["--trace-payload"], True)])
async def test_a_trace_holds_payload_on_request(option: list[str], is_shown: bool, tmp_path: Path) -> None:
    async def echo_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(10))
        writer.close()

    path = tmp_path / "it.json"
    async with serving(echo_once) as port:
        status, printed, _ = await finished(
            *("nc", "127.0.0.1", port, "--port", PORT, "--trace", str(path), *option),
            given=b"between us",
        )

    assert (status, printed) == (0, b"between us")
    assert [entry["args"]["payload"] for entry in load(path) if "payload" in entry.get("args", {})] == (
        [b"between us".hex()] * 3 if is_shown else []
    )


@pytest.mark.parametrize(
    "command",
    [["at", "AT+CSQ"], ["dns", "echo.example"], ["ping", "echo.example"], ["ntp", "ntp.example"], ["info"]],
    ids=" ".join,
)
async def test_every_command_that_opens_a_module_can_be_traced(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    async with Emulator(line="tcp") as emulator:
        assert await run(*command, "--trace", str(path), "--port", emulator.url) == 0

    first = next(entry for entry in load(path) if entry["ph"] == "i")
    assert first["name"].startswith("opened socket://")


async def test_a_trace_that_cannot_be_written_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("info", "--trace", "/no/such/folder/it.json", "--port", "emulator://") == 1
    assert capsys.readouterr() == ("", "bc260y-aio: /no/such/folder/it.json: No such file or directory\n")
