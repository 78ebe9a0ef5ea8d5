import { join } from 'node:path';
import { inBatches, readJson, sizeOf } from './file-look.ts';

/** The package's own program files against the lists its build made of them. */
export type DistLook =
  | { readonly kind: 'whole' }
  /** No list to compare with, or a torn one: OpenClaw itself starts without it, so it is no damage. */
  | { readonly kind: 'unread'; readonly because: string }
  | { readonly kind: 'damaged'; readonly files: readonly string[]; readonly because: string };

/** Ten times the longest list measured (2026.9.6: 10 821 files). */
const maxFiles = 100_000;

/**
 * Looks whether every listed file is there and, where the sizes are known (2026.9.6), has its size: a truncated chunk
 * stops the gateway with a message that names no file. 2026.6.6 lists no sizes, so there a truncated chunk is not seen.
 * Hashes (4.6 s of processor time) are not compared. A booted tree differs from the lists in nothing.
 */
export async function lookAtDist(root: string): Promise<DistLook> {
  const paths = await readPaths(root);
  if (paths.kind === 'unread') return paths;
  const sizes = await readSizes(root);
  const wrong = await inBatches(paths.files, async (file) => {
    const size = await sizeOf(join(root, file));
    if (size === null) return { file, because: `${file} is missing` };
    const listed = sizes.get(file);
    if (listed === undefined || listed === size) return null;
    return { file, because: `${file} has ${size} bytes instead of ${listed}` };
  });
  const damage = wrong.filter((each) => each !== null);
  const [first] = damage;
  if (first === undefined) return { kind: 'whole' };
  const more = damage.length === 1 ? '' : ` and ${damage.length - 1} more files are not as installed`;
  return { kind: 'damaged', files: damage.map(({ file }) => file), because: `${first.because}${more}` };
}

type Paths = { readonly kind: 'paths'; readonly files: readonly string[] } | (DistLook & { kind: 'unread' });

async function readPaths(root: string): Promise<Paths> {
  const path = join(root, 'dist', 'postinstall-inventory.json');
  const read = await readJson(path);
  if (read.kind === 'absent') return { kind: 'unread', because: `${path} is missing` };
  if (read.kind === 'torn') return { kind: 'unread', because: read.because };
  const { value } = read;
  const usable = Array.isArray(value) && value.length <= maxFiles && value.every(isInside);
  return usable
    ? { kind: 'paths', files: value }
    : { kind: 'unread', because: `${path} is not a list of files of the package` };
}

/** A list that points out of the package is none of OpenClaw's. */
const isInside = (path: unknown): path is string =>
  typeof path === 'string' && path.startsWith('dist/') && !path.split('/').includes('..');

const readSizes = async (root: string): Promise<ReadonlyMap<string, number>> =>
  new Map((await readContents(root)).map(({ path, size }) => [path, size]));

/** A file as the build of OpenClaw recorded it. */
export interface ListedContent {
  readonly path: string;
  readonly size: number;
  /** Null where the list names none. */
  readonly sha256: string | null;
}

/** The contents that 2026.9 lists; empty for versions before it. Throws what is neither absence nor bad text. */
export async function readContents(root: string): Promise<readonly ListedContent[]> {
  const read = await readJson(join(root, 'dist', 'postinstall-content-inventory.json'));
  // Where it is listed and gone, the list of paths says so.
  if (read.kind !== 'value' || !Array.isArray(read.value)) return [];
  return read.value.slice(0, maxFiles).flatMap((entry: unknown) => {
    const { path, size, sha256 } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    if (!isInside(path) || typeof size !== 'number') return [];
    const hash = typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null;
    return [{ path, size, sha256: hash }];
  });
}
