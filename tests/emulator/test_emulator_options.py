"""Options: as arguments, as a URL, and what they are checked for."""

import dataclasses
import urllib.parse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at.responses import STANDARD, CmeLevel, Dialect
from bc260y_aio.emulator import Currents, Emulator, Faults, Network, Options
from bc260y_aio.emulator.describe import describe_options
from bc260y_aio.emulator.firmware import MANUAL_DIALECT
from bc260y_aio.emulator.variants import Variants

# An option as it stands in a URL, and what it means.
IN_URLS: list[tuple[str, str, object]] = [
    ("line", "tcp", "tcp"),
    ("port", "4000", 4000),
    ("link", "/tmp/modem", "/tmp/modem"),
    ("baudrate", "115200", 115200),
    ("baudrate_strict", "1", True),
    ("chunk", "1", 1),
    ("chunks", "1-16", (1, 16)),
    ("seed", "7", 7),
    ("latency", "0.3", 0.3),
    ("jitter", "0.1", 0.1),
    ("loss", "0.05", 0.05),
    ("rate_up", "16000", 16000),
    ("rate_down", "20000", 20000),
    ("rrc_setup", "1.5", 1.5),
    ("rrc_inactivity", "10", 10.0),
    ("rrc_release", "0.5", 0.5),
    ("drx", "2.56", 2.56),
    ("edrx", "81.92", 81.92),
    ("paging_window", "5.12", 5.12),
    ("psm", "no", False),
    ("network", "edge", "edge"),
    ("blackout", "60-90.5", (60.0, 90.5)),
    ("cell_lost", "60-90.5", (60.0, 90.5)),
    ("has_cell", "0", False),
    ("any_address", "1", True),
    ("decimal_area", "1", True),
    ("reject_cause", "15", 15),
    ("off_ma", "0.1", 0.1),
    ("deep_sleep_ma", "0.003", 0.003),
    ("psm_ma", "0.003", 0.003),
    ("idle_ma", "0.2", 0.2),
    ("receive_ma", "46", 46.0),
    ("transmit_ma", "220", 220.0),
    ("volts", "3.3", 3.3),
    ("names", "no", False),
    ("nvram", "/tmp/nvram", "/tmp/nvram"),
    ("boot", "yes", True),
    ("boot_time", "3", 3.0),
    ("registration_delay", "8", 8.0),
    ("firmware", "R02A01", "R02A01"),
    ("model", "BC660K-GL", "BC660K-GL"),
    ("sockets", "256", 256),
    ("psm_requested", "1", True),
    ("imsi", "460011234567890", "460011234567890"),
    ("iccid", "89860112345678901234", "89860112345678901234"),
    ("sim", "pin", "pin"),
    ("pin", "4321", "4321"),
    ("puk", "87654321", "87654321"),
    ("registration", "roaming", "roaming"),
    ("battery_mv", "3600", 3600),
    ("adc_mv", "12", 12),
    ("rsrp", "-100", -100),
    ("rsrq", "-12", -12),
    ("snr", "-3", -3),
    ("send_segments", "3", 3),
    ("answer_jitter", "0.02", 0.02),
    ("address_context", "5", 5),
    ("quoted_pdp_address", "0", False),
    ("quoted_clock", "0", False),
    ("ipv6_octets", "0", False),
    ("quoted_imei", "1", True),
    ("cscon_space", "0", False),
    ("parameter_errors", "1", True),
    ("socket_errors", "1", True),
    ("dsevent_at_once", "1", True),
    ("saves_reports", "0", False),
    ("keeps_omitted", "0", False),
    ("edrx_value_when_off", "0", False),
    ("light_sleep_loses", "0", False),
    ("strict_search", "1", True),
    ("imei", "123456789012345", "123456789012345"),
    ("address", "10.0.0.7", "10.0.0.7"),
    ("open_timeout", "5", 5.0),
    ("close_after_failure", "false", False),
    ("send_buffer", "4096", 4096),
    ("send_timeout", "2.5", 2.5),
    ("push_window", "512", 512),
    ("answer_delay", "0.03", 0.03),
    ("completion_delay", "0.05", 0.05),
    ("sleep_after", "10", 10.0),
    ("light_sleep", "on", True),
    ("wake_time", "0.5", 0.5),
    ("echo_ending", "crlf", "crlf"),
    ("space_after_colon", "0", False),
    ("quoted_data", "0", False),
    ("quoted_addresses", "1", True),
    ("ping_ttl", "0", False),
    ("ntp_prefix", "+QNTIP", "+QNTIP"),
    ("four_digit_year", "0", False),
    ("four_digit_ntp", "1", True),
    ("ntp_colons", "1", True),
    ("stray_nul", "1", True),
    ("blank_lines", "2", 2),
    ("compact", "0", False),
    ("cme", "2", CmeLevel.TEXT),
    ("send_fail_taken", "0.1", 0.1),
    ("send_fail_dropped", "0.1", 0.1),
    ("send_ok_lost", "0.1", 0.1),
    ("ok_lost", "0.1", 0.1),
    ("answer_lost", "0.1", 0.1),
    ("open_lost", "0.1", 0.1),
    ("close_ok_lost", "0.1", 0.1),
    ("answer_late", "0.1", 0.1),
    ("answer_late_by", "30", 30.0),
    ("urc_late", "0.1", 0.1),
    ("urc_late_by", "30", 30.0),
    ("urc_inside", "0.1", 0.1),
    ("closed", "0.1", 0.1),
    ("broken_receiving", "0.1", 0.1),
    ("broken_sending", "0.1", 0.1),
    ("session_lost", "0.1", 0.1),
    ("outage", "0.1", 0.1),
    ("outage_for", "60", 60.0),
    ("restart", "0.1", 0.1),
    ("deep_sleep", "0.1", 0.1),
    ("unplugged", "0.1", 0.1),
    ("unplugged_for", "60", 60.0),
    ("stalled", "0.1", 0.1),
    ("stalled_by", "5", 5.0),
    ("noise_lost", "0.1", 0.1),
    ("noise_damaged", "0.1", 0.1),
    ("noise_doubled", "0.1", 0.1),
    ("noise_gap", "0", 0),
    ("noise_delayed", "0.1", 0.1),
    ("noise_delayed_by", "5", 5.0),
    ("noise_split", "0.1", 0.1),
]


