#!/usr/bin/env node
"use strict";
// Starts the program that the package for this platform has, and ends as it does.
const { spawn } = require("node:child_process");
const { constants } = require("node:os");

const platform = `pairbench-${process.platform}-${process.arch}`;
let program;
try {
  program = require.resolve(`${platform}/bin/bench`);
} catch {
  console.error(
    `error: the package ${platform} is not installed\n` +
      "  pairbench has a program for Linux on x86-64 with glibc; was it installed with --omit=optional? Elsewhere: cargo install",
  );
  process.exit(1);
}

// Node.js 22.15 and later becomes the program, which then has the signals and the exit code to itself.
if (process.execve) process.execve(program, [program, ...process.argv.slice(2)], process.env);

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// A terminal sends its signals to the program as well, which then ends in order; this process waits for that.
for (const signal of ["SIGINT", "SIGQUIT", "SIGHUP"]) process.on(signal, () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => {
  console.error(`error: ${program} could not be started: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
