import { describe, expect, it } from "vitest";
import { EncryptedPasswords } from "../../../daemon/encrypted-passwords.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { type Attributes, parseAttributes } from "../../../src/attributes.ts";
import type { Tuples } from "../../../src/tuples.ts";
import { errorOf } from "../../support/error-of.ts";

const URL = "https://rhevm.example.com:443";
const USER = "admin@internal";
const signal = new AbortController().signal;

function tuplesWith(password: string): Tuples {
  const info = ["Enabled", "1", "URL", URL, "User", USER, "Password", password, "Cluster", "Default"];
  return new Map([
    ["GuestName", ["web1"]],
    ["RHEVMInfo", info],
  ]);
}

const attributes: Attributes = parseAttributes("web1_res", tuplesWith("x"));

/** Passwords beside an engine that tells that one, and how often it was asked. */
function passwordsWith(told: string | AgentError) {
  const asked: string[] = [];
  const engine = {
    value: async (resource: string, attribute: string) => {
      asked.push(`${resource} ${attribute}`);
      if (told instanceof AgentError) throw told;
      return `Enabled 1 URL ${URL} User ${USER} Password ${told} Cluster Default UseManualRHEVMFencing 0`;
    },
  };
  const book = { all: () => [{ registration: { resource: "web1_res", attributes } }] };
  return { passwords: new EncryptedPasswords(engine, book), asked };
}

describe("the encrypted password of an engine of RHEV-M", () => {
  it("is what the last request brought, and the engine of the cluster is not asked", async () => {
    const { passwords, asked } = passwordsWith("old");
    passwords.note(attributes, tuplesWith("brought"));

    expect(await passwords.of(URL, USER, signal)).toBe("brought");
    expect(asked).toEqual([]);
  });

  it("is asked of the engine of the cluster after a restart of the daemon", async () => {
    const { passwords, asked } = passwordsWith("told");

    expect(await passwords.of(URL, USER, signal)).toBe("told");
    expect(asked).toEqual(["web1_res RHEVMInfo"]);
  });

  it("is asked anew by who was not let in with it", async () => {
    const { passwords } = passwordsWith("newer");
    passwords.note(attributes, tuplesWith("brought"));
    await passwords.of(URL, USER, signal);

    expect(await passwords.of(URL, USER, signal)).toBe("newer");
  });

  it("stays what it was while the engine of the cluster does not tell", async () => {
    const { passwords } = passwordsWith(new AgentError("PLATFORM_DOWN", "had is away"));
    passwords.note(attributes, tuplesWith("brought"));
    await passwords.of(URL, USER, signal);

    expect(await passwords.of(URL, USER, signal)).toBe("brought");
  });

  it("is an error where nobody knows it", async () => {
    const { passwords } = passwordsWith(new AgentError("PLATFORM_DOWN", "had is away"));

    expect(await errorOf(passwords.of(URL, USER, signal))).toMatchObject({ code: "PLATFORM_DOWN" });
  });

  it("is undefined for an engine that no resource names", async () => {
    const { passwords, asked } = passwordsWith("told");

    expect(await passwords.of("https://other.example.com", USER, signal)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it("is asked of the engine of the cluster after the attributes have changed", async () => {
    const { passwords } = passwordsWith("changed");
    passwords.note(attributes, tuplesWith("brought"));
    passwords.forget(attributes);

    expect(await passwords.of(URL, USER, signal)).toBe("changed");
  });
});
