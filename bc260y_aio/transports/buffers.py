"""The types of data that may be written."""

Buffer = bytes | bytearray | memoryview


def checked_buffer(data: Buffer) -> Buffer:
    """Return data as it is, if it is bytes-like.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")

    return data
