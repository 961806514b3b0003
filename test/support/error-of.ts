import { expect } from "vitest";

/** What a promise is rejected with; fails the test if it is fulfilled. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail("nothing was rejected"),
    (error: unknown) => error,
  );
}
