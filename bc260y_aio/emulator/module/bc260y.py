"""The module itself: what it hears, what it says, and whose turn it is."""

# How it works:
#
# - Commands are answered one after another, in order. One that takes its time (QIOPEN, QIDNSGIP, QPING, QNTP) is
#   answered `OK` at once and told about later; commands that come meanwhile are answered meanwhile.
# - A line is written whole, so nothing ever falls into the middle of another.

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from ...at.commands import CloseSocket, Command, OpenSocket, Ping, QueryNetworkTime, Raw, Resolve, SendData
from ...at.completions import SendResult, SocketClosed
from ...at.dce import DCE, Refused
from ...at.dte import NEED_DATA
from ...at.information import RegistrationStatus
from ...at.responses import CmeLevel, Failure, Response, Success
from ...at.urcs import (
    AddressAssigned,
    DataReceived,
    PowerChanged,
    PowerEvent,
    RegistrationChanged,
    Restarted,
    Unrecognised,
)
from ...errors import ErrorCode
from ..faults import Faults
from ..lag import Lag
from ..line import Line
from ..network import Network
from ..options import ECHO_ENDINGS, FIRMWARES, Firmware, Options
from ..radio.radio import SIGNALLING
from . import services, settings
from .air import Air
from .mishaps import Mishaps
from .nvram import Nvram
from .power import Power, Sleep
from .sockets import ModuleSocket
from .tcpip import Sent, TcpIp

# The tracking area, the cell and the access technology (NB-IoT) of a registered module.
_AREA: Final = ("5A31", "0C2F7A12", "9")


