import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { type ChildEnd, ChildStream } from "../../../src/libvirt/child-stream.ts";

const MEBIBYTE = 1024 * 1024;
let child: ChildProcessWithoutNullStreams;
let ends: ChildEnd[] = [];

function run(script: string): ChildStream {
  child = spawn("sh", ["-c", script], { stdio: "pipe" });
  ends = [];
  return new ChildStream(child, (end) => {
    ends.push(end);
    return end.code === 0 ? undefined : new Error(`ended with ${end.code}: ${end.words}`);
  });
}

async function read(stream: ChildStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) if (chunk instanceof Buffer) chunks.push(chunk);
  return Buffer.concat(chunks);
}

afterEach(() => {
  child.kill("SIGKILL");
});

describe("a child's stream", () => {
  it("carries both ways, more than any buffer holds", async () => {
    const stream = run("cat");
    const sent = Buffer.alloc(3 * MEBIBYTE, "abc");
    stream.end(sent);

    expect((await read(stream)).equals(sent)).toBe(true);
    expect(ends).toEqual([{ code: 0, words: "" }]);
  });

  it("fails with what the child said last", async () => {
    const stream = run("echo first >&2; echo '  second' >&2; exit 3");
    stream.resume();
    const [error]: unknown[] = await once(stream, "error").catch((reason: unknown) => [reason]);

    expect(String(error)).toBe("Error: ended with 3: first; second");
  });

  it("tells the child's end, not that writing to it failed", async () => {
    const stream = run("exec <&-; sleep 0.05; exit 4");
    stream.write(Buffer.alloc(MEBIBYTE));
    stream.resume();
    const [error]: unknown[] = await once(stream, "error").catch((reason: unknown) => [reason]);

    expect(String(error)).toBe("Error: ended with 4: ");
  });

  it("is closed when the child is gone", async () => {
    const stream = run("cat");
    stream.resume();
    stream.destroy();
    await once(stream, "close");

    expect(child.signalCode).toBe("SIGTERM");
    expect(ends).toEqual([]);
  });

  it("kills a child that ignores the request to end", async () => {
    const stream = run("trap '' TERM; echo ready; while :; do read line || sleep 0.1; done");
    await once(stream, "readable");
    stream.destroy();
    await once(stream, "close");

    expect(child.signalCode).toBe("SIGKILL");
  });

  it("ends a child that closes its output and stays", async () => {
    const stream = run("exec >&-; exec sleep 600");
    stream.resume();
    const [error]: unknown[] = await once(stream, "error").catch((reason: unknown) => [reason]);

    expect(String(error)).toBe("Error: ended with null: ");
    expect(child.signalCode).toBe("SIGTERM");
  });
});
