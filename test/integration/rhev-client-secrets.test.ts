import type { IncomingMessage, ServerResponse } from "node:http";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { errorOf } from "../support/error-of.ts";
import { oddEngine, ROOT_DOCUMENT } from "../support/odd-engine.ts";
import { testClient, testEngine, USER } from "../support/rhev-client.ts";
import type { Fault } from "../support/rhevm-simulator/faults.ts";
import { textsIn } from "../support/texts-in.ts";

const signal = AbortSignal.timeout(170_000);

const PASSWORD = "t0p-Secret&<pass>/+word";
const SESSION = "SessionThatNobodyMaySee";
const TOKEN = "TokenThatNobodyMaySee";

/** The forms in which secrets travel. */
const SECRETS = [
  PASSWORD,
  encodeURIComponent(PASSWORD),
  new URLSearchParams({ password: PASSWORD }).toString(),
  Buffer.from(`${USER}:${PASSWORD}`).toString("base64"),
  SESSION,
  TOKEN,
];

/** Secrets that can be found in a value, whatever way it is looked at. */
function secretsIn(value: unknown, more: readonly string[] = []): string[] {
  const text = [...textsIn(value), inspect(value, { depth: 20, showHidden: true })].join("\n");
  return [...SECRETS, ...more].filter((secret) => text.includes(secret));
}

/** An engine that repeats all it was told, in what goes wrong. */
function repeating(status: number, form: (told: string) => string) {
  return (request: IncomingMessage, body: string, response: ServerResponse) => {
    const url = request.url ?? "";
    if (url.endsWith("/token")) {
      response.end(JSON.stringify({ access_token: TOKEN, exp: "1" }));
      return;
    }
    if (url === "/ovirt-engine/api") {
      response.setHeader("Set-Cookie", `JSESSIONID=${SESSION}; path=/ovirt-engine/api; HttpOnly`);
      response.end(ROOT_DOCUMENT);
      return;
    }
    const told = `${PASSWORD} ${request.headers.authorization} ${request.headers.cookie} ${body}`;
    response.writeHead(status).end(form(told));
  };
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

describe("the RHEV client's secrets", () => {
  it.each([
    [
      "an error",
      409,
      (told: string) => `<fault><reason>no</reason><detail>[${escaped(told)}]</detail></fault>`,
    ],
    ["a page", 503, (told: string) => `<html><head><title>${escaped(told)}</title></head></html>`],
    ["a page instead of a document", 200, (told: string) => `<html><title>${told}</title></html>`],
    ["a long title", 503, (told: string) => `<html><title>${"x".repeat(60)} ${escaped(told)}</title></html>`],
    ["a page of a forbidden thing", 403, (told: string) => `<html><title>${told}</title></html>`],
    ["broken XML", 200, (told: string) => `<vms ${told}`],
    [
      "a failed action",
      200,
      (told: string) =>
        `<action><status>failed</status><fault><detail>${escaped(told)}</detail></fault></action>`,
    ],
    ["another document", 200, (told: string) => `<x a="${escaped(told)}"/>`],
  ])("are in no error when the engine repeats them in %s", async (_what, status, form) => {
    const engine = await oddEngine(repeating(status, form));
    for (const auth of ["basic", "oauth"] as const) {
      const { reads, actions, log } = await testClient(engine, { auth, password: PASSWORD });

      const errors = [
        await errorOf(reads.vmsNamed(["web1"], signal)),
        await errorOf(actions.startVm("1", undefined, signal)),
      ];

      expect(secretsIn(errors)).toEqual([]);
      expect(secretsIn(log.entries)).toEqual([]);
    }
  });

  it.each(["hang", "reset", "cut", "unavailable", "unauthorized", "malformed-xml", "html", "huge"] as const)(
    "are in no error and no log line after %s",
    async (fault: Fault) => {
      const engine = await testEngine({ password: PASSWORD, vms: ["web1"] });
      const client = await testClient(engine, { password: PASSWORD, answerMs: 3000 });
      await client.reads.hosts(signal);
      const stop = engine.faults.always(fault);

      const errors = [
        await errorOf(client.reads.hosts(signal)),
        await errorOf(client.actions.startVm(engine.world.vm("web1").id, undefined, signal)),
      ];

      stop();
      const cookies = engine.requests.flatMap(({ headers }) => headers.cookie?.split("=")[1] ?? []);
      expect(secretsIn([errors, client.log.entries], cookies)).toEqual([]);
    },
  );

  it("are not shown by the client itself", async () => {
    const engine = await testEngine({ password: PASSWORD });
    const client = await testClient(engine, { password: PASSWORD });
    await client.reads.hosts(signal);

    expect(secretsIn(client)).toEqual([]);
    expect(JSON.stringify(client)).not.toContain(PASSWORD);
  });

  it("are in no error of a refused log-in", async () => {
    const engine = await testEngine();
    for (const auth of ["basic", "oauth"] as const) {
      const { reads, log } = await testClient(engine, { auth, password: PASSWORD });

      const error = await errorOf(reads.hosts(signal));

      expect(error).toMatchObject({ code: "NOT_ALLOWED" });
      expect(secretsIn([error, log.entries])).toEqual([]);
    }
  });
});
