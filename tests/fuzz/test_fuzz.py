"""Run the fuzzer's corpus, and check that the targets notice violations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc260y_aio.at.buffer import ReceiveBuffer
from bc260y_aio.at.dce import DCE
from bc260y_aio.at.dte import DTE, NeedData
from bc260y_aio.bridge.socks import Negotiation
from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

targets = pytest.mark.parametrize("target", TARGETS)


@targets
def test_no_input_of_the_corpus_breaks_a_promise(target: str) -> None:
    inputs = corpus.read(target)
    assert len(inputs) >= 20
    for data in inputs:
        TARGETS[target](data)


@targets
@settings(max_examples=50)
@given(data=st.data())
def test_no_mixture_of_two_inputs_breaks_a_promise(target: str, data: st.DataObject) -> None:
    inputs = st.sampled_from(corpus.read(target))
    first, second = data.draw(inputs), data.draw(inputs)
    at = data.draw(st.integers(0, len(first)))
    TARGETS[target](first[:at] + second + first[at:])


# A fuzzer that never reports anything proves nothing.


def test_a_side_of_the_line_that_raises_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(self: object) -> NeedData:
        raise IndexError("planted")

    monkeypatch.setattr(DTE, "next_event", raising)
    monkeypatch.setattr(DCE, "next_event", raising)
    for target in (TARGETS["dte"], TARGETS["dce"]):
        with pytest.raises(IndexError, match="planted"):
            target(b"\r\nOK\r\n")


def test_a_result_forged_by_a_cut_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = ReceiveBuffer.feed
    monkeypatch.setattr(ReceiveBuffer, "feed", lambda self, data: honest(self, data + b"\n" * data.endswith(b"Y")))
    with pytest.raises(AssertionError):
        TARGETS["dte"](b"RDY5\r\n")


@pytest.mark.parametrize("target", ["dte", "dce"])
def test_a_buffer_that_grows_is_noticed(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in (DTE, DCE):
        monkeypatch.setattr(side, "buffered", property(lambda self: 10_000))

    with pytest.raises(AssertionError):
        TARGETS[target](b"AT\r\n")


def test_a_negotiation_that_loses_a_byte_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Negotiation.receive_data
    monkeypatch.setattr(Negotiation, "receive_data", lambda self, data: honest(self, data[:-1]))
    said = b"\5\1\0\5\1\0\3\13example.com\0\x50" + b"GET / HTTP/1.1\r\n"
    with pytest.raises(AssertionError):
        TARGETS["socks"](said)
