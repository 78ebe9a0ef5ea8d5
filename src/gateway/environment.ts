import { type Environment, parseDotEnv, parseServiceEnv } from './env-file.ts';
import { commandAfterEnv, envFileOf } from './env-wrapper.ts';
import { type GatewayPlace, gatewayFiles } from './places.ts';
import { seeThrough } from './safe-start-hook.ts';

export type { GatewayPlace } from './places.ts';

/** What a plist says, as far as the gateway's surroundings go. */
export interface ServiceJob {
  readonly label: string;
  readonly programArguments: readonly string[];
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly workingDirectory: string | null;
  readonly standardOutPath: string | null;
  readonly standardErrorPath: string | null;
}

export type ParsePlist = (
  text: string,
) =>
  | { readonly kind: 'ok'; readonly job: ServiceJob }
  | { readonly kind: 'invalid'; readonly because: string };

export interface Readers {
  /** Null when the file cannot be read. */
  readonly readText: (path: string) => string | null;
  readonly parsePlist: ParsePlist;
}

export interface GatewaySurroundings {
  /** The environment the gateway runs with; it may hold secrets, so it is never logged or stored. */
  readonly env: Environment;
  /** The service's whole argument list; empty when there is no readable plist. */
  readonly programArguments: readonly string[];
  /** The service as its plist has it; null when there is no readable one. */
  readonly job: ServiceJob | null;
}

/**
 * Reads the gateway's environment and arguments anew. Its service file is sourced by the wrapper and so beats the
 * plist; the state directory's `.env` only fills what is still unset.
 */
export function readGatewayEnvironment(place: GatewayPlace, readers: Readers): GatewaySurroundings {
  const plist = place.plist === null ? null : readers.readText(place.plist);
  const parsed = plist === null ? null : readers.parsePlist(plist);
  const job = parsed?.kind === 'ok' ? parsed.job : null;
  const files = gatewayFiles(place, { uid: process.getuid?.() ?? 0, tmpDir: null });
  const serviceEnv = readers.readText(envFileOf(job?.programArguments ?? []) ?? files.serviceEnv);
  const dotEnv = readers.readText(files.dotEnv);
  return {
    env: {
      ...parseDotEnv(dotEnv ?? ''),
      ...job?.environmentVariables,
      ...parseServiceEnv(serviceEnv ?? ''),
    },
    programArguments: job?.programArguments ?? [],
    job,
  };
}

/** The gateway's own command: without the generated wrapper and its environment file, and what ours becomes. */
export const commandOf = (words: readonly string[]): readonly string[] => seeThrough(commandAfterEnv(words));
