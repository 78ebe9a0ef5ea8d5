import type { ManifestReading } from '../vault/archives.ts';
import { checkTrees } from '../vault/compare-tree.ts';
import { type Difference, type Tree, unitText } from '../vault/manifest.ts';
import { readManifest } from '../vault/manifest-file.ts';
import { unitKey } from '../vault/unit-layout.ts';
import type { Proof } from './proof.ts';

/** Enough for a person to see what happened. */
const maxNames = 5;

/**
 * Before the weekly archive: does the installation differ from what was proven, without a newer proof? And even with
 * one: bytes that changed while size and time stayed were written by no package manager. One sentence that names the
 * packages, or null. A manifest of another version says nothing.
 */
export async function findForeignChange(ask: {
  readonly current: Extract<ManifestReading, { kind: 'found' }>;
  readonly proof: Proof;
  readonly trees: readonly Tree[];
  readonly signal: AbortSignal;
}): Promise<string | null> {
  const { current, proof, trees, signal } = ask;
  const { head } = current;
  if (head.openclaw !== proof.openclaw) return null;
  // Plugin projects come and go with OpenClaw's own updates of them; those of before are no damage.
  const same = head.trees.filter(({ name, root }) =>
    trees.some((tree) => tree.name === name && tree.root === root),
  );
  const read = await readManifest(current.file);
  // It is written anew then.
  if (read.kind !== 'read' || same.length === 0) return null;
  const manifest = { head: { ...head, trees: same }, units: read.manifest.units };
  const full = await checkTrees(manifest, { depth: 'full', signal });
  if ('because' in full) return full.because;
  const differences = full.differences.filter(({ kind }) => kind !== 'extra');
  if (differences.length === 0) return null;
  const remedy = '"immune fix-deps" puts back what was proven';
  const isNewer = proof.startedAt > head.provenBy;
  if (!isNewer) {
    const names = namesOf(differences);
    return `the package is not what the gateway was proven healthy with, and is not archived: ${names}; ${remedy}`;
  }
  const quick = await checkTrees(manifest, { depth: 'quick', signal });
  if ('because' in quick) return quick.because;
  const seen = new Set(quick.differences.map(keyOf));
  const silent = differences.filter((each) => !seen.has(keyOf(each)));
  if (silent.length === 0) return null;
  return `files have other bytes though size and time stayed the same, and are not archived: ${namesOf(silent)}; ${remedy}`;
}

const keyOf = ({ unit, path }: Difference): string => `${unitKey(unit)}\0${path}`;

function namesOf(differences: readonly Difference[]): string {
  const byUnit = new Map<string, Difference[]>();
  for (const each of differences) {
    const name = unitText(each.unit);
    byUnit.set(name, [...(byUnit.get(name) ?? []), each]);
  }
  const names = [...byUnit].map(([unit, of]) => {
    const [first] = of;
    const more = of.length > 1 ? ` and ${of.length - 1} more` : '';
    return first === undefined ? unit : `${unit} (${first.path} ${first.kind}${more})`;
  });
  const rest = names.length > maxNames ? `, and ${names.length - maxNames} more packages` : '';
  return `${names.slice(0, maxNames).join(', ')}${rest}`;
}
