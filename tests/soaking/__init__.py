"""The parts of `python -m tests.soak`: records, sessions, a run, and its table."""
