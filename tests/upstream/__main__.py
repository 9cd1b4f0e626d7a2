"""Run CPython's own tests of asyncio on event loops that are born routed: ``python -m tests.upstream``.

Everything that these tests connect to, on loopback, they connect to over an emulated module; their servers are the
host's. The exit status is 1 if a test failed, or if fewer connections than expected went over a module; and 0, with a
word about it, where this Python has no tests.
"""

import argparse
import asyncio
import faulthandler
import importlib
import importlib.util
import socketserver
import sys
import time
import unittest
from collections.abc import Iterator
from typing import Any, Final

from .deselected import DESELECTED, DESELECTED_CLASSES, SIZES
from .routed import Births

PACKAGE: Final = "test.test_asyncio"

# The tests that are run: all of a module, or those with one of these words in their names.
SELECTED: Final[dict[str, tuple[str, ...]]] = {
    "test_streams": (),
    "test_sslproto": (),
    "test_ssl": (),
    "test_sock_lowlevel": (),
    "test_sendfile": (),
    "test_events": ("create_connection", "create_datagram"),
}

# So many connections and datagram sockets go over a module at least; fewer, and the tests have judged something else.
LEAST: Final = {"create_connection": 80, "create_datagram_endpoint": 3}

# A test that takes longer than this is stuck: where it is gets printed, and the run ends. In seconds.
PATIENCE: Final = 60.0


def main() -> int:
    """Run the tests, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description="Run CPython's tests over a module.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only tests with such a word in their names")
    parser.add_argument("-v", "--verbose", action="store_true", help="name each test, and tell how long it took")
    options = parser.parse_args()
    version = sys.version.partition(" ")[0]
    try:
        if importlib.util.find_spec(PACKAGE) is None:
            raise ModuleNotFoundError
    except ModuleNotFoundError:
        print(f"this Python {version} has no package {PACKAGE}: nothing is run")
        return 0

    set_sizes()
    births = Births()
    adapt(births)
    suite = unittest.TestSuite(select(options.words))
    start = time.monotonic()
    result_class: Any = Result
    result = unittest.TextTestRunner(resultclass=result_class, verbosity=1 + options.verbose).run(suite)
    uses = ", ".join(f"{count} {name}" for name, count in sorted(births.uses.items()))
    print(f"Python {version}: {result.testsRun} tests in {time.monotonic() - start:.0f} s; over a module: {uses}")
    missing = {name: least for name, least in LEAST.items() if births.uses[name] < least and not options.words}
    if missing:
        print(f"too few connections went over a module; expected at least {missing}")

    return int(bool(missing) or not result.wasSuccessful())


# Selection of tests


def select(words: list[str]) -> Iterator[unittest.TestCase]:
    """Yield the tests that are to be run."""
    for name, wanted in SELECTED.items():
        for test in tests_in(unittest.defaultTestLoader.loadTestsFromName(f"{PACKAGE}.{name}")):
            full_name = test.id()
            *_, class_name, own_name = full_name.split(".")
            if wanted and not any(word in own_name for word in wanted):
                continue

            if {own_name, f"{class_name}.{own_name}"} & DESELECTED.keys() or class_name in DESELECTED_CLASSES:
                continue

            if not words or any(word in full_name for word in words):
                yield test


def tests_in(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """Yield the tests of a suite, one by one."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_in(test)
        else:
            yield test


# How


def set_sizes() -> None:
    """Make the tests send less."""
    for module, class_name, name, value in SIZES:
        place: Any = importlib.import_module(f"{PACKAGE}.{module}")
        place = place if class_name is None else getattr(place, class_name)
        assert hasattr(place, name), (module, name)
        setattr(place, name, value)


def adapt(births: Births) -> None:
    """Put right what the tests take for granted of asyncio's own transports and of a kernel."""
    support: Any = importlib.import_module("test.support")
    case: Any = unittest.TestCase
    own_check = case.assertIsInstance

    def check(self: unittest.TestCase, thing: Any, kind: Any, msg: Any = None) -> None:
        # asyncio's datagram transports happen to be stream transports as well.
        is_datagrams = kind is asyncio.Transport and isinstance(thing, asyncio.DatagramTransport)
        own_check(self, thing, asyncio.DatagramTransport if is_datagrams else kind, msg)

    case.assertIsInstance = check
    # A transport that is being closed is not garbage yet.
    support.gc_collect = births.settled_before(support.gc_collect)
    # A server's thread may wait for the end of its connection, which the loop has to bring about.
    for module in ("functional", "test_ssl"):
        thread = importlib.import_module(f"{PACKAGE}.{module}").SocketThread
        thread.stop = births.settled_before(thread.stop)

    server: Any = socketserver.BaseServer
    server.shutdown = births.settled_before(server.shutdown)


class Result(unittest.TextTestResult):
    """The results of the tests. A test that hangs ends the run."""

    def startTest(self, test: unittest.TestCase) -> None:
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        self._start = time.monotonic()
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()
        if self.showAll:
            self.stream.writeln(f"    {time.monotonic() - self._start:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
