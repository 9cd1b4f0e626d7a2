"""Checks of commands, sockets and data."""

from typing import Final

from ..at.commands import TESTABLE
from ..at.completions import Resolution, SendResult, SocketClosed, SocketOpened
from ..at.information import AckStatus, DataFormat, SocketInfo, SocketState
from ..at.syntax import PayloadFormat
from ..at.urcs import DataReceived, PeerClosed
from ..errors import ErrorCode
from ..line.profile import DEFAULT_PROFILE
from .checks import PROFILED, Check, Verdict, agrees, differs, either, shown
from .line import Exchange
from .observations import UNKNOWN_HOST, NotObserved, Observations
from .probes import QUERIES
from .radio import ECHO_TIMEOUT, largest_payload, small_payload

# Time limits, in seconds: for the answer to AT as a probe, and for a completion (guide 2.2).
ANSWERS_WITHIN: Final = 0.3
COMPLETES_WITHIN: Final = 5.0
# No push is longer (guide 2.3, note 4), in bytes.
_LARGEST_PUSH: Final = 1024

# The exchanges that used a command which has only a test form.
_USES: Final = {"+QIDNSGIP": ("resolve.nowhere", "resolve"), "+QPING": ("ping",), "+QNTP": ("time",)}

_USELESS: Final = "This package cannot use the module as it is."


# Commands


def _answer_time(observed: Observations) -> Verdict:
    times = [one.done_after for _, one in observed.under("attention.") if one.done_after is not None]
    slowest = max(times, default=None)
    if slowest is None:
        return differs("it was not answered", _USELESS)

    seen = f"{1000 * min(times):.0f} to {1000 * slowest:.0f} ms"
    return either(slowest <= ANSWERS_WITHIN, seen, "AT is repeated until it is answered, which costs time.")


def _command_gap(observed: Observations) -> Verdict:
    gaps: dict[float, int] = observed.fact("gaps")
    if not gaps[0.0]:
        return agrees()

    enough = next((gap for gap, lost in gaps.items() if not lost), None)
    seen = f"{gaps[0.0]} of 20 commands without a pause were lost"
    return differs(seen, command_gap=enough) if enough else differs(f"{seen}, and some after 0.2 s", _USELESS)


def _rate(observed: Observations) -> Verdict:
    exchange = observed["rate"]
    reported = next((line for line in exchange.lines if line.startswith(b"+IPR")), None)
    if reported is None:
        raise NotObserved("the module does not report its rate")

    is_fixed = reported.partition(b":")[2].strip().split(b",")[0] != b"0"
    return either(is_fixed, shown(reported), "Set it to a rate with AT+IPR: autobaud is not reliable.")


def _commands(observed: Observations) -> Verdict:
    unknown = sorted(name for name in (*QUERIES, *_USES) if not _is_known(observed, name))
    seen = f"it does not know {', '.join(unknown)}"
    if "+QISTATE" in unknown:
        return differs(seen, _USELESS, unsupported=unknown)

    return differs(seen, unsupported=unknown) if unknown else agrees(f"{len(QUERIES)} of them")


def _is_known(observed: Observations, name: str) -> bool:
    asked = [one for one in (f"query.{name}", *_USES.get(name, ())) if one in observed.exchanges]
    forms = [one for one in (f"form.{name}", f"test.{name}") if one in observed.exchanges]
    return not asked or any(observed[one].is_accepted for one in (*asked, *forms))


def _markers(observed: Observations) -> Verdict:
    answers = observed.under("test.")
    silent = [name for name, one in answers if f"{name}:".encode() not in one.received or b"(" not in one.received]
    if not silent:
        return agrees(f"{len(TESTABLE)} of them")

    return differs(f"not {', '.join(silent)}", markers=tuple(one for one in TESTABLE if one not in silent))


def _count(observed: Observations) -> Verdict:
    count = observed.fact("sockets")
    return (
        agrees(f"{count} of them") if count == DEFAULT_PROFILE.sockets else differs(f"{count} of them", sockets=count)
    )


def _largest_ping(observed: Observations) -> Verdict:
    if "largest_ping" in observed.facts:
        largest = min(observed.facts["largest_ping"], DEFAULT_PROFILE.largest_ping)
    else:
        if observed["ping"].is_refused:
            raise NotObserved("the module does not ping")

        # The limit of firmware before R01A03 (guide 2.2.8, note).
        largest = 200 if observed["ping.largest"].is_refused else DEFAULT_PROFILE.largest_ping

    seen = f"{largest} bytes"
    return agrees(seen) if largest == DEFAULT_PROFILE.largest_ping else differs(seen, largest_ping=largest)


