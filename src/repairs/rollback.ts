import { type KeptRecord, readKept } from '../vault/kept.ts';
import { type SwapDeps, swapConfig, undoSwap } from './config-swap.ts';
import { noRepairs, type Repairs } from './perform.ts';

export interface ConfigRepairDeps {
  /** Asked for each repair anew: a new plist may have moved the config. */
  readonly swap: () => SwapDeps;
  /** The incident an action belongs to; null when none is open. */
  readonly incident: () => string | null;
  /** Whether what the undo is made for speaks against the config at all: a missing package does not. */
  readonly isConfigBlamed: () => boolean;
  /** Marks a snapshot that did not bring the gateway back. */
  readonly label: (
    snapshot: string,
    label: 'bad',
  ) => Promise<{ readonly kind: 'done' } | { readonly kind: 'failed'; readonly because: string }>;
  /** Takes back a repair of the package; absent where none are made. */
  readonly undoReinstall?: Repairs['undo'];
}

/** As many as fit into a notice; the record in the quarantine has them all. */
const maxToldChanges = 5;
const maxChangeChars = 120;

/** The rollback of the config, and its undo, as the ladder asks for them. */
export function createConfigRepairs(deps: ConfigRepairDeps): Pick<Repairs, 'rollback' | 'undo'> {
  return {
    rollback: async ({ remedy, replaces }, actionId, signal) => {
      const outcome = await swapConfig(
        { id: actionId, incident: deps.incident(), planId: remedy, replaces, signal },
        deps.swap(),
      );
      if (outcome.kind !== 'done') return outcome;
      const { record, folder } = outcome.kept;
      const kept = record.files.some((file) => file.kept !== null)
        ? `what it replaced is kept in ${folder}; undo with "immune undo ${record.id}"`
        : 'there was no file to replace';
      return {
        kind: 'done',
        because: `${toldRollback(record)}; ${kept}${toldUnfinished(outcome.unfinished)}`,
      };
    },
    undo: async (step, signal) => {
      if (step.what === 'reinstall') return (deps.undoReinstall ?? noRepairs.undo)(step, signal);
      const swap = deps.swap();
      const undone = await readKept(swap.quarantine, step.of);
      const outcome = await undoSwap(step.of, swap, { why: 'unhelpful', signal });
      if (outcome.kind !== 'done') return outcome;
      const back = `the config is again what it was before the rollback ${step.of}, which did not help`;
      const kept = `what the rollback had put there is kept in ${outcome.kept.folder}`;
      return {
        kind: 'done',
        because: `${back}; ${kept}${toldUnfinished(outcome.unfinished)}${undone.kind === 'read' ? await labelled(undone.record, deps) : ''}`,
      };
    },
  };
}

const toldUnfinished = (unfinished: string | null): string => (unfinished === null ? '' : `; ${unfinished}`);

/** A rollback of single keys says nothing of the snapshot they came from. */
async function labelled(
  { planKind, snapshot }: KeptRecord,
  { isConfigBlamed, label }: Pick<ConfigRepairDeps, 'isConfigBlamed' | 'label'>,
): Promise<string> {
  if (planKind !== 'snapshot' || snapshot === null || !isConfigBlamed()) return '';
  const outcome = await label(snapshot, 'bad');
  const name = snapshot.slice(0, 12);
  return outcome.kind === 'done'
    ? `; the snapshot ${name} is marked bad and not tried again`
    : `; the snapshot ${name} could not be marked bad: ${outcome.because}`;
}

/** By key and without any value. */
function toldRollback({ planKind, snapshot, changes }: KeptRecord): string {
  const from = snapshot === null ? '' : ` from snapshot ${snapshot.slice(0, 12)}`;
  const what =
    planKind === 'keys' ? `single keys were restored${from}` : `the whole config was restored${from}`;
  if (changes.length === 0) return what;
  const told = changes.slice(0, maxToldChanges).map((change) => change.slice(0, maxChangeChars));
  const more = changes.length - told.length;
  return `${what}: ${told.join('; ')}${more > 0 ? ` and ${more} more` : ''}`;
}
