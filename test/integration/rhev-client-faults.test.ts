import { describe, expect, it } from "vitest";
import { Transport } from "../../src/rhev/transport.ts";
import { errorOf } from "../support/error-of.ts";
import { settingsFor, testClient, testEngine } from "../support/rhev-client.ts";
import type { Fault } from "../support/rhevm-simulator/faults.ts";

const signal = AbortSignal.timeout(170_000);

/** Short, so that an answer that never comes is given up soon; a good answer takes a hundredth. */
const IMPATIENT = { answerMs: 3000 } as const;

const isVmList = ({ url }: { readonly url: string }) => url.includes("/vms");

/** Each answer is bad until the fault is taken away; what the client says, and how often it asked. */
const BAD_READS: readonly (readonly [Fault, string, RegExp, number])[] = [
  ["hang", "TIMED_OUT", /did not end within 3000 ms/, 1],
  ["slow", "TIMED_OUT", /did not end within 3000 ms/, 1],
  ["reset", "PLATFORM_DOWN", /the connection broke/, 3],
  ["lost-answer", "PLATFORM_DOWN", /the connection broke/, 3],
  ["cut", "PLATFORM_DOWN", /the connection broke/, 3],
  ["unavailable", "PLATFORM_DOWN", /answered 503: an HTML page \("503 Service Unavailable"\)/, 3],
  ["internal-error", "PLATFORM_DOWN", /answered 500: Operation Failed: Internal Engine Error/, 3],
  ["redirect", "PROTOCOL", /answered 302: an HTML page/, 1],
  ["malformed-xml", "PROTOCOL", /is no well-formed XML/, 1],
  ["other-document", "PROTOCOL", /answered with <something>, not with <vms>/, 1],
  ["html", "PROTOCOL", /answered with an HTML page \("Error"\)/, 1],
  ["empty", "PROTOCOL", /answered with nothing/, 1],
  ["doctype", "PROTOCOL", /document type or entity declaration/, 1],
  ["huge", "PROTOCOL", /larger than 4194304 bytes/, 1],
  ["broken-gzip", "PROTOCOL", /coded as gzip, which was not asked for/, 1],
  ["huge-gzip", "PROTOCOL", /coded as gzip, which was not asked for/, 1],
  ["unauthorized", "NOT_ALLOWED", /answered 401.*User or Password wrong/, 2],
];

/** What a client says of a start whose answer is bad, and how often the engine started the guest. */
const BAD_WRITES: readonly (readonly [Fault, string, number])[] = [
  ["hang", "OUTCOME_UNKNOWN", 0],
  ["reset", "OUTCOME_UNKNOWN", 0],
  ["unavailable", "OUTCOME_UNKNOWN", 0],
  ["internal-error", "OUTCOME_UNKNOWN", 0],
  ["redirect", "PROTOCOL", 0],
  ["lost-answer", "OUTCOME_UNKNOWN", 1],
  ["hang-after", "OUTCOME_UNKNOWN", 1],
  ["cut", "OUTCOME_UNKNOWN", 1],
  ["malformed-xml", "OUTCOME_UNKNOWN", 1],
  ["other-document", "OUTCOME_UNKNOWN", 1],
  ["html", "OUTCOME_UNKNOWN", 1],
  ["empty", "OUTCOME_UNKNOWN", 1],
  ["doctype", "OUTCOME_UNKNOWN", 1],
  ["huge", "OUTCOME_UNKNOWN", 1],
  ["broken-gzip", "OUTCOME_UNKNOWN", 1],
];

/** So many that their list, in drops, takes longer than that. */
const NAMES = Array.from({ length: 8 }, (_, at) => `web${at}`);

describe("the RHEV client and a bad answer to a read", () => {
  it.each(BAD_READS)("says of %s %s, and reads again when it is over", async (fault, code, words, times) => {
    const engine = await testEngine({ vms: NAMES });
    const { session, reads } = await testClient(engine, IMPATIENT);
    await session.entry(signal);
    const stop = engine.faults.always(fault, isVmList);

    const error = await errorOf(reads.vmsNamed(NAMES, signal));

    expect(error).toMatchObject({ code });
    expect(String(error)).toMatch(words);
    expect(engine.requests.filter(isVmList)).toHaveLength(times);
    stop();
    session.renewPassword();
    expect(await reads.vmsNamed(NAMES, signal)).toHaveLength(NAMES.length);
  });

  it.each(["reset", "cut", "unavailable", "internal-error"] as const)(
    "does not mind one %s",
    async (fault) => {
      const engine = await testEngine({ vms: ["web1"] });
      const { session, reads } = await testClient(engine);
      await session.entry(signal);
      engine.faults.next(fault);

      expect(await reads.vmsNamed(["web1"], signal)).toHaveLength(1);
    },
  );

  it("gives a read up when its caller does", async () => {
    const engine = await testEngine();
    const { session, reads } = await testClient(engine);
    await session.entry(signal);
    engine.faults.always("hang");
    const caller = new AbortController();
    const failed = errorOf(reads.hosts(caller.signal));

    caller.abort();

    expect(await failed).toMatchObject({ code: "CANCELLED" });
  });

  it("says that the engine does not know a guest", async () => {
    const engine = await testEngine();
    const { reads } = await testClient(engine);

    const error = await errorOf(reads.vm("00000000-0000-4000-8000-000000000000", signal));

    expect(error).toMatchObject({ code: "GUEST_NOT_FOUND" });
  });
});

describe("the RHEV client and a bad answer to a write", () => {
  it.each(BAD_WRITES)("says of %s %s, and does not ask again", async (fault, code, starts) => {
    const engine = await testEngine({ vms: ["web1"] });
    const { session, actions } = await testClient(engine, IMPATIENT);
    await session.entry(signal);
    const { id } = engine.world.vm("web1");
    engine.faults.next(fault);

    const error = await errorOf(actions.startVm(id, undefined, signal));

    expect(error).toMatchObject({ code });
    expect(engine.requests.filter(({ method }) => method === "POST")).toHaveLength(1);
    expect(engine.world.vm("web1").starts).toBe(starts);
  });

  it("is refused by an ended session and carried out in a new one, once", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    const { session, actions } = await testClient(engine);
    await session.entry(signal);
    engine.faults.next("unauthorized");

    await actions.startVm(engine.world.vm("web1").id, undefined, signal);

    expect(engine.world.vm("web1").starts).toBe(1);
  });

  it("is known not to be done when no connection can be made", async () => {
    const outcomes: string[] = [];
    const settings = settingsFor({ url: "https://localhost:1", caFile: "/dev/null" });
    const transport = new Transport({ ...settings, trust: { kind: "system" } }, (outcome) =>
      outcomes.push(outcome),
    );
    const write = {
      method: "POST",
      path: "/vms/1/start",
      headers: {},
      body: "<action/>",
      isWrite: true,
    } as const;

    const error = await errorOf(transport.send(write, signal));

    expect(error).toMatchObject({ code: "PLATFORM_DOWN" });
    expect(outcomes).toEqual(["failed"]);
    await transport.close();
  });
});
