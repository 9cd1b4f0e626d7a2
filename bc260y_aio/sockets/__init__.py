"""The sockets of a module: connectIDs, outboxes, exact sending."""
