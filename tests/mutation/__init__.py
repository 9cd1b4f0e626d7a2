"""Mutations: does a test notice every small change of the code? See `tests/mutation/README.md`."""
