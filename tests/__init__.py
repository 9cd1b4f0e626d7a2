"""The tests. A package, for a client library that installs a ``tests`` of its own would come before a mere folder."""
