"""Checks of what a module knows, and of what it does: commands, sockets, data."""

from typing import Final

from ..at.commands import TESTABLE
from ..at.completions import Resolution, SendResult, SocketClosed, SocketOpened
from ..at.information import AckStatus, DataFormat, Registration, SocketInfo, SocketState
from ..at.syntax import PayloadFormat
from ..at.urcs import DataReceived, PeerClosed
from ..errors import ErrorCode
from ..line.profile import DEFAULT_PROFILE
from .checks import PROFILED, Check, Verdict, agrees, differs, either, shown
from .line import Exchange
from .looks import QUESTIONS
from .radio import ECHO_TIMEOUT, REGISTRATION_TIMEOUT, largest_payload, small_payload
from .record import NOWHERE, NotSeen, Record

# How long things may take, in seconds: the answer to AT as a probe, and what the guide gives every command.
ANSWERS_WITHIN: Final = 0.3
COMPLETES_WITHIN: Final = 5.0
# No push is longer (guide 2.3, note 4), in bytes.
_LARGEST_PUSH: Final = 1024

# Where commands were used that can be asked for by their test form only.
_USES: Final = {"+QIDNSGIP": ("resolve.nowhere", "resolve"), "+QPING": ("ping",), "+QNTP": ("time",)}

_USELESS: Final = "This package cannot use it as it is."


# Asking


def _answer_time(record: Record) -> Verdict:
    times = [one.done_after for _, one in record.under("attention.") if one.done_after is not None]
    slowest = max(times, default=None)
    if slowest is None:
        return differs("it was not answered", _USELESS)

    seen = f"{1000 * min(times):.0f} to {1000 * slowest:.0f} ms"
    return either(slowest <= ANSWERS_WITHIN, seen, "It is repeated until it is answered, which costs time.")


def _command_gap(record: Record) -> Verdict:
    gaps: dict[float, int] = record.fact("gaps")
    if not gaps[0.0]:
        return agrees()

    enough = next((gap for gap, lost in gaps.items() if not lost), None)
    seen = f"{gaps[0.0]} of 20 commands were lost that came at once"
    return differs(seen, command_gap=enough) if enough else differs(f"{seen}, and some after 0.2 s", _USELESS)


def _rate(record: Record) -> Verdict:
    exchange = record["rate"]
    told = next((line for line in exchange.lines if line.startswith(b"+IPR")), None)
    if told is None:
        raise NotSeen("the module does not tell its rate")

    is_fixed = told.partition(b":")[2].strip().split(b",")[0] != b"0"
    return either(is_fixed, shown(told), "Set it to a rate with AT+IPR: autobaud is not reliable.")


def _commands(record: Record) -> Verdict:
    unknown = sorted(name for name in (*QUESTIONS, *_USES) if not _is_known(record, name))
    seen = f"it does not know {', '.join(unknown)}"
    if "+QISTATE" in unknown:
        return differs(seen, _USELESS, unsupported=unknown)

    return differs(seen, unsupported=unknown) if unknown else agrees(f"{len(QUESTIONS)} of them")


def _is_known(record: Record, name: str) -> bool:
    asked = [one for one in (f"question.{name}", *_USES.get(name, ())) if one in record.exchanges]
    forms = [one for one in (f"form.{name}", f"test.{name}") if one in record.exchanges]
    return not asked or any(record[one].is_accepted for one in (*asked, *forms))


def _markers(record: Record) -> Verdict:
    answers = record.under("test.")
    silent = [name for name, one in answers if f"{name}:".encode() not in one.heard or b"(" not in one.heard]
    if not silent:
        return agrees(f"{len(TESTABLE)} of them")

    return differs(f"not {', '.join(silent)}", markers=tuple(one for one in TESTABLE if one not in silent))


def _count(record: Record) -> Verdict:
    count = record.fact("sockets")
    return (
        agrees(f"{count} of them") if count == DEFAULT_PROFILE.sockets else differs(f"{count} of them", sockets=count)
    )


def _largest_ping(record: Record) -> Verdict:
    if "largest_ping" in record.facts:
        largest = min(record.facts["largest_ping"], DEFAULT_PROFILE.largest_ping)
    else:
        if record["ping"].is_refused:
            raise NotSeen("the module does not ping")

        # What is said of firmware before R01A03 (guide 2.2.8, note).
        largest = 200 if record["ping.largest"].is_refused else DEFAULT_PROFILE.largest_ping

    seen = f"{largest} bytes"
    return agrees(seen) if largest == DEFAULT_PROFILE.largest_ping else differs(seen, largest_ping=largest)


