import { expect, it } from "vitest";
import { configSchema } from "../../../daemon/config-schema.ts";
import { rhevReadiness } from "../../../daemon/platforms/rhev-readiness.ts";
import { wordsOf } from "../../support/fakes/inspected-host.ts";
import { RecordingLog } from "../../support/fakes/recording-log.ts";
import { attributesOfGuest } from "../../support/fakes/resources.ts";

const never = new AbortController().signal;

function resource(name: string, url: string | undefined, user: string | undefined = "vcs@internal") {
  const rhevmInfo = { enabled: true, url, user, cluster: "Default", useManualRhevmFencing: false };
  return { resource: `${name}_res`, attributes: attributesOfGuest(name, { rhevmInfo }) };
}

function checksOf(...resources: readonly ReturnType<typeof resource>[]) {
  return rhevReadiness(configSchema.parse({}), resources, new RecordingLog()).checks;
}

it("asks each manager once for each user, and each guest of it", () => {
  const checks = checksOf(
    resource("web1", "https://m1.example.com"),
    resource("web2", "https://m1.example.com"),
    resource("web3", "https://m2.example.com"),
  );

  expect(checks.filter(({ name }) => name === "RHEV-M").map(({ about }) => about)).toEqual([
    "https://m1.example.com as vcs@internal",
    "https://m2.example.com as vcs@internal",
  ]);
  expect(checks.filter(({ name }) => name === "RHEV-M guest").map(({ about }) => about)).toEqual([
    "guest web1",
    "guest web2",
    "guest web3",
  ]);
});

it("has a problem with RHEVMInfo that cannot be right, and shows no password that stands in it", async () => {
  const checks = checksOf(
    resource("web1", undefined),
    resource("web2", "https://admin:geheim@m1.example.com"),
    resource("web3", "https://m1.example.com", "vcs"),
  );

  const rows = (await Promise.all(checks.map((check) => check.look(never)))).flat();

  expect(wordsOf(rows)).toEqual([
    "problem: RHEVMInfo names no URL or no User",
    "problem: RHEVMInfo URL: must not hold a user or a password",
    "problem: RHEVMInfo User: must be a name with its domain, such as admin@internal, without a colon",
  ]);
  expect(JSON.stringify([rows, checks])).not.toContain("geheim");
});
