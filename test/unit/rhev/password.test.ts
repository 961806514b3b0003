import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Credentials } from "../../../src/rhev/credentials.ts";
import { type PasswordSource, readPassword } from "../../../src/rhev/password.ts";
import { errorOf } from "../../support/error-of.ts";
import { textsIn } from "../../support/texts-in.ts";

const signal = AbortSignal.timeout(120_000);
const SECRET = "pass word/ö$";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "password-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

async function fileWith(text: string, mode = 0o600): Promise<string> {
  const path = join(await folder(), "password");
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

/** A command of a test's own, in place of vcsdecrypt. */
async function command(script: string, ...args: string[]): Promise<PasswordSource> {
  const path = join(await folder(), "vcsdecrypt");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o700);
  return { kind: "command", command: [path, ...args], encrypted: () => Promise.resolve("BNCnCNc") };
}

describe("the password of an engine", () => {
  it.each([`${SECRET}\n`, SECRET, `${SECRET}\r\n`])(
    "is what a file holds, without its line end: %j",
    async (text) => {
      expect(await readPassword({ kind: "file", path: await fileWith(text) }, signal)).toBe(SECRET);
    },
  );

  it.each([0o640, 0o604, 0o666])("is not taken from a file of mode %o", async (mode) => {
    const path = await fileWith(SECRET, mode);

    const error = await errorOf(readPassword({ kind: "file", path }, signal));

    expect(error).toMatchObject({ code: "BAD_ATTRIBUTE" });
    expect(String(error)).toContain(`${path} can be read by others: chmod 0600 it`);
  });

  it("is not taken from another user's file", async () => {
    const path = await fileWith(SECRET);
    await chown(path, 65_534, 65_534);

    expect(String(await errorOf(readPassword({ kind: "file", path }, signal)))).toContain(
      "belongs to user 65534",
    );
  });

  it.each([
    ["a file that is missing", "/nowhere/password", "cannot be read"],
    ["a folder", "/tmp", "is no regular file"],
  ])("is not taken from %s", async (_what, path, words) => {
    expect(String(await errorOf(readPassword({ kind: "file", path }, signal)))).toContain(words);
  });

  it.each([
    ["is empty", "\n", "is empty"],
    ["has several lines", `${SECRET}\nmore\n`, "holds control characters or several lines"],
    ["is very long", "x".repeat(2000), "is larger than 1024 bytes"],
  ])("is refused when it %s, and not shown", async (_what, text, words) => {
    const error = await errorOf(readPassword({ kind: "file", path: await fileWith(text) }, signal));

    expect(String(error)).toContain(words);
    expect(textsIn(error).join("\n")).not.toContain(SECRET);
  });

  it("is what systemd put into the folder of credentials", async () => {
    const directory = await folder();
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, "rhevm"), SECRET);

    expect(await readPassword({ kind: "credential", directory, name: "rhevm" }, signal)).toBe(SECRET);
    const none = readPassword({ kind: "credential", directory: undefined, name: "rhevm" }, signal);
    expect(String(await errorOf(none))).toContain("set LoadCredential= in its unit");
  });

  it("is what a command makes of the encrypted text on its input", async () => {
    const source = await command('read text; printf "%s of %s" "$text" "$1"', "-agent");

    expect(await readPassword(source, signal)).toBe("BNCnCNc of -agent");
  });

  it("is what a command makes of the encrypted text among its arguments", async () => {
    const source = await command('printf "%s|%s|%s" "$1" "$2" "$(cat)"', "-agent", "{encrypted}");

    expect(await readPassword(source, signal)).toBe("-agent|BNCnCNc|");
  });

  it.each([
    [
      "fails",
      `echo "${SECRET}"; echo "${SECRET}" >&2; exit 3`,
      "ended with 3: was the password encrypted on this cluster?",
    ],
    ["is killed", `echo "${SECRET}"; kill -9 $$`, "ended with SIGKILL"],
    ["prints nothing", "true", "is empty"],
    ["prints too much", `yes "${SECRET}"`, "printed more than 1024 characters"],
  ])("is refused when the command %s, and nothing that it printed is shown", async (_what, script, words) => {
    const error = await errorOf(readPassword(await command(script), signal));

    expect(error).toMatchObject({ code: "BAD_ATTRIBUTE" });
    expect(String(error)).toContain(words);
    expect(textsIn(error).join("\n")).not.toContain(SECRET);
  });

  it("is refused without a command, or without an encrypted text", async () => {
    const missing: PasswordSource = {
      kind: "command",
      command: ["/nowhere/vcsdecrypt", "x"],
      encrypted: () => Promise.resolve("B"),
    };
    const unset: PasswordSource = { ...missing, encrypted: () => Promise.resolve(undefined) };

    expect(String(await errorOf(readPassword(missing, signal)))).toContain(
      "vcsdecrypt cannot be run: ENOENT",
    );
    expect(String(await errorOf(readPassword(unset, signal)))).toContain("RHEVMInfo Password: is not set");
  });

  it("is not waited for longer than its caller does", async () => {
    const caller = new AbortController();
    const failed = errorOf(readPassword(await command("exec sleep 60"), caller.signal));

    caller.abort();

    expect(await failed).toMatchObject({ code: "CANCELLED" });
  });
});

describe("credentials", () => {
  it("read the password once, and anew when they are told to", async () => {
    let reads = 0;
    const paths = [await fileWith("one"), await fileWith("two")];
    const credentials = new Credentials("admin@internal", () => {
      reads += 1;
      return { kind: "file", path: paths[reads - 1] ?? "" };
    });

    const first = [await credentials.basic(signal), await credentials.basic(signal)];
    const isOther = await credentials.reread(signal);

    expect(first).toEqual(["Basic YWRtaW5AaW50ZXJuYWw6b25l", "Basic YWRtaW5AaW50ZXJuYWw6b25l"]);
    expect([isOther, await credentials.basic(signal), reads]).toEqual([
      true,
      "Basic YWRtaW5AaW50ZXJuYWw6dHdv",
      2,
    ]);
  });

  it("ask for a token with a form", async () => {
    const path = await fileWith("a&b=ö");
    const credentials = new Credentials("admin@internal", () => ({ kind: "file", path }));

    expect(await credentials.tokenForm(signal)).toBe(
      "grant_type=password&scope=ovirt-app-api&username=admin%40internal&password=a%26b%3D%C3%B6",
    );
  });

  it("hide what they know in a text", async () => {
    const path = await fileWith("pw1");
    const credentials = new Credentials("u@d", () => ({ kind: "file", path }));
    const basic = await credentials.basic(signal);
    credentials.keepSecret("cookie1");

    expect(credentials.hide(`pw1 ${basic} cookie1 rest`)).toBe("*** Basic *** *** rest");
    expect(textsIn(credentials).join()).not.toContain("pw1");
  });
});
