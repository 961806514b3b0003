import { describe, expect, it, vi } from "vitest";
import { errorOf } from "../support/error-of.ts";
import { PASSWORD, testClient, testEngine } from "../support/rhev-client.ts";

const signal = AbortSignal.timeout(170_000);

/** How often somebody has logged in at the engine. */
function loginsAt(engine: Awaited<ReturnType<typeof testEngine>>): number {
  return engine.world.events.all.filter(({ code }) => code === 30).length;
}

describe("the RHEV client's session", () => {
  it.each(["basic", "oauth"] as const)("logs in once for many requests at once (%s)", async (auth) => {
    const engine = await testEngine();
    const { reads } = await testClient(engine, { auth });

    await Promise.all(Array.from({ length: 20 }, () => reads.hosts(AbortSignal.timeout(60_000))));
    await reads.clusters(signal);

    expect(loginsAt(engine)).toBe(1);
    expect(engine.logins.open).toBe(1);
  });

  it.each(["basic", "oauth"] as const)(
    "logs in again silently, once, when its session has ended (%s)",
    async (auth) => {
      const engine = await testEngine();
      const { reads, log } = await testClient(engine, { auth });
      await reads.hosts(signal);
      engine.logins.expireAll();

      expect(await reads.hosts(signal)).toHaveLength(2);
      await reads.hosts(signal);

      expect(loginsAt(engine)).toBe(2);
      expect(log.messages("warn")).toEqual([]);
    },
  );

  it.each(["basic", "oauth"] as const)("logs out at its end (%s)", async (auth) => {
    const engine = await testEngine();
    const { session, reads } = await testClient(engine, { auth });
    await reads.hosts(signal);

    await session.close(signal);

    expect(engine.logins.open).toBe(0);
    expect(loginsAt(engine)).toBe(1);
  });

  it("asks that a forgotten session ends after five minutes without a request", async () => {
    const engine = await testEngine();
    const { reads } = await testClient(engine);

    await reads.hosts(signal);

    expect(
      engine.requests.map(({ headers }) => [headers["prefer"], headers["session-ttl"], headers["filter"]]),
    ).toEqual(engine.requests.map(() => ["persistent-auth", "5", "false"]));
  });

  it.each(["basic", "oauth"] as const)(
    "says that a wrong password is refused, and does not insist (%s)",
    async (auth) => {
      const engine = await testEngine();
      const { reads } = await testClient(engine, { auth, password: "wrong" });

      const error = await errorOf(reads.hosts(signal));
      const asked = engine.requests.length;
      const again = await errorOf(reads.hosts(signal));

      expect(error).toMatchObject({ code: "NOT_ALLOWED" });
      expect(String(error)).toContain("does not accept user admin@internal with its password");
      expect(again).toBe(error);
      expect(asked).toBe(1);
      expect(engine.requests).toHaveLength(asked);
    },
  );

  it.each(["basic", "oauth"] as const)(
    "reads a changed password anew when the old one is refused (%s)",
    async (auth) => {
      const engine = await testEngine();
      const { reads, setPassword } = await testClient(engine, { auth });
      await reads.hosts(signal);
      const administrator = engine.users[0];
      if (administrator !== undefined) administrator.password = "changed";
      engine.logins.expireAll();
      await setPassword("changed");

      expect(await reads.hosts(signal)).toHaveLength(2);
    },
  );

  it("tries a repaired password at once when it is told to", async () => {
    const engine = await testEngine();
    const { session, reads, setPassword } = await testClient(engine, { password: "wrong" });
    await errorOf(reads.hosts(signal));
    await setPassword(PASSWORD);

    session.renewPassword();

    expect(await reads.hosts(signal)).toHaveLength(2);
  });

  it.each(["basic", "oauth"] as const)(
    "leaves no session behind at the engine when the password is renewed (%s)",
    async (auth) => {
      const engine = await testEngine();
      const { session, reads } = await testClient(engine, { auth, answerMs: 3000 });
      await reads.hosts(signal);

      session.renewPassword();

      await vi.waitFor(() => expect(engine.logins.open).toBe(0), { timeout: 20_000 });
      await reads.hosts(signal);
      expect(engine.logins.open).toBe(1);
      session.renewPassword();
      await reads.hosts(signal);
      await session.close(signal);
      expect(engine.logins.open).toBe(0);
    },
  );

  it.each(["basic", "oauth"] as const)(
    "does not keep a log-in that was under way when the password was renewed (%s)",
    async (auth) => {
      const engine = await testEngine();
      const { session } = await testClient(engine, { auth });
      const early = session.entry(signal);
      session.renewPassword();
      session.renewPassword();

      const entry = await early;

      expect(await session.entry(signal)).toBe(entry);
      await vi.waitFor(() => expect(engine.logins.open).toBe(1), { timeout: 20_000 });
      expect(loginsAt(engine)).toBe(2);
    },
  );

  it("forgets the refusal of a log-in that was under way when the password was renewed", async () => {
    const engine = await testEngine();
    const { session, setPassword } = await testClient(engine, { password: "wrong" });
    const early = session.entry(signal);
    await setPassword(PASSWORD);
    session.renewPassword();

    expect(await early).toMatchObject({ root: "/ovirt-engine/api" });
  });

  it("says that an engine before 4.0 knows no OAuth, and which key to change", async () => {
    const engine = await testEngine({ release: "3.6" });
    const { reads } = await testClient(engine, { auth: "oauth" });

    const error = await errorOf(reads.hosts(signal));

    expect(error).toMatchObject({ code: "BAD_ATTRIBUTE" });
    expect(String(error)).toContain("set rhev.auth to basic");
  });

  it("says that a user without an administrator's role needs one", async () => {
    const engine = await testEngine({ vms: ["web1"] });
    engine.users.push({
      name: "op@internal",
      password: PASSWORD,
      isAdmin: false,
      ownVms: ["web1"],
      mayAct: false,
    });
    const { reads } = await testClient(engine, { user: "op@internal" });

    const error = await errorOf(reads.vmsNamed(["web1"], signal));

    expect(error).toMatchObject({ code: "NOT_ALLOWED" });
    expect(String(error)).toContain("needs an administrator's role");
  });

  it("finds no API where the URL names a wrong path, and says where it looked", async () => {
    const engine = await testEngine();
    const { reads } = await testClient(engine, { url: { origin: engine.url, root: "/elsewhere/api" } });

    const error = await errorOf(reads.hosts(signal));

    expect(error).toMatchObject({ code: "PLATFORM_DOWN" });
    expect(String(error)).toContain("/elsewhere/api (version 4): 404");
  });

  it("sends nothing more once it is closed", async () => {
    const engine = await testEngine();
    const { session, reads } = await testClient(engine);
    await session.close(signal);

    expect(await errorOf(reads.hosts(signal))).toMatchObject({ code: "CANCELLED" });
    expect(engine.requests).toEqual([]);
  });
});
