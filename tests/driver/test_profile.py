"""A profile as text, and what it refuses."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio import CommandFailed, Modem, Profile
from bc260y_aio.at.commands import TESTABLE, Attention, Command, QuerySleep, SetSleep, Test, read_verbatim

NAMES = st.from_regex(r"\+[A-Z][A-Z0-9]{1,8}", fullmatch=True)

PROFILES = st.builds(
    Profile,
    sockets=st.integers(1, 256),
    largest_ping=st.integers(32, 1500),
    unsupported=st.frozensets(NAMES),
    markers=st.lists(st.sampled_from(TESTABLE), unique=True).map(sorted),
    rai=st.booleans(),
    quoted_data=st.sampled_from((None, True, False)),
    data_format=st.sampled_from((None, "hex", "text")),
    command_gap=st.floats(0, 60),
    nvram_gap=st.floats(0, 60),
    awake_for=st.floats(0, 3600),
    boot_time=st.floats(0.1, 600),
)


@given(PROFILES, st.text())
def test_a_profile_is_read_back_as_it_was_written(profile: Profile, remark: str) -> None:
    # An entry that is None by default has no line, and is read back as None.
    assert Profile.from_toml(profile.to_toml(remark)) == profile


def test_a_profile_is_a_line_for_each_quirk() -> None:
    profile = Profile(largest_ping=200, unsupported=frozenset({"+QSCLK", "+CEDRXS"}), quoted_data=True, nvram_gap=0.2)

    assert profile.to_toml("BC260YCNAAR01A02\nas of today") == (
        "# BC260YCNAAR01A02\n"
        "# as of today\n"
        "largest_ping = 200\n"
        'unsupported = [\n    "+CEDRXS",\n    "+QSCLK",\n]\n'
        "quoted_data = true\n"
        "nvram_gap = 0.2\n"
    )
    assert Profile().to_toml() == "# No quirks.\n"
    assert Profile().to_toml("a\x1b[2Jb\r\nc = 1").splitlines() == ["# a [2Jb", "# c = 1", "# No quirks."]


WRONG: list[dict[str, Any]] = [
    {"sockets": 0},
    {"sockets": 257},
    {"sockets": 2.5},
    {"sockets": True},
    {"largest_ping": 31},
    {"largest_ping": 1501},
    {"unsupported": "+QSCLK"},
    {"unsupported": ["QSCLK"]},
    {"unsupported": ['+QSCLK"\r']},
    {"unsupported": [1]},
    {"unsupported": 1},
    {"markers": ["+CSQ"]},
    {"rai": 1},
    {"rai": None},
    {"quoted_data": 0},
    {"data_format": "auto"},
    {"data_format": []},
    {"command_gap": -0.1},
    {"command_gap": 60.1},
    {"command_gap": float("nan")},
    {"nvram_gap": "0.05"},
    {"nvram_gap": -0.1},
    {"nvram_gap": 60.1},
    {"awake_for": float("inf")},
    {"awake_for": -0.1},
    {"awake_for": 3600.1},
    {"boot_time": 0},
    {"boot_time": 0.09},
    {"boot_time": 600.1},
]


@pytest.mark.parametrize("settings", WRONG, ids=str)
def test_a_value_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=rf"^({name}|the name of a command)"):
        Profile(**settings)


def test_names_may_be_any_collection_and_make_an_equal_profile() -> None:
    listed = Profile(unsupported=["+QSCLK", "+CSQ"], markers=["+QICFG"])  # type: ignore[arg-type]
    same = Profile(unsupported=frozenset({"+CSQ", "+QSCLK"}), markers=("+QICFG",))
    assert (listed, hash(listed), listed.quirks) == (same, hash(same), same.quirks)


@pytest.mark.parametrize("name", ["unsupported", "markers"])
def test_names_that_can_be_read_only_once_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be names of commands, not <list_iterator"):
        Profile(**{name: iter(["+QICFG"])})  # type: ignore[arg-type]


def test_a_limit_itself_is_accepted() -> None:
    least = Profile(sockets=1, largest_ping=32, command_gap=0, nvram_gap=0, awake_for=0, boot_time=0.1)
    most = Profile(sockets=256, largest_ping=1500, command_gap=60, nvram_gap=60, awake_for=3600, boot_time=600)
    assert (least.sockets, most.sockets) == (1, 256)


def test_an_unknown_module_is_taken_for_one_that_does_what_the_guide_says() -> None:
    assert dataclasses.asdict(Profile()) == {
        "sockets": 5,
        "largest_ping": 1500,
        "unsupported": frozenset(),
        "markers": TESTABLE,
        "rai": True,
        "quoted_data": None,
        "data_format": None,
        "command_gap": 0.0,
        "nvram_gap": 0.05,
        "awake_for": 5.0,
        "boot_time": 10.0,
    }


def test_an_open_waits_half_as_long_again_as_a_start_takes() -> None:
    assert [Profile(boot_time=seconds).open_timeout for seconds in (10.0, 40.0)] == [15.0, 60.0]


@pytest.mark.parametrize("text", ["sockets = ", "sockets = 0", "socket = 5", "[profile]\nsockets = 5", "sockets = '5'"])
def test_a_text_that_is_no_profile_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "module.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"^{file}: "):
        Modem("/dev/null", profile=file)


def test_a_modem_takes_a_profile_or_its_file(tmp_path: Path) -> None:
    file = tmp_path / "module.toml"
    file.write_text("sockets = 3\n")

    for profile in (file, str(file), Profile(sockets=3)):
        assert repr(Modem("/dev/null", profile=profile)) == "<Modem /dev/null closed sockets=0/3>"

    # A named entry overrides it.
    assert repr(Modem("/dev/null", profile=file, sockets=2)) == "<Modem /dev/null closed sockets=0/2>"
    with pytest.raises(FileNotFoundError):
        Modem("/dev/null", profile=tmp_path / "nothing.toml")


def test_a_command_that_is_not_known_is_refused_in_all_its_forms() -> None:
    profile = Profile(unsupported=frozenset({"+QSCLK"}))

    unknown: list[Command] = [QuerySleep(), SetSleep(1), Test("+QSCLK"), read_verbatim("AT+QSCLK?")]
    for command in unknown:
        assert Profile().knows(command)
        assert not profile.knows(command)
        with pytest.raises(CommandFailed, match="does not know this command"):
            profile.require(command)

    known: list[Command] = [Attention(), read_verbatim("AT+QSCLKX?"), read_verbatim("ATI")]
    for command in known:
        assert profile.knows(command)
        profile.require(command)


async def test_a_command_that_is_not_known_is_not_sent_when_a_modem_is_opened_and_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "bc260y_aio.trace")
    async with Modem("emulator://", profile=Profile(unsupported=frozenset({"+QSCLK", "+CEREG"})), nvram_gap=0.0):
        pass

    sent = [told.partition("> ")[2] for told in caplog.messages if "> AT" in told]
    assert "AT+QISTATE?" in sent
    assert [line for line in sent if "+QSCLK" in line or "+CEREG" in line] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rai", "rai must be true or false, not 1"),
        ("quoted_data", "quoted_data must be true or false or None, not 1"),
        ("data_format", "data_format must be 'hex' or 'text' or None, not 1"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_those_that_can(name: str, expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{expected}$"):
        Profile(**{name: 1})  # type: ignore[arg-type]
