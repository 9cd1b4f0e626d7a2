"""Data that waits to be sent: in order, in full chunks, with the RAI in the right one."""

from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.sockets.outbox import DatagramOutbox, StreamOutbox
from bc260y_aio.sockets.rai import RAI

LAST = RAI.NO_FURTHER_DATA


def chunks(outbox: StreamOutbox | DatagramOutbox, limit: int) -> list[tuple[bytes, RAI]]:
    found = []
    while outbox:
        data, rai = outbox.next_chunk(limit)
        found.append((data, rai))
        outbox.drop(len(data))

    return found


def test_writes_run_together_into_full_chunks() -> None:
    outbox = StreamOutbox()
    for data in (b"abc", b"de", b"fghij"):
        outbox.put(data, RAI.NONE)

    assert len(outbox) == 10
    assert chunks(outbox, 4) == [(b"abcd", RAI.NONE), (b"efgh", RAI.NONE), (b"ij", RAI.NONE)]


def test_a_cut_write_carries_its_rai_on_its_last_chunk_only() -> None:
    outbox = StreamOutbox()
    outbox.put(b"abcdefghij", RAI.ONE_REPLY)
    assert chunks(outbox, 4) == [(b"abcd", RAI.NONE), (b"efgh", RAI.NONE), (b"ij", RAI.ONE_REPLY)]


def test_a_chunk_ends_where_a_write_with_a_rai_ends() -> None:
    outbox = StreamOutbox()
    outbox.put(b"ab", RAI.NONE)
    outbox.put(b"c", LAST)
    outbox.put(b"de", RAI.ONE_REPLY)
    outbox.put(b"f", RAI.NONE)
    assert chunks(outbox, 8) == [(b"abc", LAST), (b"de", RAI.ONE_REPLY), (b"f", RAI.NONE)]


def test_a_write_that_fills_a_chunk_exactly_carries_its_rai() -> None:
    outbox = StreamOutbox()
    outbox.put(b"abcd", LAST)
    assert chunks(outbox, 4) == [(b"abcd", LAST)]


def test_a_chunk_of_which_only_a_part_was_taken_keeps_its_rai_for_the_rest() -> None:
    outbox = StreamOutbox()
    outbox.put(b"abcd", LAST)
    outbox.drop(3)
    assert outbox.next_chunk(512) == (b"d", LAST)
    outbox.drop(1)
    assert not outbox


def test_the_end_of_what_waits_can_be_marked_unless_it_is_already() -> None:
    outbox = StreamOutbox()
    outbox.mark_end(LAST)
    outbox.put(b"ab", RAI.NONE)
    outbox.mark_end(LAST)
    assert chunks(outbox, 8) == [(b"ab", LAST)]
    outbox.put(b"cd", RAI.ONE_REPLY)
    outbox.mark_end(LAST)
    assert chunks(outbox, 8) == [(b"cd", RAI.ONE_REPLY)]
    assert not outbox.is_due
    datagrams = DatagramOutbox()
    datagrams.mark_end(LAST)
    for data, rai in ((b"e", RAI.ONE_REPLY), (b"f", RAI.NONE)):
        datagrams.put(data, rai)
        datagrams.mark_end(LAST)

    assert chunks(datagrams, 8) == [(b"e", RAI.ONE_REPLY), (b"f", LAST)]


def test_a_writer_may_change_its_buffer_afterwards() -> None:
    stream, datagrams, data = StreamOutbox(), DatagramOutbox(), bytearray(b"abc")
    stream.put(data, RAI.NONE)
    datagrams.put(memoryview(data), RAI.NONE)
    data[:] = b"xyz"
    assert (stream.peek(8), datagrams.peek(8)) == (b"abc", b"abc")


def test_a_view_of_words_counts_by_its_bytes() -> None:
    words = memoryview(bytes(range(8))).cast("H")
    stream, datagrams = StreamOutbox(), DatagramOutbox()
    stream.put(words, LAST)
    datagrams.put(words, LAST)
    assert (len(stream), stream.next_chunk(512)) == (8, (bytes(range(8)), LAST))
    assert len(datagrams) == 8
    datagrams.drop(8)
    assert len(datagrams) == 0


def test_a_datagram_is_a_chunk_however_much_would_fit() -> None:
    outbox = DatagramOutbox()
    outbox.put(b"abc", LAST)
    outbox.put(b"d", RAI.NONE)
    assert (len(outbox), outbox.peek(1), outbox.next_chunk(1)) == (4, b"abc", (b"abc", LAST))
    outbox.drop(0)
    assert outbox.next_chunk(1) == (b"abc", LAST)
    outbox.drop(2)
    assert (outbox.next_chunk(512), len(outbox)) == ((b"d", RAI.NONE), 1)


def test_clearing_leaves_nothing_and_no_mark() -> None:
    stream, datagrams = StreamOutbox(), DatagramOutbox()
    stream.put(b"abc", LAST)
    datagrams.put(b"abc", LAST)
    stream.clear()
    datagrams.clear()
    stream.put(b"d", RAI.NONE)
    assert (chunks(stream, 8), bool(datagrams), len(datagrams)) == ([(b"d", RAI.NONE)], False, 0)


@given(
    writes=st.lists(st.tuples(st.binary(min_size=1, max_size=30), st.sampled_from(RAI)), max_size=20),
    limit=st.integers(1, 16),
)
def test_whatever_is_written_is_sent_in_order_with_each_rai_at_the_end_of_its_write(
    writes: list[tuple[bytes, RAI]], limit: int
) -> None:
    outbox, marks, end = StreamOutbox(), {}, 0
    for data, rai in writes:
        outbox.put(data, rai)
        end += len(data)
        if rai is not RAI.NONE:
            marks[end] = rai

    sent, found = b"", {}
    for data, rai in chunks(outbox, limit):
        assert 1 <= len(data) <= limit
        sent += data
        if rai is not RAI.NONE:
            found[len(sent)] = rai

    assert (sent, found) == (b"".join(data for data, _ in writes), marks)
