"""Showing that the line is in step again: which probe is sent next, and what its answer proves.

AT has no sequence numbers, so an answer looks like a late one of an earlier command. Any ``OK`` shows that the
module listens. Then a *marker*, the test form of a command, whose answer cannot be that of any earlier command, shows
that every earlier answer has come. Two kinds of modules cannot show that: one that refuses the markers, and one that
answers them with a bare ``OK``. When a few markers in a row were answered so, and no earlier command can still have an
``OK`` to come, an ``OK`` to ``AT`` is accepted as the proof.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from .commands import Attention, Command, Test
from .responses import Failure, Response, Success, Text
from .urcs import ProbeAnswered, Resynchronised

# A module that refuses this many markers, or answers them with OK alone, does not know them. While some are unanswered,
# an AT is sent after them.
_REFUSALS: Final = 3


class Probing:
    """The probes of one line: the next one to send, and what an answer means.

    Attributes:
        got_bare_ok: the latest marker was answered with ``OK`` and nothing else, so far.
    """

    def __init__(self, markers: Sequence[str], numbers: Iterator[int]) -> None:
        """Describe the probes.

        Args:
            markers: the names of commands whose test form the module answers; none are tried when there are none.
            numbers: count the markers.
        """
        self._markers = tuple(markers)
        self._numbers = numbers
        self.begin(has_overdue_ok=False)

    def begin(self, *, has_overdue_ok: bool) -> None:
        """Begin again: nothing is known of the line.

        Args:
            has_overdue_ok: a command was given up whose ``OK`` may still come.
        """
        self._listening = self._marker_seen = False
        self._marker = ""
        # How many markers of each name have yet to be answered. There are few names, and a module may take its time.
        self._markers_due: Counter[str] = Counter()
        # How often in a row an answer to the latest marker, or to an earlier one of its name, was the last to come.
        self._lone_answers, self._is_alone = 0, False
        self._unanswered = 0
        self._refusals = 0
        self.got_bare_ok = False
        self._bare_oks = 0
        # How many OK may still come from before the first marker.
        self._overdue_oks = int(has_overdue_ok)

    def next_probe(self, given_up: str) -> Command:
        """Return the next probe: ``AT`` until the module listens, then one marker after another.

        Args:
            given_up: the command line that was given up; its own name is no marker.
        """
        if self.got_bare_ok:
            self.got_bare_ok = False
            self._bare_oks += 1
            if self._bare_oks >= _REFUSALS:
                self._refusals, self._unanswered = _REFUSALS, 0

        if not self._listening or self._refusals >= _REFUSALS:
            self._overdue_oks += 1
            return Attention()

        # A module that is behind goes on answering. Twice silence after an answer: those before it were lost.
        self._lone_answers = self._lone_answers + 1 if self._is_alone else 0
        self._is_alone = False
        if self._lone_answers >= 2:
            self._markers_due.clear()

        markers = [name for name in self._markers if name not in given_up.upper()] or self._markers
        self._marker = markers[next(self._numbers) % len(markers)]
        self._markers_due[self._marker] += 1
        self._unanswered += 1
        self._marker_seen = False
        return Test(self._marker)

    def receive(self, text: str, response: Response) -> Response | None:
        """Return what a line proves as the answer to a probe, or None when it answers none.

        Args:
            text: the line.
            response: the line.

        Returns:
            ProbeAnswered when the next probe is due, Resynchronised when the line is in step, Text for a marker, which
            the line's next ``OK`` completes.
        """
        match response:
            case Success() if self._marker_seen or self._refusals >= _REFUSALS:
                return Resynchronised()
            case Success() if not self._listening:
                self._listening = True
                self._overdue_oks -= 1
                if not self._markers:
                    # As if it had refused them: the next OK will do.
                    self._refusals = _REFUSALS

                return ProbeAnswered()
            case Success() if self._overdue_oks > 0:
                self._overdue_oks -= 1
                return None
            case Success():
                self.got_bare_ok = True
                return None
            case Failure() if self._listening:
                self._unanswered -= 1
                self._refusals += 1
                is_over = self._refusals >= _REFUSALS and not self._unanswered
                return Resynchronised() if is_over else ProbeAnswered()
            # Only the answer to a test command has a parenthesis, among all answers of that name.
            case _ if "(" in text and self._markers_due[name := text.partition(":")[0]]:
                return self._receive_marker(name, text)
            case _:
                return None

    def _receive_marker(self, name: str, text: str) -> Response | None:
        self._markers_due[name] -= 1
        self.got_bare_ok = False
        self._bare_oks = 0
        self._is_alone = name == self._marker
        if not self._is_alone or self._markers_due[name]:
            # The OK of an earlier marker follows.
            self._overdue_oks += 1
            return None

        self._marker_seen = True
        return Text(text)