def _formats(observed: Observations) -> Verdict:
    exchange = observed["query.+QICFG"]
    found = exchange.all_of(DataFormat)
    if found:
        return agrees(f"it sends {found[0].send.name.lower()}, and receives {found[0].receive.name.lower()}")

    # It then uses text, the default of the guide (2.2.1).
    return differs(f"{exchange.command} brought {shown(b', '.join(exchange.lines))}", data_format="text")


# Opening and closing


def _opens(observed: Observations) -> Verdict:
    names = [name for name in ("open.nowhere", "stream.open", "datagram.open") if name in observed.exchanges]
    if not names:
        raise NotObserved(observed.skipped.get("open.nowhere", "no socket was opened"))

    for name in names:
        exchange = observed[name]
        if not exchange.all_of(SocketOpened) or not exchange.is_done:
            return differs(
                f"{exchange.command} brought {shown(exchange.received)}", "An open fails with ConnectTimeout."
            )

    slowest = max(observed[name].done_after or 0.0 for name in names)
    return agrees(f"within {slowest:.1f} s")


def _failure(observed: Observations) -> Verdict:
    failed, closed = observed["open.nowhere"], observed["close.nowhere"]
    if not failed.all_of(SocketOpened):
        raise NotObserved("the outcome of the open was not reported")

    if not closed.lines:
        raise NotObserved("its close was not answered")

    return either(
        not closed.is_refused, f"after {shown(failed.lines[-1])}, {closed.command} brought {shown(closed.lines[-1])}"
    )


def _unknown_name(observed: Observations) -> Verdict:
    exchange = observed["resolve.nowhere"]
    reported = exchange.all_of(Resolution)
    if exchange.is_refused:
        raise NotObserved("the module does not resolve names")

    if reported and not reported[0].error:
        raise NotObserved(f"something answers for {UNKNOWN_HOST}")

    if not reported:
        return differs(shown(exchange.received), "Resolving a name that does not exist fails late.")

    note = "The exception is not a socket.gaierror."
    return either(reported[0].error == ErrorCode.DNS_PARSE_FAILED, shown(exchange.lines[-1]), note)


def _name(observed: Observations) -> Verdict:
    exchange = observed["resolve"]
    reported = exchange.all_of(Resolution)
    if exchange.is_refused:
        raise NotObserved("the module does not resolve names")

    if reported and reported[0].error:
        raise NotObserved(f"the server's name does not resolve: {shown(exchange.lines[-1])}")

    return either(
        bool(reported) and exchange.is_done, shown(b", ".join(exchange.lines)), "Use addresses instead of names."
    )


def _state(observed: Observations) -> Verdict:
    _opened(observed, "stream.open")
    exchange = observed["stream.state"]
    reported = exchange.all_of(SocketInfo)
    is_right = len(reported) == 1 and reported[0].service_type == "TCP" and reported[0].state is SocketState.CONNECTED
    return either(is_right, shown(exchange.lines[0] if exchange.lines else b""), "Sockets left open may not be found.")


def _again(observed: Observations) -> Verdict:
    _opened(observed, "stream.open")
    exchange = observed["stream.again"]
    note = "Its outcome may be mistaken for that of another open."
    return either(exchange.is_refused, shown(b", ".join(exchange.lines)), note)


def _opened(observed: Observations, name: str) -> None:
    exchange = observed[name]
    reported = exchange.all_of(SocketOpened)
    if not reported or reported[0].error:
        raise NotObserved(f"the socket did not open: {shown(b', '.join(exchange.lines)) or 'no answer'}")


# Data


def _sends(observed: Observations) -> list[Exchange]:
    """Return the sends without release assistance indication."""
    _opened(observed, "stream.open" if "stream.open" in observed.exchanges else "datagram.open")
    sends = [one for name, one in observed.under("datagram.") if name == "largest"]
    for prefix in ("stream.", "formats.stream."):
        for name, exchange in observed.under(prefix):
            if name in ("small", "largest"):
                sends.append(exchange)

            if exchange.all_of(PeerClosed):
                break

    return sends


def _send(observed: Observations) -> Verdict:
    for exchange in _sends(observed):
        if exchange.all_of(SendResult) != [SendResult(ok=True)] or not exchange.is_done:
            reported = shown(b", ".join(line for line in exchange.lines if not line.startswith(b"+QIURC")))
            note = "Modem queries how much was accepted, and sends the rest."
            return differs(f"{exchange.command} brought {reported or 'no answer'}", note)

    return agrees(f"{len(_sends(observed))} times")


