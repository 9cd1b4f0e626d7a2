"""What `python -m tests.soak` is made of: records, sessions, a run, and its table."""
