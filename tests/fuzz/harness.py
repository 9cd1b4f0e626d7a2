"""The process that the fuzzer runs in: ``python -m tests.fuzz.harness TARGET [libFuzzer's options] [folder]``."""

import sys

import atheris

with atheris.instrument_imports(include=["bc260y_aio.at", "bc260y_aio.bridge.socks"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    # A merge starts this command again, through a shell.
    again = f"{sys.executable} -m tests.fuzz.harness {sys.argv[1]}"
    atheris.Setup([again, *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
