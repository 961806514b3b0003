import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { AgentError, messageOf } from "../agent-error.ts";
import { abortError, throwIfAborted, withDeadline } from "../deadline.ts";

/**
 * Where the password comes from.
 *
 * - `command`: a command of the cluster's, such as vcsdecrypt, decrypts RHEVMInfo's Password. `{encrypted}` in its
 *   arguments stands for the encrypted text; without it the text goes to its standard input. `encrypted` is asked each
 *   time, as the attribute may have changed
 * - `credential`: a credential that systemd put into a folder for this service alone
 * - `file`: a file that nobody but its owner, root or this process' user, can read
 */
export type PasswordSource =
  | {
      readonly kind: "command";
      readonly command: readonly [program: string, ...args: string[]];
      readonly encrypted: (signal: AbortSignal) => Promise<string | undefined>;
    }
  | { readonly kind: "credential"; readonly directory: string | undefined; readonly name: string }
  | { readonly kind: "file"; readonly path: string };

/** The place of the encrypted text in a command's arguments. */
const ENCRYPTED = "{encrypted}";

/** A command that takes longer hangs. */
const COMMAND_MS = 10_000;

/** No password is longer. */
const BYTES_AT_MOST = 1024;

/**
 * Reads the password once. Its last line end is not part of it.
 *
 * @throws {AgentError} BAD_ATTRIBUTE, TIMED_OUT; no message holds a part of the password, nor what a command printed
 */
export async function readPassword(source: PasswordSource, signal: AbortSignal): Promise<string> {
  const [from, text] = await readFrom(source, signal);
  const password = text.replace(/\r?\n$/, "");
  const refuse = (rule: string) =>
    new AgentError("BAD_ATTRIBUTE", `the RHEV-M password from ${from} ${rule}`);
  if (password === "") throw refuse("is empty");
  if (/[\p{Cc}]/u.test(password)) throw refuse("holds control characters or several lines");
  return password;
}

async function readFrom(
  source: PasswordSource,
  signal: AbortSignal,
): Promise<readonly [from: string, text: string]> {
  switch (source.kind) {
    case "command":
      return [basename(source.command[0]), await decrypt(source, signal)];
    case "file":
      return [source.path, await readSecretFile(source.path, true)];
    case "credential": {
      const from = `credential ${source.name}`;
      if (source.directory === undefined)
        throw new AgentError(
          "BAD_ATTRIBUTE",
          `the RHEV-M password: ${from} is configured, but systemd gave this process none: set LoadCredential= in its unit`,
        );
      return [from, await readSecretFile(join(source.directory, source.name), false)];
    }
  }
}

async function readSecretFile(path: string, mustBePrivate: boolean): Promise<string> {
  const refuse = (rule: string, cause?: unknown) =>
    new AgentError("BAD_ATTRIBUTE", `the RHEV-M password: ${path} ${rule}`, { cause });
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw refuse(`cannot be read: ${messageOf(error)}`, error);
  }
  try {
    const { mode, uid, size } = await file.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw refuse("is no regular file");
    if (mustBePrivate && uid !== 0 && uid !== process.getuid?.())
      throw refuse(`belongs to user ${uid}: make it root's`);
    if (mustBePrivate && (mode & 0o077) !== 0) throw refuse("can be read by others: chmod 0600 it");
    if (size > BYTES_AT_MOST) throw refuse(`is larger than ${BYTES_AT_MOST} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function decrypt(
  { command, encrypted }: Extract<PasswordSource, { kind: "command" }>,
  signal: AbortSignal,
): Promise<string> {
  const text = await encrypted(signal);
  if (text === undefined)
    throw new AgentError(
      "BAD_ATTRIBUTE",
      "RHEVMInfo Password: is not set: it must be what `vcsencrypt -agent` printed",
    );
  const [program, ...args] = command;
  const isArgument = args.some((arg) => arg.includes(ENCRYPTED));
  const name = basename(program);
  return withDeadline(COMMAND_MS, `${name} (for the RHEV-M password)`, [signal], async (limit) => {
    throwIfAborted(limit); // the caller may have gone while the text was asked for
    const child = spawn(
      program,
      args.map((arg) => arg.replaceAll(ENCRYPTED, () => text)),
      { stdio: ["pipe", "pipe", "ignore"], cwd: "/" },
    );
    return outputOf(child, isArgument ? "" : `${text}\n`, name, limit);
  });
}

/** What it prints is never quoted, in whatever way it ends. */
function outputOf(child: ChildProcess, input: string, name: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (error: AgentError) => {
      child.kill("SIGKILL");
      child.stdout?.destroy();
      reject(error);
    };
    const abort = () => fail(abortError(signal));
    signal.addEventListener("abort", abort, { once: true });
    child.stdout?.setEncoding("utf8").on("data", (part: string) => {
      output += part;
      if (output.length > BYTES_AT_MOST)
        fail(unusable(name, `printed more than ${BYTES_AT_MOST} characters`));
    });
    child.stdin?.on("error", () => undefined); // a command that does not read its input
    child.stdin?.end(input);
    child.once("error", (error) => fail(unusable(name, `cannot be run: ${codeOf(error)}`)));
    child.once("close", (code, killedBy) => {
      signal.removeEventListener("abort", abort);
      if (code === 0) resolve(output);
      else
        reject(
          unusable(
            name,
            `ended with ${code ?? killedBy ?? "?"}: was the password encrypted on this cluster?`,
          ),
        );
    });
  });
}

function unusable(from: string, rule: string): AgentError {
  return new AgentError("BAD_ATTRIBUTE", `the RHEV-M password: ${from} ${rule}`);
}

/** Node's error of a failed spawn holds the arguments: only its code is kept. */
function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "unknown reason";
}
