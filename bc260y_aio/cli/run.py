"""``bc260y-aio run``: run a Python script whose connections go over the module."""

import argparse
import atexit
import builtins
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import signal
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ..modem.modem import Modem
from ..routing.process import ModemThread, route_process
from .common import (
    EXIT_FAILURE,
    EXIT_USAGE,
    Subparsers,
    add_data_format_option,
    add_port_options,
    add_trace_options,
    check_capture_options,
    error_text,
    print_error,
)
from .extras import MissingExtra
from .isolated import run_isolated
from .reporting import Account, add_report_options

# These signals end a program; the modem is closed first, which may take this long, in seconds.
_TERMINATION_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_FLUSH_TIMEOUT: Final = 5.0

_PACKAGE: Final = Path(__file__).parents[1]
_LIBRARY: Final = sysconfig.get_path("stdlib")


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run",
        usage="bc260y-aio run [-h] [-v] [--port PORT] [--baudrate RATE] [--data-format FORMAT]\n"
        "                      [--pcap FILE [--tls-keys FILE]] SCRIPT [ARGUMENT ...]\n"
        "       bc260y-aio run [...] -m MODULE [ARGUMENT ...]\n"
        "       bc260y-aio run [...] --isolated [--trace FILE] -- COMMAND [ARGUMENT ...]",
        help=summary,
        description="Run a Python script, or a module as python -m does, unchanged. On all its event loops, asyncio's "
        "or uvloop's, also in threads, it connects, sends datagrams and resolves names over the module. Blocking "
        "connections, UDP sockets and the resolver functions go the same way. Connections to this machine and "
        "listening sockets stay on it. The exit status is the script's.",
        epilog="What cannot go over the module is refused and never goes over the host's network: a non-blocking "
        "connect outside of an event loop, raw sockets, broadcast, multicast with its memberships, and sockets of one "
        "interface. Child processes and libraries that connect in C are not routed. --isolated runs any program "
        "and its children in Linux namespaces of their own, where the module is the only network. It needs no "
        "privileges, but unprivileged user namespaces, write access to /dev/net/tun, and pip install "
        "'bc260y-aio[isolated]'. Inside, names have addresses of 198.18.0.0/15, and the module resolves them when "
        "they are connected to; loopback is the program's own; connect() succeeds at once, and a connection that "
        "the module cannot open is then aborted (ECONNABORTED).",
    )
    add_port_options(parser)
    add_data_format_option(parser)
    add_trace_options(parser)
    add_report_options(parser)
    parser.add_argument("--isolated", action="store_true", help="run any program, in Linux namespaces of its own")
    parser.add_argument(
        "-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE", help="a module and its arguments"
    )
    parser.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT",
        help="a file and its arguments; options of bc260y-aio go before it",
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Open the modem, and run the script; return the exit status if it ends without an exception.

    Raises:
        BaseException: the exception of the script, such as SystemExit.
    """
    arguments: list[str] = options.module or options.script
    if options.isolated:
        return run_isolated(options, arguments)

    if options.trace is not None:
        options.refuse("--trace needs --isolated")

    if not arguments:
        options.refuse("name a script, or -m and a module")

    if options.verbose:
        _log(logging.DEBUG if options.verbose > 1 else logging.INFO)

    # A missing script is reported before anything is opened; importing a module may already connect.
    try:
        source = None if options.module else Path(arguments[0]).read_bytes()
        modem = Modem(options.port, baudrate=options.baudrate, data_format=options.data_format)
    except (OSError, ValueError) as exc:
        print_error(error_text(exc))
        return EXIT_USAGE

    try:
        thread = _started(modem, options)
    except (OSError, ValueError, MissingExtra) as exc:
        print_error(error_text(exc))
        return EXIT_USAGE if isinstance(exc, ValueError) else EXIT_FAILURE

    route_process(thread)
    if source is None:
        return _run_module(arguments, is_verbose=bool(options.verbose))

    return _run_script(source, arguments, is_verbose=bool(options.verbose))


def _started(modem: Modem, options: argparse.Namespace) -> ModemThread:
    """Open the modem in a thread, which is stopped, and reported on, when the program ends."""
    thread = ModemThread(modem)
    with contextlib.ExitStack() as stack:
        close_capture = _capture(modem, options)
        stack.callback(close_capture)
        account = stack.enter_context(Account(modem, options))
        thread.start()
        stack.pop_all()

    # Threads and exit handlers of the script may use the modem after its last line.
    atexit.register(close_capture)
    atexit.register(account.close)
    atexit.register(thread.stop)
    _stop_on_signals(thread, account.close, close_capture)
    return thread


def _log(level: int) -> None:
    # The root logger belongs to the script.
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
    logger = logging.getLogger("bc260y_aio")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


def _capture(modem: Modem, options: argparse.Namespace) -> Callable[[], None]:
    """Capture what goes over the modem, if that is wanted; return what closes the file.

    Raises:
        OSError: it cannot be created.
    """
    check_capture_options(options)
    if options.pcap is None:
        return lambda: None

    capture = modem.capture(options.pcap, tls_keys=options.tls_keys)

    def close() -> None:
        try:
            capture.close()
        except OSError as exc:
            print_error(f"{options.pcap}: {error_text(exc)}")

    return close


def _stop_on_signals(thread: ModemThread, *closings: Callable[[], None]) -> None:
    def end(number: int, _: Any) -> None:
        thread.stop(_FLUSH_TIMEOUT)
        for close in closings:
            close()

        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in _TERMINATION_SIGNALS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


# Running a script as Python does


def _run_script(source: bytes, arguments: list[str], *, is_verbose: bool) -> int:
    path = os.path.abspath(arguments[0])
    main = types.ModuleType("__main__")
    main.__file__ = path
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    _set_path(os.path.dirname(os.path.realpath(path)))
    return _run(main, arguments, lambda: compile(source, path, "exec", dont_inherit=True), is_verbose=is_verbose)


def _run_module(arguments: list[str], *, is_verbose: bool) -> int:
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
        print_error(f"there is no module {name} to run")
        return EXIT_FAILURE

    main = types.ModuleType("__main__")
    main.__file__, main.__loader__, main.__package__, main.__spec__ = spec.origin, loader, spec.parent, spec
    full_name = spec.name
    return _run(main, [spec.origin, *rest], lambda: loader.get_code(full_name), is_verbose=is_verbose)


def _set_path(folder: str) -> None:
    # With safe_path, Python leaves out the folder of the script too.
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _run(main: types.ModuleType, arguments: list[str], code: Callable[[], Any], *, is_verbose: bool) -> int:
    vars(main)["__builtins__"] = builtins
    sys.argv[:] = arguments
    sys.modules["__main__"] = main
    try:
        exec(code(), vars(main))
    except SystemExit:
        raise
    except BaseException as exc:
        if not is_verbose:
            _hide_own_frames(exc)

        raise

    return 0


def _hide_own_frames(error: BaseException) -> None:
    """Make the traceback of an exception that ends the program end where the script entered this package."""
    report = sys.excepthook
    # Frames that are added from here on, up to the interpreter's start, are not the script's either.
    shown = _without_own_frames(error.__traceback__)
    chained = error.__cause__ or error.__context__
    while chained is not None:
        chained.__traceback__ = _without_own_frames(chained.__traceback__)
        chained = chained.__cause__ or chained.__context__

    def hook(kind: type[BaseException], exc: BaseException, _: types.TracebackType | None) -> None:
        report(kind, exc.with_traceback(shown), shown)

    sys.excepthook = hook


def _without_own_frames(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback without the frames of this package, and of the standard library that it called."""
    frames = list(_walk(traceback))
    files = [frame.tb_frame.f_code.co_filename for frame in frames]
    is_own = [Path(file).is_relative_to(_PACKAGE) for file in files]
    # The last frame of the script: what follows it belongs to this package from the first own frame on.
    others = [index for index, file in enumerate(files) if not is_own[index] and not _is_standard(file)]
    last = others[-1] if others else -1
    end = next((index for index in range(last + 1, len(frames)) if is_own[index]), len(frames))
    kept: types.TracebackType | None = None
    for frame, own in reversed(list(zip(frames[:end], is_own[:end], strict=True))):
        if not own:
            kept = types.TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)

    return kept


def _is_standard(file: str) -> bool:
    return file.startswith(_LIBRARY) and "site-packages" not in file


def _walk(traceback: types.TracebackType | None) -> Iterator[types.TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
