import { randomBytes } from "node:crypto";
import { type HttpRequest, headerOf } from "./http-message.ts";
import type { Inventory } from "./inventory.ts";
import type { Target } from "./target.ts";

/** Somebody who may log in. */
export interface User {
  /** With the profile: `admin@internal`. */
  readonly name: string;
  password: string;
  isAdmin: boolean;
  /** Names of the VMs that this user has a permission on: what a filtered list shows. */
  ownVms: "all" | readonly string[];
  /** May do more than look. */
  mayAct: boolean;
}

/** A request that is somebody's. */
export interface Identity {
  readonly user: User;
  readonly headers: Readonly<Record<string, string>>;
  /** To be called once the request is served. */
  readonly end: () => void;
}

/** Why a request is nobody's. */
export type LoginFailure = "unauthorized" | "bad token" | "csrf";

interface Session {
  readonly user: User;
  readonly engineStart: number;
  readonly idleLimitMs: number;
  readonly needsIdHeader: boolean;
  usedAt: number;
}

/** Source: UserSessionTimeOutInterval. */
const IDLE_LIMIT_MIN = 30;

const KEPT = () => {};

/** Who is logged in: sessions by cookie, tokens, and each request that logs in for itself. */
export class Logins {
  readonly #site: Inventory;
  readonly #users: readonly User[];
  readonly #sessions = new Map<string, Session>();

  constructor(site: Inventory, users: readonly User[]) {
    this.#site = site;
    this.#users = users;
  }

  /** Sessions and tokens that are good now. */
  get open(): number {
    return [...this.#sessions.keys()].filter((id) => this.#valid(id) !== undefined).length;
  }

  /** Ends all sessions and tokens, as their idle time would. */
  expireAll(): void {
    this.#sessions.clear();
  }

  /** Finds who asks; a cookie that is sent without `Prefer: persistent-auth` ends its session. */
  authenticate(request: HttpRequest, target: Target): Identity | LoginFailure {
    const bearer = /^Bearer (\S+)$/i.exec(headerOf(request, "authorization") ?? "")?.[1];
    if (bearer !== undefined) {
      const session = this.#valid(bearer);
      return session === undefined ? "bad token" : this.#use(session);
    }
    const wishes = (headerOf(request, "prefer") ?? "").split(",").map((wish) => wish.trim());
    const isPersistent = wishes.includes("persistent-auth");
    const cookie = /(?:^|;\s*)JSESSIONID=([^;]+)/.exec(headerOf(request, "cookie") ?? "")?.[1];
    const session = cookie === undefined ? undefined : this.#valid(cookie);
    if (cookie !== undefined && session !== undefined) {
      if (!isPersistent) this.#logOut(cookie);
      else if (!wishes.includes("new-auth")) {
        const isForged = session.needsIdHeader && headerOf(request, "jsessionid") !== cookie;
        return isForged ? "csrf" : this.#use(session);
      }
    }
    return this.#logInByPassword(request, target, isPersistent, wishes.includes("csrf-protection"));
  }

  /** Gives a token to who has the right password. */
  token(name: string, password: string): string | undefined {
    const user = this.#userOf(name, password);
    if (user === undefined) return undefined;
    return this.#open(user, IDLE_LIMIT_MIN, false);
  }

  /** Ends the session of a token or cookie. */
  revoke(id: string): void {
    if (this.#valid(id) !== undefined) this.#logOut(id);
  }

  #logInByPassword(
    request: HttpRequest,
    target: Target,
    isPersistent: boolean,
    needsIdHeader: boolean,
  ): Identity | LoginFailure {
    const basic = /^Basic (\S+)$/i.exec(headerOf(request, "authorization") ?? "")?.[1];
    const [name = "", ...rest] = Buffer.from(basic ?? "", "base64")
      .toString()
      .split(":");
    const user = basic === undefined ? undefined : this.#userOf(name, rest.join(":"));
    if (user === undefined) return "unauthorized";
    const ttl = this.#site.release.hasSessionTtl ? Number(headerOf(request, "session-ttl")) : Number.NaN;
    const id = this.#open(user, ttl >= 1 ? ttl : IDLE_LIMIT_MIN, needsIdHeader);
    const { major, minor } = this.#site.release;
    const flags = major === 3 && minor === 1 ? "Secure" : "HttpOnly";
    const setsCookie = isPersistent || flags === "Secure"; // 3.1 sets one on every answer
    const headers = setsCookie
      ? { "Set-Cookie": `JSESSIONID=${id}; Path=${target.cookiePath}; ${flags}` }
      : {};
    return { user, headers, end: isPersistent ? KEPT : () => this.#logOut(id) };
  }

  #use(session: Session): Identity {
    session.usedAt = this.#site.clock.now;
    return { user: session.user, headers: {}, end: KEPT };
  }

  #userOf(name: string, password: string): User | undefined {
    return this.#users.find((user) => user.name === name && user.password === password);
  }

  #open(user: User, idleLimitMin: number, needsIdHeader: boolean): string {
    const id = randomBytes(18).toString("base64url");
    const { clock, engineStarts, events } = this.#site;
    this.#sessions.set(id, {
      user,
      engineStart: engineStarts,
      idleLimitMs: idleLimitMin * 60_000,
      needsIdHeader,
      usedAt: clock.now,
    });
    events.add("userLogin", `User ${user.name} logged in.`);
    return id;
  }

  #logOut(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#site.events.add("userLogout", `User ${session.user.name} logged out.`);
  }

  #valid(id: string): Session | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    const { clock, engineStarts } = this.#site;
    const isOver = session.engineStart !== engineStarts || clock.now - session.usedAt > session.idleLimitMs;
    if (isOver) {
      this.#sessions.delete(id);
      return undefined;
    }
    return session;
  }
}
