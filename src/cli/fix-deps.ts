import { UserError } from '../core/errors.ts';
import { unchanged, withUndo } from '../daemon/package-hands.ts';
import type { PackagePlan } from '../vault/package-plans.ts';
import type { FixDepsAsk } from './change-words.ts';
import type { Context } from './context.ts';
import { askPatiently, silentDaemon, startCommand } from './daemon-process.ts';
import { damageJson, damageLines } from './damage.ts';
import { exitCodes } from './exit-codes.ts';
import { nextWhileBusy, planJson, planLines } from './fix-deps-render.ts';
import type { PackageLook, PackageShop } from './package-shop.ts';
import { createProgress } from './progress.ts';
import { consent } from './propose.ts';
import { report } from './report.ts';
import type { Terminal } from './terminal.ts';

type Damaged = PackageLook & { readonly kind: 'damaged' };

interface Fixing {
  readonly ask: FixDepsAsk;
  readonly context: Context;
  readonly terminal: Terminal;
  readonly shop: PackageShop;
  readonly say: (line: string) => void;
}

/** An action of the watchdog may be in flight, and the repair waits for its end. */
const inFlightMs = 180_000;

/** `immune fix-deps`: 0 fine or mended, 3 not mended, 4 refused, 5 busy. Works with and without the watchdog. */
export async function runFixDeps(
  ask: FixDepsAsk,
  on: { readonly context: Context; readonly terminal: Terminal; readonly shop: PackageShop },
): Promise<number> {
  const { context } = on;
  const fixing: Fixing = { ...on, ask, say: (line) => void (ask.json || context.out.write(`${line}\n`)) };
  const found = await lookAt(fixing);
  switch (found.kind) {
    case 'sound':
      return end(fixing, { outcome: 'fine', because: found.because });
    case 'unknown':
      throw new UserError('unknown', `nothing was changed: ${found.because}`, {
        hint: found.hint,
        exitCode: exitCodes.unhealthy,
      });
    case 'busy':
      throw busy(found.because);
    case 'damaged':
      return mend(found, fixing);
    default:
      return found satisfies never;
  }
}

/** Half a minute on a cold disk: whoever waits sees for what. */
async function lookAt({ ask, context, shop }: Fixing): Promise<PackageLook> {
  const { signal } = context;
  const progress = createProgress(context, ask.json);
  progress.show('comparing every file of the package');
  const look = shop.look({ network: ask.network, signal });
  return orInterrupted(look.finally(progress.end), context);
}

async function mend(found: Damaged, fixing: Fixing): Promise<number> {
  const { ask, context, terminal, shop, say } = fixing;
  const { root, version } = shop.installed;
  say(
    `the openclaw package${root === null ? '' : ` in ${root}`}${version === null ? '' : ` (${version})`}: ${found.because}`,
  );
  for (const line of damageLines(found.parts)) say(line);
  const { remedy } = found;
  if (ask.dryRun || remedy.kind === 'unavailable')
    for (const way of found.refused) say(`  (will not do: ${way})`);
  if (remedy.kind === 'unavailable')
    throw new UserError('unavailable', `nothing was changed: ${remedy.because}`, {
      hint: remedy.hint,
      exitCode: exitCodes.unhealthy,
    });
  const { plan } = remedy;
  for (const line of planLines(plan)) say(line);
  if (ask.dryRun) return end(fixing, { outcome: 'dry-run', because: 'nothing was changed', found, plan });
  await consent(ask, terminal, 'Put it right?');
  const staged = await shop.stage(plan);
  if (staged.kind === 'failed')
    throw new UserError('unwritable', `nothing was changed: ${staged.because}`, {
      hint: `make ${context.paths.state} writable for this user and free some space, then try again`,
      exitCode: exitCodes.unhealthy,
    });
  return carry(plan, found, fixing);
}

