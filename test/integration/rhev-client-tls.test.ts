import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { AgentError } from "../../src/agent-error.ts";
import { parseRhevmUrl, type Trust } from "../../src/rhev/settings.ts";
import { errorOf } from "../support/error-of.ts";
import { testClient, testEngine } from "../support/rhev-client.ts";
import type { SimulatorOptions } from "../support/rhevm-simulator/simulator.ts";

const signal = AbortSignal.timeout(170_000);

/** What a client says that trusts in this way; nothing may have been sent. */
async function refusal(
  options: SimulatorOptions,
  trust: (engine: { fingerprint: string }) => Trust | undefined,
) {
  const engine = await testEngine(options);
  const wanted = trust(engine);
  const { reads } = await testClient(engine, wanted === undefined ? {} : { trust: wanted });

  const error = await errorOf(reads.hosts(signal));

  expect(engine.requests).toEqual([]);
  return error;
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "rhev-tls-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

describe("the RHEV client's TLS", () => {
  it("refuses an authority that this host does not trust, and says which keys help", async () => {
    const error = await refusal({}, () => ({ kind: "system" }));

    expect(error).toMatchObject({ code: "UNTRUSTED" });
    expect(String(error)).toMatch(
      /signed by an authority that is not trusted here: .*pki-resource.*rhev\.caFile.*rhev\.fingerprints/,
    );
  });

  it("refuses a certificate for another host name", async () => {
    const error = await refusal({ certificate: { names: "DNS:rhevm.example.com" } }, () => undefined);

    expect(error).toMatchObject({ code: "UNTRUSTED" });
    expect(String(error)).toContain("is made for another host name");
  });

  it("refuses a certificate that has expired", async () => {
    const error = await refusal({ certificate: { days: -1 } }, () => undefined);

    expect(error).toMatchObject({ code: "UNTRUSTED" });
    expect(String(error)).toContain("has expired");
  });

  it("refuses a certificate that is signed by another authority than that of the file", async () => {
    const other = await testEngine();
    const error = await refusal({}, () => ({ kind: "ca file", path: other.caFile }));

    expect(error).toMatchObject({ code: "UNTRUSTED" });
  });

  it("accepts a pinned certificate whatever its name and authority", async () => {
    const engine = await testEngine({ certificate: { names: "DNS:rhevm.example.com" } });
    const trust: Trust = { kind: "fingerprints", sha256: [engine.fingerprint] };
    const { reads } = await testClient(engine, { trust });

    expect(await reads.hosts(signal)).toHaveLength(2);
  });

  it("refuses a certificate that is not the pinned one, and shows its fingerprint", async () => {
    const shown: string[] = [];
    const error = await refusal({}, ({ fingerprint }) => {
      shown.push(fingerprint);
      return { kind: "fingerprints", sha256: ["AA:".repeat(31) + "AA"] };
    });

    expect(error).toMatchObject({ code: "UNTRUSTED" });
    expect(String(error)).toContain(shown[0]);
    expect(String(error)).toContain("not in rhev.fingerprints");
  });

  it("refuses a pinned certificate that has expired", async () => {
    const error = await refusal({ certificate: { days: -1 } }, ({ fingerprint }) => ({
      kind: "fingerprints",
      sha256: [fingerprint],
    }));

    expect(error).toMatchObject({ code: "UNTRUSTED" });
    expect(String(error)).toContain("pinned but has expired");
  });

  it.each([
    ["is missing", undefined, "ENOENT"],
    ["holds no certificate", "not a certificate\n", "it holds no certificate (PEM)"],
  ])("names the file of authorities that %s", async (_what, text, words) => {
    const path = join(await folder(), "ca.pem");
    if (text !== undefined) await writeFile(path, text);
    const error = await refusal({}, () => ({ kind: "ca file", path }));

    expect(error).toMatchObject({ code: "BAD_ATTRIBUTE" });
    expect(String(error)).toContain(`rhev.caFile ${path}: cannot be used`);
    expect(String(error)).toContain(words);
  });

  it("takes a repaired file of authorities without a restart", async () => {
    const engine = await testEngine();
    const path = join(await folder(), "ca.pem");
    const { reads } = await testClient(engine, { trust: { kind: "ca file", path } });
    await errorOf(reads.hosts(signal));

    await writeFile(path, engine.caPem);

    expect(await reads.hosts(signal)).toHaveLength(2);
  });

  it("says that a port without TLS is the wrong one, and tells it nothing", async () => {
    const heard: string[] = [];
    const server = createServer((request) => heard.push(request.url ?? ""));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = address === null || typeof address === "string" ? 0 : address.port;
    const engine = await testEngine();
    const { reads } = await testClient(engine, { url: parseRhevmUrl(`https://localhost:${port}`) });

    const error = await errorOf(reads.hosts(signal));

    expect(error).toBeInstanceOf(AgentError);
    expect(error).toMatchObject({ code: "PLATFORM_DOWN" });
    expect(String(error)).toContain("no TLS connection");
    expect(heard).toEqual([]);
  });

  it("says that nothing listens there", async () => {
    const engine = await testEngine();
    const { reads } = await testClient(engine, { trust: { kind: "system" } });
    await engine.stop();

    const error = await errorOf(reads.hosts(signal));

    expect(error).toMatchObject({ code: "PLATFORM_DOWN" });
    expect(String(error)).toMatch(/https:\/\/localhost:\d+: cannot be reached \(ECONNREFUSED\)/);
  });
});