def value_of(options: Options, name: str) -> Any:
    for place in (options, options.dialect, options.variants, options.currents, options.faults):
        if hasattr(place, name):
            return getattr(place, name)

    raise AssertionError(name)


@pytest.mark.parametrize(("name", "text", "value"), IN_URLS, ids=[name for name, _, _ in IN_URLS])
def test_an_option_can_be_given_in_a_url_and_as_an_argument(name: str, text: str, value: object) -> None:
    text = text.replace("+", "%2B")
    options = Options.from_url(f"emulator://?{name}={text}")

    assert value_of(options, name) == value
    assert options == Options.of(**{"line": "memory", name: value})
    assert options != Options.from_url("emulator://")
    assert Options.from_url(options.to_url()) == options


def test_the_list_above_names_every_option() -> None:
    kinds: tuple[Any, ...] = (Options, Dialect, Variants, Currents, Faults)
    names = {field.name for kind in kinds for field in dataclasses.fields(kind) if field.init}

    assert {name for name, _, _ in IN_URLS} == names - {"dialect", "variants", "currents", "faults"}


def test_every_option_is_described() -> None:
    told = list(describe_options())

    assert [one.name for one in told if not one.meaning] == []
    assert sorted(one.name for one in told) == sorted(name for name, _, _ in IN_URLS)
    query = urllib.parse.urlencode({one.name: one.default for one in told if one.default != "none"})
    assert Options.from_url(f"emulator://?{query}") == Options(line="memory")


def test_a_url_without_options_is_a_line_in_memory() -> None:
    assert Options.from_url("emulator://") == Options.from_url("emulator://?") == Options(line="memory")
    assert Options(line="memory").to_url() == "emulator://"
    assert Options().line == "pty"
    assert Options().to_url() == "emulator://?line=pty"


