import { readDependencies } from '../gateway/dependencies.ts';
import { type ListedContent, readContents } from '../gateway/dist-inventory.ts';
import type { ListProcesses } from '../gateway/live-processes.ts';
import { createSlices } from '../system/slices.ts';
import { createFileReader } from '../vault/hash-file.ts';
import type { Manifest } from '../vault/manifest.ts';

export type Soundness =
  | { readonly kind: 'sound'; readonly version: string }
  | { readonly kind: 'unsound'; readonly because: string };

interface SoundTreeAsk {
  /** The openclaw package itself, or a copy of it that npm moved aside or that was staged. */
  readonly root: string;
  readonly processes: ListProcesses;
  readonly signal: AbortSignal;
  /** Freshly recorded of this very root: its hashes are believed, and no file is read again. */
  readonly recorded?: Manifest;
}

/**
 * Whether a tree agrees with all that is said of it: the dependencies it declares, and OpenClaw's own lists with the
 * hashes that 2026.9 ships. What does not is never recorded as healthy, and never put anywhere. Never throws.
 */
export async function soundTree({ root, processes, signal, recorded }: SoundTreeAsk): Promise<Soundness> {
  const dependencies = await readDependencies({ packageRoot: root, processes });
  if (dependencies.kind !== 'intact')
    return unsound('because' in dependencies ? dependencies.because : `${root} was not looked at`);
  try {
    const listed = await readContents(root);
    const wrong =
      recorded === undefined ? await findOnDisk(root, listed, signal) : findInRecord(recorded, listed);
    if (wrong !== null) return unsound(`${root}/${wrong} is not as OpenClaw shipped it`);
  } catch (error) {
    return unsound(`${root} could not be judged: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { kind: 'sound', version: dependencies.version };
}

const unsound = (because: string): Soundness => ({ kind: 'unsound', because });

async function findOnDisk(
  root: string,
  listed: readonly ListedContent[],
  signal: AbortSignal,
): Promise<string | null> {
  const slices = createSlices();
  const reader = createFileReader(slices, { wholeBytes: 0 });
  for (const { path, sha256 } of listed) {
    if (signal.aborted) throw new Error('it was asked to end');
    if (slices.isOver()) await slices.rest();
    if (sha256 !== null && (await reader.read(`${root}/${path}`)).sha256 !== sha256) return path;
  }
  return null;
}

function findInRecord({ units }: Manifest, listed: readonly ListedContent[]): string | null {
  const hashes = new Map<string, string>();
  for (const { tree, entries } of units) {
    if (tree !== 'openclaw') continue;
    for (const entry of entries) if (entry.kind === 'file') hashes.set(entry.path, entry.sha256);
  }
  const wrong = listed.find(({ path, sha256 }) => sha256 !== null && hashes.get(path) !== sha256);
  return wrong?.path ?? null;
}
