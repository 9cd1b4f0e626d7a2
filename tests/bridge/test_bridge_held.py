"""Whether a program still has its end of a connection."""

import socket
import sys
from pathlib import Path

import pytest

from bc260y_aio.bridge import held
from bc260y_aio.bridge.descriptor import stream_pair

# The output of Linux: a socket that a process has, one that none has, and one of IPv6.
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 5301 1 0000000000000000 20
   1: 0100007F:C350 0100007F:1F90 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20
   2: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:1F90 05 0:0 0:0 0     0        0 7 1 0 20
"""
SERVER = ("127.0.0.1", 8080)


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is in the machine's byte order")
def test_a_table_shows_the_owners_of_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "tcp"
    table.write_text(TABLE)
    monkeypatch.setattr(held, "TABLES", (str(table), str(tmp_path / "none")))

    assert held.find(SERVER, ("127.0.0.1", 50000)) is True
    assert held.find(("127.0.0.1", 50000), SERVER) is False
    assert held.find(("127.0.0.1", 50001), SERVER) is True
    # One that is not listed is closed, if it is of this machine.
    assert held.find(("127.0.0.1", 50002), SERVER) is False
    assert held.find(("192.0.2.7", 50002), ("192.0.2.7", 8080)) is False
    assert held.find(("192.0.2.8", 50002), ("192.0.2.7", 8080)) is None
    assert held.find(("fe80::1%eth0", 50002), ("fe80::2%eth0", 8080)) is None


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is in the machine's byte order")
def test_a_table_shows_whether_an_end_without_an_owner_waits_for_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "tcp"
    monkeypatch.setattr(held, "TABLES", (str(table), str(tmp_path / "none")))
    for state, inode, waits in (("05", 0, True), ("04", 0, True), ("06", 0, False), ("05", 7, False)):
        table.write_text(
            TABLE.replace(
                " 05 00000000:00000000 00:00000000 00000000     0        0 0 ", f" {state} 0:0 0:0 0 0 0 {inode} "
            )
        )
        assert held.has_ended("127.0.0.1") is waits
        assert held.has_ended("127.0.0.11") is False


def test_without_a_table_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "TABLES", ())
    assert held.find(SERVER, ("127.0.0.1", 50000)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the table is Linux's")
@pytest.mark.parametrize("ends_first", [False, True])
def test_a_close_differs_from_the_end_of_sending(ends_first: bool) -> None:
    ours, theirs = stream_pair()
    with ours, theirs:
        assert held.is_held(ours) is True
        if ends_first:
            theirs.shutdown(socket.SHUT_WR)
            assert ours.recv(1) == b""
            assert held.is_held(ours) is True

        with theirs.dup() as copy:
            theirs.close()
            assert held.is_held(ours) is True
            copy.close()

        assert held.is_held(ours) is False

    assert held.is_held(ours) is False
