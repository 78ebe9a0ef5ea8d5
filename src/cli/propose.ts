import { createHash } from 'node:crypto';
import { parseJson5 } from '../config/json5.ts';
import { changeWords, diffValues } from '../core/config-change.ts';
import { UserError } from '../core/errors.ts';
import type { Request } from '../daemon/commands.ts';
import { readTrial } from '../daemon/trial-file.ts';
import { type LiveConfig, mainName, readLive } from '../probes/config-set.ts';
import { type PlanDraft, plansIn, sweepPlans, writePlan } from '../vault/plans.ts';
import type { ChangeGround } from './change-ground.ts';
import type { EditAsk, Manner } from './change-words.ts';
import type { Context } from './context.ts';
import { askDaemon, silentDaemon, startCommand } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';
import { followTrial } from './follow-trial.ts';
import { renderCommand } from './install/render.ts';
import { type FileVerdict, verdictLines } from './judge-file.ts';
import { report } from './report.ts';
import type { Terminal } from './terminal.ts';

/** A snapshot, a local snapshot of the disk, and an action of two minutes that may be in flight. */
export const changeWithinMs = 180_000;
/** Changes listed; the kept record and the plan hold all of them. */
const maxListed = 40;
const maxRecorded = 500;

export interface Proposal extends Manner, EditAsk {
  readonly bytes: Buffer;
  /** The path the operator knows it by. */
  readonly shownAs: string;
  readonly verdict: FileVerdict;
  readonly by: string;
}

/** What would become of the live config. Pure but for reading it. */
export function draftOf(
  { bytes, shownAs }: Pick<Proposal, 'bytes' | 'shownAs'>,
  configPath: string,
  live: LiveConfig,
): { readonly draft: PlanDraft; readonly changes: readonly string[] } {
  const older = parsed(live.texts.get(mainName));
  const newer = parsed(bytes);
  const changes =
    older === undefined
      ? ['the whole text was changed']
      : diffValues(older, newer, mainName).map((change) => changeWords(change));
  const id = createHash('sha256')
    .update(bytes)
    .update(live.hash ?? '')
    .digest('hex');
  return {
    changes,
    draft: {
      id: `apply-${id.slice(0, 12)}`,
      kind: 'apply',
      snapshot: null,
      replaces: live.hash,
      configPath,
      files: [{ path: configPath, mode: null, bytes }],
      changes: changes.slice(0, maxRecorded),
      because: `the operator applied ${shownAs}`,
    },
  };
}

/** Undefined where there is no text, or where it is not one of a config. */
function parsed(bytes: Buffer | undefined): unknown {
  const read = bytes === undefined ? null : parseJson5(bytes.toString('utf8'));
  return read?.kind === 'ok' ? read.value : undefined;
}

/** Shows what changes, asks, stages it, and has the watchdog put it in place. The candidate is not refused. */
export async function propose(
  proposal: Proposal,
  on: { readonly context: Context; readonly ground: ChangeGround; readonly terminal: Terminal },
): Promise<number> {
  const { context, ground } = on;
  const { configPath } = ground.place;
  const live = readLive(ground.place, null);
  const output = createOutput(proposal.json, context);
  if (live.texts.get(mainName)?.equals(proposal.bytes) === true) {
    const because = `${proposal.shownAs} is what ${configPath} holds already: ${await whyUnchanged(context)}`;
    return output.end({ exitCode: exitCodes.ok, outcome: 'unchanged', because });
  }
  const { draft, changes } = draftOf(proposal, configPath, live);
  for (const line of verdictLines(proposal.verdict, ground.version)) output.say(line);
  for (const line of listed(changes, configPath)) output.say(line);
  if (proposal.dryRun)
    return output.end({
      exitCode: exitCodes.ok,
      outcome: 'dry-run',
      because: 'nothing was changed',
      changes,
    });
  await consent(proposal, on.terminal, `Put it in place of ${configPath}?`);
  await stage(draft, context);
  const { confirmWithinMs, restart, by } = proposal;
  const asked = { kind: 'apply', staged: draft.id, confirmWithinMs, restart, by } as const;
  return carryThrough(asked, { context, output, changes });
}

/** A change on trial may yet be taken back. */
async function whyUnchanged({ paths }: Context): Promise<string> {
  const read = await readTrial(paths.state);
  if (read.kind !== 'read' || read.trial.end !== null) return 'nothing to do';
  const { id, confirmBy, confirmed } = read.trial;
  return confirmBy === null || confirmed
    ? `it is on trial as ${id}, and is taken back if the gateway does not hold with it; "immune status" shows it`
    : `it is on trial as ${id}, and is taken back unless "immune confirm" keeps it`;
}

