import { openStore } from '../daemon/open-store.ts';
import { type PlanOutcome, planRollback } from '../probes/plan-rollback.ts';
import { snapshotName } from '../probes/plan-words.ts';
import { run } from '../system/run.ts';
import { openChangeGround } from './change-ground.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';

/** What is said about the config, and of which OpenClaw. */
interface Subject {
  readonly path: string;
  readonly version: string | null;
}

/** `immune why-config`: 0 when OpenClaw takes the config, 3 when it does not or nobody can tell. Changes nothing. */
export async function runWhyConfig({ json }: { readonly json: boolean }, context: Context): Promise<number> {
  const { shop, settings, place, version } = await openChangeGround(context, 'why-config');
  const { paths, clock, signal, out } = context;
  try {
    const outcome = await planRollback(
      {
        place: { ...place, version },
        store: openStore({ paths, settings, run, clock, processes: shop.processes }),
        // What was undone before matters to a repair; here it is still the answer to the question.
        kept: async () => [],
        run,
        timeoutMs: settings.policy.validatorMs,
        signal,
      },
      null,
    );
    const subject = { path: place.configPath, version };
    const text = json ? JSON.stringify(whyJson(outcome, subject), null, 2) : renderWhy(outcome, subject);
    out.write(shop.redact(`${text}\n`));
    return outcome.kind === 'sound' ? exitCodes.ok : exitCodes.unhealthy;
  } catch (error) {
    // Whoever pressed Ctrl-C knows why there is no answer.
    if (signal.aborted) return exitCodes.interrupted;
    throw error;
  } finally {
    shop.log.close();
  }
}

/** For a person: what is wrong, which keys are to blame, and what could be done. Keys and sentences, never a value. */
export function renderWhy(outcome: PlanOutcome, { path, version }: Subject): string {
  const who = `OpenClaw${version === null ? '' : ` ${version}`}`;
  switch (outcome.kind) {
    case 'sound':
      return `${path} is fine: ${who} accepts it`;
    case 'overtaken':
      return `${path} changed while it was looked at; ask again`;
    case 'ready':
    case 'unavailable':
      break;
    default:
      return outcome satisfies never;
  }
  const { issues, blamed, tried } = outcome.explain;
  // Without a fault nobody is to blame and there is nothing to restore, whatever a rollback would do.
  if (issues.length === 0)
    return `nothing wrong was found in ${path}, but ${who} could not be asked about it; "immune validate" says why`;
  const keys = [...new Set(blamed.map(({ key }) => key))];
  return [
    `${path} would not start the gateway:`,
    ...issues.map(issueLine),
    ...(keys.length === 0 ? [] : ['to blame:', ...keys.map((key) => `  ${key}`)]),
    ...(tried.length === 0 ? [] : ['snapshots that will not do:', ...tried.map((one) => `  ${one}`)]),
    ...remedyLines(outcome),
  ].join('\n');
}

const issueLine = ({ path, message }: { readonly path: string; readonly message: string }): string =>
  path === '<root>' ? `  ${message}` : `  ${path}: ${message}`;

type Planned = Extract<PlanOutcome, { readonly kind: 'ready' | 'unavailable' }>;

function remedyLines(outcome: Planned): readonly string[] {
  if (outcome.kind === 'unavailable') return [outcome.because];
  return [
    `"immune fix-config" ${outcome.draft.because}:`,
    ...outcome.draft.changes.map((line) => `  ${line}`),
  ];
}

/** Every key is always there, null where nothing is known. */
export function whyJson(outcome: PlanOutcome, { path, version }: Subject): object {
  const explain = outcome.kind === 'overtaken' ? null : outcome.explain;
  const draft = outcome.kind === 'ready' ? outcome.draft : null;
  const snapshot = explain?.snapshot ?? null;
  return {
    version: 1,
    path,
    openclaw: version,
    fine: outcome.kind === 'sound' ? true : (explain?.issues.length ?? 0) > 0 ? false : null,
    issues: explain?.issues ?? [],
    blamed: explain?.blamed ?? [],
    tried: explain?.tried ?? [],
    validatorRuns: explain?.runs ?? 0,
    snapshot: snapshot === null ? null : { id: snapshot.id, name: snapshotName(snapshot) },
    fix: draft === null ? null : { kind: draft.kind, because: draft.because, changes: draft.changes },
    because: outcome.kind === 'unavailable' ? outcome.because : null,
  };
}
