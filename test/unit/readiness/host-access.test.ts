import { expect, it, vi } from "vitest";
import { LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { errorOf } from "../../support/error-of.ts";
import { FakeInspectedHost } from "../../support/fakes/inspected-host.ts";

const never = new AbortController().signal;

it("opens one connection for all who ask, and closes it at the end", async () => {
  const host = new FakeInspectedHost();
  const { access } = host;

  const versions = await Promise.all(
    [1, 2, 3].map(() => access.use("asking", never, (session) => session.getVersion())),
  );
  await access.close();

  expect(versions).toEqual([7_002_022, 7_002_022, 7_002_022]);
  expect([host.opened, host.isClosed]).toEqual([1, true]);
});

it("tells each who asks why it could not be opened, and tries once only", async () => {
  const host = new FakeInspectedHost({ refusal: new LibvirtCallError("no socket", "nobody there") });
  const { access } = host;

  const errors = [
    await errorOf(access.use("asking for one", never, (session) => session.getVersion())),
    await errorOf(access.use("asking for two", never, (session) => session.getVersion())),
  ];

  expect(errors.map((error) => (error instanceof Error ? error.message : ""))).toEqual([
    "asking for one: nobody there",
    "asking for two: nobody there",
  ]);
  expect(host.opened).toBe(1);
});

it("asks nobody again who did not answer in time", async () => {
  const host = new FakeInspectedHost({ hanging: ["getVersion"] });
  const { access } = host;
  const over = new AbortController();

  const first = errorOf(access.use("asking", over.signal, (session) => session.getVersion()));
  const second = errorOf(access.use("asking again", never, (session) => session.getVersion()));
  await vi.waitFor(() => expect(host.calls).toHaveLength(1));
  over.abort();

  await first;
  expect(await second).toMatchObject({ message: "asking again: libvirt did not answer an earlier check" });
  expect(host.calls).toEqual(["getVersion"]);
});

it("does not blame it for the time that others took", async () => {
  const host = new FakeInspectedHost();
  const { access } = host;
  const late = new AbortController();
  late.abort();

  await errorOf(access.use("asking late", late.signal, (session) => session.getVersion()));

  expect(await access.use("asking in time", never, (session) => session.getVersion())).toBe(7_002_022);
});
