"""Closing a connectID of the module: AT+QICLOSE until it has been answered (guide 2.2.3)."""

import logging

from ..at.commands import CloseSocket
from ..errors import BC260YError, CommandTimeout, ModuleSlept
from ..line.channel import Channel

logger = logging.getLogger("bc260y_aio")


async def close_connect_id(channel: Channel, connect_id: int) -> None:
    """Send AT+QICLOSE until the module has answered; that it knows of no such socket is an answer too.

    Nothing is raised: when the channel is gone, so are its sockets.
    """
    for _ in range(3):
        try:
            await channel.execute(CloseSocket(connect_id))
        except (CommandTimeout, ModuleSlept):
            continue
        except BC260YError as exc:
            logger.debug("%s: connectID %d: %s", channel.name, connect_id, exc)

        return