/** By the watchdog if it runs, for two must never be at work on one package; else by ourselves. */
async function carry(plan: PackagePlan, found: Damaged, fixing: Fixing): Promise<number> {
  const { context, shop, say } = fixing;
  const withinMs = shop.repairWithinMs + inFlightMs;
  const asked = await askPatiently({ kind: 'fix-deps', staged: plan.id, by: 'immune fix-deps' }, context, {
    timeoutMs: withinMs,
    onAsked: () => say('the watchdog is at work on it; it goes on by itself if you leave'),
  });
  switch (asked.kind) {
    case 'none':
      return alone(plan, found, fixing);
    case 'silent':
      throw silentDaemon(context.uid, withinMs);
    case 'interrupted':
      throw new UserError('interrupted', 'interrupted: the watchdog finishes what it has begun', {
        hint: 'immune status',
        exitCode: exitCodes.interrupted,
      });
    case 'answer': {
      const { ok, text, why, repair = null } = asked.answer;
      if (ok) return end(fixing, { outcome: 'mended', because: text, found, plan, repair });
      if (why === 'busy') throw busy(text);
      if (why === 'failed') throw notMade(text, 'failed');
      return refused(text, fixing);
    }
    default:
      return asked satisfies never;
  }
}

async function alone(plan: PackagePlan, found: Damaged, fixing: Fixing): Promise<number> {
  const { context, shop } = fixing;
  const progress = createProgress(context, fixing.ask.json);
  progress.show('laying out what is to come, and comparing it');
  const { id, outcome } = await shop.mend(plan.id, context.signal).finally(progress.end);
  if (outcome.kind !== 'done') {
    if (!context.signal.aborted && outcome.kind === 'refused')
      return refused(unchanged(outcome.because), fixing);
    if (!context.signal.aborted) throw notMade(unchanged(outcome.because), 'failed');
    throw new UserError('interrupted', `interrupted: ${unchanged(outcome.because)}`, {
      hint: 'immune fix-deps',
      exitCode: exitCodes.interrupted,
    });
  }
  const start = `the watchdog does not run; it starts the gateway once you start it: "${startCommand(context, true)}"; without it: "openclaw gateway start"`;
  const because = `repair ${id}: ${withUndo(outcome.because, id)}\n${start}`;
  return end(fixing, { outcome: 'mended', because, found, plan, repair: id });
}

/** Somebody else, or another of these commands, may have been faster: then there is nothing to complain of. */
async function refused(text: string, fixing: Fixing): Promise<number> {
  const now = await lookAt(fixing);
  if (now.kind === 'sound') return end(fixing, { outcome: 'fine', because: now.because });
  throw notMade(text, 'refused');
}

const busy = (because: string): UserError =>
  new UserError(
    'busy',
    because.startsWith('nothing was changed') ? because : `nothing was changed: ${because}`,
    {
      hint: nextWhileBusy(because, 'immune fix-deps'),
      exitCode: exitCodes.busy,
    },
  );

const notMade = (text: string, kind: 'failed' | 'refused'): UserError =>
  new UserError('not-made', text, {
    hint: kind === 'failed' ? 'immune fix-deps' : 'immune status',
    exitCode: kind === 'failed' ? exitCodes.unhealthy : exitCodes.refused,
  });

/** Ctrl-C while it looks: nothing was decided yet. */
async function orInterrupted<T>(work: Promise<T>, { signal }: Context): Promise<T> {
  const stopped = (): UserError =>
    new UserError('interrupted', 'interrupted: nothing was changed', {
      hint: 'immune fix-deps',
      exitCode: exitCodes.interrupted,
    });
  const result = await work.catch((error: unknown) => {
    throw signal.aborted ? stopped() : error;
  });
  // A look that was cut short may answer that it does not know.
  if (signal.aborted) throw stopped();
  return result;
}

interface Ending {
  readonly outcome: 'fine' | 'dry-run' | 'mended';
  readonly because: string;
  readonly found?: Damaged;
  readonly plan?: PackagePlan;
  readonly repair?: string | null;
}

/** The last words for a person, or one JSON object whose keys are always all there. */
function end({ ask, context, shop }: Fixing, ending: Ending): number {
  const { outcome, because, found, plan, repair = null } = ending;
  const more = {
    openclaw: shop.installed.version,
    root: shop.installed.root,
    damage: damageJson(found?.parts ?? []),
    plan: plan === undefined ? null : planJson(plan),
    repair,
  };
  return report({ exitCode: exitCodes.ok, outcome, because, more }, { json: ask.json, context });
}
