import { describe, expect, it } from "vitest";
import { matching } from "../../support/matching.ts";
import {
  type Answer,
  BASIC,
  makeUnwiredEngine,
  type UnwiredEngine,
} from "../../support/rhevm-simulator/unwired-engine.ts";

const ROOT = "/ovirt-engine/api";
const NOBODY = { authorization: "" };

function logins({ world }: UnwiredEngine): number[] {
  return world.events.all.map(({ code }) => code).filter((code) => code === 30 || code === 31);
}

async function cookieOf(engine: UnwiredEngine, headers: Record<string, string> = {}): Promise<string> {
  const answer = await engine.ask(ROOT, { headers: { prefer: "persistent-auth", ...headers } });
  return answer.headers["Set-Cookie"]?.split(";")[0] ?? "";
}

describe("a login by password", () => {
  it.each([
    ["no password", ""],
    ["a wrong one", `Basic ${Buffer.from("admin@internal:wrong").toString("base64")}`],
  ])("with %s is refused with a page", async (_, authorization) => {
    const answer = await makeUnwiredEngine().ask(`${ROOT}/vms`, { headers: { authorization } });

    expect([answer.status, answer.headers["WWW-Authenticate"]]).toEqual([401, 'Basic realm="RESTAPI"']);
    expect(answer.text).toContain("<title>Error</title>");
  });

  it("without persistence logs in and out for each request", async () => {
    const engine = makeUnwiredEngine();

    await engine.ask(`${ROOT}/vms`);
    await engine.ask(`${ROOT}/vms`);

    expect(logins(engine)).toEqual([30, 31, 30, 31]);
  });

  it("with persistence logs in once, and the cookie alone is enough then", async () => {
    const engine = makeUnwiredEngine();
    const cookie = await cookieOf(engine);

    const { status } = await engine.ask(`${ROOT}/vms`, {
      headers: { ...NOBODY, cookie, prefer: "persistent-auth" },
    });

    expect([status, ...logins(engine)]).toEqual([200, 30]);
  });

  it("ends its session when the cookie comes without the wish to keep it", async () => {
    const engine = makeUnwiredEngine();
    const cookie = await cookieOf(engine);

    expect((await engine.ask(ROOT, { headers: { ...NOBODY, cookie } })).status).toBe(401);

    expect(logins(engine)).toEqual([30, 31]);
    expect(engine.logins.open).toBe(0);
  });

  it("is made again, silently, when the session is over and the password comes too", async () => {
    const engine = makeUnwiredEngine();
    const headers = { cookie: await cookieOf(engine), prefer: "persistent-auth" };
    engine.world.clock.advance(30 * 60_000 + 1);

    expect((await engine.ask(ROOT, { headers: { ...headers, ...NOBODY } })).status).toBe(401);
    expect((await engine.ask(ROOT, { headers: { ...headers, authorization: BASIC } })).status).toBe(200);
  });

  it("keeps a session for the time that it asks for", async () => {
    const engine = makeUnwiredEngine();
    await cookieOf(engine, { "session-ttl": "60" });
    engine.world.clock.advance(59 * 60_000);

    expect(engine.logins.open).toBe(1);
  });

  it("with protection against forged requests wants the session in a header too", async () => {
    const engine = makeUnwiredEngine();
    const prefer = "persistent-auth, csrf-protection";
    const cookie = await cookieOf(engine, { prefer });
    const ask = async (extra: Record<string, string>) =>
      (await engine.ask(ROOT, { headers: { ...NOBODY, cookie, prefer, ...extra } })).status;

    expect(await ask({})).toBe(403);
    expect(await ask({ jsessionid: cookie.slice("JSESSIONID=".length) })).toBe(200);
  });
});

const FORM = "grant_type=password&scope=ovirt-app-api&username=admin%40internal&password=";

function askToken(engine: UnwiredEngine, body: string, accept = "application/json"): Promise<Answer> {
  return engine.ask("/ovirt-engine/sso/oauth/token", { method: "POST", headers: { accept }, body });
}

async function tokenOf(engine: UnwiredEngine): Promise<string> {
  return /"access_token":"([^"]+)"/.exec((await askToken(engine, `${FORM}secret`)).text)?.[1] ?? "";
}

