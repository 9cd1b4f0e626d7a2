"""Closing a connectID of the module: AT+QICLOSE until it has been answered (guide 2.2.3)."""

import logging

from ..at.commands import CloseSocket
from ..errors import BC260YError, CommandTimeout, ModuleSlept
from ..line.channel import Channel
from ..line.turns import Turn

logger = logging.getLogger("bc260y_aio")


async def close_connect_id(channel: Channel, connect_id: int, turn: Turn | None = None) -> None:
    """Send AT+QICLOSE until the module has answered; that it knows of no such socket is an answer too.

    Nothing is raised: when the channel is gone, so are its sockets.

    Args:
        channel: the channel.
        connect_id: the connectID.
        turn: the turn on the line in which it is closed; by default one is waited for.
    """
    for _ in range(3):
        try:
            await (channel if turn is None else turn).execute(CloseSocket(connect_id))
        except (CommandTimeout, ModuleSlept):
            continue
        except BC260YError as exc:
            logger.debug("%s: connectID %d: %s", channel.name, connect_id, exc)

        return
