import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { inBatches, readJson, sizeOf } from './file-look.ts';

/** A package that another one needs and that is not whole. */
export interface Incomplete {
  readonly name: string;
  /** Reads on after "because": what is wrong with it. */
  readonly because: string;
}

/** 2026.9.6 has 324; a walk that goes beyond this is not in a package of OpenClaw's. */
const maxPackages = 5_000;

interface Place {
  readonly name: string;
  readonly directory: string;
}

/**
 * Follows the dependencies of the package at `root` as Node would find them: in its own node_modules and in those above.
 * Optional ones are left out, and so are peers: npm leaves those out itself when told to. A package counts as incomplete
 * when it is nowhere, its package.json is torn, or none of the files it declares is there. A file cut off or lost inside
 * an otherwise present package is not seen (npm leaves no list of them); there the gateway's own log decides.
 */
export async function findIncomplete(
  root: string,
  { depth }: { readonly depth: 'direct' | 'all' },
): Promise<readonly Incomplete[]> {
  const incomplete = new Map<string, Incomplete>();
  // Told once, with the package nearest to the root that needs it.
  const note = (fault: Incomplete): void => {
    if (!incomplete.has(fault.name)) incomplete.set(fault.name, fault);
  };
  const seen = new Set<string>();
  const isPackage = rememberedPackages();
  let level: readonly Place[] = [{ name: basename(root), directory: await realpath(root) }];
  for (let distance = 0; level.length > 0; distance += 1) {
    for (const { directory } of level) seen.add(directory);
    if (seen.size > maxPackages) throw new Error(`${root} has more than ${maxPackages} packages`);
    const looks = await inBatches(level, (place) => examine(place, distance > 0));
    for (const { fault } of looks) if (fault !== null) note(fault);
    if (depth === 'direct' && distance === 1) break;
    const needed = looks.flatMap(({ directory, needs }) => needs.map((name) => ({ name, directory })));
    const found = await inBatches(needed, async (need) => ({
      need,
      directory: await findUpwards(need, isPackage),
    }));
    const next = new Map<string, Place>();
    for (const { need, directory } of found) {
      if (directory === null) {
        note({ name: need.name, because: `${need.name} is missing, which ${need.directory} needs` });
      } else if (!seen.has(directory)) next.set(directory, { name: need.name, directory });
    }
    level = [...next.values()];
  }
  return [...incomplete.values()];
}

interface Look {
  readonly directory: string;
  readonly needs: readonly string[];
  readonly fault: Incomplete | null;
}

async function examine({ name, directory }: Place, isDependency: boolean): Promise<Look> {
  const manifest = await readJson(join(directory, 'package.json'));
  if (manifest.kind !== 'value' || !isRecord(manifest.value)) {
    const because = manifest.kind === 'torn' ? manifest.because : `${directory} has no usable package.json`;
    return { directory, needs: [], fault: { name, because } };
  }
  const { dependencies, optionalDependencies } = manifest.value;
  const optional = isRecord(optionalDependencies) ? optionalDependencies : {};
  const needs = Object.keys(isRecord(dependencies) ? dependencies : {}).filter(
    (need) => !Object.hasOwn(optional, need),
  );
  const hollow = isDependency && (await isHollow(directory, manifest.value));
  const because = `${directory} has a package.json and none of the files it names`;
  return { directory, needs, fault: hollow ? { name, because } : null };
}

/** Where Node would take the package from. A folder without package.json is passed over, as a remnant of npm's. */
async function findUpwards(
  { name, directory }: Place,
  isPackage: (directory: string) => Promise<boolean>,
): Promise<string | null> {
  for (let above = directory; ; above = dirname(above)) {
    const candidate = join(above, 'node_modules', name);
    // pnpm links packages from a common store; what they need lies beside the real one.
    if (await isPackage(candidate)) return realpath(candidate);
    if (above === dirname(above)) return null;
  }
}

/** Many packages need the same few: each place is asked about once in a walk. */
function rememberedPackages(): (directory: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>();
  return (directory) => {
    const answer =
      known.get(directory) ?? sizeOf(join(directory, 'package.json')).then((size) => size !== null);
    known.set(directory, answer);
    return answer;
  };
}

/**
 * Whether all that the package declares is gone. One declared file that is missing proves nothing: healthy packages name
 * files they never shipped (`.` of @modelcontextprotocol/sdk), and packages of types declare no program at all.
 */
async function isHollow(directory: string, manifest: Readonly<Record<string, unknown>>): Promise<boolean> {
  const { main, exports } = manifest;
  const named = typeof main === 'string' && main !== '' ? mainVariants(main) : [];
  const declared = [...named, ...targetsOf(exports)].slice(0, maxTargets);
  for (const file of declared) {
    if ((await sizeOf(join(directory, file))) !== null) return false;
  }
  return declared.length > 0;
}

/** Far more than a package that lost everything needs to be convicted; some export thousands of files. */
const maxTargets = 200;

/** What Node's require tries for `main`, in its order. */
const mainVariants = (main: string): readonly string[] => [
  ...['', '.js', '.json', '.node', '/index.js', '/index.json', '/index.node'].map((end) => main + end),
  'index.js',
];

/** Every file named anywhere below `exports`, without patterns, types and the package.json that was just read. */
function targetsOf(exports: unknown): readonly string[] {
  if (typeof exports === 'string') {
    const isProgram = !/\*|\.d\.[mc]?ts$|^\.\/package\.json$/.test(exports);
    return isProgram ? [exports] : [];
  }
  if (Array.isArray(exports)) return exports.flatMap(targetsOf);
  return isRecord(exports) ? Object.values(exports).flatMap(targetsOf) : [];
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
