import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, loadConfig, type Overrides } from "../../../daemon/config.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "config-words-"));
  file = join(folder, "config.yaml");
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** The problems of a configuration; none when it is accepted. */
async function problemsOf(text: string, overrides: Overrides = {}): Promise<readonly string[]> {
  await writeFile(file, text);
  try {
    loadConfig(file, overrides, []);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("the configuration", () => {
  it.each([
    ["readOnlySocket: {}", ["readOnlySocket.path: is missing", "readOnlySocket.gid: is missing"]],
    ["peers: { node2: {} }", ["peers.node2.uri: is missing"]],
    ["rhev: { passwordCommand: [] }", ["rhev.passwordCommand.0: is missing"]],
    ["socket: 3", ["socket: must be text"]],
    ["monitorIntervalS: soon", ["monitorIntervalS: must be a number"]],
    ["monitorIntervalS: .inf", ["monitorIntervalS: must be a number"]],
    ["heartbeat: { timeoutS: 2.5 }", ["heartbeat.timeoutS: must be a whole number"]],
    ["migration: { postCopy: 1 }", ["migration.postCopy: must be true or false"]],
    ["libvirt: { sockets: /a }", ["libvirt.sockets: must be a list"]],
    ["rhev: { passwordCommand: /p }", ["rhev.passwordCommand: must be a list"]],
    ["log: loud", ["log: must be a mapping of keys to values"]],
    ["sites: [east]", ["sites: must be a mapping of keys to values"]],
    ["log:", ["log: has no value, and must be a mapping of keys to values"]],
    ["kvm: { shutdown: yes }", ["kvm.shutdown: must be acpi or agent"]],
    ["kvm: { shutdown: }", ["kvm.shutdown: has no value, and must be acpi or agent"]],
    ["log: { level: loud }", ["log.level: must be debug, info, warn or error"]],
    ["monitorIntervalS: 0", ["monitorIntervalS: must be at least 1"]],
    ["monitorIntervalS: 301", ["monitorIntervalS: must be at most 300"]],
    ["engine: { system: '' }", ["engine.system: must have at least 1 character"]],
    [`engine: { system: ${"x".repeat(256)} }`, ["engine.system: must have at most 255 characters"]],
    ["libvirt: { sockets: [] }", ["libvirt.sockets: must have at least 1 entry"]],
    ["sites: { '': [a] }", ["sites.: its name must have at least 1 character"]],
    ["sokcet: /s", ['(top): unknown key "sokcet"']],
    ["log: { a: 1, b: 2 }", ['log: unknown keys "a", "b"']],
  ])("says of %s in plain words what is wrong", async (text, problems) => {
    expect(await problemsOf(text)).toEqual(problems);
  });

  it.each([
    ["socket", (path: string) => `socket: ${path}`],
    ["readOnlySocket.path", (path: string) => `readOnlySocket: { path: ${path}, gid: 0 }`],
    ["libvirt.sockets.1", (path: string) => `libvirt: { sockets: [/a, ${path}] }`],
  ])("takes 107 bytes for %s and no more, however few characters they are", async (key, textOf) => {
    const longest = `/${"ä".repeat(53)}`;

    expect(await problemsOf(textOf(longest))).toEqual([]);
    expect(await problemsOf(textOf(`${longest}x`))).toEqual([
      `${key}: must be at most 107 bytes, as the path of any socket`,
    ]);
  });

  it("refuses a socket of the command line that is too long, too", async () => {
    expect(await problemsOf("", { socket: `/${"x".repeat(107)}` })).toEqual([
      "socket: must be at most 107 bytes, as the path of any socket",
    ]);
  });
});
