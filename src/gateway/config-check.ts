import { createHash } from 'node:crypto';
import type { ConfigEvidence } from '../core/ground-evidence.ts';
import { type Instant, instant } from '../core/time.ts';
import {
  type ConfigReading,
  type ConfigRecord,
  isRecord,
  type LostInclude,
  lossOf,
  readConfigFiles,
} from './config-file.ts';
import { type ConfigSource, stampOf } from './config-source.ts';
import type { Environment } from './env-file.ts';

type Fault = Extract<ConfigEvidence, { readonly kind: 'faulty' }>;

type FileVerdict =
  | { readonly kind: 'sound'; readonly hash: string; readonly changedAt: Instant }
  | Fault
  | { readonly kind: 'unknown'; readonly because: string };

/** What our own reading says of the config, in milliseconds and without OpenClaw. */
export interface ConfigCheck {
  readonly verdict: FileVerdict;
  /** Every file that belongs to the config, with the stamp it had just before it was read. */
  readonly stamps: ReadonlyMap<string, string>;
  /** Changes with whatever OpenClaw's validator gets to see: the files, and the variables they ask for. */
  readonly fingerprint: string;
  /** The main file's length; 0 when it could not be read. */
  readonly bytes: number;
  /** Merged and with variables replaced, so with secrets: only for taking them out of messages. Null when unusable. */
  readonly config: ConfigRecord | null;
}

/** What was last seen sound. */
export interface KnownConfig {
  readonly bytes: number;
}

/** OpenClaw's own bound for a write that loses too much: half of what was there before. */
const collapsedBelow = 0.5;
/** A name from the config in a sentence for people. */
const maxNameChars = 120;

/** Reads and judges the config's files. Never throws. */
export function checkConfigFile(
  configPath: string,
  env: Environment,
  known: KnownConfig | null,
): ConfigCheck {
  const stamps = new Map([[configPath, stampOf(configPath)]]);
  try {
    return judged(readConfigFiles(configPath, env), known);
  } catch (error) {
    // Nested so deep that reading it overflows the stack: no statement about what OpenClaw would do.
    const name = error instanceof Error ? error.name : 'an unknown error';
    const why = error instanceof RangeError ? 'it is nested too deeply' : name;
    const verdict = { kind: 'unknown', because: `${configPath} could not be judged: ${why}` } as const;
    return { verdict, stamps, fingerprint: '', bytes: 0, config: null };
  }
}

function judged(reading: ConfigReading, known: KnownConfig | null): ConfigCheck {
  const [main] = reading.sources;
  const bytes = main?.kind === 'read' ? main.bytes.length : 0;
  const hash = hashOf(reading.sources);
  const config = reading.config.kind === 'ok' ? reading.config.config : null;
  // Files that only OpenClaw reads: it has to be asked again when they change.
  const unread = reading.lost
    .filter(({ loss }) => loss === 'limit')
    .map(({ path }) => [path, stampOf(path)] as const);
  return {
    verdict: shrunk(verdictOf(reading, hash), { bytes, known }),
    stamps: new Map([...unread, ...reading.sources.map(({ path, stamp }) => [path, stamp] as const)]),
    fingerprint: createHash('sha256')
      .update(`${hash}\0${JSON.stringify([config, unread])}`)
      .digest('hex'),
    bytes,
    config,
  };
}

