"""Received data of one connectID: in order, within a limit, and with a defined end."""

from collections.abc import Hashable

import pytest

from bc260y_aio.at.urcs import DamagedLine, DamagedPayload, PeerClosed, Restarted
from bc260y_aio.errors import ModuleRestarted, ModuleSlept, PayloadDamaged, ReceiveOverflow
from bc260y_aio.line.inbox import Inbox, Inboxes


def drain(inbox: Inbox) -> list[bytes]:
    return [inbox.take() for _ in range(inbox.count)]


def test_payloads_are_taken_in_the_order_in_which_they_came() -> None:
    inbox = Inbox(1024, keeps_order=True)
    for payload in (b"a", b"bc", b"def"):
        inbox.put(payload)

    assert (bool(inbox), inbox.size, drain(inbox)) == (True, 6, [b"a", b"bc", b"def"])
    assert (bool(inbox), inbox.size, inbox.is_exhausted) == (False, 0, False)
    with pytest.raises(IndexError):
        inbox.take()


def test_data_before_the_end_can_still_be_taken_and_nothing_comes_after_it() -> None:
    inbox = Inbox(1024, keeps_order=True)
    inbox.put(b"a")
    inbox.end()
    inbox.put(b"b")
    assert (inbox.is_ended, inbox.is_exhausted, drain(inbox), inbox.is_exhausted) == (True, False, [b"a"], True)


def test_the_first_end_is_the_one_that_counts() -> None:
    inbox = Inbox(1024, keeps_order=True)
    inbox.end(ModuleRestarted("first"))
    inbox.end(PayloadDamaged("second"))
    inbox.end()
    assert str(inbox.error) == "first"
    assert repr(inbox) == "<Inbox 0 bytes in 0 payloads ended by ModuleRestarted(104, 'first')>"


def test_a_stream_breaks_off_at_its_limit_rather_than_have_a_hole() -> None:
    inbox = Inbox(8, keeps_order=True)
    for payload in (b"abcd", b"efgh", b"i", b"j"):
        inbox.put(payload)

    assert (inbox.size, drain(inbox), inbox.dropped) == (8, [b"abcd", b"efgh"], 0)
    assert isinstance(inbox.error, ReceiveOverflow)
    assert str(inbox.error) == "more than 8 bytes were left unread; read faster, or raise receive_limit="


def test_datagrams_past_the_limit_push_the_oldest_ones_out_and_are_counted() -> None:
    inbox = Inbox(8, keeps_order=False)
    for payload in (b"abcd", b"efgh", b"i", b"jk"):
        inbox.put(payload)

    assert (drain(inbox), inbox.dropped, inbox.is_ended) == ([b"efgh", b"i", b"jk"], 1, False)


def test_a_datagram_larger_than_the_limit_leaves_nothing_behind() -> None:
    inbox = Inbox(8, keeps_order=False)
    inbox.put(b"abc")
    inbox.put(bytes(9))
    assert (drain(inbox), inbox.dropped, inbox.size) == ([], 2, 0)


@pytest.mark.parametrize(
    ("sizes", "digits"), [((0, 1, 9), 3), ((10, 99), 4), ((100, 999), 6), ((1000, 1024), 8), ((9, 10, 999, 1000), 10)]
)
def test_what_has_come_is_counted_in_bytes_in_pushes_and_in_the_digits_of_their_lengths(
    sizes: tuple[int, ...], digits: int
) -> None:
    inbox = Inbox(4096, keeps_order=False)
    for size in sizes:
        inbox.put(bytes(size))

    assert (inbox.received, inbox.pushes, inbox.length_digits) == (sum(sizes), len(sizes), digits)


def test_damage_ends_a_stream_and_costs_a_datagram_socket_one_datagram() -> None:
    stream, datagrams = Inbox(1024, keeps_order=True), Inbox(1024, keeps_order=False)
    for inbox in (stream, datagrams):
        inbox.put(b"a")
        inbox.record_damage(PayloadDamaged("noise"))
        inbox.put(b"b")

    assert (drain(stream), str(stream.error)) == ([b"a"], "noise")
    assert (drain(datagrams), datagrams.dropped, datagrams.error) == ([b"a", b"b"], 1, None)


def test_an_empty_push_is_a_datagram_but_nothing_in_a_stream() -> None:
    stream, datagrams = Inbox(1024, keeps_order=True), Inbox(1024, keeps_order=False)
    for inbox in (stream, datagrams):
        inbox.put(b"")

    assert (drain(stream), drain(datagrams)) == ([], [b""])


def test_empty_datagrams_do_not_grow_a_queue_for_ever() -> None:
    inbox = Inbox(1024, keeps_order=False)
    for _ in range(5000):
        inbox.put(b"")

    assert inbox.count + inbox.dropped == 5000
    assert inbox.count <= 1024


