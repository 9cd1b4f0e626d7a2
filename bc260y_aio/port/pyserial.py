"""pyserial and pyserial-asyncio, or an error that says that another package is in their place."""

# Two packages of the index are imported as `serial`, too: one of that very name, and serialx-compat. Installed beside
# pyserial, they replace its files, and what is left fails in the middle of pyserial.
try:
    import serial
    import serial_asyncio
    from serial.urlhandler import protocol_socket, protocol_spy
except (ImportError, AttributeError, RuntimeError) as exc:
    raise ImportError(
        f"pyserial cannot be imported ({exc}): it is missing, or another package that is imported as serial is in its "
        "place, such as serial or serialx-compat. Uninstall that one, and then: "
        "pip install --force-reinstall pyserial pyserial-asyncio",
        name="serial",
    ) from exc

__all__ = ["protocol_socket", "protocol_spy", "serial", "serial_asyncio"]
