"""The AT protocol without I/O: bytes to values and back. It uses no event loop, no clock, no port and no logger."""