def _close(observed: Observations) -> Verdict:
    names = ("stream.close", "datagram.close", "close.nowhere")
    closes = [observed[name] for name in names if name in observed.exchanges and not observed[name].is_refused]
    if not closes:
        raise NotObserved(observed.skipped.get("open.nowhere", "nothing was closed"))

    for exchange in closes:
        if not exchange.all_of(SocketClosed):
            note = "A close lasts until its time limit; then its connectID is free."
            return differs(f"{exchange.command} brought {shown(exchange.received)}", note)

    return agrees(f"{len(closes)} times")


def _completions(observed: Observations) -> Verdict:
    names = ("stream.small", "stream.largest", "datagram.largest", "stream.close", "datagram.close", "close.nowhere")
    ended = [observed[name] for name in names if name in observed.exchanges]
    times = [one.done_after for one in ended if one.done_after is not None and not one.is_refused]
    if not times:
        raise NotObserved(observed.skipped.get("open.nowhere", "nothing was sent or closed"))

    return either(max(times) <= COMPLETES_WITHIN, f"{1000 * max(times):.0f} ms", "Modem waits for it.")


def _payload(observed: Observations) -> Verdict:
    checked = 0
    for prefix in ("stream", "formats.stream"):
        if f"{prefix}.small" not in observed.exchanges:
            continue

        form = _form(observed[f"{prefix}.format"])
        for name, payload in (("small", small_payload(form)), ("largest", largest_payload(form))):
            pushes = observed[f"{prefix}.{name}"].all_of(DataReceived)
            echo = b"".join(push.data for push in pushes)
            if len(echo) >= len(payload):
                checked += 1
                if echo != payload:
                    return differs(f"{shown(payload)} came back as {shown(echo)}", _USELESS)

    if not checked:
        raise NotObserved(_why_no_echo(observed))

    return agrees(f"{checked} payloads")


def _form(exchange: Exchange) -> PayloadFormat:
    found = exchange.all_of(DataFormat)
    return found[0].send if found else PayloadFormat.TEXT


def _why_no_echo(observed: Observations) -> str:
    _opened(observed, "stream.open")
    return "no echo came"


def _push_size(observed: Observations) -> Verdict:
    sizes = [len(push.data) for one in observed.everything for push in one.all_of(DataReceived)]
    if not sizes:
        raise NotObserved(_why_no_echo(observed))

    return either(
        max(sizes) <= _LARGEST_PUSH, f"{max(sizes)} bytes", "A push of more than 1500 bytes is treated as damaged."
    )


def _datagram(observed: Observations) -> Verdict:
    _opened(observed, "datagram.open")
    pushes = observed["datagram.largest"].all_of(DataReceived)
    if not pushes:
        raise NotObserved("no echo came: datagrams can be lost, and not every server echoes them")

    payload = largest_payload(_form(observed["datagram.format"]))
    sizes = [len(push.data) for push in pushes]
    whole = all(push.data == payload for push in pushes)
    return either(whole, f"{len(payload)} bytes came back as {sizes}", "A datagram of that size arrives in parts.")


def _acks(observed: Observations) -> Verdict:
    _opened(observed, "stream.open")
    exchange = observed["stream.acks"]
    reported = exchange.all_of(AckStatus)
    form = _form(observed["stream.format"])
    if not reported:
        return differs(shown(b", ".join(exchange.lines)), _USELESS)

    if exchange.all_of(PeerClosed) or observed["stream.small"].all_of(PeerClosed):
        raise NotObserved("the connection was closed by then")

    if not all(SendResult(ok=True) in observed[f"stream.{name}"].completions for name in ("small", "largest")):
        raise NotObserved("not everything was sent")

    echoed = sum(len(push.data) for _, one in observed.under("stream.") for push in one.all_of(DataReceived))
    sums_up = reported[0].sent == reported[0].acked + reported[0].unacked
    full = len(small_payload(form)) + len(largest_payload(form))
    is_right = sums_up and reported[0].acked >= echoed and reported[0].sent in (full, full + 1)
    return either(
        is_right, f"sent, acked, unacked: {reported[0].sent}, {reported[0].acked}, {reported[0].unacked}", _USELESS
    )


def _rai(observed: Observations) -> Verdict:
    _opened(observed, "stream.open")
    exchange = observed["stream.rai"]
    if exchange.is_refused and SendResult(ok=True) in observed["stream.small"].completions:
        return differs(f"{shown(b', '.join(exchange.lines))}", PROFILED, rai=False)

    if SendResult(ok=True) not in exchange.completions:
        raise NotObserved("it was not sent")

    return agrees()


