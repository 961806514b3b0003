import { beforeEach, describe, expect, it } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { SharedStorage } from "../../../src/kvm/shared-storage.ts";
import { errorOf } from "../../support/error-of.ts";

const never = new AbortController().signal;
let storage: SharedStorage;
let begun: string[];

beforeEach(() => {
  storage = new SharedStorage();
  begun = [];
});

/** Work that ends when the test says so. */
function work(name: string, folder: string, signal = never) {
  const enders: (() => void)[] = [];
  const ended = storage.use(folder, signal, async () => {
    begun.push(name);
    await new Promise<void>((resolve) => enders.push(resolve));
    return name;
  });
  return { ended, end: () => enders[0]?.() };
}

/** Work in a folder whose storage hangs: its caller has given it up. */
async function hung(name: string, folder: string) {
  const caller = new AbortController();
  const left = work(name, folder, caller.signal);
  caller.abort(new AgentError("TIMED_OUT", `${name} did not end in time`));
  expect(await errorOf(left.ended)).toMatchObject({ message: `${name} did not end in time` });
  return left;
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("shared storage", () => {
  it("is worked in by one at a time in a folder, in the order of their coming", async () => {
    const [one, two, three] = [work("one", "/a"), work("two", "/a"), work("three", "/a")];
    await settle();
    expect(begun).toEqual(["one"]);
    one.end();
    expect(await one.ended).toBe("one");
    await settle();
    expect(begun).toEqual(["one", "two"]);
    two.end();
    await settle();
    three.end();

    expect(await three.ended).toBe("three");
  });

  it("is entered by two at a time over all folders", async () => {
    const [one, two, three] = [work("one", "/a"), work("two", "/b"), work("three", "/c")];
    await settle();
    expect(begun).toEqual(["one", "two"]);
    two.end();
    await settle();
    expect(begun).toEqual(["one", "two", "three"]);
    one.end();
    three.end();

    expect(await three.ended).toBe("three");
  });

  it("goes on after work that fails", async () => {
    const failed = storage.use("/a", never, () => Promise.reject(new AgentError("REFUSED", "no room")));

    expect(await errorOf(failed)).toMatchObject({ message: "no room" });
    expect(await storage.use("/a", never, async () => "done")).toBe("done");
  });

  it("is refused at once in a folder where work was given up, until that has ended", async () => {
    const left = await hung("one", "/a");
    expect(await errorOf(work("two", "/a").ended)).toMatchObject({
      code: "TIMED_OUT",
      message: "/a: still does not answer, its storage hangs",
    });
    left.end();
    await settle();
    const again = work("three", "/a");
    again.end();

    expect(await again.ended).toBe("three");
    expect(begun).toEqual(["one", "three"]);
  });

  it("refuses at once those who wait when the work before them is given up", async () => {
    const caller = new AbortController();
    const first = work("one", "/a", caller.signal);
    const second = work("two", "/a");
    await settle();
    caller.abort(new AgentError("TIMED_OUT", "late"));
    await errorOf(first.ended);

    expect(await errorOf(second.ended)).toMatchObject({
      message: "/a: still does not answer, its storage hangs",
    });
  });

  it("leaves half of Node's threads to the agent's own files, however many folders hang", async () => {
    await hung("one", "/a");
    await hung("two", "/b");

    expect(await errorOf(work("three", "/c").ended)).toMatchObject({
      code: "TIMED_OUT",
      message: "/c: is not entered while the storage of /a and /b hangs",
    });
    expect(begun).toEqual(["one", "two"]);
  });

  it("lets one that waits give up, and does not begin its work later", async () => {
    const first = work("one", "/a");
    const caller = new AbortController();
    const second = work("two", "/a", caller.signal);
    await settle();
    caller.abort(new AgentError("TIMED_OUT", "late"));
    expect(await errorOf(second.ended)).toMatchObject({ message: "late" });
    first.end();
    await first.ended;
    await settle();

    expect(begun).toEqual(["one"]);
  });
});
