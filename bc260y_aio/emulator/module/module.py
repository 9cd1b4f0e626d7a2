"""The module: its parts, joined."""

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from ...at.commands import CloseSocket, Command, SendData
from ...at.dce import PromptedData, Refused
from ...at.responses import Response
from ...at.urcs import PowerEvent, Restarted
from ..faults import Faults
from ..line import Line
from ..network import Network
from ..options import Options
from ..radio import RadioState
from .commands import COMMANDS, COMMANDS_R02A01
from .commands.clock import zone_urc
from .commands.network_selection import optimisations_urc
from .commands.table import refuse
from .configuration import Configuration
from .contexts import Contexts
from .interpreter import CommandInterpreter
from .lines import BareUrc, ParameterUrc
from .nvram import Nvram
from .parts import Parts, VolatileSettings
from .power import Power, Sleep
from .power_reports import PowerReports
from .radio_link import RadioLink
from .random_faults import RandomFaults
from .registration import Registration
from .response_writer import ResponseWriter
from .sim import Sim, SimState
from .sockets import ModuleSocket
from .statistics import StatisticsReports
from .tcpip import Sent, TcpIp


class Module:
    """A BC260Y-CN: parts that do not know each other's owner, and the table of its commands over them.

    Args:
        options: what can be set about it.
        line: its UART.
        network: the network it reaches.
        nvram: the settings that a restart keeps.
        faults: what goes wrong.

    Attributes:
        tcpip: its sockets.
        random_faults: the faults that happen at random.
        sleep: how awake it is.
        radio: its radio, and the radio's ledger.
        registration: its registration with the network.
        power_reports: which power events it reports.
        statistics: its reports of statistics.
        settings: the settings that a restart loses.
        configuration: the functions of AT+QCFG.
        contexts: its PDP contexts.
        sim: its SIM.
        writer: writes answers, completions and URCs.
    """

    def __init__(self, options: Options, line: Line, network: Network, nvram: Nvram, faults: Faults) -> None:
        self.options = options
        self.line = line
        self.network = network
        self.nvram = nvram
        self.faults = faults
        self.settings = VolatileSettings()
        self.configuration = Configuration(options, nvram)
        self.contexts = Contexts()
        self.sim = Sim(options)
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._startup: asyncio.TimerHandle | None = None
        link = RadioLink(options, network, nvram, self._radio_changed)
        self.radio = link.radio
        self.sleep = Sleep(options, self._sleep_changed, self._write, link.allows_deep_sleep)
        self.random_faults = RandomFaults(options, faults, network, self.sleep, self.restart)
        self.writer = ResponseWriter(options, line, nvram, faults, self.sleep, self.random_faults)
        self.power_reports = PowerReports(self.radio, self.sleep, self.writer, nvram, self.configuration)
        self.statistics = StatisticsReports(network, self.writer)
        self.registration = Registration(options, network, nvram, self.sim, self.radio, self.writer)
        self.registration.registered, self.registration.left = self._registered, self.contexts.detach
        self.registration.rejected = self._rejected
        self.tcpip = TcpIp(
            options,
            line,
            faults,
            link=link,
            sleep=self.sleep,
            registration=self.registration,
            writer=self.writer,
            random_faults=self.random_faults,
        )
        self._commands = COMMANDS_R02A01 if options.has_newer_commands else COMMANDS
        self._parts = self._joined()
        self._interpreter = CommandInterpreter(options, faults, self.writer, self._carry_out, self._is_blocked)
        self.tcpip.completed = self._interpreter.resume
        line.received = self._receive
        line.drained = self.tcpip.pump
        line.may_sleep = self.sleep.may_sleep

    def _joined(self) -> Parts:
        return Parts(
            options=self.options,
            line=self.line,
            network=self.network,
            nvram=self.nvram,
            settings=self.settings,
            configuration=self.configuration,
            contexts=self.contexts,
            sim=self.sim,
            faults=self.faults,
            writer=self.writer,
            sleep=self.sleep,
            power_reports=self.power_reports,
            statistics=self.statistics,
            radio=self.radio,
            registration=self.registration,
            tcpip=self.tcpip,
            restart=self.restart,
            run=self._run,
            answer_later=self._answer_later,
        )

    def __repr__(self) -> str:
        state = f"{self.sleep.state.name} {self.registration.status.name}"
        return f"<Module {self.options.revision} {state} sockets={sorted(self.sockets)}>"

    # State

    @property
    def sockets(self) -> dict[int, ModuleSocket]:
        """The connectIDs in use."""
        return self.tcpip.sockets

    @property
    def commands(self) -> Counter[str]:
        """How often each command was received, by name: ``"+QIOPEN"``, ``"AT"``; ``"?"`` counts other lines."""
        return self._interpreter.commands

    @property
    def rai_log(self) -> "deque[Sent]":
        """The payloads sent by AT+QISEND, and with which release assistance; the latest few thousand."""
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
        """How many bytes it has received on the line."""
        return self.line.bytes_in

    @property
    def bytes_out(self) -> int:
        """How many bytes it has sent on the line."""
        return self.line.bytes_out

    @property
    def now(self) -> datetime:
        """The time of its clock."""
        return self._parts.now

    # Power

    def start(self) -> None:
        """Run, as if it had been running for a while."""
        self._apply_settings()
        self.sleep.start()
        self.registration.start()

    def restart(self) -> None:
        """Lose everything but the NVRAM, boot, and report it: ``RDY`` and what follows."""
        self.stop()
        self._startup = asyncio.get_running_loop().call_later(self.options.boot_time, self._booted)

    def stop(self) -> None:
        """Lose power: sockets are gone, and whatever was under way is forgotten."""
        self.sleep.stop()
        self.tcpip.stop()
        self.radio.switch_off()
        self.random_faults.stop()
        self.statistics.report_every(0)
        self._interpreter.drop()
        if self._startup is not None:
            self._startup.cancel()

        for task in self._tasks:
            task.cancel()

        self.nvram.forget_reports()
        self.registration.reset()
        self.power_reports.reset()
        self.settings.reset()
        self.contexts.detach()
        self.sim.reset()
        self.writer.reset()

    async def close(self) -> None:
        """Lose power for good, and leave nothing behind: no task, no timer, no descriptor."""
        self.radio.close()
        self.stop()
        self.random_faults.close()
        self.registration.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

        await self.tcpip.close()

    def go_off_air(self) -> None:
        """Switch the radio off: the network and every connection are gone."""
        self._parts.go_off_air()

    def _apply_settings(self) -> None:
        """Put into force what a start takes from the NVRAM."""
        self.writer.use_settings()
        self.configuration.reset()
        self.contexts.reset(*self.nvram.context[:2])
        self.sleep.lock = self.configuration.sleep_lock
        self.sleep.is_woken_by_line = bool(self.configuration.in_force("wakeupRXD"))
        # AT+COPS=2 is not saved.
        if self.nvram.operator[0] == 2:
            self.nvram.operator = (0, "")

    def _booted(self) -> None:
        self._apply_settings()
        self.sleep.start()
        # It does not fall asleep before it has reported its start; and these lines are never late, as URCs may be.
        self.sleep.allow(0)
        self.writer.notify_at_once(Restarted())
        self.sleep.allow(1)
        self.writer.notify_at_once(BareUrc(f"+CFUN: {self.nvram.function}"))
        if self.sim.state is not SimState.ABSENT:
            self.writer.notify_at_once(BareUrc(f"+CPIN: {self.sim.state}"))

        self.registration.search()

    def _sleep_changed(self, before: Power) -> None:
        match before, self.sleep.state:
            case _, Power.DEEP_SLEEP:
                self.power_reports.report(PowerEvent.ENTER_DEEP_SLEEP)
                self._interpreter.drop()
                self.writer.drop_commands()
                self.tcpip.forget_connections()
                self.contexts.reset(*self.nvram.context[:2])
                self.radio.follow(asleep=True)
            case Power.WAKING, Power.AWAKE:
                self.radio.follow(asleep=False)
                self.power_reports.report(PowerEvent.EXIT_DEEP_SLEEP, *self.power_reports.psm_events())
                self.tcpip.pump()

    def _registered(self) -> None:
        self.contexts.attach()
        # The network sets the clock (manual 10.1).
        self.nvram.clock_offset, self.nvram.time_zone = 0.0, ()
        urcs = [zone_urc(self._parts)]
        urcs += [optimisations_urc()] if self.nvram.report_mode("+CCIOTOPT") else []
        for urc in urcs:
            if urc is not None:
                self.writer.notify(urc)

    def _rejected(self) -> None:
        self.contexts.detach()
        self.tcpip.break_connections()

    def _radio_changed(self, before: RadioState) -> None:
        self._report_connection(before)
        if self.radio.state is RadioState.PSM:
            self.power_reports.report_psm()
            self.sleep.recheck()
        elif before is RadioState.PSM and self.radio.is_on:
            if self.sleep.state is Power.DEEP_SLEEP:
                self.sleep.wake()

            self.power_reports.report_psm()

    def _report_connection(self, before: RadioState) -> None:
        is_connected = self.radio.state is RadioState.CONNECTED
        if is_connected is (before is RadioState.CONNECTED) or not self.nvram.report_mode("+CSCON"):
            return

        has_space = self.options.variants.cscon_space
        self.writer.notify(
            ParameterUrc("+CSCON", f"{is_connected:d}") if has_space else BareUrc(f"+CSCON:{is_connected:d}")
        )

    # Commands and responses

    def _receive(self, data: bytes) -> None:
        data = self.sleep.receive(data)
        if data:
            self._interpreter.receive(data)

    def _is_blocked(self, command: Command | Refused | PromptedData) -> bool:
        return isinstance(command, SendData | CloseSocket | PromptedData) and self.tcpip.is_waiting

    def _carry_out(self, command: Command | Refused | PromptedData) -> None:
        self._commands.carry_out(self._parts, command)

    def _answer_later(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._interpreter.hold()
        self._run(name, self._answer_in_the_end(work))

    async def _answer_in_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as exc:
            refuse(self._parts, exc)
        finally:
            self._interpreter.release()

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"bc260y-emulator.module{name}")
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    def notify(self, urc: Response) -> None:
        """Write a URC, or any line."""
        self.writer.notify(urc)

    def _write(self, data: bytes) -> None:
        self.writer.write(data)