describe("a token", () => {
  it("is given for the password, and is good until it is given back", async () => {
    const engine = makeUnwiredEngine();
    const token = await tokenOf(engine);
    const headers = { authorization: `Bearer ${token}` };

    expect((await engine.ask(ROOT, { headers })).status).toBe(200);
    await engine.ask("/ovirt-engine/services/sso-logout", { method: "POST", body: `token=${token}` });
    const { status, text } = await engine.ask(ROOT, { headers });

    expect([status, text.includes("invalid_grant")]).toEqual([401, true]);
  });

  it("dies with the engine", async () => {
    const engine = makeUnwiredEngine();
    const headers = { authorization: `Bearer ${await tokenOf(engine)}` };

    engine.world.restartEngine();
    engine.world.clock.advance(60_000);

    expect((await engine.ask(ROOT, { headers })).status).toBe(401);
  });

  it("is refused with 400 for a wrong password, or when JSON is not what is accepted", async () => {
    const engine = makeUnwiredEngine();

    expect(await askToken(engine, `${FORM}wrong`)).toMatchObject({
      status: 400,
      text: matching(/access_denied/),
    });
    expect((await askToken(engine, `${FORM}secret`, "*/*")).status).toBe(400);
    expect((await askToken(makeUnwiredEngine({ release: "3.6" }), `${FORM}secret`)).status).toBe(404);
  });
});

function namesIn({ text }: Answer): (string | undefined)[] {
  return [...text.matchAll(/<name>(vm\d)<\/name>/g)].map(([, name]) => name);
}

describe("the filter", () => {
  it.each([
    ["4.3", { isAdmin: false }, undefined, 200, ["vm2"]],
    ["4.0", { isAdmin: false }, undefined, 403, []],
    ["3.6", { isAdmin: false }, undefined, 403, []],
    ["3.6", { isAdmin: false }, "true", 200, ["vm2"]],
    ["4.3", { isAdmin: false }, "false", 403, []],
    ["4.3", { isAdmin: true }, undefined, 200, ["vm1", "vm2"]],
    ["4.3", { isAdmin: true }, "true", 200, ["vm2"]],
  ] as const)("in %s for %j with %s answers %i and %j", async (release, kind, filter, status, expected) => {
    const engine = makeUnwiredEngine({ release, vms: ["vm1", "vm2"] });
    const [user] = engine.users;
    if (user !== undefined) Object.assign(user, kind, { ownVms: ["vm2"] });

    const answer = await engine.ask(`${ROOT}/vms`, { headers: filter === undefined ? {} : { filter } });

    expect([answer.status, namesIn(answer)]).toEqual([status, expected]);
  });
});

function idsIn({ text }: Answer): number[] {
  return [...text.matchAll(/<event [^>]*id="(\d+)"/g)].map(([, id]) => Number(id));
}

describe("events", () => {
  it("are listed newest first, after an id, with gaps between their ids", async () => {
    const engine = makeUnwiredEngine({ release: "4.3", vms: ["vm1"] });
    for (const name of ["vmStarted", "vmDown", "vmDownError"] as const)
      engine.world.events.add(name, "made up");
    const [first, second, third] = engine.world.events.all.map(({ id }) => id);

    const found = idsIn(await engine.ask(`${ROOT}/events?from=${first}`));

    expect(found.slice(-2)).toEqual([third, second]);
    expect(found[0]).toBeGreaterThan(third ?? 0); // this very login
    expect(idsIn(await engine.ask(`${ROOT}/events?max=1`))).toHaveLength(1);
  });

  it("of 3.1 are taken after an id only by the path, and a hundred of them, the newest", async () => {
    const engine = makeUnwiredEngine({ release: "3.1" });
    for (let count = 0; count < 120; count++) engine.world.events.add("vmStarted", "made up");
    const last = engine.world.events.all.at(-1)?.id ?? 0;

    expect(idsIn(await engine.ask("/api/events"))).toHaveLength(100);
    expect(idsIn(await engine.ask(`/api/events?from=${last}`))).toHaveLength(100);
    expect(idsIn(await engine.ask(`/api/events;from=${last}`)).every((id) => id > last)).toBe(true);
    expect(idsIn(await engine.ask("/api/events;max=500")).length).toBeGreaterThan(120);
  });

  it("are found by code, severity and VM", async () => {
    const engine = makeUnwiredEngine({ vms: ["vm1"] });
    const { id } = engine.world.vm("vm1");
    engine.world.events.add("migrationStart", "made up", { vm: id });
    engine.world.events.add("vmDownError", "made up", { vm: id });
    const count = async (text: string) =>
      idsIn(await engine.ask(`${ROOT}/events?search=${encodeURIComponent(text)}`)).length;

    expect(await count("type=62")).toBe(1);
    expect(await count("severity>normal")).toBe(1);
    expect(await count("vm.name=vm1")).toBe(2);
  });
});
