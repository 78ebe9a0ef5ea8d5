import { basename } from 'node:path';
import type { NodeBuild } from '../gateway/node-program.ts';
import type { StateDatabases } from '../gateway/state-databases.ts';
import type { ManifestHead } from '../vault/manifest.ts';
import type { ReinstallGround } from './reinstall-ground.ts';
import { isOfManifest } from './reinstall-ground.ts';
import type { KeptManifest, ReinstallParts } from './reinstall-parts.ts';

type Databases = Extract<StateDatabases, { readonly kind: 'read' }>;

/** What a manifest has to fit besides the files. */
export interface Surroundings {
  readonly node: NodeBuild;
  readonly databases: Databases;
}

/** Asks once for all manifests. A sentence where nothing may be put back at all. */
export async function readSurroundings({
  place,
  sources,
}: Pick<ReinstallParts, 'place' | 'sources'>): Promise<Surroundings | string> {
  if (place.node === null) return "the gateway's Node is not known, so nobody can tell what fits it";
  const node = await sources.nodeBuild(place.node);
  if (node.kind === 'unknown') return `what the gateway's Node is cannot be told: ${node.because}`;
  const databases = await sources.databases(place.stateDir);
  return databases.kind === 'unknown' ? databases.because : { node, databases };
}

/** Why files proven under this head are not for this machine; null when they are. */
export function misfitOf(
  head: ManifestHead,
  { node, databases }: Surroundings,
  { strangers }: { readonly strangers: boolean } = { strangers: false },
): string | null {
  if (head.platform !== node.platform || head.arch !== node.arch) {
    return `it is of ${head.platform} on ${head.arch}, and the gateway's Node is of ${node.platform} on ${node.arch}`;
  }
  if (head.nodeAbi !== node.abi) {
    return `its modules were proven under Node ABI ${head.nodeAbi}, and the gateway's Node has ${node.abi}`;
  }
  const unread = databases.unread.find((path) => strangers || path in head.databases);
  if (unread !== undefined) return `${unread} does not tell whether it was migrated since`;
  const above = newerDatabase(databases.versions, head.databases, strangers);
  return above === null ? null : `${above} was migrated since, and no older program may open it`;
}

/**
 * A database that was migrated beyond what the proven program left. One that was not there then belongs to something
 * new, as an agent does: another one of the same name tells what the program makes of it. `strangers`: one that cannot
 * be told so may be the work of another version, and counts.
 */
function newerDatabase(
  now: Databases['versions'],
  recorded: Databases['versions'],
  strangers: boolean,
): string | null {
  const known = new Map<string, number>();
  for (const [path, version] of Object.entries(recorded)) {
    const name = basename(path);
    known.set(name, Math.max(version, known.get(name) ?? 0));
  }
  const newer = Object.entries(now).find(([path, version]) => {
    const before = recorded[path] ?? known.get(basename(path)) ?? (strangers ? 0 : version);
    return version > before;
  });
  return newer?.[0] ?? null;
}

interface Fitting {
  /** Newest first; the files are compared with the first one that can be read. */
  readonly manifests: readonly KeptManifest[];
  /** Why others will not do. */
  readonly refused: readonly string[];
}

/** The manifests of exactly the installed version, in this very place, for this very machine. */
export async function findFitting(
  { sources }: ReinstallParts,
  { root, version, isGone }: ReinstallGround,
  surroundings: Surroundings,
): Promise<Fitting> {
  const kept = await sources.manifests();
  if (kept.length === 0) return { manifests: [], refused: ['no verified archive of the package is kept'] };
  const manifests: KeptManifest[] = [];
  const refused: string[] = [];
  for (const each of kept) {
    const why = await whyNot(each);
    if (why === null) manifests.push(each);
    else refused.push(`${each.archive ?? 'the recorded manifest'} will not do: ${why}`);
  }
  return { manifests, refused };

  async function whyNot(each: KeptManifest): Promise<string | null> {
    const { head } = each;
    const recorded = head.trees.find(({ name }) => name === 'openclaw')?.root;
    if (recorded !== root) return `it is of ${recorded ?? 'no package'}, and the package is in ${root}`;
    if (version !== null && version !== head.openclaw) {
      return `it is of OpenClaw ${head.openclaw}, and ${version} is installed`;
    }
    const misfit = misfitOf(head, surroundings);
    if (misfit !== null || version !== null || isGone) return misfit;
    const manifest = await each.read();
    if ('kind' in manifest) return manifest.because;
    switch (await isOfManifest(root, manifest)) {
      case true:
        return null;
      case false:
        return `the files in ${root} are not those of OpenClaw ${head.openclaw}`;
      case null:
        return `nothing in ${root} tells which version it was`;
    }
  }
}
