import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemAuthorities } from "../../../src/rhev/system-authorities.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

async function filesWith(texts: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "authorities-"));
  return Promise.all(
    texts.map(async (text, at) => {
      const file = join(folder, `${at}.pem`);
      await writeFile(file, text);
      return file;
    }),
  );
}

it("takes the first file that holds a certificate, of those where systems keep their authorities", async () => {
  const [empty, first, second] = await filesWith(["", PEM, `${PEM}${PEM}`]);

  expect(systemAuthorities(["/nowhere/bundle.pem", empty ?? "", first ?? "", second ?? ""])).toBe(PEM);
});

it("has none on a system that keeps none where they are looked for", async () => {
  const [empty] = await filesWith(["no certificate"]);

  expect(systemAuthorities(["/nowhere/bundle.pem", empty ?? ""])).toBeUndefined();
});
