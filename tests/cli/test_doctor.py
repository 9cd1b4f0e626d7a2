import asyncio
import contextlib
import json
import pty
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bc260y_aio import Modem, Profile
from bc260y_aio.cli import build_parser, doctor
from bc260y_aio.doctor import Impact
from bc260y_aio.emulator import EchoPeer, Emulator
from tests.cli.running import finished, run, started, until
from tests.guide.conftest import QuickLoop
from tests.loops import LoopFactory


@pytest.fixture(autouse=True)
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """Use a controlled clock, except for tests with another process."""
    return asyncio.new_event_loop if "process" in request.function.__name__ else QuickLoop


def module(**settings: Any) -> Emulator:
    emulator = Emulator(line="memory", **settings)
    emulator.network.add_host("echo.example", EchoPeer())
    return emulator


async def test_the_report_shows_agreements_differences_and_a_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("doctor", "--port", "emulator://?firmware=R01A02") == 3

    shown = capsys.readouterr().out.splitlines()
    assert shown[:3] == [
        "port          emulator://?firmware=R01A02",
        "model         Quectel_BC260Y-CN",
        "firmware      BC260YCNAAR01A02",
    ]
    assert "agrees        sockets: there are 5 connectIDs (guide 2.2.2): 5 of them" in shown
    assert [line for line in shown if line.startswith("differs")] == [
        "differs       stray_nul: there is no NUL between responses (guide 2.1.2): after AT+QICLOSE",
        "differs       largest_ping: a ping may have 1500 bytes (guide 2.2.8): 200 bytes",
    ]
    assert "not checked   ping_ttl: a reply to a ping has its TTL (guide 2.2.8): it needs consent: data" in shown
    assert shown[-4].endswith("2 differ, 36 not checked. The profile, for Modem(port, profile=...):")
    assert shown[-2:] == ["# BC260YCNAAR01A02", "largest_ping = 200"]


async def test_a_module_that_follows_the_guide_has_no_differences(capsys: pytest.CaptureFixture[str]) -> None:
    async with module(sleep_after=10.0, address="2001:db8::7") as emulator:
        server = ("--server", "echo.example:7", "--time-server", "ntp.example")
        assert await run("doctor", "--port", emulator.url, "--yes", *server) == 0

    shown = capsys.readouterr().out.splitlines()
    assert "60 agree, 0 differ, 0 not checked. The profile, for Modem(port, profile=...):" in shown
    assert shown[-2:] == ["# BC260YCNAAR01A03", "quoted_data = true"]


async def test_json_holds_the_same_findings(capsys: pytest.CaptureFixture[str]) -> None:
    url = "emulator://?sockets=3&baudrate=115200"
    assert await run("doctor", "--port", url, "--json", "--allow", "sleep") == 3

    found = json.loads(capsys.readouterr().out)
    assert (found["port"], found["baudrate"], found["firmware"]) == (url, 115200, "BC260YCNAAR01A03")
    assert found["profile"] == {"sockets": 3}
    (different,) = (one for one in found["findings"] if one["outcome"] == "differs")
    assert different == {
        "key": "sockets",
        "outcome": "differs",
        "assumes": "there are 5 connectIDs",
        "guide": "2.2.2",
        "manual": None,
        "seen": "3 of them",
        "otherwise": None,
        "note": "Pass the profile to Modem.",
    }
    outcomes = {one["key"]: one["outcome"] for one in found["findings"]}
    assert (outcomes["sleep_after"], outcomes["boot_time"]) == ("agrees", "not checked")


async def test_a_saved_profile_can_be_passed_to_a_modem(tmp_path: Path) -> None:
    file = tmp_path / "module.toml"
    async with module(sockets=3, boot_time=20.0) as emulator:
        await run("doctor", "--port", emulator.url, "--allow", "restart", "--save", str(file))
        async with Modem(emulator.url, profile=file) as modem:
            assert repr(modem).endswith("sockets=0/3>")

    assert file.read_text() == "# BC260YCNAAR01A03\nsockets = 3\nboot_time = 30.0\n"
    assert Profile.load(file) == Profile(sockets=3, boot_time=30.0)


