"""``bc260y-aio run``: a Python script whose connections go over the module."""

import argparse
import atexit
import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ..modem.modem import Modem
from ..routing.process import ModemThread, route_process
from .common import EXIT_FAILURE, EXIT_USAGE, Subparsers, add_data_format_option, add_port_options, complain, reason

# Signals that end a program at once: the module is left in order first, which may take so long, in seconds.
_TERMINATION_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_FLUSH_TIMEOUT: Final = 5.0


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run",
        usage="bc260y-aio run [-h] [-v] [--port PORT] [--baudrate RATE] [--data-format FORMAT] SCRIPT [ARGUMENT ...]\n"
        "       bc260y-aio run [...] -m MODULE [ARGUMENT ...]",
        help="run a Python script with every connection over the module",
        description="Run a Python script, or a module as python -m does, unchanged. On whatever event loops it makes, "
        "asyncio's or uvloop's, one after the other or in threads, it connects, sends datagrams and resolves names "
        "over the module. Blocking connections, UDP sockets and the resolver functions go the same way. This machine's "
        "own addresses stay on it, and so does what listens. The exit status is the script's.",
        epilog="What cannot be carried is refused rather than let out to the host's network: a non-blocking connect "
        "outside of an event loop, raw sockets, broadcast and multicast. Child processes, and libraries that connect "
        "in C, are not carried. For other programs there is bc260y-aio socks.",
    )
    add_port_options(parser)
    add_data_format_option(parser)
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE", help="a module, and arguments")
    parser.add_argument("script", nargs=argparse.REMAINDER, metavar="SCRIPT", help="a file, and arguments")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Open the modem, and run the script; return the exit status where it ends by itself.

    Raises:
        BaseException: what the script raises, SystemExit among it.
    """
    arguments: list[str] = options.module or options.script
    if not arguments:
        options.refuse("name a script, or -m and a module")

    if options.verbose:
        _log(logging.DEBUG if options.verbose > 1 else logging.INFO)

    # Before anything is opened, for a script that is not there; a module's parents may already want to connect.
    try:
        source = None if options.module else Path(arguments[0]).read_bytes()
        modem = Modem(options.port, baudrate=options.baudrate, data_format=options.data_format)
    except (OSError, ValueError) as exc:
        complain(reason(exc))
        return EXIT_USAGE

    thread = ModemThread(modem)
    try:
        thread.start()
    except (OSError, ValueError) as exc:
        complain(reason(exc))
        return EXIT_USAGE if isinstance(exc, ValueError) else EXIT_FAILURE

    # The script's threads, and what it has registered for the end, may still need it after the script's last line.
    atexit.register(thread.stop)
    _stop_on_signals(thread)
    route_process(thread)
    if source is None:
        return _run_module(arguments)

    return _run_script(source, arguments)


def _log(level: int) -> None:
    # The root logger is the script's.
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    logger = logging.getLogger("bc260y_aio")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


def _stop_on_signals(thread: ModemThread) -> None:
    def end(number: int, _: Any) -> None:
        thread.stop(_FLUSH_TIMEOUT)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in _TERMINATION_SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


# Running a script as Python does


def _run_script(source: bytes, arguments: list[str]) -> int:
    path = os.path.abspath(arguments[0])
    main = types.ModuleType("__main__")
    main.__file__ = path
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    _set_path(os.path.dirname(os.path.realpath(path)))
    return _run(main, arguments, lambda: compile(source, path, "exec", dont_inherit=True))


def _run_module(arguments: list[str]) -> int:
    name, *rest = arguments
    _set_path(os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except (ImportError, ValueError):
        spec = None

    loader = spec.loader if spec is not None else None
    if spec is None or spec.origin is None or not isinstance(loader, importlib.abc.InspectLoader):
        complain(f"there is no module {name} to run")
        return EXIT_FAILURE

    main = types.ModuleType("__main__")
    main.__file__, main.__loader__, main.__package__, main.__spec__ = spec.origin, loader, spec.parent, spec
    full_name = spec.name
    return _run(main, [spec.origin, *rest], lambda: loader.get_code(full_name))


def _set_path(folder: str) -> None:
    # Where Python was told to put nothing there, it is not the place of the script's folder either.
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _run(main: types.ModuleType, arguments: list[str], code: Callable[[], Any]) -> int:
    vars(main)["__builtins__"] = builtins
    sys.argv[:] = arguments
    sys.modules["__main__"] = main
    try:
        exec(code(), vars(main))
    except SystemExit:
        raise
    except BaseException as exc:
        _hide_own_frames(exc.__traceback__)
        raise

    return 0


def _hide_own_frames(traceback: types.TracebackType | None) -> None:
    """Have an exception that ends the program told without the frames of this package."""
    tell = sys.excepthook
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next

    def hook(kind: type[BaseException], exc: BaseException, _: types.TracebackType | None) -> None:
        tell(kind, exc.with_traceback(traceback), traceback)

    sys.excepthook = hook