def _formats(record: Record) -> Verdict:
    exchange = record["question.+QICFG"]
    found = exchange.all_of(DataFormat)
    if found:
        return agrees(f"it sends {found[0].send.name.lower()}, and receives {found[0].receive.name.lower()}")

    # It then writes text, which is what the guide has it begin with (2.2.1).
    return differs(f"{exchange.command} brought {shown(b', '.join(exchange.lines))}", data_format="text")


def _registration(record: Record) -> Verdict:
    told = record["registration"].all_of(Registration)
    if not told:
        raise NotSeen("the module does not tell its registration")

    took = record.facts["registration_after"]
    if told[0].status.is_registered:
        return agrees(f"after {took:.0f} s" if took >= 1 else "at once")

    if took < REGISTRATION_TIMEOUT:
        raise NotSeen("it is not registered now")

    return differs(f"not within {took:.0f} s", "Without a network there is nothing to be had of it.")


# Opening and closing


def _opens(record: Record) -> Verdict:
    names = [name for name in ("open.nowhere", "stream.open", "datagram.open") if name in record.exchanges]
    if not names:
        raise NotSeen(record.skipped.get("open.nowhere", "no socket was opened"))

    for name in names:
        exchange = record[name]
        if not exchange.all_of(SocketOpened) or not exchange.is_done:
            return differs(f"{exchange.command} brought {shown(exchange.heard)}", "An open fails with ConnectTimeout.")

    slowest = max(record[name].done_after or 0.0 for name in names)
    return agrees(f"within {slowest:.1f} s")


def _failure(record: Record) -> Verdict:
    failed, closed = record["open.nowhere"], record["close.nowhere"]
    if not failed.all_of(SocketOpened):
        raise NotSeen("the outcome of the open was not told")

    if not closed.lines:
        raise NotSeen("its close was not answered")

    return either(
        not closed.is_refused, f"after {shown(failed.lines[-1])}, {closed.command} brought {shown(closed.lines[-1])}"
    )


def _unknown_name(record: Record) -> Verdict:
    exchange = record["resolve.nowhere"]
    told = exchange.all_of(Resolution)
    if exchange.is_refused:
        raise NotSeen("the module does not resolve names")

    if told and not told[0].error:
        raise NotSeen(f"something answers for {NOWHERE}")

    if not told:
        return differs(shown(exchange.heard), "Looking up a name that does not exist fails late.")

    note = "It is raised as another error than socket.gaierror."
    return either(told[0].error == ErrorCode.DNS_PARSE_FAILED, shown(exchange.lines[-1]), note)


def _name(record: Record) -> Verdict:
    exchange = record["resolve"]
    told = exchange.all_of(Resolution)
    if exchange.is_refused:
        raise NotSeen("the module does not resolve names")

    if told and told[0].error:
        raise NotSeen(f"the server's name does not resolve: {shown(exchange.lines[-1])}")

    return either(bool(told) and exchange.is_done, shown(b", ".join(exchange.lines)), "Give addresses, not names.")


def _state(record: Record) -> Verdict:
    _opened(record, "stream.open")
    exchange = record["stream.state"]
    told = exchange.all_of(SocketInfo)
    is_right = len(told) == 1 and told[0].service_type == "TCP" and told[0].state is SocketState.CONNECTED
    return either(is_right, shown(exchange.lines[0] if exchange.lines else b""), "Leftover sockets may not be found.")


def _again(record: Record) -> Verdict:
    _opened(record, "stream.open")
    exchange = record["stream.again"]
    note = "Its outcome may be taken for that of another open."
    return either(exchange.is_refused, shown(b", ".join(exchange.lines)), note)


def _opened(record: Record, name: str) -> None:
    exchange = record[name]
    told = exchange.all_of(SocketOpened)
    if not told or told[0].error:
        raise NotSeen(f"the socket did not open: {shown(b', '.join(exchange.lines)) or 'no answer'}")


# Data


def _sends(record: Record) -> list[Exchange]:
    """Return the sends, but for the one that tries out a release assistance indication."""
    _opened(record, "stream.open" if "stream.open" in record.exchanges else "datagram.open")
    sends = [one for name, one in record.under("datagram.") if name == "largest"]
    for prefix in ("stream.", "formats.stream."):
        for name, exchange in record.under(prefix):
            if name in ("small", "largest"):
                sends.append(exchange)

            if exchange.all_of(PeerClosed):
                break

    return sends


def _send(record: Record) -> Verdict:
    for exchange in _sends(record):
        if exchange.all_of(SendResult) != [SendResult(ok=True)] or not exchange.is_done:
            told = shown(b", ".join(line for line in exchange.lines if not line.startswith(b"+QIURC")))
            note = "The driver asks what was taken, and sends the rest."
            return differs(f"{exchange.command} brought {told or 'no answer'}", note)

    return agrees(f"{len(_sends(record))} times")


