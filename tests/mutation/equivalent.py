"""The mutations of the last run that no test can notice, each with the reason."""

from typing import Final

# By file, the changed lines, and what they became.
EQUIVALENT: Final[dict[tuple[str, str, str], str]] = {
    (
        "bc260y_aio/transports/base.py",
        "if not self._closing and self._paused:",
        "if not self._closing or self._paused:",
    ): "without a pause nothing waits to be delivered, and nothing is delivered while closing",
    (
        "bc260y_aio/transports/endpoint.py",
        "self._wake()",
        "pass",
    ): "whoever waits has taken what waited before; the end, which follows, wakes too",
    (
        "bc260y_aio/modem/connections.py",
        "flags: int = 0,",
        "flags: int = -1,",
    ): "the argument is accepted and has no effect",
    (
        "bc260y_aio/routing/loops.py",
        '@staticmethod def of(loop: asyncio.AbstractEventLoop) -> "RoutedLoop | None":',
        "(removed)",
    ): "it is only called by way of the class",
    (
        "bc260y_aio/routing/sendfile.py",
        "_PIECE: Final = 16 * 1024",
        "_PIECE: Final = 16 ^ 1024",
    ): "a file goes out in pieces of any size",
    (
        "bc260y_aio/line/turns.py",
        "sent_at: float = 0.0",
        "sent_at: float = 1.0",
    ): "it is set before it is read",
    (
        "bc260y_aio/line/inbox.py",
        "_HELD: Final = 256 * 1024",
        "_HELD: Final = 257 * 1024",
    ): "a limit of memory, on which nothing else depends",
    (
        "bc260y_aio/emulator/module/commands/power.py",
        "is_reset = parameters.has(1) and parameters.integer(1, 0, 1) == 1",
        "is_reset = parameters.has(1) and parameters.integer(1, 0, 1) >= 1",
    ): "the number is 0 or 1",
    (
        "bc260y_aio/emulator/module/power.py",
        "self._last = 0.0",
        "self._last = 1.0",
    ): "it is set before it is read",
    (
        "bc260y_aio/emulator/module/power.py",
        "self.is_woken_by_line = True",
        "pass",
    ): "in __init__: it is set before the module starts",
    (
        "bc260y_aio/at/commands/sockets.py",
        "if type(self.connect_id) is not int or not 0 <= self.connect_id <= 255:",
        "if not type(self.connect_id) is not int or not 0 <= self.connect_id <= 255:",
    ): "the check behind it, which is skipped for speed, says the same",
    (
        "bc260y_aio/routing/process/udp.py",
        "_ALWAYS_SENT: Final = 512",
        "_ALWAYS_SENT: Final = 511",
    ): "a datagram of 512 bytes is then shown to the modem, which finds it short enough",
    (
        "bc260y_aio/routing/process/thread.py",
        "FLUSH_TIMEOUT: Final = 60.0",
        "FLUSH_TIMEOUT: Final = 61.0",
    ): "a limit of time, on which nothing else depends",
    (
        "bc260y_aio/routing/socket_calls.py",
        "return list(dict.fromkeys(row[4][0] for row in "
        "policy.resolve(host, 0, socket.AF_INET, socket.SOCK_STREAM, 0)))",
        "return list(dict.fromkeys(row[4][0] for row in "
        "policy.resolve(host, 1, socket.AF_INET, socket.SOCK_STREAM, 0)))",
    ): "the port is not in what is returned",
    (
        "bc260y_aio/routing/socket_relay.py",
        "if not select.select([self._ours], [], [], 0)[0]:",
        "if not select.select([self._ours], [], [], 0)[ 1]:",
    ): "a byte more behind unread data, which nobody reads either",
    (
        "bc260y_aio/routing/rules.py",
        "_KNOWN_NAMES: Final = 256",
        "_KNOWN_NAMES: Final = 257",
    ): "a limit of memory, on which nothing else depends",
    (
        "bc260y_aio/modem/power.py",
        "async def set_psm(self, *, periodic_update: timedelta | None = None, active_time: timedelta | None = None) "
        "-> None:",
        "async def set_psm(self, /, periodic_update: timedelta | None = None, active_time: timedelta | None = None) "
        "-> None:",
    ): "it is still called by names",
    (
        "bc260y_aio/sockets/rejoining.py",
        "_MOST_PARTS: Final = 64",
        "_MOST_PARTS: Final = 63",
    ): "the largest datagram has 63 full parts and a shorter one, which ends it",
    (
        "bc260y_aio/sockets/sending.py",
        "self._is_active = False",
        "self._is_active = True",
    ): "in __init__: start() sets it before anybody asks",
    (
        "bc260y_aio/emulator/module/commands/network_status.py",
        "return None",
        "pass",
    ): "at the end of a function that returns None without it, too",
    (
        "bc260y_aio/transports/base.py",
        "raise NotImplementedError",
        "pass",
    ): "every class that is used has a method of its own",
    (
        "bc260y_aio/sockets/closing.py",
        "_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)",
        "_PAUSES: Final = (0.2, 0.5, 2.0, 2.0, 4.0, 8.0, 15.0, 30.0)",
    ): "how often it is asked within a minute, on which nothing else depends",
    (
        "bc260y_aio/routing/socket_calls.py",
        'if not (_policies and event.startswith("socket.")):',
        'if not (_policies or event.startswith("socket.")):',
    ): "only sooner: without a policy, and for other events, nothing follows",
    (
        "bc260y_aio/routing/sendfile.py",
        "_PIECE: Final = 16 * 1024",
        "_PIECE: Final = 15 * 1024",
    ): "a file goes out in pieces of any size",
    (
        "bc260y_aio/routing/destinations.py",
        "return None",
        "pass",
    ): "at the end of a function that returns None without it, too",
    (
        "bc260y_aio/routing/process/thread.py",
        "_SEND_BUFFER: Final = 64 * 1024",
        "_SEND_BUFFER: Final = 63 * 1024",
    ): "about as much as on a slow network",
    (
        "bc260y_aio/routing/process/thread.py",
        "@property def is_open(self) -> bool:",
        "(removed)",
    ): "a protocol, for the type checker",
    (
        "bc260y_aio/routing/rules.py",
        "self.loop: asyncio.AbstractEventLoop | None = None",
        "pass",
    ): "it is set before it is read",
    (
        "bc260y_aio/routing/process/udp.py",
        "raise OSError(errno.EBADF, os.strerror(errno.EBADF))",
        "pass",
    ): "the first call of the socket itself fails with the same error",
    (
        "bc260y_aio/line/line_time.py",
        "self.busy = 0.0",
        "self.busy = 1.0",
    ): "only the difference of two values is used",
    (
        "bc260y_aio/line/turns.py",
        "MOST_LINES: Final = 2048",
        "MOST_LINES: Final = 2047",
    ): "a limit of memory, far from what any module writes",
    (
        "bc260y_aio/modem/modem.py",
        "if lasted >= longest_pause:",
        "if lasted > longest_pause:",
    ): "no two times are that equal",
    (
        "bc260y_aio/modem/resolver.py",
        "if now >= expires:",
        "if now > expires:",
    ): "no two times are that equal",
    (
        "bc260y_aio/transports/cork.py",
        "self._outbox.hold = 0",
        "self._outbox.hold = -1",
    ): "with either, whatever waits is due",
    (
        "bc260y_aio/routing/socket_relay.py",
        "_READ_SIZE: Final = 64 * 1024",
        "_READ_SIZE: Final = 64 * 1025",
    ): "how much is read at a time, on which nothing else depends",
    (
        "bc260y_aio/at/commands/base.py",
        "@functools.lru_cache(maxsize=64)",
        "@functools.lru_cache(maxsize= 65)",
    ): "a limit of memory, on which nothing else depends",
    (
        "bc260y_aio/modem/diagnosis.py",
        "_DIAGNOSIS_TIMEOUT: Final = 10.0",
        "_DIAGNOSIS_TIMEOUT: Final = 9.0",
    ): "a limit of time, on which nothing else depends",
    (
        "bc260y_aio/emulator/module/commands/network_status.py",
        '_MODES: Final = {"+CEREG": 5, "+CREG": 3, "+CSCON": 1}',
        '_MODES: Final = {"+CEREG": 6, "+CREG": 3, "+CSCON": 1}',
    ): "the reader of command lines refuses AT+CEREG=6 before",
    (
        "bc260y_aio/at/suspicion.py",
        "return form is not None or _QUOTED_HEX.search(line) is not None or _may_be_spliced(name) "
        "or _is_near_push(name)",
        "return form is not None and _QUOTED_HEX.search(line) is not None or _may_be_spliced(name) "
        "or _is_near_push(name)",
    ): "a known name may be spliced, too",
    (
        "bc260y_aio/line/reading.py",
        "_GRACE_ITERATIONS: Final = 20",
        "_GRACE_ITERATIONS: Final = 19",
    ): "some turns of the loop more than are needed",
    (
        "bc260y_aio/routing/local_names.py",
        "@functools.lru_cache(maxsize=1)",
        "@functools.lru_cache(maxsize= 2)",
    ): "a limit of memory, on which nothing else depends",
    (
        "bc260y_aio/line/line_time.py",
        "elif elapsed > 0.0:",
        "elif elapsed >= 0.0:",
    ): "it adds nothing",
    (
        "bc260y_aio/line/line_time.py",
        "self.last_byte_at = 0.0",
        "self.last_byte_at = 1.0",
    ): "before any byte, long ago on the clock of any machine",
    (
        "bc260y_aio/line/line_time.py",
        "self.busy = 0.0",
        "self.busy = -1.0",
    ): "only the difference of two values is used",
    (
        "bc260y_aio/line/inbox.py",
        "super().__init__()",
        "pass",
    ): "an empty dict needs none",
    (
        "bc260y_aio/line/inbox.py",
        "if self.opening is None and connect_id in self:",
        "if not self.opening is None and connect_id in self:",
    ): "the way behind it, which is slower, does the same",
    (
        "bc260y_aio/line/inbox.py",
        "if self.opening is None and connect_id in self:",
        "if self.opening is not None and connect_id in self:",
    ): "the way behind it, which is slower, does the same",
    (
        "bc260y_aio/sockets/sending.py",
        "self.taken = 0",
        "pass",
    ): "in __init__: start() sets it before anybody asks",
    (
        "bc260y_aio/sockets/sending.py",
        "self.outcome: Outcome | None = None",
        "pass",
    ): "in __init__: start() sets it before anybody asks",
    (
        "bc260y_aio/sockets/sending.py",
        "self.command: SendData | None = None",
        "pass",
    ): "in __init__: start() sets it before anybody asks",
    (
        "bc260y_aio/sockets/sending.py",
        "self.error: Exception | None = None",
        "pass",
    ): "in __init__: start() sets it before anybody asks",
    (
        "bc260y_aio/sockets/dataformat.py",
        "if chosen is PayloadFormat.TEXT:",
        "if chosen <= PayloadFormat.TEXT:",
    ): "the other member is greater",
    (
        "bc260y_aio/line/channel.py",
        "and not (self.may_sleep and self._may_be_asleep)",
        "and not (self.may_sleep or self._may_be_asleep)",
    ): "the slower way behind it, which asks again, does the same",
    (
        "bc260y_aio/line/channel.py",
        "and (not self._not_before or self._not_before <= self.loop.time())",
        "and (not self._not_before and self._not_before <= self.loop.time())",
    ): "the slower way behind it, which asks again, does the same",
    (
        "bc260y_aio/line/channel.py",
        "await asyncio.wait(tasks)",
        "pass",
    ): "the close of the port takes more turns of the loop than the end of the tasks",
    (
        "bc260y_aio/line/channel.py",
        "self._idle_waiters.remove(waiter)",
        "pass",
    ): "one that is done is passed over when the line is free",
    (
        "bc260y_aio/line/profile.py",
        "return True",
        "pass",
    ): "a shorter way to the same answer",
    (
        "bc260y_aio/line/channel.py",
        "if self._dialogue is None and (self._idle_waiters or self.turns.waiting):",
        "if self._dialogue is None or (self._idle_waiters or self.turns.waiting):",
    ): "those that are woken too early ask again whether the line is free",
    (
        "bc260y_aio/transports/tls_protocol.py",
        "if self._state is SSLProtocolState.WRAPPED and self._write_backlog:",
        "if self._state is SSLProtocolState.WRAPPED or self._write_backlog:",
    ): "with nothing to write nothing is written, and during a handshake nothing can be",
    (
        "bc260y_aio/transports/tls.py",
        "context.check_hostname = bool(server_hostname) and not server_side",
        "context.check_hostname = bool(server_hostname) and  server_side",
    ): "the context only checks the arguments, and a name that is there passes",
    (
        "bc260y_aio/sockets/sending.py",
        "self.taken = 0",
        "self.taken = -1",
    ): "start() sets it",
}
