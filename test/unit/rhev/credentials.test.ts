import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Credentials } from "../../../src/rhev/credentials.ts";

const signal = AbortSignal.timeout(60_000);
const PASSWORD = "a&b<c>\"d' /+é!";

let folder: string;
let path: string;
let credentials: Credentials;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "credentials-"));
  path = join(folder, "password");
  await setPassword(PASSWORD);
  credentials = new Credentials("admin@internal", () => ({ kind: "file", path }));
  await credentials.basic(signal);
});

afterEach(() => rm(folder, { recursive: true }));

function setPassword(text: string): Promise<void> {
  return writeFile(path, text, { mode: 0o600 });
}

describe("what credentials hide in a foreign text", () => {
  it.each([
    ["plain", PASSWORD],
    ["as text of XML", "a&amp;b&lt;c>\"d' /+é!"],
    ["as text of XML with both brackets", "a&amp;b&lt;c&gt;\"d' /+é!"],
    ["as an attribute of XML", "a&amp;b&lt;c&gt;&quot;d' /+é!"],
    ["as XML with both quotes", "a&amp;b&lt;c&gt;&quot;d&apos; /+é!"],
    ["as HTML", "a&amp;b&lt;c&gt;&#34;d&#39; /+é!"],
    ["as HTML of another writer", "a&amp;b&lt;c&gt;&quot;d&#39; /+é!"],
    ["percent-encoded", "a%26b%3Cc%3E%22d'%20%2F%2B%C3%A9!"],
    ["percent-encoded without exception", "a%26b%3Cc%3E%22d%27%20%2F%2B%C3%A9%21"],
    ["percent-encoded in small letters", "a%26b%3cc%3e%22d'%20%2f%2b%c3%a9!"],
    ["as in a form", "a%26b%3Cc%3E%22d%27+%2F%2B%C3%A9%21"],
    ["as in Basic authentication", "YWRtaW5AaW50ZXJuYWw6YSZiPGM+ImQnIC8rw6kh"],
  ])("is the password %s", (_how, form) => {
    expect(credentials.hide(`before ${form} after`)).toBe("before *** after");
  });

  it("is the password before, also once it is to be read anew, and the one before that", async () => {
    credentials.forget();
    expect(credentials.hide(PASSWORD)).toBe("***");

    await setPassword("second");
    expect(await credentials.reread(signal)).toBe(true);
    await setPassword("third");
    expect(await credentials.reread(signal)).toBe(true);
    expect(credentials.hide(`${PASSWORD} second third`)).toBe("*** *** ***");
    expect(await credentials.reread(signal)).toBe(false);
    expect(credentials.hide(`${PASSWORD} second third`)).toBe(`${PASSWORD} *** ***`);
  });

  it("is the whole of a secret of which another one is a part", async () => {
    await setPassword(`${PASSWORD}-and-more`);
    await credentials.reread(signal);

    expect(credentials.hide(`${PASSWORD}-and-more`)).toBe("***");
  });
});