class Module:
    """A BC260Y-CN.

    Args:
        options: how it is.
        line: its UART.
        network: what it reaches.
        nvram: what it remembers.
        faults: what it does wrong.

    Attributes:
        tcpip: its sockets.
        mishaps: what befalls it by chance.
        sleep: how awake it is.
        air: what joins it to its radio.
        radio: what its radio does, and has done.
        registration: whether it is registered with the network.
        registration_mode: which ``+CEREG`` URCs are switched on.
        reports_power: ``+QNBIOTEVENT`` URCs are switched on (AT+QNBIOTEVENT).
        reports_deep_sleep: those of deep sleep are, among them (AT+QCFG="dsevent"); it takes both.
        function: what AT+CFUN was set to: 1 on the air, 0 off it.
        dns: its DNS servers.
        clock_offset: how far its clock is ahead of the network's.
        commands: how often each command was received, by name: ``"+QIOPEN"``, ``"AT"``; ``"?"`` counts what was none.
    """

    def __init__(self, options: Options, line: Line, network: Network, nvram: Nvram, faults: Faults) -> None:
        self.options = options
        self.line = line
        self.network = network
        self.nvram = nvram
        self.faults = faults
        self.tcpip = TcpIp(self)
        self.air = Air(self)
        self.radio = self.air.radio
        self.mishaps = Mishaps(self)
        self.sleep = Sleep(options, self._sleep_changed, self.say, self.air.lets_sleep)
        self.registration = RegistrationStatus.NOT_REGISTERED
        self.commands: Counter[str] = Counter()
        self._urcs = Lag(lambda: faults.delay("urc_late"))
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._startup: asyncio.TimerHandle | None = None
        self._thinking: asyncio.TimerHandle | None = None
        self._reset()
        line.received = self.hear
        line.drained = self.tcpip.pump

    def __repr__(self) -> str:
        state = f"{self.sleep.state.name} {self.registration.name}"
        return f"<Module {self.firmware.revision} {state} sockets={sorted(self.sockets)}>"

    def _reset(self) -> None:
        """Take the settings of a start."""
        options = self.options
        self._dce = DCE(options.dialect, echo_ending=ECHO_ENDINGS[options.echo_ending])
        # What does not answer the command just read is written by a DCE that has read none.
        self._aside = DCE(options.dialect)
        self.use_formats()
        self._stalled: Command | None = None
        self.registration_mode = 0
        self.reports_power = False
        self.reports_deep_sleep = False
        self.air.reset()
        self.function = 1
        self.dns = settings.DNS_SERVERS
        self.clock_offset = timedelta()

    # What there is to see

    @property
    def sockets(self) -> dict[int, ModuleSocket]:
        """The connectIDs in use."""
        return self.tcpip.sockets

    @property
    def rai_log(self) -> "deque[Sent]":
        """What was sent by AT+QISEND, and with which release assistance; the latest few thousand."""
        return self.tcpip.ledger

    @property
    def qisends(self) -> int:
        """How many payloads were sent with AT+QISEND."""
        return self.tcpip.qisends

    @property
    def nvram_writes(self) -> int:
        """How often the NVRAM was written."""
        return self.nvram.writes

    @property
    def bytes_in(self) -> int:
        """How many bytes it has heard on the line."""
        return self.line.bytes_in

    @property
    def bytes_out(self) -> int:
        """How many bytes it has said on the line."""
        return self.line.bytes_out

    @property
    def firmware(self) -> Firmware:
        """Which firmware it has."""
        return FIRMWARES[self.options.firmware]

    @property
    def now(self) -> datetime:
        """What its clock tells."""
        return self.network.now() + self.clock_offset

    # Power

    def start(self) -> None:
        """Be there, as if it had been running for a while."""
        self.sleep.start()
        self.radio.switch_on()
        if self.options.registration_delay:
            self.register_soon()
        else:
            self.registration = RegistrationStatus.HOME

    def restart(self) -> None:
        """Lose everything but the NVRAM, boot, and say so: ``RDY`` and what follows."""
        self.stop()
        self._startup = asyncio.get_running_loop().call_later(self.options.boot_time, self._booted)

    def stop(self) -> None:
        """Lose power: sockets vanish, and what was under way is forgotten."""
        self.sleep.stop()
        self.tcpip.stop()
        self.radio.close()
        self.mishaps.stop()
        for timer in (self._startup, self._thinking):
            if timer is not None:
                timer.cancel()

        self._startup = self._thinking = None
        for task in self._tasks:
            task.cancel()

        self._urcs.clear()
        self.registration = RegistrationStatus.NOT_REGISTERED
        self._reset()

    async def close(self) -> None:
        """Lose power for good, and leave nothing behind: no task, no timer, no descriptor."""
        self.stop()
        self.mishaps.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

        await self.tcpip.close()

    def _booted(self) -> None:
        self._startup = None
        self.sleep.start()
        # Not before it has said that it has started does it sleep; and none of this is the network's news, to be late.
        self.sleep.allow(0)
        self.say(self._aside.send(Restarted()))
        self.sleep.allow(1)
        for line in (Unrecognised("+CFUN: 1"), Unrecognised("+CPIN: READY")):
            self.say(self._aside.send(line))

        self.register_soon()

    def _sleep_changed(self, before: Power) -> None:
        match before, self.sleep.state:
            case _, Power.DEEP_SLEEP:
                self.report(PowerEvent.ENTER_DEEP_SLEEP)
                self._drop_commands()
                self.tcpip.forget_connections()
                self.radio.follow(asleep=True)
            case Power.WAKING, Power.AWAKE:
                self.radio.follow(asleep=False)
                self.report(PowerEvent.EXIT_DEEP_SLEEP, *self.air.news())
                self.tcpip.pump()

    def _drop_commands(self) -> None:
        """Forget what has been heard and not been carried out; the settings stay."""
        before, self._dce = self._dce, DCE(self._dce.dialect, echo_ending=self._dce.echo_ending)
        self._dce.send_format = before.send_format
        self._stalled = None
        if self._thinking is not None:
            self._thinking.cancel()
            self._thinking = None

    def report(self, *events: PowerEvent) -> None:
        """Say what happened to the module's power, as far as that is switched on."""
        about_psm = (PowerEvent.ENTER_PSM, PowerEvent.EXIT_PSM)
        told = [PowerChanged(event) for event in events if self.reports_deep_sleep or event in about_psm]
        if self.reports_power and told:
            self.line.write(self._aside.send(*told))

    # Registration

    def register_soon(self) -> None:
        """Register with the network in as long as that takes."""
        self.radio.switch_on()
        if not self.options.registration_delay:
            self.register()
            return

        self.set_registration(RegistrationStatus.SEARCHING)
        delay = self.options.registration_delay
        self._startup = asyncio.get_running_loop().call_later(delay, self.register)

    def register(self) -> None:
        """Register with the network, and say so."""
        self.set_registration(RegistrationStatus.HOME)
        self.radio.send(SIGNALLING)
        self.tell(AddressAssigned(self.options.address))

    def go_off_air(self) -> None:
        """Switch the radio off: the network and every connection are gone."""
        if self._startup is not None:
            self._startup.cancel()
            self._startup = None

        self.set_registration(RegistrationStatus.NOT_REGISTERED)
        self.tcpip.break_connections()
        self.radio.switch_off()

    def set_registration(self, status: RegistrationStatus) -> None:
        """Be registered, or not; the URC is said if it is switched on. Sockets are not affected."""
        if status is not self.registration:
            self.registration = status
            if self.registration_mode:
                self.tell(RegistrationChanged(status, self.area))

    @property
    def area(self) -> tuple[str, ...]:
        """Where it is registered, as far as the ``+CEREG`` mode lets it tell."""
        return _AREA if self.registration_mode >= 2 and self.registration.is_registered else ()

    # Hearing

    def hear(self, data: bytes) -> None:
        """Take bytes from the line."""
        data = self.sleep.hear(data)
        if data:
            self._dce.receive_data(data)
            self.go_on()

    def go_on(self) -> None:
        """Turn to the next command, unless the one at hand is not done."""
        if self._stalled is not None and not self.tcpip.is_waiting:
            command, self._stalled = self._stalled, None
            self._carry_out(command)

        while self._thinking is None and self._stalled is None:
            event = self._dce.next_event()
            if event is NEED_DATA:
                return

            self.say(self._dce.echo())
            self._count(event)
            if delay := self.options.answer_delay + self.faults.delay("answer_late"):
                self._thinking = asyncio.get_running_loop().call_later(delay, self._thought, event)
            else:
                self._carry_out(event)

    def _thought(self, command: Command | Refused) -> None:
        self._thinking = None
        self._carry_out(command)
        self.go_on()

    def _count(self, command: Command | Refused) -> None:
        match command:
            case Refused():
                self.commands["?"] += 1
            case Raw(line=line):
                self.commands[settings.name_of(line)] += 1
            case _:
                self.commands[command.name or settings.name_of(command.write())] += 1

    def _carry_out(self, command: Command | Refused) -> None:
        match command:
            case SendData() | CloseSocket() if self.tcpip.is_waiting:
                self._stalled = command
            case SendData():
                self.tcpip.send(command)
            case CloseSocket():
                self.tcpip.close_socket(command)
            case OpenSocket():
                self.tcpip.open(command)
            case Resolve():
                self._begin(command, services.resolve(self, command))
            case Ping() if command.size > self.firmware.largest_ping:
                self.refuse(ErrorCode.INVALID_PARAMETERS)
            case Ping():
                self._begin(command, services.ping(self, command))
            case QueryNetworkTime():
                self._begin(command, services.network_time(self, command))
            case Refused():
                self.refuse(ErrorCode.INVALID_PARAMETERS)
            case _:
                settings.carry_out(self, command)

    def _begin(self, command: Command, work: Coroutine[Any, Any, None]) -> None:
        self.answer(Success())
        task = asyncio.get_running_loop().create_task(work, name=f"bc260y-emulator.module{command.name}")
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    # Saying

    def answer(self, *responses: Response) -> None:
        """Answer the command at hand: information, the final result code, and perhaps what completes it."""
        if self.faults.strikes("answer_lost"):
            return

        if self.faults.strikes("ok_lost"):
            responses = tuple(one for one in responses if not isinstance(one, Success | Failure))

        if responses and self.faults.strikes("urc_inside"):
            place, urc = self.mishaps.unasked(len(responses))
            data = self._dce.send(*responses[:place]) + self._aside.send(urc) + self._dce.send(*responses[place:])
        else:
            data = self._dce.send(*responses)

        self.say(data)

    def refuse(self, code: int, text: str = "") -> None:
        """Answer the command at hand with an error."""
        self.answer(Failure(code, text or ErrorCode(code).meaning))

    def complete(self, *completions: Response) -> None:
        """Tell the outcome of a command that was answered before."""
        data = self._aside.send(*completions)
        is_result = any(isinstance(one, SendResult | SocketClosed) for one in completions)
        self.say(data + b"\0" if is_result and self.options.dialect.stray_nul else data)

    def tell(self, urc: Response, about: ModuleSocket | None = None) -> None:
        """Say a URC; about a socket, unless that is closed before its time comes."""
        self._urcs.call(self._tell, urc, about)

    def _tell(self, urc: Response, about: ModuleSocket | None) -> None:
        if about is not None and self.sockets.get(about.connect_id) is not about:
            return

        if isinstance(urc, DataReceived):
            urc = replace(urc, form=self.nvram.receive_format)

        self.say(self._aside.send(urc))

    def say(self, data: bytes) -> None:
        """Write bytes to the line. A module that sleeps deeply says nothing."""
        if data and self.sleep.state in (Power.AWAKE, Power.LIGHT_SLEEP):
            self.sleep.touch()
            self.line.write(self.mishaps.cut(data))

    # Settings that show on the line

    def use_formats(self) -> None:
        """Take up the payload formats that the NVRAM holds."""
        self._dce.send_format = self.nvram.send_format

    def set_echo(self, *, on: bool) -> None:
        """Switch the echo."""
        self._dce.echo_ending = ECHO_ENDINGS[self.options.echo_ending] if on else None

    @property
    def error_level(self) -> CmeLevel:
        """How errors are reported."""
        return self._dce.dialect.cme

    @error_level.setter
    def error_level(self, level: CmeLevel) -> None:
        self._dce.dialect = replace(self._dce.dialect, cme=level)
