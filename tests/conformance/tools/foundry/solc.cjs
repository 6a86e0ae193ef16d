#!/usr/bin/env node
// The compiler of npm behind the command line that forge calls, so that nothing is downloaded.
const { readFileSync } = require("node:fs");
const solc = require("solc");

if (process.argv.includes("--version")) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else {
  // The input holds the sources themselves.
  console.log(solc.compile(readFileSync(0, "utf8")));
}
