import { describe, expect, it } from "vitest";
import { type Asked, documentOf } from "../../../src/rhev/answers.ts";
import { errorOf } from "../../support/error-of.ts";

const FAULT = "<fault><reason>Operation Failed</reason><detail>[Cannot run VM.]</detail></fault>";
const ACTION = `<action><status>failed</status>${FAULT}</action>`;
const PAGE = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>";
const JBOSS = "<html><head><title>JBoss Web/7.0.16 - Error report</title></head></html>";

const READ: Asked = {
  what: "GET https://rhevm.example.com/ovirt-engine/api/vms/1",
  isWrite: false,
  bytesAtMost: 100_000,
  notFound: "GUEST_NOT_FOUND",
  missesByPage: false,
  hide: (text) => text,
};

async function complaint(status: number, text: string, changes: Partial<Asked> = {}): Promise<unknown> {
  return errorOf(documentOf({ status, text, contentType: "", cookies: [] }, { ...READ, ...changes }));
}

describe("an HTTP status of failure", () => {
  it.each([
    [400, FAULT, "REFUSED", "Operation Failed: Cannot run VM."],
    [400, PAGE, "REFUSED", "an HTML page"],
    [400, "is malformed", "REFUSED", "text that is no XML"],
    [401, PAGE, "NOT_ALLOWED", "User or Password wrong"],
    [403, ACTION, "NOT_ALLOWED", "needs an administrator's role"],
    [404, "", "GUEST_NOT_FOUND", "an empty answer"],
    [404, PAGE, "PLATFORM_DOWN", '("404 Not Found")'],
    [405, PAGE, "PROTOCOL", "answered 405"],
    [406, "", "PROTOCOL", "answered 406"],
    [409, ACTION, "REFUSED", "Operation Failed: Cannot run VM."],
    [415, "", "PROTOCOL", "answered 415"],
    [429, "", "PLATFORM_DOWN", "answered 429"],
    [301, PAGE, "PROTOCOL", "answered 301"],
    [500, FAULT, "PLATFORM_DOWN", "Operation Failed: Cannot run VM."],
    [502, PAGE, "PLATFORM_DOWN", "answered 502"],
    [503, PAGE, "PLATFORM_DOWN", "answered 503"],
    [504, "", "PLATFORM_DOWN", "answered 504"],
  ])("%i with %j is %s", async (status, text, code, words) => {
    const error = await complaint(status, text);

    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(words);
  });

  it.each([400, 401, 403, 404, 405, 409])("%i of a write says that nothing was done", async (status) => {
    expect(await complaint(status, ACTION, { isWrite: true })).not.toMatchObject({ code: "OUTCOME_UNKNOWN" });
  });

  it.each([500, 502, 503, 504])("%i of a write does not say whether it was done", async (status) => {
    const error = await complaint(status, FAULT, { isWrite: true });

    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", cause: { code: "PLATFORM_DOWN" } });
    expect(String(error)).toContain("may have been carried out, its answer was lost");
  });

  it("404 with a page means that an old engine does not know the guest", async () => {
    expect(await complaint(404, JBOSS, { missesByPage: true })).toMatchObject({ code: "GUEST_NOT_FOUND" });
  });

  it("404 of a list means that there is no API", async () => {
    expect(await complaint(404, "", { notFound: undefined })).toMatchObject({ code: "PLATFORM_DOWN" });
  });
});

describe("an answer that grants", () => {
  it.each([
    ["nothing", ""],
    ["a page", PAGE],
    ["a page after a comment", `<!-- x --> ${PAGE}`],
    ["a document type", "<!DOCTYPE vms><vms/>"],
    ["an entity", '<!DOCTYPE v [<!ENTITY a "b">]><vms>&a;</vms>'],
    ["half a document", "<vms><vm"],
    ["text", "DB Up!"],
    ["too much", `<vms>${" ".repeat(100_000)}</vms>`],
    ["too many elements", `<vms>${"<a/>".repeat(20_000)}</vms>`],
  ])("is PROTOCOL when it is %s, and of a write the outcome is unknown", async (_what, text) => {
    expect(await complaint(200, text)).toMatchObject({ code: "PROTOCOL" });
    expect(await complaint(200, text, { isWrite: true })).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  });

  it("is read, whatever its type is called", async () => {
    const answer = { status: 200, text: "<vms/>", contentType: "application/xml;charset=UTF-8", cookies: [] };

    expect((await documentOf(answer, READ)).name).toBe("vms");
  });
});
