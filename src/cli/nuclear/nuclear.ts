import { UserError } from '../../core/errors.ts';
import type { Answer } from '../../daemon/commands.ts';
import { type AskWithin, refusalOf, withHands } from '../ask-or-do.ts';
import type { NuclearAsk } from '../change-words.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { consent } from '../propose.ts';
import { report, reported } from '../report.ts';
import type { Terminal } from '../terminal.ts';
import { waiting } from '../waiting.ts';
import type { Found, Step, StepName } from './steps.ts';

export interface NuclearParts {
  readonly context: Context;
  readonly terminal: Terminal;
  /** In the order they must be made. */
  readonly steps: readonly Step[];
}

/** One step as it stands. */
interface Stand {
  readonly step: StepName;
  readonly state: Found['kind'] | 'done' | 'failed';
  readonly because: string;
  /** What `immune undo` takes to put back what was replaced. */
  readonly undo: string | null;
}

interface Run extends NuclearParts {
  readonly ask: NuclearAsk;
  /** By step, as of the newest news of it. */
  readonly stands: Map<StepName, Stand>;
  readonly did: string[];
  /** The plan is of before somebody acted. */
  stale: boolean;
}

/** `immune nuclear`: 0 the gateway serves, 3 it does not, 4 refused, 5 busy. With and without the watchdog. */
export async function nuclear(ask: NuclearAsk, parts: NuclearParts): Promise<number> {
  const run: Run = { ...parts, ask, stands: new Map(), did: [], stale: false };
  const to = { json: ask.json, context: parts.context };
  return reported({ ...to, more: () => ({ steps: stepsJson(run) }) }, () =>
    withWhatWasDone(run, () => all(run)),
  );
}

async function all(run: Run): Promise<number> {
  const { ask, terminal, context } = run;
  const plan = await lookAtAll(run);
  const due = [...plan.values()].filter((found) => found.kind === 'due');
  const blocked = [...plan.values()].find((found) => found.kind === 'blocked');
  if (due.length === 0 && blocked !== undefined) throw blockedError(blocked);
  if (due.length === 0) {
    const because = 'nothing to do: the gateway serves';
    return end(run, { outcome: 'clean', because });
  }
  if (ask.dryRun) return end(run, { outcome: 'dry-run', because: 'nothing was changed' });
  await consent(ask, terminal, 'Do all of this?');
  await withHands(context, { role: 'nuclear' }, (askFor) => carryAll(plan, askFor, run));
  const undos = [...run.stands.values()].flatMap(({ undo }) =>
    undo === null ? [] : [`immune undo ${undo}`],
  );
  const undo = undos.length === 0 ? '' : `; undo: ${undos.join(', ')}`;
  const how = run.did.length === 0 ? 'with nothing left to do' : `(${run.did.join(', ')})`;
  return end(run, { outcome: 'serves', because: `the gateway serves again ${how}${undo}` });
}

/** Stops at the first step that nothing helps: what comes after it rests on it. */
async function lookAtAll(run: Run): Promise<ReadonlyMap<StepName, Found>> {
  const plan = new Map<StepName, Found>();
  for (const step of run.steps) {
    const found = await look(
      step,
      run,
      [...plan.values()].some(({ kind }) => kind === 'due'),
    );
    plan.set(step.name, found);
    say(found, step, run);
    if (found.kind === 'blocked') break;
  }
  return plan;
}

async function look(step: Step, run: Run, afterOthers: boolean): Promise<Found> {
  const found = await waiting(step.looking, { context: run.context, quiet: run.ask.json }, () =>
    step.look(afterOthers),
  );
  stand(run, step, { state: found.kind, because: found.because });
  if (run.context.signal.aborted)
    throw new UserError('interrupted', 'interrupted', {
      hint: 'immune nuclear',
      exitCode: exitCodes.interrupted,
    });
  return found;
}