def test_returned_data_is_taken_next() -> None:
    inbox = Inbox(1024, keeps_order=True)
    inbox.put(b"abc")
    inbox.put(b"d")
    inbox.put_back(inbox.take()[1:])
    assert (inbox.size, drain(inbox)) == (3, [b"bc", b"d"])


def test_every_arrival_and_the_end_are_announced() -> None:
    inbox = Inbox(8, keeps_order=True)
    announced: list[str] = []
    inbox.on_arrival = lambda: announced.append(repr(inbox))
    inbox.put(b"abc")
    inbox.put(b"defghi")
    inbox.end()
    assert announced[0] == "<Inbox 3 bytes in 1 payloads>"
    assert announced[-1].startswith("<Inbox 3 bytes in 1 payloads ended by ReceiveOverflow")


def test_waiting_data_can_be_dropped() -> None:
    inbox = Inbox(8, keeps_order=True)
    inbox.put(b"abc")
    inbox.clear()
    assert (inbox.size, inbox.count) == (0, 0)


def test_returned_data_is_taken_again_in_its_order() -> None:
    inbox = Inbox(100, keeps_order=True)
    for payload in (b"a", b"bc", b"d"):
        inbox.put(payload)

    taken = [inbox.take(), inbox.take()]
    for payload in reversed(taken):
        inbox.put_back(payload)

    assert [inbox.take() for _ in range(3)] == [b"a", b"bc", b"d"]


def test_a_line_about_the_first_socket_that_the_module_does_not_have_is_doubted() -> None:
    for connect_id, is_doubted in ((4, False), (5, True)):
        for event in (PeerClosed(connect_id), DamagedPayload(connect_id, 3, "damaged"), None):
            inboxes, inbox = Inboxes(), Inbox(100, keeps_order=True)
            inboxes.sockets = 5
            inboxes.attach(0, inbox)
            if event is None:
                assert not inboxes.deliver(connect_id, b"x")
                assert inboxes.strays == 1
            else:
                inboxes.handle(event)

            assert inbox.is_ended is is_doubted
            assert inboxes.damaged == int(is_doubted)


def test_data_that_comes_while_a_socket_is_opened_goes_to_it_once_and_only_to_it() -> None:
    inboxes, first, second = Inboxes(), Inbox(100, keeps_order=True), Inbox(100, keeps_order=True)
    inboxes.hold(0)
    assert inboxes.deliver(0, b"early")
    assert not inboxes.deliver(1, b"stray")
    inboxes.attach(0, first)
    assert first.take() == b"early"
    inboxes.deliver(0, b"late")
    assert first.take() == b"late"
    # Data from before the open of its connectID is no matter to it.
    inboxes.unclaimed.discard(1)
    inboxes.hold(1)
    assert inboxes.deliver(1, b"of an open that failed")
    inboxes.hold(None)
    inboxes.attach(1, second)
    assert not second
    # One that is open keeps its own.
    inboxes.hold(1)
    inboxes.deliver(1, b"direct")
    assert second.take() == b"direct"


def test_the_end_of_all_and_damage_reach_a_socket_that_is_being_opened() -> None:
    for event in (Restarted(), DamagedLine("x"), PeerClosed(0), DamagedPayload(0, 1, "x")):
        inboxes, inbox = Inboxes(), Inbox(100, keeps_order=True)
        inboxes.hold(0)
        inboxes.handle(event)
        inboxes.attach(0, inbox)
        assert inbox.is_ended


def test_every_change_of_what_waits_is_announced() -> None:
    inbox = Inbox(8, keeps_order=True)
    sizes: list[int] = []
    inbox.on_size_change = lambda: sizes.append(inbox.size)
    inbox.put(b"abcd")
    inbox.put(b"ef")
    inbox.put_back(inbox.take())
    assert sizes == [4, 6, 2, 6]
    assert inbox.take_joined() == b"abcdef"
    inbox.put(b"g")
    inbox.clear()
    inbox.put(b"h")
    inbox.discard()
    inbox.put(b"i")
    inbox.end()
    assert sizes[4:] == [0, 1, 0, 1, 0, 0]
    assert (drain(inbox), inbox.received) == ([], 9)


def test_an_end_and_an_overflow_are_reported_once() -> None:
    inbox = Inbox(4, keeps_order=True)
    reports: list[str] = []
    inbox.on_end = lambda: reports.append("end")
    inbox.on_overflow = lambda: reports.append("overflow")
    for payload in (b"abcd", b"e", b"f"):
        inbox.put(payload)

    inbox.end()
    assert reports == ["end", "overflow"]


