"""Closing a connectID of the module: AT+QICLOSE until the socket is gone (guide 2.2.3)."""

import asyncio
import logging
from typing import Final

from ..at.commands import CloseSocket, QuerySocket
from ..at.information import SocketInfo, SocketState
from ..errors import BC260YError, CommandFailed, CommandTimeout, ModuleSlept
from ..line.channel import Channel
from ..line.turns import Turn

logger = logging.getLogger("bc260y_aio")

_ATTEMPTS: Final = 3
# ``CLOSE OK`` may come long after the module was asked to close. AT+QISTATE reports the end of that, and is asked again
# after each of these pauses, in seconds: one minute in all.
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


async def close_connect_id(channel: Channel, connect_id: int, turn: Turn | None = None) -> None:
    """Close a socket of the module, and return when it is gone.

    ``CLOSE OK`` has no connectID, so it may be the late answer to an earlier AT+QICLOSE. And an ``ERROR`` says that the
    module has no such socket, or is closing it already, or that the command was damaged on the line. So after both
    AT+QISTATE shows whether the socket is gone.

    Nothing is raised: when the channel is gone, so are its sockets.

    Args:
        channel: the channel.
        connect_id: the connectID.
        turn: the turn on the line in which to close it; by default the function waits for one.
    """
    execute = (channel if turn is None else turn).execute
    for _ in range(_ATTEMPTS):
        try:
            answer = await execute(CloseSocket(connect_id))
            if not answer.is_doubtful or await _is_gone(channel, connect_id, turn):
                return
        except (CommandTimeout, ModuleSlept):
            continue
        except CommandFailed:
            if await _is_gone(channel, connect_id, turn):
                return
        except BC260YError as exc:
            logger.debug("%s: connectID %d: %s", channel.name, connect_id, exc)
            return

    logger.warning("%s: the module does not close connectID %d", channel.name, connect_id)


async def _is_gone(channel: Channel, connect_id: int, turn: Turn | None) -> bool:
    """Return whether the module has the socket no more; wait while it is closing, for a bounded time."""
    for pause in _PAUSES:
        try:
            answer = await (channel if turn is None else turn).execute(QuerySocket(connect_id))
        except (CommandTimeout, ModuleSlept):
            return False
        except BC260YError as exc:
            logger.debug("%s: connectID %d: %s", channel.name, connect_id, exc)
            return True

        found = [info for info in answer.information if isinstance(info, SocketInfo)]
        states = [info.state for info in found if info.connect_id == connect_id]
        if not states:
            return True

        if SocketState.CLOSING not in states:
            return False

        await asyncio.sleep(pause)

    return False
