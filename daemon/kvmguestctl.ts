#!/usr/bin/env node
import { runProgram } from "./kvmguestctl/program.ts";
import { styleFor, type Terminal } from "./kvmguestctl/terminal.ts";

const stop = new AbortController();
for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.on(name, () => stop.abort(new Error(name)));
}
// whoever reads the output has seen enough (kvmguestctl events | head)
process.stdout.on("error", () => process.exit(0));

const isTerminal = process.stdout.isTTY;
const terminal: Terminal = {
  print: (text) => void process.stdout.write(`${text}\n`),
  complain: (line) => void process.stderr.write(`kvmguestctl: ${line}\n`),
  style: styleFor(isTerminal, process.env),
  isTerminal,
};

const code = await runProgram(process.argv.slice(2), {
  env: process.env,
  terminal,
  signal: stop.signal,
});
// what was printed into a pipe must arrive; a connection that is still open must not keep the process
process.stdout.write("", () => process.exit(code));
