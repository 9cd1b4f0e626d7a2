"""What a transport has sent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traffic:
    """How much a transport has sent, and the cost on the line.

    Attributes:
        sent: bytes that the module has taken.
        acked: bytes of them that the peer had acknowledged when the module was last asked; of a stream only.
        sends: how many AT+QISEND carried them.
        wire_bytes: how many bytes those commands had on the serial line.
    """

    sent: int
    acked: int
    sends: int
    wire_bytes: int
