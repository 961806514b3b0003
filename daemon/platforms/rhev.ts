import { messageOf } from "../../src/agent-error.ts";
import type { Log } from "../../src/log.ts";
import { ManualFencing } from "../../src/rhev/manual-fencing.ts";
import { readOwnIdentity } from "../../src/rhev/own-identity.ts";
import { RhevPlatform } from "../../src/rhev/platform.ts";
import type { PasswordOrigin, RhevSettings } from "../../src/rhev/rhev-settings.ts";
import { parseFingerprint, type Trust } from "../../src/rhev/settings.ts";
import { SpmScanner } from "../../src/rhev/spm-scanner.ts";
import type { Config } from "../config-schema.ts";
import { haresEngine } from "../hares.ts";
import type { KeptGuests } from "../kept-guests.ts";
import { fencingSettings, haresOptions, scanSettings } from "../settings.ts";

/** Source: Veritas, encrypting agent passwords; the decrypting utility takes the text as its last argument. */
const VCSDECRYPT = ["/opt/VRTSvcs/bin/vcsdecrypt", "-agent", "{encrypted}"] as const;

/** The platform over RHEV-M and oVirt, and what scans there, as configured. */
export function rhevEnvironment(
  config: () => Config,
  kept: KeptGuests,
  log: Log,
): { readonly platform: RhevPlatform; readonly scanner: SpmScanner } {
  const engine = haresEngine(() => haresOptions(config()));
  const fencing = new ManualFencing({ engine, settings: () => fencingSettings(config()), log });
  const settings = () => rhevSettings(config());
  const platform = new RhevPlatform({ ...kept, settings, fencing, identity: readOwnIdentity, log });
  const manager = (access: { readonly url: string; readonly user: string }) => platform.manager(access);
  return {
    platform,
    scanner: new SpmScanner({ manager, fencing, settings: () => scanSettings(config()), log }),
  };
}

/** How engines are reached, as configured. */
export function rhevSettings({ rhev }: Config): RhevSettings {
  return {
    auth: rhev.auth,
    trust: trustOf(rhev),
    connectMs: rhev.connectTimeoutS * 1000,
    answerMs: rhev.answerTimeoutS * 1000,
    password: passwordOf(rhev),
    host: rhev.host,
    hostOf: (system) => rhev.hosts[system],
  };
}

/** What is wrong with fingerprints: their form is checked where they are used. */
export function rhevProblems({ rhev }: Config): readonly string[] {
  try {
    for (const text of rhev.fingerprints ?? []) parseFingerprint(text);
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

function trustOf({ caFile, fingerprints }: Config["rhev"]): Trust {
  if (fingerprints !== undefined) return { kind: "fingerprints", sha256: fingerprints.map(parseFingerprint) };
  return caFile === undefined ? { kind: "system" } : { kind: "ca file", path: caFile };
}

function passwordOf({ passwordCommand, passwordCredential, passwordFile }: Config["rhev"]): PasswordOrigin {
  if (passwordFile !== undefined) return { kind: "file", path: passwordFile };
  if (passwordCredential !== undefined) {
    // Source: systemd.exec(5), LoadCredential=
    return { kind: "credential", directory: process.env["CREDENTIALS_DIRECTORY"], name: passwordCredential };
  }
  return { kind: "command", command: passwordCommand ?? VCSDECRYPT };
}