def test_what_ended_a_socket_that_is_being_opened_is_what_ends_it_when_it_is_open() -> None:
    inboxes, inbox = Inboxes(), Inbox(64, keeps_order=True)
    inboxes.hold(0)
    inboxes.deliver(0, b"a")
    inboxes.end_all(ModuleRestarted("restarted"))
    inboxes.attach(0, inbox)
    assert (drain(inbox), str(inbox.error)) == ([b"a"], "restarted")


def test_damage_and_sleep_while_a_datagram_socket_is_being_opened_do_not_end_it() -> None:
    for error in (PayloadDamaged("damaged"), ModuleSlept("slept")):
        inboxes, inbox = Inboxes(), Inbox(64, keeps_order=False)
        inboxes.hold(0)
        inboxes.end_streams(error)
        inboxes.attach(0, inbox)
        inboxes.deliver(0, b"a")
        assert (inbox.is_ended, inbox.dropped, drain(inbox)) == (False, 1, [b"a"])


def test_a_stream_is_taken_in_one_piece() -> None:
    inbox = Inbox(64, keeps_order=True)
    for payload in (b"a", b"bc", b"d"):
        inbox.put(payload)

    assert (inbox.take_joined(), inbox.size, inbox.count) == (b"abcd", 0, 0)
    inbox.put(b"e")
    assert (inbox.take_joined(), inbox.size, inbox.count) == (b"e", 0, 0)
    with pytest.raises(IndexError):
        inbox.take_joined()


def test_a_queue_is_readable_when_something_waits_or_the_end_has_come() -> None:
    inbox = Inbox(64, keeps_order=True)
    assert not inbox.is_readable
    inbox.put(b"a")
    assert inbox.is_readable
    inbox.take()
    assert not inbox.is_readable
    inbox.end()
    assert inbox.is_readable


def of_a_module() -> tuple[Inboxes, dict[int, Inbox]]:
    """Return the inboxes of two streams, 0 and 1, and of a datagram socket, 2."""
    inboxes = Inboxes()
    mine = {connect_id: Inbox(64, keeps_order=connect_id < 2) for connect_id in range(3)}
    for connect_id, inbox in mine.items():
        inboxes.attach(connect_id, inbox)

    return inboxes, mine


def test_damage_that_may_be_anybodys_ends_every_stream_and_names_the_remedy() -> None:
    inboxes, mine = of_a_module()
    for _ in range(2):
        inboxes.handle(DamagedLine("x"))

    assert {str(mine[stream].error) for stream in (0, 1)} == {
        "a line was damaged that may have held data of this connection. Noise or an overrun on the serial line does "
        "that: check the wiring, or lower the rate"
    }
    assert (mine[2].is_ended, mine[2].dropped, inboxes.damaged) == (False, 0, 2)


@pytest.mark.parametrize(("spared", "going_on"), [((), {2}), ((0,), {0, 2}), ((1, 2, 3), {1, 2, 3})])
def test_a_sleep_ends_the_streams_that_the_module_has_lost(spared: tuple[int, ...], going_on: set[int]) -> None:
    inboxes, mine = of_a_module()
    inboxes.hold(3)
    inboxes.end_streams(ModuleSlept("lost"), spared)
    mine[3] = Inbox(64, keeps_order=True)
    inboxes.attach(3, mine[3])
    assert {connect_id for connect_id, inbox in mine.items() if not inbox.is_ended} == going_on
    assert {str(inbox.error) for inbox in mine.values() if inbox.is_ended} == {"lost"}


def test_there_are_streams_until_the_last_has_ended() -> None:
    inboxes, mine = of_a_module()
    for connect_id in (0, 1):
        assert inboxes.has_streams
        mine[connect_id].end()

    assert not inboxes.has_streams


def test_what_comes_for_a_socket_that_is_gone_is_nobodys() -> None:
    inboxes, mine = of_a_module()
    for _ in range(2):
        inboxes.detach(0)

    assert (inboxes.deliver(0, b"a"), inboxes.deliver(1, b"b")) == (False, True)
    inboxes.handle(PeerClosed(0))
    inboxes.handle(DamagedPayload(0, 1, "x"))
    assert (mine[0].received, mine[0].is_ended, inboxes.strays, inboxes.damaged) == (0, False, 1, 0)


@pytest.mark.parametrize("other", [0, 2, "notified of the end only"])
def test_what_came_for_a_socket_that_is_being_opened_is_not_given_to_another(other: Hashable) -> None:
    inboxes, opened, another = Inboxes(), Inbox(64, keeps_order=True), Inbox(64, keeps_order=True)
    inboxes.hold(1)
    inboxes.deliver(1, b"a")
    inboxes.attach(other, another)
    inboxes.attach(1, opened)
    assert (drain(another), drain(opened)) == ([], [b"a"])
