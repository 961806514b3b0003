import { describe, expect, it } from "vitest";
import { parseFingerprint, parseRhevmUrl, parseUser } from "../../../src/rhev/settings.ts";
import { complaintOf } from "../../support/complaint-of.ts";

describe("the URL of an engine", () => {
  it.each([
    ["https://rhevm.example.com:443", "https://rhevm.example.com", undefined],
    ["https://rhevm.example.com:8443/", "https://rhevm.example.com:8443", undefined],
    ["https://rhevm.example.com/ovirt-engine/api/", "https://rhevm.example.com", "/ovirt-engine/api"],
    ["https://[2001:db8::1]:8443/api", "https://[2001:db8::1]:8443", "/api"],
  ])("is read from %s", (text, origin, root) => {
    expect(parseRhevmUrl(text)).toEqual({ origin, root });
  });

  it.each([
    [
      "http://rhevm.example.com",
      "must begin with https://: over http:// the password could be read by others",
    ],
    ["ftp://rhevm.example.com", "must begin with https://, such as https://rhevm.example.com:443"],
    ["rhevm.example.com", "is no URL such as https://rhevm.example.com:443"],
    [
      "https://rhevm.example.com/?a=b",
      "must end after the host and port, such as https://rhevm.example.com:443",
    ],
    [
      "https://rhevm.example.com/#x",
      "must end after the host and port, such as https://rhevm.example.com:443",
    ],
    ["https://rhevm.example.com/a;b", "has a path that cannot be one of the API"],
  ])("is not %s", (text, rule) => {
    expect(complaintOf(() => parseRhevmUrl(text))).toBe(`RHEVMInfo URL: ${rule}`);
  });

  it("is refused with a password in it, which is not repeated", () => {
    const complaint = complaintOf(() => parseRhevmUrl("https://admin:pw1@rhevm.example.com"));

    expect(complaint).toBe("RHEVMInfo URL: must not hold a user or a password");
  });
});

describe("the fingerprint of a certificate", () => {
  const plain = "ab".repeat(32);
  const known = Array.from({ length: 32 }, () => "AB").join(":");

  it.each([plain, known, `SHA256:${plain}`, `sha256 Fingerprint=${known}`, `SHA-256: ${known}`])(
    "is read from %s",
    (text) => {
      expect(parseFingerprint(text)).toBe(known);
    },
  );

  it.each(["", "ab".repeat(20), "zz".repeat(32), `${plain}00`])("is not %j", (text) => {
    expect(complaintOf(() => parseFingerprint(text))).toContain("64 hexadecimal digits");
  });
});

describe("the user of an engine", () => {
  it.each(["admin@internal", "admin@ovirt@internalsso"])("may be %s", (text) => {
    expect(parseUser(text)).toBe(text);
  });

  it.each(["admin", "a:b@internal", "@internal", "admin@", "a\nb@internal"])("may not be %j", (text) => {
    expect(complaintOf(() => parseUser(text))).toContain("a name with its domain");
  });
});
