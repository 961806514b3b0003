import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorOf } from "../../support/error-of.ts";
import { CODE } from "../../support/fakes/fake-domain.ts";
import { type KvmHost, makeKvmHost } from "../../support/fakes/kvm-host.ts";

const never = new AbortController().signal;

/** Source: libvirt-domain.h, VIR_DOMAIN_PAUSED_POSTCOPY and _POSTCOPY_FAILED. */
const POST_COPY = { state: 3, reason: 12 };
const POST_COPY_FAILED = { state: 3, reason: 13 };

let host: KvmHost;
let uuid: string;
let aborted: number;

beforeEach(async () => {
  host = await makeKvmHost();
  ({ uuid } = host.libvirtd.define("web1", CODE.booted));
  aborted = 0;
  const domain = host.libvirtd.named("web1");
  domain.job = "outgoing";
  domain.jobBeganAt = Date.now();
  domain.abortJob = () => {
    aborted += 1;
  };
});

afterEach(async () => {
  await host.stop();
});

/** The migration was asked for so many milliseconds before (after) the one that runs began. */
async function abort(before = 0): Promise<boolean> {
  await host.clock.advance(300_000);
  const at = new Date(Date.now() - 300_000 - before).toISOString();
  const known = { uuid, peer: "node2", asked: { at, abortAt: new Date().toISOString() } };
  return host.clock.until(host.platform.abortOverdue("web1", known, never));
}

describe("the abort of a migration whose time is over", () => {
  it.each([0, 9_000, -9_000])("reaches the one that began when it was asked for: %i ms", async (before) => {
    expect(await abort(before)).toBe(true);
    expect(aborted).toBe(1);
  });

  it.each([11_000, -11_000])("leaves one alone that began at another time: %i ms", async (before) => {
    expect(await abort(before)).toBe(false);
    expect(aborted).toBe(0);
  });

  it.each([POST_COPY, POST_COPY_FAILED])(
    "leaves one alone that is in its post-copy phase: %j",
    async (code) => {
      host.libvirtd.becomes("web1", code);

      expect(await abort()).toBe(false);
      expect(aborted).toBe(0);
    },
  );

  it.each(["none", "incoming", "backup"] as const)("leaves a job alone that is %s", async (job) => {
    host.libvirtd.named("web1").job = job;

    expect(await abort()).toBe(false);
    expect(aborted).toBe(0);
  });

  it("leaves a job alone that does not tell since when it runs", async () => {
    host.libvirtd.named("web1").figures = new Map([["time_elapsed", undefined]]);

    expect(await abort()).toBe(false);
    expect(aborted).toBe(0);
  });

  it("fails as libvirt's refusal does", async () => {
    host.libvirtd.named("web1").isPostCopy = true; // turned to it between the look and the abort

    expect(await errorOf(abort())).toMatchObject({ code: "REFUSED" });
    expect(aborted).toBe(0);
  });
});
