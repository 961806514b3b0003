import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tuplesOf } from "../../../src/attribute-tuples.ts";
import { ATTRIBUTE_NAMES, type Attributes, parseAttributes } from "../../../src/attributes.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const word = fc.stringMatching(/^[a-z][a-z0-9.-]{0,12}$/);
const perhaps = fc.option(word, { nil: undefined });
const words = fc.array(word, { maxLength: 3 });

const attributes: fc.Arbitrary<Attributes> = fc.record({
  guestName: word,
  delayAfterGuestOnlineS: fc.nat(86_400),
  delayAfterGuestOfflineS: fc.nat(86_400),
  syncDir: perhaps.map((name) => name && `/${name}`),
  guestConfigFilePath: perhaps.map((name) => name && `/${name}`),
  resyncVmCfg: fc.boolean(),
  ceInfo: fc.record({ enabled: fc.boolean(), ceSystem: perhaps, faultOnHbLoss: fc.boolean() }),
  rhevmInfo: fc.record({
    enabled: fc.boolean(),
    url: perhaps,
    user: perhaps,
    cluster: perhaps,
    useManualRhevmFencing: fc.boolean(),
  }),
  drOpts: fc.record({
    configureNetwork: fc.boolean(),
    ipAddress: perhaps,
    netmask: perhaps,
    gateway: perhaps,
    dnsServers: words,
    dnsSearchPath: words,
    device: perhaps,
  }),
});

describe("attributes as tuples", () => {
  it("have every attribute of the type, in its order, and no password", () => {
    const tuples = tuplesOf(attributesOfGuest("web1"));

    expect(Object.keys(tuples)).toEqual([...ATTRIBUTE_NAMES]);
    expect(tuples["RHEVMInfo"]).toEqual([
      "Enabled",
      "0",
      "URL",
      "NONE",
      "User",
      "NONE",
      "Cluster",
      "NONE",
      "UseManualRHEVMFencing",
      "0",
    ]);
  });

  it("say the same as the attributes they were made of, whatever these are", () => {
    fc.assert(
      fc.property(attributes, (any) => {
        expect(parseAttributes("r", new Map(Object.entries(tuplesOf(any))))).toEqual(any);
      }),
    );
  });
});
