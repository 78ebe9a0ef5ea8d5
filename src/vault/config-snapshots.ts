import { join } from 'node:path';
import { ensurePrivateDirectory, readIfExists, writeDurable } from '../system/durable-file.ts';
import type { Git } from '../system/git.ts';

export type SnapshotOutcome =
  | { readonly kind: 'recorded'; readonly commit: string }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'nothing'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string };

/** OpenClaw's config is a few kB; whatever is larger than this is not one. */
const maxConfigBytes = 8 * 1_048_576;

/** Records the gateway's config, byte for byte, as a commit of `config-backup/` when it differs from the newest one. */
export async function recordConfig(from: {
  readonly configPath: string;
  readonly directory: string;
  readonly git: Git;
}): Promise<SnapshotOutcome> {
  const read = await readIfExists(from.configPath, maxConfigBytes);
  if (read.kind === 'missing') return { kind: 'nothing', because: `there is no ${from.configPath}` };
  if (read.kind !== 'read') return { kind: 'failed', because: read.because };
  const prepared = await ensurePrivateDirectory(from.directory);
  if (prepared.kind === 'failed') return prepared;
  const begun = await from.git.init();
  if (begun.kind === 'failed') return begun;
  const written = await writeDurable(join(from.directory, 'openclaw.json'), read.bytes, { mode: 0o600 });
  if (written.kind === 'failed') return written;
  const committed = await from.git.commitAll('Record openclaw.json');
  return committed.kind === 'committed' ? { kind: 'recorded', commit: committed.hash } : committed;
}
