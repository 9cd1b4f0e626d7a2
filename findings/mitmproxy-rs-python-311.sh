#!/bin/sh
# mitmproxy_rs 0.11.5, the last release for Python 3.11, needs mitmproxy_linux 0.11.5 on Linux, which has no wheel: only
# a source package, whose build wants a nightly Rust and a linker for BPF. 0.11.1 is the last one that can be installed
# there from wheels alone. For Python 3.12 and later both packages have wheels.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
wheels() {
    "${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --only-binary :all: \
        --python-version 3.11 --dest "$folder" "mitmproxy_rs==$1" >"$folder/log" 2>&1
}
if wheels 0.11.5; then
    echo "mitmproxy_rs 0.11.5 and what it needs have wheels for Python 3.11"
    exit 1
fi
echo "mitmproxy_rs 0.11.5 for Python 3.11: $(grep -m1 'No matching distribution' "$folder/log")"
wheels 0.11.1
echo "mitmproxy_rs 0.11.1 for Python 3.11: $(cd "$folder" && ls ./*.whl)"
