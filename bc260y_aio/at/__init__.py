"""The ground floor: bytes to words and back. It knows no loop, no clock, no port and no logger."""