@given(
    settings=st.fixed_dictionaries(
        {},
        optional={
            "line": st.sampled_from(["pty", "tcp", "memory"]),
            "link": st.text(min_size=1),
            "latency": st.floats(0, 1e6),
            "seed": st.integers(0),
            "firmware": st.sampled_from(["manual", "guide", "R01A02", "R01A03", "R02A01"]),
            "stray_nul": st.booleans(),
            "ping_ttl": st.booleans(),
            "baudrate": st.none() | st.integers(1),
            "network": st.sampled_from([None, "good", "average", "edge"]),
            "rate_up": st.none() | st.integers(1),
            "blackout": st.none() | st.tuples(st.integers(0, 9).map(float), st.integers(9, 99).map(float)),
            "chunks": st.none() | st.tuples(st.integers(1, 9), st.integers(9, 99)),
            "ok_lost": st.floats(0, 1),
        },
    )
)
def test_options_read_back_from_their_url_are_the_same(settings: dict[str, Any]) -> None:
    options = Options.of(**settings)

    assert Options.from_url(options.to_url()) == options


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("emulator://?colour=blue", "unknown option 'colour'"),
        ("emulator://?latency=fast", "option 'latency' cannot be 'fast'"),
        ("emulator://?latency=-1", "option 'latency' cannot be '-1'"),
        ("emulator://?latency=nan", "option 'latency' cannot be 'nan'"),
        ("emulator://?latency=", "option 'latency' cannot be ''"),
        ("emulator://?latency", "option 'latency' cannot be ''"),
        ("emulator://?seed=1.5", "option 'seed' cannot be '1.5'"),
        ("emulator://?boot=maybe", "option 'boot' cannot be 'maybe'"),
        ("emulator://?chunks=5", "option 'chunks' cannot be '5'"),
        ("emulator://?chunks=5-1", "chunks must be two sizes"),
        ("emulator://?chunk=0", "chunk must be more than 0"),
        ("emulator://?baudrate=0", "baudrate must be more than 0"),
        ("emulator://?link=", "option 'link' cannot be ''"),
        ("emulator://?line=usb", "line must be one of memory, pty, tcp"),
        ("emulator://?firmware=R99", "firmware must be one of"),
        ("emulator://?echo_ending=x", "echo_ending must be one of"),
        ("emulator://?sockets=0", "sockets must be 1 to 256"),
        ("emulator://?port=70000", "port must be 0 to 65535"),
        ("emulator://?loss=2", "loss must be a probability"),
        ("emulator://?network=moon", "network must be one of good, average, edge"),
        ("emulator://?blackout=9-3", "blackout must be two moments"),
        ("emulator://?cell_lost=9-3", "cell_lost must be two moments"),
        ("emulator://?reject_cause=0", "reject_cause must be an EMM cause, 1 to 255, or None, not 0"),
        ("emulator://?blackout=9", "option 'blackout' cannot be '9'"),
        ("emulator://?rate_up=0", "rate_up must be more than 0"),
        ("emulator://?drx=3", "drx must be 0 or one of 1.28, 2.56, 5.12, 10.24"),
        ("emulator://?edrx=30", "edrx must be 0 or one of"),
        ("emulator://?edrx=1e9", "edrx must be 0 or one of"),
        ("emulator://?paging_window=2.6", "paging_window must be 2.56 to 40.96"),
        ("emulator://?rrc_setup=-1", "option 'rrc_setup' cannot be '-1'"),
        ("emulator://?ok_lost=2", "ok_lost is a probability"),
        ("emulator://?cme=3", "option 'cme' cannot be '3'"),
        ("emulator://?send_buffer=1", "send_buffer must be 1024 or more"),
        ("emulator://?push_window=0", "push_window must be more than 0"),
        ("emulator://?seed=1&seed=2", "option 'seed' stands there twice"),
        ("emulator://host", "an emulator's URL is emulator://"),
        ("emulator:///path", "an emulator's URL is emulator://"),
        ("emulator://#fragment", "an emulator's URL is emulator://"),
        ("socket://127.0.0.1:1", "an emulator's URL is emulator://"),
    ],
)
def test_a_wrong_url_is_refused_with_the_cause(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Emulator.from_url(url)

    assert str(caught.value).startswith(url)


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="unknown option: colour"):
        Emulator(colour="blue")


