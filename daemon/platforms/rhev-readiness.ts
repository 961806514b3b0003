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
  const usable: CheckedResource[] = [];
  const incomplete: Check[] = [];
  for (const one of resources) {
    const trouble = accessTrouble(one.attributes.rhevmInfo);
    if (trouble === undefined) usable.push(one);
    else incomplete.push(incompleteCheck(one, trouble));
  }
  const engines = byEngine(usable).map((its) => {
    const { url = "", user = "" } = its[0]?.attributes.rhevmInfo ?? {};
    const access = new EngineAccess({
      access: { url, user, encrypted: (signal) => passwords.of(url, user, signal) },
      guests: its.map(({ attributes }) => attributes.guestName),
      settings: () => settings,
      identity: readOwnIdentity,
      log,
    });
    return { access, its };
  });
  return {
    checks: [
      ...incomplete,
      ...engines.flatMap(({ access, its }) => engineChecks(access, settings.trust, its)),
    ],
    close: async () => {
      await Promise.all(engines.map(({ access }) => access.close()));
    },
  };
}

/** Those of one engine and user together. */
function byEngine(resources: readonly CheckedResource[]): readonly (readonly CheckedResource[])[] {
  const keys = [...new Set(resources.map(engineKey))];
  return keys.map((key) => resources.filter((one) => engineKey(one) === key));
}

function engineKey({ attributes: { rhevmInfo } }: CheckedResource): string {
  return `${rhevmInfo.user} ${rhevmInfo.url}`;
}

function settingsForChecks(config: Config): RhevSettings {
  const settings = rhevSettings(config);
  if (settings.password.kind !== "credential" || settings.password.directory !== undefined) return settings;
  return { ...settings, password: { ...settings.password, directory: CREDENTIALS } };
}

/** What is wrong with a URL or a user; a URL may hold a password, so it is shown nowhere until it is known to be right. */
function accessTrouble({ url, user }: CheckedResource["attributes"]["rhevmInfo"]): string | undefined {
  if (url === undefined || user === undefined) return "RHEVMInfo names no URL or no User";
  try {
    parseRhevmUrl(url);
    parseUser(user);
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