/** Content reaches the watchdog only by the disk, whole and with its hashes. */
export async function stage(draft: PlanDraft, { paths }: Context): Promise<void> {
  const written = await writePlan(plansIn(paths.state), draft);
  if (written.kind !== 'failed') {
    const read = await readTrial(paths.state);
    // Of the newest trial: what it put in place can be looked at, and applied again.
    const last = read.kind === 'read' ? [read.trial.planId ?? draft.id] : [];
    return sweepPlans(plansIn(paths.state), [draft.id, ...last]);
  }
  throw new UserError('unwritable', `nothing was changed: ${written.because}`, {
    hint: `make ${paths.state} writable for this user, then try again`,
    exitCode: exitCodes.unhealthy,
  });
}

export const listed = (changes: readonly string[], configPath: string): readonly string[] => [
  changes.length === 0
    ? `no key differs from ${configPath}, only its comments or its layout`
    : `against ${configPath}:`,
  ...changes.slice(0, maxListed).map((change) => `  ${change}`),
  ...(changes.length > maxListed ? [`  and ${changes.length - maxListed} more`] : []),
];

/** Without a person who says yes nothing is changed. */
export async function consent(
  { yes, json }: Pick<Manner, 'yes' | 'json'>,
  terminal: Terminal,
  question: string,
): Promise<void> {
  if (yes) return;
  if (json || !terminal.interactive)
    throw new UserError('no-consent', 'nothing was changed: there is nobody here to ask', {
      hint: commandAgain(terminal, ['--yes']) ?? 'the same with --yes',
      exitCode: exitCodes.refused,
    });
  if (!(await terminal.ask(question)))
    throw new UserError('declined', 'nothing was changed', {
      hint: commandAgain(terminal, []) ?? 'the same again when you are ready',
      exitCode: exitCodes.refused,
    });
}

/** What was typed, to be typed again; after "--" an option would be taken for a file. */
function commandAgain({ typed }: Terminal, more: readonly string[]): string | null {
  if (typed === undefined) return null;
  const end = typed.includes('--') ? typed.indexOf('--') : typed.length;
  return renderCommand(['immune', ...typed.slice(0, end), ...more, ...typed.slice(end)]);
}

export interface Carrying {
  readonly context: Context;
  readonly output: Output;
  readonly changes: readonly string[];
  /** What to do where no daemon runs; without it nothing is done. */
  readonly alone?: () => Promise<number>;
}

/** Asks the daemon for a change and follows it to its end; with a confirmation to come, only until it is in place. */
export async function carryThrough(
  request: Extract<Request, { readonly kind: 'apply' | 'fix-config' }>,
  { context, output, changes, alone }: Carrying,
): Promise<number> {
  const asked = await askDaemon(request, context, changeWithinMs);
  if (asked.kind === 'none' && alone !== undefined) return alone();
  if (asked.kind === 'none')
    throw new UserError(
      'no-daemon',
      'the watchdog does not run, so nothing was changed: nobody would take it back',
      { hint: startCommand(context, asked.everRan), exitCode: exitCodes.unhealthy },
    );
  if (asked.kind === 'silent') throw silentDaemon(context.uid, changeWithinMs);
  const { answer } = asked;
  if (!answer.ok || answer.trial === undefined)
    throw new UserError('refused', answer.text, { hint: 'immune status', exitCode: exitCodes.refused });
  for (const line of answer.text.split('\n')) output.say(line);
  const { trial } = answer;
  const read = await readTrial(context.paths.state);
  const confirmBy = read.kind === 'read' && read.trial.id === trial ? read.trial.confirmBy : null;
  if (confirmBy !== null) {
    const because = `confirm with "immune confirm" before ${new Date(confirmBy).toTimeString().slice(0, 8)}, or it is taken back`;
    return output.end({ exitCode: exitCodes.ok, outcome: 'unconfirmed', because, trial, changes, confirmBy });
  }
  const result = await followTrial(trial, context, output.say);
  return output.end({ ...result, trial, changes });
}

interface Ending {
  readonly exitCode: number;
  readonly outcome: string;
  readonly because: string;
  readonly trial?: string;
  readonly changes?: readonly string[];
  readonly confirmBy?: number;
  /** What the plan rests on, for `--json`. */
  readonly plan?: Readonly<Record<string, unknown>>;
}

/** Lines for a person as they come, or one JSON object at the end. */
export interface Output {
  say(line: string): void;
  end(ending: Ending): number;
}

export function createOutput(json: boolean, { out }: Context): Output {
  return {
    say: (line) => void (json || out.write(`${line}\n`)),
    end: ({ exitCode, outcome, because, confirmBy, ...told }) => {
      const by = confirmBy === undefined ? {} : { confirmBy: new Date(confirmBy).toISOString() };
      return report({ exitCode, outcome, because, more: { ...told, ...by } }, { json, context: { out } });
    },
  };
}