def test_a_given_network_adopts_named_options_and_no_others() -> None:
    network = Network(jitter=0.2)
    emulator = Emulator(Options.of(jitter=0.5), network=network, latency=0.3)

    assert emulator.network is network
    assert (network.latency, network.jitter) == (0.3, 0.2)


def test_a_firmware_sets_its_variants_and_named_options_override_them() -> None:
    old = dataclasses.replace(MANUAL_DIALECT, stray_nul=True, ping_ttl=False)
    assert Options.of(firmware="R01A02").dialect == old
    assert Options.of(firmware="R01A02", stray_nul=False).dialect == dataclasses.replace(old, stray_nul=False)
    assert Options.of(firmware="guide").dialect == STANDARD
    assert Options.of(firmware="guide").variants.address_context == 5
    assert Options.of(firmware="guide", address_context=0).variants.address_context == 0
    assert Options.of(dialect=STANDARD, firmware="R01A02").dialect == STANDARD


def test_a_network_sets_its_conditions_and_named_options_override_them() -> None:
    edge = Options.of(network="edge")
    assert (edge.rate_up, edge.loss, edge.drx) == (250, 0.05, 2.56)
    assert Options.from_url("emulator://?loss=0&network=edge") == Options.of(line="memory", network="edge", loss=0.0)
    assert edge.with_settings(loss=0.0).to_url() == "emulator://?loss=0.0&line=pty&network=edge"
    assert edge.with_settings(network="good").rate_up == 16_000
    assert Options.from_url("emulator://?network=edge&rate_up=none").rate_up is None


def test_the_coverages_get_worse_in_their_order() -> None:
    good, average, edge = (Options.of(network=name) for name in ("good", "average", "edge"))
    for figure in ("latency", "jitter", "loss", "rrc_setup", "rrc_release"):
        assert getattr(good, figure) < getattr(average, figure) < getattr(edge, figure)

    for rate in ("rate_up", "rate_down"):
        assert getattr(good, rate) > getattr(average, rate) > getattr(edge, rate)


def test_a_coverage_can_be_named_in_place_of_a_network() -> None:
    assert Emulator(network="edge").network.rate_up == Network("edge").rate_up == 250
    assert Emulator(network="edge", latency=0.0).network.latency == 0.0
    with pytest.raises(ValueError, match="one of good, average, edge, not 'moon'"):
        Emulator(network="moon")


def test_the_conditions_of_a_network_can_be_changed_together_and_are_checked() -> None:
    network = Network(latency=0.2)
    network.change("average", loss=0.5)
    assert (network.latency, network.loss, network.rate_up) == (0.6, 0.5, 2_500)
    network.change(drx=5.12)
    assert (network.latency, network.drx) == (0.6, 5.12)
    with pytest.raises(ValueError, match="loss must be a probability"):
        network.change(loss=2)

    with pytest.raises(TypeError, match="colour"):
        network.change(colour="blue")


def test_single_settings_go_before_options() -> None:
    emulator = Emulator(Options.of(latency=0.3, seed=3, ok_lost=0.5), latency=0.1, stray_nul=True)

    assert (emulator.options.latency, emulator.options.seed) == (0.1, 3)
    assert emulator.options.dialect.stray_nul
    assert emulator.network.latency == 0.1
    assert emulator.faults == Faults(ok_lost=0.5)


def test_two_emulators_of_the_same_options_have_faults_of_their_own() -> None:
    options = Options.of(ok_lost=0.5)
    one, two = Emulator(options), Emulator(options)
    one.faults.ok_lost = 1.0

    assert two.faults.ok_lost == options.faults.ok_lost == 0.5


def test_faults_of_a_class_of_ones_own_keep_their_class() -> None:
    @dataclasses.dataclass
    class Storms(Faults):
        wind: float = 7.0

    faults = Emulator(faults=Storms(wind=9.0), ok_lost=0.5).options.faults
    assert isinstance(faults, Storms)
    assert (faults.wind, faults.ok_lost) == (9.0, 0.5)