def _close(record: Record) -> Verdict:
    names = ("stream.close", "datagram.close", "close.nowhere")
    closes = [record[name] for name in names if name in record.exchanges and not record[name].is_refused]
    if not closes:
        raise NotSeen(record.skipped.get("open.nowhere", "nothing was closed"))

    for exchange in closes:
        if not exchange.all_of(SocketClosed):
            note = "A close takes all the time that it is given; then its connectID is free."
            return differs(f"{exchange.command} brought {shown(exchange.heard)}", note)

    return agrees(f"{len(closes)} times")


def _completions(record: Record) -> Verdict:
    names = ("stream.small", "stream.largest", "datagram.largest", "stream.close", "datagram.close", "close.nowhere")
    ended = [record[name] for name in names if name in record.exchanges]
    times = [one.done_after for one in ended if one.done_after is not None and not one.is_refused]
    if not times:
        raise NotSeen(record.skipped.get("open.nowhere", "nothing was sent or closed"))

    return either(max(times) <= COMPLETES_WITHIN, f"{1000 * max(times):.0f} ms", "It is waited for.")


def _payload(record: Record) -> Verdict:
    checked = 0
    for prefix in ("stream", "formats.stream"):
        if f"{prefix}.small" not in record.exchanges:
            continue

        form = _form(record[f"{prefix}.format"])
        for name, payload in (("small", small_payload(form)), ("largest", largest_payload(form))):
            pushes = record[f"{prefix}.{name}"].all_of(DataReceived)
            echo = b"".join(push.data for push in pushes)
            if len(echo) >= len(payload):
                checked += 1
                if echo != payload:
                    return differs(f"{shown(payload)} came back as {shown(echo)}", _USELESS)

    if not checked:
        raise NotSeen(_why_no_echo(record))

    return agrees(f"{checked} payloads")


def _form(exchange: Exchange) -> PayloadFormat:
    found = exchange.all_of(DataFormat)
    return found[0].send if found else PayloadFormat.TEXT


def _why_no_echo(record: Record) -> str:
    _opened(record, "stream.open")
    return "no echo came"


def _push_size(record: Record) -> Verdict:
    sizes = [len(push.data) for one in record.everything for push in one.all_of(DataReceived)]
    if not sizes:
        raise NotSeen(_why_no_echo(record))

    return either(
        max(sizes) <= _LARGEST_PUSH, f"{max(sizes)} bytes", "What is longer than 1500 bytes is taken for damage."
    )


def _datagram(record: Record) -> Verdict:
    _opened(record, "datagram.open")
    pushes = record["datagram.largest"].all_of(DataReceived)
    if not pushes:
        raise NotSeen("no echo came: datagrams get lost, and not every server echoes them")

    payload = largest_payload(_form(record["datagram.format"]))
    sizes = [len(push.data) for push in pushes]
    whole = all(push.data == payload for push in pushes)
    return either(whole, f"{len(payload)} bytes came back as {sizes}", "A datagram of that size arrives in pieces.")


def _acks(record: Record) -> Verdict:
    _opened(record, "stream.open")
    exchange = record["stream.acks"]
    told = exchange.all_of(AckStatus)
    form = _form(record["stream.format"])
    if not told:
        return differs(shown(b", ".join(exchange.lines)), _USELESS)

    if exchange.all_of(PeerClosed) or record["stream.small"].all_of(PeerClosed):
        raise NotSeen("the connection was closed by then")

    if not all(SendResult(ok=True) in record[f"stream.{name}"].completions for name in ("small", "largest")):
        raise NotSeen("not everything was sent")

    echoed = sum(len(push.data) for _, one in record.under("stream.") for push in one.all_of(DataReceived))
    sums_up = told[0].sent == told[0].acked + told[0].unacked
    full = len(small_payload(form)) + len(largest_payload(form))
    is_right = sums_up and told[0].acked >= echoed and told[0].sent in (full, full + 1)
    return either(is_right, f"sent, acked, unacked: {told[0].sent}, {told[0].acked}, {told[0].unacked}", _USELESS)


def _rai(record: Record) -> Verdict:
    _opened(record, "stream.open")
    exchange = record["stream.rai"]
    if exchange.is_refused and SendResult(ok=True) in record["stream.small"].completions:
        return differs(f"{shown(b', '.join(exchange.lines))}", PROFILED, rai=False)

    if SendResult(ok=True) not in exchange.completions:
        raise NotSeen("it was not sent")

    return agrees()


