"""The defaults that README.md and docs/ state are those of the code."""

import inspect
import re
from typing import Any, Final

import pytest

from bc260y_aio import Modem
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.bridge import SocksServer
from bc260y_aio.sockets.rejoining import LARGEST_PUSH
from bc260y_aio.transports.stream import ModemTransport
from bc260y_aio.transports.tls import HANDSHAKE_TIMEOUT
from tests.docs.snippets import ROOT

DEFAULTS: Final[dict[str, Any]] = {
    name: parameter.default for name, parameter in inspect.signature(Modem).parameters.items()
} | {"open_timeout": 15.0}

DELIVERY: Final = (ROOT / "docs/pages/howto/delivery.md").read_text(encoding="utf-8")
ROWS: Final = re.findall(r"^\| `(\w+)` \| (\d+) s \|", DELIVERY, re.MULTILINE)


def test_the_table_of_timeouts_has_the_defaults_of_a_modem() -> None:
    assert {name: float(seconds) for name, seconds in ROWS} == {
        name: default for name, default in DEFAULTS.items() if name.endswith("_timeout")
    }


def test_the_open_timeout_of_the_table_is_that_of_a_modem_without_a_profile() -> None:
    assert Modem("/dev/null")._options.open_timeout == DEFAULTS["open_timeout"]


@pytest.mark.parametrize("page", ["README.md", "docs/pages/howto/troubleshooting.md"])
def test_a_timeout_that_a_text_names_with_its_value_has_it(page: str) -> None:
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    stated = re.findall(r"`(?:Modem\()?(\w+_timeout)=(\d+)\)?`", prose)
    assert [(name, value) for name, value in stated if DEFAULTS[name] != float(value)] == []


def test_the_timeout_of_a_tls_handshake_is_the_stated_one() -> None:
    assert f"| TLS handshake | {HANDSHAKE_TIMEOUT:.0f} s |" in DELIVERY


def test_the_timeouts_of_the_socks_server_are_the_stated_ones() -> None:
    defaults = inspect.signature(SocksServer).parameters
    assert f"| a client's request to `SocksServer` | {defaults['handshake_timeout'].default:.0f} s |" in DELIVERY
    assert f"may still read | {defaults['linger'].default:.0f} s of silence |" in DELIVERY


def test_the_timeout_of_a_ping_is_the_stated_one() -> None:
    default = inspect.signature(Modem.ping).parameters["timeout"].default
    assert f"| `modem.ping(host)` | {default} s for each packet |" in DELIVERY


def test_the_timeout_of_a_check_of_the_session_is_the_stated_one() -> None:
    default = inspect.signature(ModemTransport.check_alive).parameters["timeout"].default
    assert f"| `transport.check_alive()` | {default:.0f} s |" in DELIVERY


def test_the_readme_states_how_much_is_kept_and_how_long_a_datagram_may_be() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"`receive_limit` ({DEFAULTS['receive_limit'] // 1024} KiB)" in readme
    most = {form: form.largest_send for form in PayloadFormat}
    assert DEFAULTS["data_format"] == "hex"
    assert (
        f"at most {most[PayloadFormat.HEX]} bytes as hex, the default, and {most[PayloadFormat.TEXT]} as text" in readme
    )
    assert f"One of more than {LARGEST_PUSH} bytes that arrives comes in pieces of {LARGEST_PUSH}." in readme
