const PERIOD_MS = 20;

/**
 * Waits for a condition outside this process, which no event announces.
 *
 * @param what names the condition in the error
 * @param probe asked again and again until it answers something other than undefined and false
 * @throws {Error} the limit passed first; the cause is what the probe threw last, if it did
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 60_000,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const attempt = await settle(probe);
    if (attempt.value !== undefined && attempt.value !== false) return attempt.value;
    if (performance.now() > end) {
      throw new Error(`not within ${limitMs} ms: ${what}`, { cause: attempt.error });
    }
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
  }
}

interface Attempt<T> {
  value?: T | undefined | false;
  error?: unknown;
}

async function settle<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<Attempt<T>> {
  try {
    return { value: await probe() };
  } catch (error) {
    return { error };
  }
}
