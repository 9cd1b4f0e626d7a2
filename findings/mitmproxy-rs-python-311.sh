#!/bin/sh
# mitmproxy_rs 0.11.5, the last release for Python 3.11, needs mitmproxy_linux 0.11.5 on Linux, which has no wheel: only
# a source package, whose build wants a nightly Rust and a linker for BPF. 0.11.1 is the last one that can be installed
# there from wheels alone. For Python 3.12 and later both packages have wheels.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" - <<'EOF'
import pathlib
import subprocess
import sys


def wheels(version):
    """Download a release and what it needs, for Python 3.11 and as wheels only; return what pip says, and the files."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--python-version", "3.11", f"mitmproxy_rs=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    missing = [line for line in done.stderr.splitlines() if "No matching distribution" in line]
    return missing, sorted(path.name for path in pathlib.Path().glob("*.whl"))


missing, _ = wheels("0.11.5")
print("mitmproxy_rs 0.11.5:", *missing)
unneeded, files = wheels("0.11.1")
print("mitmproxy_rs 0.11.1:", *unneeded, *files)
sys.exit(0 if any("mitmproxy-linux" in line for line in missing) and files and not unneeded else 1)
EOF
