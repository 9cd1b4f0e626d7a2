"""CPython's tests that are left out, each with the reason, and what is said to the others."""

from typing import Any, Final

# By name, or by class and name.
DESELECTED: Final[dict[str, str]] = {
    # Features that a module lacks.
    "test_create_connection_local_addr": "asks for a particular local address; a module has one, and it is not ours",
    "test_create_connection_local_addr_in_use": "the same",
    "test_remote_shutdown_receives_trailing_data": "half-closes; a module takes that for the end. Its TLS half passes",
    "test_remote_shutdown_receives_trailing_data_on_slow_socket": "the same; since Python 3.13.18",
    "test_shutdown_timeout_after_eof_from_not_reading_peer": "its server half-closes; since Python 3.14.10",
    "test_recvfrom": "sends from a datagram socket that is not connected; that is refused rather than let out",
    "test_recvfrom_into": "the same",
    "test_recvfrom_into_wrong_size": "the same; since Python 3.13.18 a test of its own",
    # Reports of a module that a kernel does not make.
    "test_unhandled_exceptions": "a write that the peer had not taken when it closed is told by wait_closed()",
    "test_unhandled_exception": "the same",
    "test_unhandled_cancel": "the same",
    "test_async_writer_api_exception_after_close": "a close takes a while; drain() raises when it is over",
    "TestSSL.test_create_connection_memory_leak": "counts on a close that takes no time; test_sslproto's passes",
    "test_create_connection_ssl_failed_certificate_no_cycles": "counts on the same; routing/test_tls.py waits",
    "test_start_tls_failed_certificate_no_cycles": "the same",
    # Properties of the tests themselves.
    "test_sock_client_racing": "blocks the loop on which the module is emulated",
}

# The same tests once more, on selectors that are no defaults.
DESELECTED_CLASSES: Final = ("SelectEventLoopTests", "PollEventLoopTests")

# Sizes, by module, class and name. A module's line carries fewer bytes than a kernel's memory.
SIZES: Final[list[tuple[str, str | None, str, Any]]] = [
    ("test_ssl", None, "BUF_MULTIPLIER", 2),
    ("test_ssl", "TestSSL", "PAYLOAD_SIZE", 10 * 1024),
    ("test_sslproto", "BaseStartTLS", "PAYLOAD_SIZE", 10 * 1024),
]
