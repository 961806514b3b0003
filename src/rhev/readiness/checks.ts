import { AgentError, messageOf } from "../../agent-error.ts";
import { type Check, type CheckedResource, rowsOf } from "../../readiness.ts";
import { environmentFindings } from "../environment-check.ts";
import { nameOfHost } from "../host-words.ts";
import type { Trust } from "../settings.ts";
import { engineCertificateCheck } from "./certificate.ts";
import type { EngineAccess } from "./engine-access.ts";

/** A log-in may start the password's command, and takes up to four requests. */
const LOGIN_MS = 30_000;

/** Everything that is checked of one engine and the guests that it keeps. */
export function engineChecks(
  engine: EngineAccess,
  trust: Trust,
  resources: readonly CheckedResource[],
): readonly Check[] {
  return [
    loginCheck(engine),
    engineCertificateCheck(engine.url, trust),
    rightsCheck(engine),
    ...resources.map((one) => guestCheck(engine, one)),
  ];
}

/** Is the engine reached, does it let us in, and does it know this host? */
function loginCheck(engine: EngineAccess): Check {
  const about = `${engine.url} as ${engine.user}`;
  const row = rowsOf("RHEV-M", about);
  return {
    name: "RHEV-M",
    about,
    limitMs: LOGIN_MS,
    async look(signal) {
      try {
        const { product, own } = await engine.read(signal);
        if (own.kind === "found")
          return [row.ok(`${product}: this system is its host ${nameOfHost(own.host)}, by ${own.by}`)];
        return [
          row.problem(`${product}: ${own.reason}`, "set rhev.host, then systemctl reload vcskvmguestd"),
        ];
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        return [row.problem(messageOf(error), 'docs/operations.md, "Guests of RHEV-M"')];
      }
    },
  };
}

/** What the user may do, as far as that shows without doing it. */
function rightsCheck(engine: EngineAccess): Check {
  const about = `${engine.url} as ${engine.user}`;
  const row = rowsOf("RHEV-M rights", about);
  return {
    name: "RHEV-M rights",
    about,
    limitMs: LOGIN_MS,
    async look(signal) {
      try {
        await engine.read(signal);
      } catch (error) {
        return [row.notChecked(`RHEV-M was not read: ${messageOf(error)}`)];
      }
      return [
        row.ok("may log in and see guests, hosts and clusters"),
        row.notChecked(
          "whether the user may start, stop and migrate shows only when it is done: try each once, docs/vcs-setup.md has the permits",
        ),
      ];
    },
  };
}

/** Does the engine know the guest, in the right cluster, and leave it to us? */
function guestCheck(engine: EngineAccess, { resource, attributes }: CheckedResource): Check {
  const { guestName: guest, rhevmInfo } = attributes;
  const about = `guest ${guest}`;
  const row = rowsOf("RHEV-M guest", about);
  return {
    name: "RHEV-M guest",
    about,
    limitMs: LOGIN_MS,
    async look(signal) {
      try {
        const findings = environmentFindings({ guest, rhevmInfo }, await engine.read(signal));
        if (findings.length === 0) return [row.ok(`${engine.url} knows it, in the cluster of this host`)];
        return findings.map((text) =>
          row.problem(
            text,
            `correct it in RHEV-M, or hares -modify ${resource}: docs/vcs-setup.md, "Guests of RHEV-M"`,
          ),
        );
      } catch (error) {
        return [row.notChecked(`RHEV-M was not read: ${messageOf(error)}`)];
      }
    },
  };
}
