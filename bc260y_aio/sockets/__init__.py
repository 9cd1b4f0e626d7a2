"""The sockets of a module: their connectIDs, what waits to be sent on them, and exact sending."""
