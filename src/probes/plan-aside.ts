import { basename, dirname, join } from 'node:path';
import { sizeOf } from '../gateway/file-look.ts';
import { asidePattern } from '../gateway/half-install.ts';
import type { Manifest } from '../vault/manifest.ts';
import type { PackagePlanDraft } from '../vault/package-plans.ts';
import { commandLink } from './command-link.ts';
import { misfitOf, type Surroundings } from './reinstall-fit.ts';
import { type ReinstallGround, readVersion, statOf } from './reinstall-ground.ts';
import type { KeptManifest, ReinstallParts } from './reinstall-parts.ts';

type AsidePlan =
  | { readonly kind: 'found'; readonly draft: PackagePlanDraft }
  | { readonly kind: 'refused'; readonly because: string };

/** What a start of the package could begin with: without any of these the half-made one has migrated nothing. */
const entries = ['index.js', 'index.mjs', 'entry.js', 'entry.mjs'];

/** Works out whether npm's own copy of before can go back to its place, where npm was ended in the middle. */
export async function planAside(
  parts: ReinstallParts,
  { root }: ReinstallGround,
  { aside, surroundings }: { readonly aside: string; readonly surroundings: Surroundings | string },
): Promise<AsidePlan> {
  const no = (because: string): AsidePlan => ({
    kind: 'refused',
    because: `npm's copy of before in ${aside} cannot be put back: ${because}`,
  });
  const place = join(dirname(root), basename(aside));
  const found = await statOf(place);
  if (found?.isDirectory() !== true || !asidePattern.test(basename(aside))) return no('it is not there');
  if (found.uid !== parts.uid) return no('it belongs to another user');
  const version = await readVersion(place);
  if (version === null) return no('it tells no version');
  const recorded = (await parts.sources.manifests()).filter(({ head }) =>
    head.trees.some((tree) => tree.root === root),
  );
  // A rename changes the inode, so ctime tells when it was moved aside: some are left over from years ago.
  const later = recorded.find(({ head }) => head.openclaw !== version && head.provenBy > found.ctimeMs);
  if (later !== undefined) {
    return no(`it is of OpenClaw ${version}, and ${later.head.openclaw} has served from there since`);
  }
  const sound = await parts.sources.sound(place, parts.signal);
  if (sound.kind === 'unsound') return no(sound.because);
  const kept = recorded.find(({ head }) => head.openclaw === version);
  const ran = await mayHaveRun(root);
  const why =
    kept !== undefined
      ? await unlike(parts, { kept, place, surroundings, ran })
      : // With nothing recorded, a program that has run may have migrated what the old one would have to open.
        ran
        ? 'no manifest of its version is kept, and the half-made package may have run and migrated the state'
        : null;
  if (why !== null) return no(why);
  const link = await commandLink({ root, program: 'openclaw.mjs', aside: place });
  return {
    kind: 'found',
    draft: {
      kind: 'aside',
      openclaw: version,
      root,
      archive: kept?.archive ?? null,
      units: [],
      aside: place,
      link,
      bytes: 0,
      because: `npm was ended in the middle: its own copy of OpenClaw ${version} is put back in the place of the half-made one`,
    },
  };
}

async function mayHaveRun(root: string): Promise<boolean> {
  const sizes = await Promise.all(entries.map((name) => sizeOf(join(root, 'dist', name))));
  return sizes.some((size) => size !== null);
}

async function unlike(
  { sources, signal }: ReinstallParts,
  of: {
    readonly kept: KeptManifest;
    readonly place: string;
    readonly surroundings: Surroundings | string;
    readonly ran: boolean;
  },
): Promise<string | null> {
  const { kept, place, surroundings, ran } = of;
  if (typeof surroundings === 'string') return surroundings;
  const misfit = misfitOf(kept.head, surroundings, { strangers: ran });
  if (misfit !== null) return misfit;
  const manifest = await kept.read();
  if ('kind' in manifest) return manifest.because;
  const check = await sources.check(moved(manifest, place), { depth: 'quick', signal });
  if ('kind' in check) return check.because;
  const [first] = check.damaged;
  if (first === undefined) return null;
  const differs = check.differences.find(({ kind }) => kind !== 'extra');
  return `it is no longer complete: ${differs?.path ?? first.path} is ${differs?.kind ?? 'altered'}`;
}

/** The manifest of the package alone, as if that had always lain there. */
const moved = ({ head, units }: Manifest, root: string): Manifest => ({
  head: { ...head, trees: [{ name: 'openclaw', root }] },
  units: units.filter(({ tree }) => tree === 'openclaw'),
});
