"""Names that this machine answers itself."""

import socket
from pathlib import Path

import pytest

from bc260y_aio.routing import local_names
from bc260y_aio.routing.destinations import literal

HOSTS = """
# a comment
127.0.0.1   localhost
::1         localhost ip6-localhost
127.0.1.1   Meter.example meter   # ours
not-an-address  other
192.0.2.7   elsewhere
"""


@pytest.fixture(autouse=True)
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    monkeypatch.setattr(local_names, "HOSTS_FILE", str(path))
    monkeypatch.setattr(socket, "gethostname", lambda: "meter")
    return path


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "x.localhost", "meter", "Meter."])
def test_names_of_this_machine(name: str) -> None:
    assert local_names.is_own_name(name)
    assert not local_names.is_elsewhere(name)


@pytest.mark.parametrize("host", ["meter.example.org", "192.0.2.7", b"elsewhere", "2001:db8::1"])
def test_other_machines(host: str | bytes) -> None:
    assert local_names.is_elsewhere(host)


@pytest.mark.parametrize("host", [None, "", 7, "127.9.9.9", "::1", "0.0.0.0"])
def test_these_addresses_are_local(host: object) -> None:
    assert not local_names.is_elsewhere(host)


def test_addresses_come_from_the_hosts_file_or_are_loopback() -> None:
    assert local_names.own_addresses("localhost") == ["127.0.0.1", "::1"]
    assert local_names.own_addresses("METER") == ["127.0.1.1"]
    assert local_names.own_addresses("x.localhost") == ["127.0.0.1", "::1"]


def test_a_name_that_the_c_library_would_ask_for_is_put_in_digits() -> None:
    assert local_names.in_digits("x.localhost") == "127.0.0.1"
    assert local_names.in_digits("x.localhost", socket.AF_INET6) == "::1"
    assert local_names.in_digits("localhost") == "localhost"
    assert local_names.in_digits("other.example") == "other.example"
    assert local_names.in_digits(None) is None


def test_names_of_addresses_come_from_the_hosts_file() -> None:
    for address, name in [("127.0.1.1", "meter.example"), ("127.0.0.9", "localhost"), ("0.0.0.0", None)]:
        found = literal(address)
        assert found is not None
        assert local_names.name_of(found) == name


def test_rows_of_an_own_name_are_made_of_its_addresses() -> None:
    stream = socket.SOCK_STREAM
    rows = local_names.own_rows(socket.getaddrinfo, "meter", 80, 0, stream, 0, 0)
    assert [row[4][:2] for row in rows] == [("127.0.1.1", 80)]

    with pytest.raises(socket.gaierror) as caught:
        local_names.own_rows(socket.getaddrinfo, "meter", 80, socket.AF_INET6, stream, 0, 0)

    assert caught.value.errno == socket.EAI_ADDRFAMILY


def test_a_hosts_file_that_is_not_there_has_no_names(hosts: Path) -> None:
    hosts.unlink()
    assert local_names.own_addresses("meter") == ["127.0.0.1", "::1"]
