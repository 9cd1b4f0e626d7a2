"""The modem of a command: open it, trace it, wait for its network."""

import argparse
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

from ..errors import CommandError, NotRegistered
from ..modem.modem import Modem
from ..tracing import ChromeTrace
from .common import check_capture_options, print_error
from .reporting import Account

M = TypeVar("M", bound=Modem)


@contextlib.asynccontextmanager
async def opened(modem: M, options: argparse.Namespace) -> AsyncIterator[M]:
    """Open a modem for a block; trace, capture, watch and report it where the options say so.

    Raises:
        OSError: it cannot be opened; or a file cannot be written.
    """
    check_capture_options(options)
    with contextlib.ExitStack() as stack:
        if options.trace is not None:
            trace = stack.enter_context(ChromeTrace(options.trace))
            modem.trace(trace, payload=options.trace_payload)

        stack.enter_context(Account(modem, options))
        if options.pcap is not None:
            stack.enter_context(modem.capture(options.pcap, tls_keys=options.tls_keys))

        async with modem:
            yield modem


async def wait_for_network(modem: Modem) -> None:
    """Wait until the module is registered, and print why the command waits.

    Raises:
        NotRegistered: it was not registered in time.
    """
    try:
        is_registered = (await modem.registration()).status.is_registered
    except (CommandError, NotRegistered):
        # Firmware that does not report its registration may still be registered.
        return

    if not is_registered:
        print_error("the module is not registered with a network; waiting for it")
        await modem.wait_registered()