function verdictOf(reading: ConfigReading, hash: string): FileVerdict {
  const { config, sources } = reading;
  const [main] = sources;
  if (main === undefined) return { kind: 'unknown', because: 'no file was looked at' };
  if (main.kind === 'failed') return unreadable(main, config.kind === 'ok' ? main.because : config.because);
  const changedAt = instant(
    Math.max(...sources.map((source) => (source.kind === 'read' ? Math.trunc(source.mtimeMs) : 0))),
  );
  const faulty = (fault: Fault['fault'], because: string): Fault => ({
    kind: 'faulty',
    fault,
    hash,
    changedAt,
    because,
  });
  if (config.kind !== 'ok') {
    const odd = oddStart(main.bytes.toString('utf8'));
    if (odd !== null) return faulty('clobbered', `${main.path} ${odd}`);
    if (reading.flaw === 'not-an-object') return faulty('clobbered', config.because);
    return faulty('broken', `the config does not parse: ${config.because}`);
  }
  const doubtful = reading.lost.find(({ loss }) => loss === 'unknown');
  if (doubtful !== undefined) return { kind: 'unknown', because: toldInclude(doubtful) };
  const lost = reading.lost.find(({ loss }) => loss !== 'limit');
  if (lost !== undefined) return faulty('broken', toldInclude(lost));
  const flaw = flawOf(config.config, { path: main.path, partial: reading.lost.length > 0 });
  return flaw === null ? { kind: 'sound', hash, changedAt } : faulty(flaw.fault, flaw.because);
}

function unreadable(main: Extract<ConfigSource, { readonly kind: 'failed' }>, because: string): FileVerdict {
  const nothing = { kind: 'faulty', hash: null, changedAt: null, because } as const;
  if (main.code === 'TOO-LARGE') return { ...nothing, fault: 'clobbered' };
  const loss = lossOf(main.code);
  return loss === 'unknown' ? { kind: 'unknown', because } : { ...nothing, fault: loss };
}

const toldInclude = ({ name, because }: LostInclude): string =>
  `the file ${name.slice(0, maxNameChars)} that the config includes cannot be used: ${because}`;

/** What stands where the first brace of a config belongs; null when it is a brace. */
function oddStart(text: string): string | null {
  const start = text.replace(/^\uFEFF?(?:\s+|\/\/[^\n\r]*|\/\*[\s\S]*?\*\/)*/, '');
  if (text.trim() === '') return 'is empty';
  if (start === '') return 'holds nothing but comments';
  return start.startsWith('{') ? null : 'does not begin with a brace, as a config does';
}

/**
 * What OpenClaw demands at a start, whatever else is in the file. Its validator passes a missing or remote mode, its
 * start does not. A port above 65535 is left to the validator: 2026.6 takes it, and serves where --port is given.
 */
function flawOf(
  config: ConfigRecord,
  { path, partial }: { readonly path: string; readonly partial: boolean },
): { readonly fault: 'incomplete' | 'rejected'; readonly because: string } | null {
  const gateway = config['gateway'];
  if (gateway !== undefined && !isRecord(gateway))
    return { fault: 'rejected', because: `gateway is not an object in ${path}` };
  const { mode, port } = gateway ?? {};
  if (port !== undefined && (typeof port !== 'number' || !Number.isInteger(port) || port < 1))
    return { fault: 'rejected', because: `gateway.port is not a port number in ${path}` };
  if (mode === 'local') return null;
  // What we could not read may hold the mode.
  if (mode === undefined && partial) return null;
  const wrong = mode === undefined ? 'is missing' : 'is not "local"';
  return {
    fault: 'incomplete',
    because: `gateway.mode ${wrong} in ${path}; OpenClaw starts no gateway without it`,
  };
}

/** A file that lost most of its length and does not stand any more was not edited but cut off. */
function shrunk(
  verdict: FileVerdict,
  { bytes, known }: { readonly bytes: number; readonly known: KnownConfig | null },
): FileVerdict {
  if (verdict.kind !== 'faulty' || known === null || bytes === 0) return verdict;
  if (verdict.fault !== 'broken' && verdict.fault !== 'incomplete') return verdict;
  if (bytes >= known.bytes * collapsedBelow) return verdict;
  return {
    ...verdict,
    fault: 'clobbered',
    because: `${verdict.because}; it shrank from ${known.bytes} to ${bytes} bytes`,
  };
}

/** Over path, length and bytes of each file, so that no two sets of files hash alike. */
function hashOf(sources: readonly ConfigSource[]): string {
  const hash = createHash('sha256');
  for (const source of sources) {
    const content = source.kind === 'read' ? source.bytes : Buffer.from(source.code);
    hash.update(`${source.path}\0${source.kind}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
