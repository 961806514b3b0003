import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AgentError } from "../../../src/agent-error.ts";
import { abortError, orAbort, pause, throwIfAborted, withDeadline } from "../../../src/deadline.ts";
import { errorOf } from "../../support/error-of.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Work that goes on until its signal aborts. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return orAbort(new Promise<never>(() => undefined), signal);
}

describe("withDeadline", () => {
  it("aborts the work with TIMED_OUT and the name of the limit", async () => {
    const failed = withDeadline(1500, "monitor of resource r", [], untilAborted);
    const error = errorOf(failed);
    await vi.advanceTimersByTimeAsync(1500);

    expect(await error).toEqual(
      new AgentError("TIMED_OUT", "monitor of resource r did not end within 1500 ms"),
    );
  });

  it("aborts the work for the reason of whichever parent aborts first", async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const failed = withDeadline(1000, "work", [one.signal, other.signal], untilAborted);
    const reason = new AgentError("CANCELLED", "a clean took over");
    other.abort(reason);

    await expect(failed).rejects.toBe(reason);
  });

  it("starts work of an aborted parent with an aborted signal", async () => {
    const parent = AbortSignal.abort(new Error("gone"));

    await expect(withDeadline(1000, "work", [parent], untilAborted)).rejects.toThrow(
      new AgentError("CANCELLED", "given up"),
    );
  });

  it("leaves no timer behind", async () => {
    await withDeadline(1000, "work", [], () => Promise.resolve());
    await withDeadline(1000, "work", [], () => Promise.reject(new Error("no"))).catch(() => undefined);

    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("pause", () => {
  it("ends after its time, and early when the signal aborts", async () => {
    const ended: string[] = [];
    const stop = new AbortController();
    const short = pause(100, stop.signal).then(() => ended.push("short"));
    const long = pause(1000, stop.signal).then(() => ended.push("long"));
    await vi.advanceTimersByTimeAsync(100);
    expect(ended).toEqual(["short"]);

    stop.abort();
    await Promise.all([short, long, pause(1000, stop.signal)]);

    expect(ended).toEqual(["short", "long"]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("orAbort", () => {
  it("passes results and errors of the work on", async () => {
    const { signal } = new AbortController();

    await expect(orAbort(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(orAbort(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
  });
});

describe("abortError", () => {
  it("keeps an AgentError and wraps everything else", () => {
    const reason = new AgentError("TIMED_OUT", "late");

    expect(abortError(AbortSignal.abort(reason))).toBe(reason);
    expect(abortError(AbortSignal.abort(new Error("x")))).toMatchObject({
      code: "CANCELLED",
      message: "given up",
    });
    expect(() => throwIfAborted(AbortSignal.abort(reason))).toThrow(reason);
    expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
  });
});
