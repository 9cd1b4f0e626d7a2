"""Which answers prove that the line is in step."""

from itertools import count

from bc260y_aio.at.commands import Attention, Command, Test
from bc260y_aio.at.probing import Probing
from bc260y_aio.at.responses import Failure, Success, Text
from bc260y_aio.at.urcs import ProbeAnswered, Resynchronised

OK = Success()


def probing(*markers: str, has_overdue_ok: bool = False) -> Probing:
    made = Probing(markers or ("+QICFG", "+QIOPEN"), count())
    made.begin(has_overdue_ok=has_overdue_ok)
    return made


def test_a_marker_and_its_ok_prove_it() -> None:
    probes = probing()
    assert probes.next_probe("") == Attention()
    assert probes.receive("OK", OK) == ProbeAnswered()
    assert probes.next_probe("") == Test("+QICFG")
    assert probes.receive("+QICFG: (0,1)", Text("+QICFG: (0,1)")) == Text("+QICFG: (0,1)")
    assert probes.receive("OK", OK) == Resynchronised()


def test_the_ok_of_a_command_that_was_given_up_and_of_earlier_probes_is_no_answer_to_a_marker() -> None:
    for has_overdue_ok in (False, True):
        probes = probing(has_overdue_ok=has_overdue_ok)
        for _ in range(3):
            probes.next_probe("")

        assert probes.receive("OK", OK) == ProbeAnswered()
        probes.next_probe("")
        for _ in range(2 + has_overdue_ok):
            assert probes.receive("OK", OK) is None
            assert not probes.got_bare_ok

        assert probes.receive("OK", OK) is None
        assert probes.got_bare_ok


def bare(probes: Probing) -> Command:
    """Let the module answer the latest marker with OK alone, and return the next probe."""
    assert probes.receive("OK", OK) is None
    return probes.next_probe("")


def test_three_markers_in_a_row_with_ok_alone_make_ok_the_proof() -> None:
    probes = probing()
    probes.next_probe("")
    probes.receive("OK", OK)
    probes.next_probe("")
    assert [bare(probes), bare(probes)] == [Test("+QIOPEN"), Test("+QICFG")]
    assert bare(probes) == Attention()
    assert probes.receive("OK", OK) == Resynchronised()


def test_a_marker_that_is_answered_after_all_begins_the_count_anew() -> None:
    probes = probing("+QICFG", "+QIOPEN", "+QISTATE", "+QICLOSE", "+QISEND")
    probes.next_probe("")
    probes.receive("OK", OK)
    probes.next_probe("")
    bare(probes)
    bare(probes)
    # The answer to the first marker was only late.
    assert probes.receive("+QICFG: (0,1)", Text("+QICFG: (0,1)")) is None
    assert probes.receive("OK", OK) is None
    assert not probes.got_bare_ok
    probes.next_probe("")
    assert isinstance(bare(probes), Test)


def test_three_refusals_make_an_ok_to_at_or_the_last_refusal_the_proof() -> None:
    probes = probing()
    probes.next_probe("")
    probes.receive("OK", OK)
    for _ in range(2):
        probes.next_probe("")
        assert probes.receive("ERROR", Failure()) == ProbeAnswered()

    probes.next_probe("")
    assert probes.receive("ERROR", Failure()) == Resynchronised()