def _stays(record: Record) -> Verdict:
    _opened(record, "stream.open")
    closed = [one.command for _, one in record.under("stream.") if one.all_of(PeerClosed)]
    note = "A connection that ends raises, or ends the stream; look at the server, too."
    return either(not closed, f"it ended after {closed[0]}" if closed else "", note)


def _round_trip(record: Record) -> Verdict:
    times = [value for name, value in record.facts.items() if name.endswith(".echo_after")]
    late = [name for name in ("stream.small", "stream.largest") if _is_late(record, name)]
    if late:
        seen = f"no echo of {record[late[0]].command} within {ECHO_TIMEOUT:g} s"
        return differs(seen, "Give more time to what you do.")

    if not times:
        raise NotSeen("nothing went there and back")

    return agrees(f"{min(times):.1f} to {max(times):.1f} s")


def _is_late(record: Record, name: str) -> bool:
    """Tell whether an echo was due and did not come in time: where others came, or come late."""
    if name not in record.exchanges or f"{name}.echo_after" in record.facts:
        return False

    exchange = record[name]
    is_over = any(one.all_of(PeerClosed) for _, one in record.under("stream."))
    return SendResult(ok=True) in exchange.completions and not is_over


# Setting payload formats


def _format_set(record: Record) -> Verdict:
    wanted = record.fact("formats.other")
    told = record["formats.told"].all_of(DataFormat)
    is_set = record["formats.set"].is_accepted and told == [wanted] and record["formats.back"].is_accepted
    return either(is_set, shown(b", ".join(record["formats.told"].lines)), _USELESS)


def _nvram_gap(record: Record) -> Verdict:
    if record["formats.next"].is_done:
        return agrees(f"{1000 * DEFAULT_PROFILE.nvram_gap:.0f} ms")

    return differs("the next command was lost", nvram_gap=1.0)


BEHAVIOUR: Final = (
    Check("answer_delay", f"AT is answered within {ANSWERS_WITHIN:g} s", "2.1.2", "answers", _answer_time),
    Check("command_gap", "a command may follow the last answer at once", "", "answers", _command_gap),
    Check("rate", "the module keeps to one rate", "", "identity", _rate),
    Check("commands", "the commands that a modem sends are known", "2.2, 4.1", "commands", _commands),
    Check("markers", "the test forms of the guide's commands tell ranges", "2.2", "commands", _markers),
    Check("sockets", f"there are {DEFAULT_PROFILE.sockets} connectIDs", "2.2.2", "commands", _count),
    Check("largest_ping", f"a ping may have {DEFAULT_PROFILE.largest_ping} bytes", "2.2.8", "commands", _largest_ping),
    Check("data_format", "the payload formats can be asked for", "2.2.1", "commands", _formats),
    Check("registration", f"it registers within {REGISTRATION_TIMEOUT:g} s", "4.1", "registration", _registration),
    Check("open", "the outcome of an open is told, after OK, within 65 s", "2.2.2", "failure", _opens),
    Check("close", "a close ends in CLOSE OK", "2.2.3", "failure", _close),
    Check("close_after_failure", "a failed open blocks its connectID until it is closed", "2.2.2", "failure", _failure),
    Check("unknown_name", "a name that does not exist is error 565", "2.2.6, 3", "failure", _unknown_name),
    Check("name", "a name resolves to an address", "2.2.6", "names", _name),
    Check("state", "a socket is told as it was opened", "2.2.4", "stream", _state),
    Check("in_use", "a connectID in use is refused with an error", "2.2.2", "stream", _again),
    Check("send", "a payload of any size allowed is taken: OK, then SEND OK", "2.2.5", "stream", _send),
    Check("payload", "what is received is what was sent", "2.3.2", "stream", _payload),
    Check("push_size", f"no push is longer than {_LARGEST_PUSH} bytes", "2.3", "stream", _push_size),
    Check("acks", "the module counts what it sent and what was acknowledged", "2.2.5", "stream", _acks),
    Check("rai", "a payload may carry a release assistance indication", "2.2.5", "stream", _rai),
    Check("connection", "a connection stays until it is closed", "2.3.1", "stream", _stays),
    Check("datagram", "the largest datagram arrives whole", "2.3.2", "datagrams", _datagram),
    Check("completion_delay", f"SEND OK, CLOSE OK come within {COMPLETES_WITHIN:g} s", "2.2", "failure", _completions),
    Check("latency", f"there and back takes {ECHO_TIMEOUT:g} s at the most", "", "stream", _round_trip),
    Check("format_set", "the payload formats are as they were set, at once", "2.2.1", "formats", _format_set),
    Check(
        "nvram_gap",
        f"it hears again {DEFAULT_PROFILE.nvram_gap:g} s after writing its NVRAM",
        "",
        "formats",
        _nvram_gap,
    ),
)
