#!/usr/bin/env node
// The npm compiler behind the two options of the native one that py-solc-x uses: --version and --standard-json.
// Sources come whole on standard input, so no import is ever looked up on disk.
const { createRequire } = require("node:module");
const { readFileSync, writeSync } = require("node:fs");
const { join } = require("node:path");

const solc = createRequire(join(__dirname, "..", "contracts", "package.json"))("solc");

function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
}

const option = process.argv[2];
if (option === "--version") {
  const version = solc.version().replace(".Emscripten.clang", "");
  writeAll(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (option === "--standard-json") {
  writeAll(solc.compile(readFileSync(0, "utf8")));
} else {
  process.stderr.write(`Error: unrecognised option '${option}', expected --version or --standard-json\n`);
  process.exitCode = 1;
}