# Consent


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ((), set()),
        (("--allow", "none"), set()),
        (("--allow", "data,nvram"), {Impact.DATA, Impact.NVRAM}),
        (("--yes",), set(Impact)),
    ],
)
async def test_consent_comes_from_the_options_and_no_question_is_asked_without_a_terminal(
    arguments: tuple[str, ...], allowed: set[Impact], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = []

    async def inspect_module(port: str, **options: Any) -> Any:
        passed.append(options["options"])
        raise OSError("enough")

    monkeypatch.setattr(doctor, "inspect_module", inspect_module)
    assert await run("doctor", "--port", "emulator://", *arguments) == 1
    assert [set(options.allowed) for options in passed] == [allowed]


WRONG: list[tuple[str, ...]] = [
    ("--allow", "everything"),
    ("--yes", "--allow", "data"),
    ("--server", "example.com"),
    ("--server", "example.com:0"),
    ("--server", "example.com:http"),
    ("--server", 'exa"mple:7'),
    ("--time-server", "example.com:x"),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
async def test_wrong_arguments_are_refused_before_the_port_is_opened(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        await run("doctor", "--port", "/dev/there-is-no-such-port", *arguments)

    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ntp.example", ("ntp.example", 123)),
        ("ntp.example:1123", ("ntp.example", 1123)),
        ("[2001:db8::1]:124", ("2001:db8::1", 124)),
    ],
)
async def test_a_time_server_has_a_port_or_the_default_one(text: str, address: tuple[str, int]) -> None:
    options = build_parser().parse_args(["doctor", "--port", "emulator://", "--time-server", text])
    assert options.time_server == address


async def test_help_names_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        await run("doctor", "--help")

    reported = " ".join(capsys.readouterr().out.split())
    assert "The exit status is 0 if nothing differs, 3 if something differs, 1 for a failure." in reported


@contextlib.contextmanager
def person_typing(typed: bytes) -> Iterator[Callable[[], str]]:
    """Let standard input and error be a terminal at which this has been typed; yield what returns what it shows."""
    ours, theirs = pty.openpty()
    with (
        open(ours, "r+b", buffering=0) as person,
        open(theirs, "r+b", buffering=0) as stdin,
        open(theirs, "w", closefd=False) as stderr,
        pytest.MonkeyPatch.context() as patch,
    ):
        person.write(typed)
        patch.setattr("sys.stdin", stdin)
        patch.setattr("sys.stderr", stderr)
        yield lambda: person.read(4096).decode()


async def test_each_question_is_asked_at_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with person_typing(b"\ny\nno\nn\n") as shown:
        assert await run("doctor", "--port", "emulator://", "--json") == 0
        asked = shown()

    for what in (
        "send about 6 KB?",
        "NVRAM, and restore them (about ten writes)?",
        "wake it (half a minute)?",
        "restart the",
    ):
        assert what in asked

    outcomes = {one["key"]: one["outcome"] for one in json.loads(capsys.readouterr().out)["findings"]}
    assert outcomes["format_set"] == "agrees"
    assert {outcomes[key] for key in ("open", "wake_time", "boot_time")} == {"not checked"}


# In a process of its own


async def test_an_interrupted_process_restores_the_settings() -> None:
    async with Emulator(line="tcp", answer_delay=0.02) as emulator:
        emulator.module.sleep.allow(2)
        async with started("doctor", "--port", emulator.url, "--yes") as process:
            await until(lambda: emulator.module.commands["+QIOPEN"] > 0)
            assert emulator.module.sleep.mode == 0
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130

        assert emulator.module.sleep.mode == 2
        assert emulator.module.writer.dce.echo_ending == b""


async def test_a_process_without_a_module_fails() -> None:
    status, printed, complained = await finished("doctor", "--port", "/dev/there-is-no-such-port")

    assert (status, printed) == (1, b"")
    assert b"/dev/there-is-no-such-port" in complained
