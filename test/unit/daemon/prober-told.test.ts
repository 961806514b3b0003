import { beforeEach, describe, expect, it } from "vitest";
import { Prober } from "../../../daemon/prober.ts";
import type { Engine } from "../../../src/engine.ts";
import type { Log } from "../../../src/log.ts";

const OFFLINE = 100;
const ONLINE = 110;

/** An engine whose commands end when the test says so. */
class SlowEngine implements Pick<Engine, "probe"> {
  readonly asked: string[] = [];
  readonly #running: (() => void)[] = [];

  probe(resource: string): Promise<void> {
    this.asked.push(resource);
    return new Promise((resolve) => this.#running.push(resolve));
  }

  /** Ends the commands under way, after what was asked for has begun; resolves when the prober has seen it. */
  async answer(): Promise<void> {
    await immediate();
    for (const resolve of this.#running.splice(0)) resolve();
    await immediate();
  }
}

/** Promises that wait for nothing outside are all settled by then. */
function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const silent = () => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };

describe("the prober, when the engine was told", () => {
  let engine: SlowEngine;
  let prober: Prober;

  beforeEach(() => {
    engine = new SlowEngine();
    prober = new Prober(engine, log, new AbortController().signal);
  });

  it("asks at once for the same news, because the guest failed again", async () => {
    prober.request("web1", OFFLINE);
    await engine.answer();
    prober.told("web1", OFFLINE);
    prober.told("web1", ONLINE);

    prober.request("web1", OFFLINE);
    await immediate();

    expect(engine.asked).toEqual(["web1", "web1"]);
  });

  it("does so too when the monitor came before hares had ended", async () => {
    prober.request("web1", OFFLINE);
    prober.told("web1", OFFLINE);
    await engine.answer();

    prober.request("web1", OFFLINE);
    await immediate();

    expect(engine.asked).toEqual(["web1", "web1"]);
  });

  it("asks again after a second failure that came while hares still ran, and not two at a time", async () => {
    prober.request("web1", OFFLINE);
    prober.told("web1", OFFLINE);
    prober.request("web1", OFFLINE);
    await immediate();
    expect(engine.asked).toEqual(["web1"]);

    await engine.answer();

    expect(engine.asked).toEqual(["web1", "web1"]);
  });

  it("waits before it repeats news that the engine was not told", async () => {
    prober.request("web1", OFFLINE);
    await engine.answer();
    prober.told("web1", ONLINE);

    prober.request("web1", OFFLINE);
    await immediate();

    expect(engine.asked).toEqual(["web1"]);
  });
});
