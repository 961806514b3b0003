import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KeepaliveTimer } from "../../../src/libvirt/keepalive.ts";

const log: string[] = [];
const actions = { ping: () => log.push("ping"), dead: () => log.push("dead") };
let timer: KeepaliveTimer;

beforeEach(() => {
  vi.useFakeTimers();
  log.length = 0;
  timer = new KeepaliveTimer({ intervalMs: 5000, count: 3 }, actions);
  timer.start();
});

afterEach(() => {
  timer.stop();
  vi.useRealTimers();
});

describe("KeepaliveTimer", () => {
  it("declares a silent peer dead one interval after the last ping", () => {
    vi.advanceTimersByTime(19_999);
    expect(log).toEqual(["ping", "ping", "ping"]);

    vi.advanceTimersByTime(1);
    expect(log).toEqual(["ping", "ping", "ping", "dead"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("asks again only after a whole interval of silence", () => {
    vi.advanceTimersByTime(4000);
    timer.heard();
    vi.advanceTimersByTime(4999);
    expect(log).toEqual([]);

    vi.advanceTimersByTime(1);
    expect(log).toEqual(["ping"]);
  });

  it("counts from the start after any packet", () => {
    vi.advanceTimersByTime(15_000);
    timer.heard();

    vi.advanceTimersByTime(19_999);
    expect(log.slice(3)).toEqual(["ping", "ping", "ping"]);
  });

  it("keeps no timer once stopped", () => {
    timer.stop();

    expect(vi.getTimerCount()).toBe(0);
  });
});