/** Each step is looked at anew once anything was done: what was planned may be mended by it, or only show now. */
async function carryAll(plan: ReadonlyMap<StepName, Found>, askFor: AskWithin, run: Run): Promise<void> {
  for (const step of run.steps) {
    const planned = plan.get(step.name);
    // What is said of the gateway in the end is of the end, however long the plan was read.
    const isLast = step.name === 'gateway' && planned?.kind !== 'due';
    const fresh = run.stale || isLast || planned === undefined || planned.kind === 'later';
    const found = fresh ? await look(step, run, false) : planned;
    if (found.kind === 'blocked') throw blockedError(found);
    // What shows only now was not in the plan.
    if (found.kind === 'due' && planned?.kind !== 'due') say(found, step, run);
    if (found.kind === 'due') await carry({ step, found }, askFor, run);
  }
}

async function carry(
  { step, found }: { readonly step: Step; readonly found: Found & { readonly kind: 'due' } },
  askFor: AskWithin,
  run: Run,
): Promise<void> {
  const { context, ask } = run;
  const answer = await waiting(step.doing, { context, quiet: ask.json }, () => found.carry(askFor));
  run.stale = true;
  if (answer.ok) {
    run.did.push(step.name === 'gateway' && answer.action === undefined ? 'waited for it' : found.did);
    stand(run, step, { state: 'done', because: firstLine(answer), undo: undoOf(answer) });
    tell(run, `${step.name}: ${firstLine(answer)}`);
    return;
  }
  // Somebody else may have been faster, and a part of it may have been enough.
  const again = answer.why === 'busy' ? null : await look(step, run, false);
  if (again?.kind === 'clean') {
    if (answer.why === 'failed') run.did.push(found.did);
    return;
  }
  stand(run, step, { state: 'failed', because: answer.text });
  throw refusalOf({
    ...answer,
    text: `${step.name}: ${answer.text}`,
    next: answer.next ?? nextFor[step.name],
  });
}

const nextFor: Readonly<Record<StepName, string>> = {
  package: 'immune fix-deps',
  config: 'immune fix-config',
  port: 'immune fix-port',
  gateway: 'immune check --why',
};

const firstLine = ({ text }: Answer): string => text.split('\n', 1)[0] ?? text;

const undoOf = ({ undo, repair, trial }: Answer): string | null => undo ?? repair ?? trial ?? null;

const blockedError = ({ because, next, exitCode }: Found & { readonly kind: 'blocked' }): UserError =>
  new UserError('blocked', because, { hint: next, exitCode });

/** Whatever ends it, what was done is said, with how to take it back. */
async function withWhatWasDone(run: Run, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError) || run.did.length === 0) throw error;
    const done = [...run.stands.values()]
      .filter(({ state }) => state === 'done')
      .map(({ step, undo }) => (undo === null ? step : `${step} (immune undo ${undo})`));
    const { code, message, hint, exitCode } = error;
    throw new UserError(code, `${message}; done so far: ${done.join(', ')}`, { hint, exitCode });
  }
}

function stand(
  run: Run,
  { name }: Step,
  { state, because, undo = null }: Omit<Stand, 'step' | 'undo'> & { readonly undo?: string | null },
): void {
  run.stands.set(name, { step: name, state, because, undo });
}

const tell = ({ ask, context }: Run, line: string): void => void (ask.json || context.out.write(`${line}\n`));

const wordsFor = {
  clean: 'skipped',
  unknown: 'left alone, for it cannot be told',
  later: 'later',
  due: 'to do',
  blocked: 'nothing here helps',
} as const;

function say(found: Found, { name }: Step, run: Run): void {
  tell(run, `${name}: ${wordsFor[found.kind]}: ${found.because}`);
  if (found.kind === 'due') for (const line of found.plan) tell(run, `  ${line.trimStart()}`);
}

const stepsJson = ({ steps, stands }: Run): readonly object[] =>
  steps.map(
    ({ name }) => stands.get(name) ?? { step: name, state: 'not-reached', because: null, undo: null },
  );

function end(run: Run, { outcome, because }: { readonly outcome: string; readonly because: string }): number {
  const { ask, context } = run;
  const more = { steps: stepsJson(run) };
  return report({ exitCode: exitCodes.ok, outcome, because, more }, { json: ask.json, context });
}
