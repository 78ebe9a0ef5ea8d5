import { dirname } from 'node:path';
import { spellBytes } from '../core/words.ts';
import type { TreeCheck } from '../vault/manifest.ts';
import { type PackagePlan, packagePlanOf } from '../vault/package-plans.ts';
import { proposeRepairs } from './propose-repairs.ts';
import { findGround } from './reinstall-ground.ts';
import type {
  ReinstallExplanation,
  ReinstallOutcome,
  ReinstallParts,
  SeenDamage,
  Tried,
} from './reinstall-parts.ts';
import { fixCommand, installCommand, wayWords } from './reinstall-words.ts';

/** For what is written beside the package there has to be this much more room than it takes. */
const roomFactor = 1.2;
/** A repair that did not help is not made again for so long. */
const undoneForMs = 86_400_000;
/** What npm could not fetch changed nothing, and a network comes back. */
const unfetchedForMs = 3_600_000;

/** Works out how to put the installed package back as it was proven. Changes nothing. Throws when aborted. */
export async function planReinstall(parts: ReinstallParts, seen: SeenDamage): Promise<ReinstallOutcome> {
  const { place, sources, by } = parts;
  const refused: string[] = [];
  let checked: { readonly check: TreeCheck; readonly archive: string | null } | null = null;
  const explain = (): ReinstallExplanation => ({
    check: checked?.check ?? null,
    refused,
    archive: checked?.archive ?? null,
  });
  const no = (because: string, command: string): ReinstallOutcome => ({
    kind: 'unavailable',
    because,
    command,
    explain: explain(),
  });
  const busy = await sources.busy();
  if (busy !== null) return { kind: 'busy', because: busy };
  const ground = await findGround(place.packageRoot, parts.uid);
  if (ground.kind === 'refused') {
    return no(`nothing may be put into this package: ${ground.because}`, installCommand(place));
  }
  const tried = (await sources.repairs()).filter((repair) => counts(repair, parts));
  // A person who runs a command decides anew.
  const wanted = by === 'person' ? undefined : tried.find(({ undoneFor }) => undoneFor === 'asked');
  if (wanted !== undefined) {
    return no(`you took the repair ${wanted.id} of the package back, so none is made unattended`, fixCommand);
  }
  for await (const proposal of proposeRepairs({ parts, ground, seen, tried })) {
    parts.signal.throwIfAborted();
    switch (proposal.kind) {
      case 'draft': {
        const plan = packagePlanOf(proposal.draft);
        const why = await whyNot(parts, plan, tried);
        if (why === null) return { kind: 'ready', plan, explain: explain() };
        refused.push(why);
        break;
      }
      case 'refused':
        refused.push(proposal.because);
        break;
      case 'checked':
        checked ??= proposal;
        break;
      case 'whole':
        return { kind: 'whole', because: proposal.because, explain: explain() };
      case 'gone':
        return no([...refused, proposal.because].join('; '), fixCommand);
      default:
        return proposal satisfies never;
    }
  }
  const version = ground.version ?? place.version;
  return no(refused.join('; '), installCommand({ version, prefix: place.prefix }));
}

/** Whether what became of an earlier repair says something about one of today. */
function counts(
  { at, planKind, state, undoneFor, undoneAt = at }: Tried,
  { now, by }: ReinstallParts,
): boolean {
  const ageMs = now - undoneAt;
  if (state === 'failed') return ageMs < (planKind === 'network' ? unfetchedForMs : undoneForMs);
  if (state !== 'undone' || undoneFor === 'interrupted') return false;
  return ageMs < undoneForMs && !(by === 'person' && undoneFor === 'asked');
}

async function whyNot(
  { sources }: ReinstallParts,
  { id, kind, root, bytes }: PackagePlan,
  tried: readonly Tried[],
): Promise<string | null> {
  const before = tried.find(({ planId }) => planId === id);
  if (before !== undefined) {
    const how = before.state === 'failed' ? 'failed' : 'did not help';
    return `${wayWords[kind]} was tried as ${before.id} and ${how}`;
  }
  if (bytes === 0) return null;
  const modules = dirname(root);
  const free = await sources.freeBytes(modules);
  if (typeof free !== 'number') return `how much room there is cannot be told: ${free.because}`;
  const needed = Math.ceil(bytes * roomFactor);
  if (free >= needed) return null;
  return `there is too little room in ${modules}: ${spellBytes(needed)} are needed, and ${spellBytes(free)} are free`;
}
