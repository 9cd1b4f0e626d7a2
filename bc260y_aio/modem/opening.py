"""Opening sockets of the module, and using those that an earlier program left open (guide 2.2.2)."""

import asyncio
import socket

from ..at.commands import OpenSocket, QuerySocket
from ..at.completions import SocketOpened
from ..at.information import SocketInfo, SocketState
from ..errors import CommandError, ErrorCode, ModemClosed, socket_error, socket_error_code
from ..line.channel import Channel
from ..line.inbox import Inbox
from ..sockets.addresses import Address, check_family, host_name, local_port, port_number
from ..sockets.dataformat import PayloadFormats
from ..sockets.module_socket import ModuleSocket
from ..sockets.rejoining import DatagramInbox
from .core import Options
from .release import RadioRelease
from .resolver import Resolver


class SocketOpening(Resolver):
    """From a host and a port to an open socket of the module."""

    def __init__(self, name: str, options: Options, formats: PayloadFormats) -> None:
        super().__init__(name, options, formats)
        # UDP sockets that an earlier program left open, by their peer.
        self._left_open: dict[Address, tuple[SocketInfo, Inbox]] = {}
        self._radio_release = RadioRelease()

    async def _open_socket(
        self,
        service_type: str,
        host: str | bytes,
        port: int | str,
        family: int,
        local_addr: tuple[str | None, int] | None,
    ) -> ModuleSocket:
        self._check_loop()
        remote = host_name(host), port_number(port, service_type)
        check_family(remote[0], family)
        local = local_port(local_addr)
        if family == socket.AF_INET6:
            # By a name, the module would take an address of either family.
            rows = await self.getaddrinfo(*remote, family=family)
            remote = rows[0][4][0], remote[1]

        if (kept := self._take_open_socket(service_type, remote, local)) is not None:
            return _opened(await self._adopt(kept, remote))

        await self._ensure_registered()
        if self._options.rai_on_close and service_type == "TCP":
            await self._radio_release.prepare(self._channel)

        await self._local_ports.reserve(service_type, local, wait=self._options.wait_for_local_port)
        try:
            connect_id = await self._ids.acquire(self._options.connect_id_timeout)
        except BaseException:
            self._local_ports.release(service_type, local, used=False)
            raise

        return _opened(await self._connect(service_type, remote, local, connect_id))

    async def _connect(self, service_type: str, remote: Address, local: int, connect_id: int) -> ModuleSocket:
        inbox = self._make_inbox(service_type, remote)
        module_socket = self._make_socket(service_type, remote, local, connect_id, inbox)
        what = f"opening {service_type.lower()} {remote[0]}:{remote[1]}"
        try:
            # Data may follow the answer at once; anything before it, a restart too, belongs to earlier sockets.
            command = OpenSocket(connect_id, service_type, *remote, local)
            channel = module_socket.channel
            channel.inboxes.unclaimed.discard(connect_id)
            began = asyncio.get_running_loop().time()
            answer = await channel.execute(command, watch=lambda _: channel.inboxes.attach(connect_id, inbox))
            match answer.completions:
                case [SocketOpened(error=ErrorCode.SUCCESS)]:
                    if answer.is_doubtful:
                        await self._confirm(module_socket, what)

                    # A socket opened while the modem closes is not among those that it closes.
                    if not self.is_open:
                        raise ModemClosed("the modem was closed")

                    module_socket.round_trip = asyncio.get_running_loop().time() - began
                    return module_socket
                case [SocketOpened(error=code)]:
                    raise socket_error(code, what)
                case _:
                    raise socket_error(ErrorCode.UNKNOWN, what)
        except BaseException as exc:
            # After a failed open, and after a cancelled one, the connectID is blocked until it is closed
            # (guide 2.2.2, note 3).
            self._note_failure(remote[0])
            module_socket.close()
            if isinstance(exc, CommandError):
                raise socket_error(socket_error_code(exc), what) from exc

            raise

    def _make_inbox(self, service_type: str, remote: Address) -> Inbox:
        limit = self._options.receive_limit
        if service_type == "TCP":
            return Inbox(limit, keeps_order=True)

        baudrate = self._opened.port.baudrate if self._opened is not None else None
        return DatagramInbox(
            limit, rejoin=self._options.datagram_rejoin, baudrate=baudrate, peer=f"{remote[0]}:{remote[1]}"
        )

    async def _confirm(self, opened: ModuleSocket, what: str) -> None:
        """Check that a socket is connected, where the report may be about an earlier one of its connectID."""
        answer = await opened.channel.execute(QuerySocket(opened.connect_id))
        match answer.information:
            case [SocketInfo(state=SocketState.CONNECTED) as info]:
                is_ours = (info.host, info.remote_port) == (opened.host, opened.port)
            case _:
                is_ours = False

        if not is_ours:
            raise socket_error(ErrorCode.OPERATION_TIMEOUT, what)

    # Sockets that an earlier program left open

    def _keep_open_socket(self, channel: Channel, info: SocketInfo) -> None:
        """Keep a UDP socket that is open in the module until one is opened to the same peer."""
        inbox = self._make_inbox("UDP", (info.host, info.remote_port))
        self._ids.take(info.connect_id)
        channel.inboxes.attach(info.connect_id, inbox)
        self._left_open[info.host, info.remote_port] = info, inbox

    def _take_open_socket(self, service_type: str, remote: Address, local: int) -> tuple[SocketInfo, Inbox] | None:
        kept = self._left_open.get(remote) if service_type == "UDP" else None
        if kept is None or local not in (0, kept[0].local_port) or kept[1].is_ended:
            return None

        return self._left_open.pop(remote)

    def _drop_kept_sockets(self, channel: Channel) -> None:
        """Give back the connectIDs of kept sockets that have ended."""
        for remote, (info, inbox) in tuple(self._left_open.items()):
            if inbox.is_ended:
                del self._left_open[remote]
                channel.inboxes.detach(info.connect_id)
                self._ids.release(info.connect_id)

    async def _adopt(self, kept: tuple[SocketInfo, Inbox], remote: Address) -> ModuleSocket:
        info, inbox = kept
        module_socket = self._make_socket("UDP", remote, info.local_port, info.connect_id, inbox)
        try:
            module_socket.sent = (await module_socket.ack_status()).sent
        except BaseException as exc:
            module_socket.close()
            if isinstance(exc, CommandError):
                raise socket_error(socket_error_code(exc), f"adopting udp {remote[0]}:{remote[1]}") from exc

            raise

        return module_socket

    def _release_radio(self, closed: ModuleSocket) -> None:
        """Let the network release the radio after the close of a connection, if no socket is open any more."""
        channel = self._opened
        if not self._ids.taken and channel is not None and channel.error is None:
            self._radio_release.ask(
                channel,
                self._tasks,
                has_peer_closed=closed.inbox.is_ended and closed.inbox.error is None,
                round_trip=closed.round_trip,
                is_in_use=lambda: bool(self._ids.taken),
            )

    def _make_socket(
        self, service_type: str, remote: Address, local: int, connect_id: int, inbox: Inbox
    ) -> ModuleSocket:
        def give_back() -> None:
            self._ids.release(connect_id)
            self._local_ports.release(service_type, local)

        # The socket comes as an argument: a closure that has it would be kept by it, and keep it.
        def note_closed(module_socket: ModuleSocket) -> None:
            give_back()
            if self._options.rai_on_close and service_type == "TCP":
                self._release_radio(module_socket)

        try:
            channel = self._channel
        except BaseException:
            give_back()
            raise

        module_socket = ModuleSocket(
            channel,
            self._formats,
            inbox,
            connect_id=connect_id,
            service_type=service_type,
            remote=remote,
            local_port=local,
            tasks=self._tasks,
            on_closed=note_closed,
            ledger=self._ledger,
        )
        self._ledger.add(module_socket)
        return module_socket


def _opened(module_socket: ModuleSocket) -> ModuleSocket:
    module_socket.was_opened = True
    return module_socket
