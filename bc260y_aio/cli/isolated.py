"""``bc260y-aio run --isolated``: a program of any kind, with the module as its only network."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import Final

from ..bridge.isolation.outside import IsolatedProgram, IsolationError
from ..modem.modem import Modem
from .common import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, error_text, print_error
from .device import opened
from .extras import is_installed

# The modules that the extra `isolated` installs.
_NEEDED: Final = ("mitmproxy_rs", "dns")
# How long the sending of what the program wrote may take when it has ended, in seconds.
_FLUSH_TIMEOUT: Final = 60.0
# Signals that end a program are passed on to it.
_FORWARDED: Final = (signal.SIGTERM, signal.SIGHUP)
# The program receives the signals of a terminal by itself.
_OF_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)
_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)


def run_isolated(options: argparse.Namespace, command: list[str]) -> int:
    """Run a program in namespaces of its own, and return its exit status.

    If a signal has ended the program, this process ends by the same signal.
    """
    if command[:1] == ["--"]:
        command = command[1:]

    if not command or options.module:
        options.refuse("name a command after --isolated --")

    if (missing := _missing()) is not None:
        print_error(missing)
        return EXIT_FAILURE

    logging.basicConfig(format="bc260y-aio: %(message)s", level=_LEVELS[min(options.verbose, len(_LEVELS) - 1)])
    try:
        modem = Modem(options.port, baudrate=options.baudrate, data_format=options.data_format)
    except (OSError, ValueError) as exc:
        print_error(error_text(exc))
        return EXIT_USAGE

    program = _program(command, options)
    try:
        status = asyncio.run(_serve(program, modem, options))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except IsolationError as exc:
        print_error(str(exc))
        return exc.status
    except (OSError, ValueError) as exc:
        print_error(error_text(exc))
        return EXIT_USAGE if isinstance(exc, ValueError) else EXIT_FAILURE
    finally:
        program.close()

    if status < 0:
        # SIGKILL has no handler to be set.
        with contextlib.suppress(OSError):
            signal.signal(-status, signal.SIG_DFL)

        os.kill(os.getpid(), -status)

    return status


def _program(command: list[str], options: argparse.Namespace) -> IsolatedProgram:
    if options.tls_keys is not None:
        # Most TLS libraries know the variable; a relative path is that of this process.
        os.environ["SSLKEYLOGFILE"] = os.path.abspath(options.tls_keys)

    return IsolatedProgram(command)


def _missing() -> str | None:
    if sys.platform != "linux":
        return "run --isolated needs Linux; on other systems programs can use bc260y-aio socks"

    if not all(map(is_installed, _NEEDED)):
        return "run --isolated needs the packages of an extra: pip install 'bc260y-aio[isolated]'"

    return None


async def _serve(program: IsolatedProgram, modem: Modem, options: argparse.Namespace) -> int:
    # The namespaces are made meanwhile.
    async with opened(modem, options):
        program.wait_ready()
        with _signals(program):
            return await program.run(modem, _FLUSH_TIMEOUT)


@contextlib.contextmanager
def _signals(program: IsolatedProgram) -> Iterator[None]:
    """Leave the signals to the program, except those that this process ignores."""
    loop = asyncio.get_running_loop()
    numbers = [one for one in (*_FORWARDED, *_OF_TERMINAL) if signal.getsignal(one) is not signal.SIG_IGN]
    for number in numbers:
        if number in _FORWARDED:
            loop.add_signal_handler(number, program.signal, number)
        else:
            loop.add_signal_handler(number, lambda: None)

    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
