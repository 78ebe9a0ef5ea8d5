import { join } from 'node:path';
import { type Instant, instant } from '../core/time.ts';
import {
  ensurePrivateDirectory,
  type FileOutcome,
  readIfExists,
  writeDurable,
} from '../system/durable-file.ts';

/** One gateway generation that served through the soak: what it was started from is healthy. */
export interface Proof {
  readonly version: 1;
  readonly pid: number;
  readonly bootId: string | null;
  /** Of the process: a file changed later is not what it read. */
  readonly startedAt: Instant;
  readonly provenAt: Instant;
  readonly openclaw: string;
  /** Absolute, links resolved. */
  readonly packageRoot: string;
  /** The Node that ran it. */
  readonly node: string;
}

type ProofReading =
  | { readonly kind: 'read'; readonly proof: Proof }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly because: string };

const maxBytes = 65_536;
const proofIn = (stateDir: string): string => join(stateDir, 'proven.json');

export async function writeProof(stateDir: string, proof: Proof): Promise<FileOutcome> {
  const prepared = await ensurePrivateDirectory(stateDir);
  if (prepared.kind === 'failed') return prepared;
  return writeDurable(proofIn(stateDir), `${JSON.stringify(proof)}\n`, { mode: 0o600 });
}

export async function readProof(stateDir: string): Promise<ProofReading> {
  const read = await readIfExists(proofIn(stateDir), maxBytes);
  if (read.kind === 'missing') return { kind: 'missing' };
  if (read.kind !== 'read') return { kind: 'unreadable', because: read.because };
  const proof = parseProof(read.bytes.toString('utf8'));
  if (proof !== null) return { kind: 'read', proof };
  return { kind: 'unreadable', because: `${proofIn(stateDir)} does not say what was proven` };
}

function parseProof(text: string): Proof | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The caller says which file it was.
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { version, pid, bootId, startedAt, provenAt, openclaw, packageRoot, node } = value as Readonly<
    Record<string, unknown>
  >;
  if (version !== 1 || typeof pid !== 'number') return null;
  if (typeof startedAt !== 'number' || typeof provenAt !== 'number') return null;
  if (typeof openclaw !== 'string' || typeof packageRoot !== 'string' || typeof node !== 'string')
    return null;
  return {
    version: 1,
    pid,
    bootId: typeof bootId === 'string' ? bootId : null,
    startedAt: instant(startedAt),
    provenAt: instant(provenAt),
    openclaw,
    packageRoot,
    node,
  };
}
