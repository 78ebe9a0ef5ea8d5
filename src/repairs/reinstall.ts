import type { ActionOutcome } from '../core/state.ts';
import type { Repair, RepairRecord } from '../vault/repair-records.ts';
import { keptIn } from './finish-repairs.ts';
import { commandTree, type PackageRepairDeps, packageTree } from './package-ground.ts';
import { performPlan } from './package-repair.ts';
import { undoRepair } from './package-undo.ts';
import type { Repairs } from './perform.ts';

/** As many as fit into a notice; the record in the quarantine has them all. */
const maxTold = 5;

/** The repair of the package, and its undo, as the ladder asks for them. The deps are asked for each repair anew. */
export function createPackageRepairs(deps: () => PackageRepairDeps): Pick<Repairs, 'reinstall' | 'undo'> {
  return {
    reinstall: async ({ remedy }, actionId, signal) => {
      const now = deps();
      const read = await now.plan(remedy);
      if (read.kind !== 'read') return { kind: 'refused', because: read.because };
      const outcome = await performPlan({ id: actionId, plan: read.plan, signal }, now);
      if (outcome.kind !== 'done') return { kind: outcome.kind, because: outcome.because };
      const { repair, unfinished } = outcome;
      return { kind: 'done', because: `${toldRepair(repair.record)}${toldUnfinished(unfinished)}` };
    },
    undo: async ({ of }, signal) => takeBack(of, { why: 'unhelpful', signal }, deps()),
  };
}

/** The same for a person: `immune undo A7`. */
export async function takeBack(
  id: string,
  purpose: { readonly why: 'unhelpful' | 'asked'; readonly signal: AbortSignal },
  deps: PackageRepairDeps,
): Promise<ActionOutcome> {
  const outcome = await undoRepair(id, purpose, deps);
  if (outcome.kind !== 'done') return { kind: outcome.kind, because: outcome.because };
  const { repair, unfinished } = outcome;
  const helped = purpose.why === 'unhelpful' ? ', which did not help' : '';
  return {
    kind: 'done',
    because: `the package is again what it was before the repair ${id}${helped}; ${putIn(repair)}${toldUnfinished(unfinished)}`,
  };
}

function putIn({ record }: Repair): string {
  if (record.planKind === 'aside')
    return 'what the repair had put there is beside it again, as npm had left it';
  const places = [...new Set(record.trees.map(({ place }) => `${place}/put`))];
  return `what the repair had put there is kept in ${places.join(' and ')}`;
}

const toldUnfinished = (unfinished: string | null): string => (unfinished === null ? '' : `; ${unfinished}`);

/** Of a repair that is made. */
export function toldRepair(record: RepairRecord): string {
  const { id, moves } = record;
  const kept = moves.some(({ was }) => was !== null)
    ? `what it replaced is kept in ${keptIn(record)}`
    : 'there was nothing to replace';
  return `${toldWhat(record)}; ${kept}; undo with "immune undo ${id}"`;
}

function toldWhat(record: RepairRecord): string {
  const { planKind, files, archive, openclaw } = record;
  const counted = files === 0 ? '' : ` (${files} ${files === 1 ? 'file' : 'files'})`;
  switch (planKind) {
    case 'packages':
      return `restored ${toldMoves(record)}${counted} from the archive ${archive}`;
    case 'tree':
      return `restored the whole package${counted} from the archive ${archive}`;
    case 'network':
      return `restored ${toldMoves(record)}${counted} from the network, as OpenClaw ${openclaw} has it`;
    case 'aside':
      return `put back OpenClaw ${openclaw}, which an interrupted npm had moved aside${counted}`;
    default:
      return planKind satisfies never;
  }
}

/** What was exchanged: packages and folders, and single files where it was only those. */
function toldMoves({ moves }: RepairRecord): string {
  const names = moves.flatMap(({ tree, path }) => {
    if (tree === commandTree) return [];
    return [`${tree === packageTree ? '' : `${tree} `}${path === '' ? 'the whole package' : path}`];
  });
  const told = names.slice(0, maxTold);
  const more = names.length - told.length;
  return `${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