def _stays(observed: Observations) -> Verdict:
    _opened(observed, "stream.open")
    closed = [one.command for _, one in observed.under("stream.") if one.all_of(PeerClosed)]
    note = "The stream ends or raises; check the server too."
    return either(not closed, f"it ended after {closed[0]}" if closed else "", note)


def _round_trip(observed: Observations) -> Verdict:
    times = [value for name, value in observed.facts.items() if name.endswith(".echo_after")]
    late = [name for name in ("stream.small", "stream.largest") if _is_late(observed, name)]
    if late:
        seen = f"no echo of {observed[late[0]].command} within {ECHO_TIMEOUT:g} s"
        return differs(seen, "Use longer timeouts.")

    if not times:
        raise NotObserved("no echo was received")

    return agrees(f"{min(times):.1f} to {max(times):.1f} s")


def _is_late(observed: Observations, name: str) -> bool:
    """Return whether an expected echo did not come in time."""
    if name not in observed.exchanges or f"{name}.echo_after" in observed.facts:
        return False

    exchange = observed[name]
    is_over = any(one.all_of(PeerClosed) for _, one in observed.under("stream."))
    return SendResult(ok=True) in exchange.completions and not is_over


# Setting payload formats


def _format_set(observed: Observations) -> Verdict:
    wanted = observed.fact("formats.other")
    reported = observed["formats.reported"].all_of(DataFormat)
    is_set = observed["formats.set"].is_accepted and reported == [wanted] and observed["formats.back"].is_accepted
    return either(is_set, shown(b", ".join(observed["formats.reported"].lines)), _USELESS)


def _nvram_gap(observed: Observations) -> Verdict:
    if observed["formats.next"].is_done:
        return agrees(f"{1000 * DEFAULT_PROFILE.nvram_gap:.0f} ms")

    return differs("the next command was lost", nvram_gap=1.0)


BEHAVIOUR: Final = (
    Check("answer_delay", f"AT is answered within {ANSWERS_WITHIN:g} s", "2.1.2", "answers", _answer_time),
    Check("command_gap", "a command may follow an answer without a pause", "", "answers", _command_gap),
    Check("rate", "the rate is fixed", "", "identity", _rate),
    Check("commands", "it knows the commands that Modem sends", "2.2, 4.1", "commands", _commands),
    Check("markers", "the test forms of the guide's commands return ranges", "2.2", "commands", _markers),
    Check("sockets", f"there are {DEFAULT_PROFILE.sockets} connectIDs", "2.2.2", "commands", _count),
    Check("largest_ping", f"a ping may have {DEFAULT_PROFILE.largest_ping} bytes", "2.2.8", "commands", _largest_ping),
    Check("data_format", "the payload formats can be queried", "2.2.1", "commands", _formats),
    Check("open", "an open reports its outcome after OK, within 65 s", "2.2.2", "failure", _opens),
    Check("close", "a close ends in CLOSE OK", "2.2.3", "failure", _close),
    Check("close_after_failure", "a failed open holds its connectID until it is closed", "2.2.2", "failure", _failure),
    Check("unknown_name", "a name that does not exist gives error 565", "2.2.6, 3", "failure", _unknown_name),
    Check("name", "a name resolves to an address", "2.2.6", "names", _name),
    Check("state", "AT+QISTATE reports a socket as it was opened", "2.2.4", "stream", _state),
    Check("in_use", "a connectID in use is refused with an error", "2.2.2", "stream", _again),
    Check("send", "a payload of any allowed size is accepted: OK, then SEND OK", "2.2.5", "stream", _send),
    Check("payload", "received data equals sent data", "2.3.2", "stream", _payload),
    Check("push_size", f"no push is longer than {_LARGEST_PUSH} bytes", "2.3", "stream", _push_size),
    Check("acks", "the module counts sent and acknowledged bytes", "2.2.5", "stream", _acks),
    Check("rai", "a payload may carry a release assistance indication", "2.2.5", "stream", _rai),
    Check("connection", "a connection stays open until it is closed", "2.3.1", "stream", _stays),
    Check("datagram", "the largest datagram arrives whole", "2.3.2", "datagrams", _datagram),
    Check("completion_delay", f"SEND OK, CLOSE OK come within {COMPLETES_WITHIN:g} s", "2.2", "failure", _completions),
    Check("latency", f"a round trip takes at most {ECHO_TIMEOUT:g} s", "", "stream", _round_trip),
    Check("format_set", "a change of the payload formats takes effect at once", "2.2.1", "formats", _format_set),
    Check(
        "nvram_gap",
        f"it accepts commands {DEFAULT_PROFILE.nvram_gap:g} s after writing its NVRAM",
        "",
        "formats",
        _nvram_gap,
    ),
)
