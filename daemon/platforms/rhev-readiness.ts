import { messageOf } from "../../src/agent-error.ts";
import type { Log } from "../../src/log.ts";
import { type Check, type CheckedResource, rowsOf } from "../../src/readiness.ts";
import { readOwnIdentity } from "../../src/rhev/own-identity.ts";
import { engineChecks } from "../../src/rhev/readiness/checks.ts";
import { EngineAccess } from "../../src/rhev/readiness/engine-access.ts";
import type { RhevSettings } from "../../src/rhev/rhev-settings.ts";
import { parseRhevmUrl, parseUser } from "../../src/rhev/settings.ts";
import type { Config } from "../config-schema.ts";
import { EncryptedPasswords } from "../encrypted-passwords.ts";
import { haresEngine } from "../hares.ts";
import { haresOptions } from "../settings.ts";
import type { EnvironmentChecks } from "./kvm-readiness.ts";
import { rhevSettings } from "./rhev.ts";

/** Where root finds the daemon's credentials while it runs. Source: systemd.exec(5), CREDENTIALS. */
const CREDENTIALS = "/run/credentials/vcskvmguestd.service";

/**
 * The checks of RHEV-M and oVirt, as configured: one set for each engine and user that resources name.
 *
 * @param resources those of RHEV-M
 */
export function rhevReadiness(
  config: Config,
  resources: readonly CheckedResource[],
  log: Log,
): EnvironmentChecks {
  const settings = settingsForChecks(config);
  const book = { all: () => resources.map((registration) => ({ registration })) };
  const passwords = new EncryptedPasswords(
    haresEngine(() => haresOptions(config)),
    book,
  );
  const engines = new Map<string, { readonly access: EngineAccess; readonly its: CheckedResource[] }>();
  const incomplete: Check[] = [];
  for (const one of resources) {
    const { url, user } = one.attributes.rhevmInfo;
    const trouble = accessTrouble(url, user);
    if (url === undefined || user === undefined || trouble !== undefined) {
      incomplete.push(incompleteCheck(one, trouble ?? "RHEVMInfo names no URL or no User"));
      continue;
    }
    const key = `${user} ${url}`;
    const known = engines.get(key);
    if (known !== undefined) {
      known.its.push(one);
      continue;
    }
    const its = [one];
    const access = new EngineAccess({
      access: { url, user, encrypted: (signal) => passwords.of(url, user, signal) },
      guests: () => its.map(({ attributes }) => attributes.guestName),
      settings: () => settings,
      identity: readOwnIdentity,
      log,
    });
    engines.set(key, { access, its });
  }
  return {
    checks: [
      ...incomplete,
      ...[...engines.values()].flatMap(({ access, its }) => engineChecks(access, settings.trust, its)),
    ],
    close: async () => {
      await Promise.all([...engines.values()].map(({ access }) => access.close()));
    },
  };
}

function settingsForChecks(config: Config): RhevSettings {
  const settings = rhevSettings(config);
  if (settings.password.kind !== "credential" || settings.password.directory !== undefined) return settings;
  return { ...settings, password: { ...settings.password, directory: CREDENTIALS } };
}

/** What is wrong with a URL or a user; a URL may hold a password, so it is shown nowhere until it is known to be right. */
function accessTrouble(url: string | undefined, user: string | undefined): string | undefined {
  try {
    if (url !== undefined) parseRhevmUrl(url);
    if (user !== undefined) parseUser(user);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function incompleteCheck({ resource, attributes }: CheckedResource, text: string): Check {
  const about = `guest ${attributes.guestName}`;
  const row = rowsOf("RHEV-M guest", about);
  const remedy = `hares -modify ${resource} RHEVMInfo: docs/vcs-setup.md, "Guests of RHEV-M"`;
  return { name: "RHEV-M guest", about, look: () => Promise.resolve([row.problem(text, remedy)]) };
}
