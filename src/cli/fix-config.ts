import { resolve } from 'node:path';
import { UserError } from '../core/errors.ts';
import { nextTrialId, readTrial } from '../daemon/trial-file.ts';
import { mainName, readLive } from '../probes/config-set.ts';
import type { Explanation, PlanOutcome } from '../probes/plan-rollback.ts';
import { finishSwap, swapConfig } from '../repairs/config-swap.ts';
import { run } from '../system/run.ts';
import type { PlanDraft } from '../vault/plans.ts';
import { type ChangeGround, openChangeGround } from './change-ground.ts';
import type { FixAsk } from './change-words.ts';
import { type ConfigLook, openConfigLook } from './config-look.ts';
import type { Context } from './context.ts';
import { startCommand } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';
import { isRefused, judgeCandidate, verdictLines } from './judge-file.ts';
import { withOwnHands } from './own-hands.ts';
import { carryThrough, consent, createOutput, draftOf, listed, type Output, stage } from './propose.ts';
import type { Terminal } from './terminal.ts';
import { readCandidate } from './validate.ts';

interface Fixing {
  readonly ask: FixAsk;
  readonly context: Context;
  readonly terminal: Terminal;
  readonly ground: ChangeGround;
  readonly output: Output;
}

/** `immune fix-config`: 0 fine or mended, 3 not mended, 4 refused. Works with and without the watchdog. */
export async function runFixConfig(ask: FixAsk, context: Context, terminal: Terminal): Promise<number> {
  const ground = await openChangeGround(context, 'the repair of the config');
  const on: Fixing = { ask, context, terminal, ground, output: createOutput(ask.json, context) };
  try {
    if (ask.from !== null) return await fixFrom(resolve(ask.from), on);
    const look = openConfigLook(ground, context);
    return await fixBy(await look.plan(), { look, on });
  } finally {
    ground.shop.log.close();
  }
}

async function fixBy(
  outcome: PlanOutcome,
  { look, on }: { readonly look: ConfigLook; readonly on: Fixing },
): Promise<number> {
  const { output, ground } = on;
  const { configPath } = ground.place;
  switch (outcome.kind) {
    case 'sound': {
      const because = `${configPath} is fine: OpenClaw accepts it, and nothing was changed`;
      return output.end({ exitCode: exitCodes.ok, outcome: 'fine', because });
    }
    case 'overtaken':
      throw new UserError('overtaken', `nothing was changed: ${configPath} is being edited right now`, {
        hint: 'immune fix-config, once that is done',
        exitCode: exitCodes.busy,
      });
    case 'unavailable':
      sayWrong(outcome.explain, on);
      return unavailable(outcome.because, { look, on });
    case 'ready':
      sayWrong(outcome.explain, on);
      return put(outcome.draft, { on, explain: outcome.explain });
    default:
      return outcome satisfies never;
  }
}

function sayWrong({ issues, blamed }: Explanation, { output, ground }: Fixing): void {
  output.say(`${ground.place.configPath} is not one OpenClaw can start with:`);
  for (const { path, message } of issues) output.say(`  ${path}: ${message}`);
  if (blamed.length > 0) output.say('to blame:');
  for (const { key, because } of blamed) output.say(`  ${key}: ${because}`);
}

/** Shows the plan; with a person's consent has it put in place, by the watchdog if one runs, else by ourselves. */
async function put(
  draft: PlanDraft,
  { on, explain }: { readonly on: Fixing; readonly explain: Explanation | null },
): Promise<number> {
  const { ask, output, context, terminal, ground } = on;
  const { changes, because } = draft;
  output.say(`the plan ${draft.id}: ${because}`);
  for (const line of listed(changes, ground.place.configPath)) output.say(line);
  if (ask.dryRun) {
    const told = explain === null ? {} : { plan: { id: draft.id, because, ...explain } };
    const nothing = 'nothing was changed';
    return output.end({ exitCode: exitCodes.ok, outcome: 'dry-run', because: nothing, changes, ...told });
  }
  await consent(ask, terminal, 'Put it in place?');
  await stage(draft, context);
  const request = { kind: 'fix-config', staged: draft.id, by: 'immune fix-config' } as const;
  return carryThrough(request, { context, output, changes, alone: () => putAlone(draft, on) });
}

async function putAlone(draft: PlanDraft, { context, ground, output }: Fixing): Promise<number> {
  return withOwnHands({ role: 'fix-config', ground }, context, async (deps) => {
    await finishSwap(deps);
    const last = await readTrial(context.paths.state);
    const id = await nextTrialId(context.paths.quarantine, last.kind === 'read' ? last.trial : null);
    const { replaces } = draft;
    const asked = { id, incident: null, planId: draft.id, replaces, signal: context.signal };
    const made = await swapConfig(asked, deps);
    if (made.kind !== 'done')
      throw new UserError('not-made', `nothing was changed: ${made.because}`, {
        hint: 'immune fix-config',
        exitCode: made.kind === 'refused' ? exitCodes.refused : exitCodes.unhealthy,
      });
    output.say(`it is in place; what it replaced is kept in ${made.kept.folder}`);
    if (made.unfinished !== null) output.say(made.unfinished);
    const because = `the watchdog does not run, so nobody watches it: "${startCommand(context, true)}"; undo with "immune undo ${id}"`;
    const { changes } = draft;
    return output.end({ exitCode: exitCodes.ok, outcome: 'in-place', because, trial: id, changes });
  });
}

/** OpenClaw's own copies were never proven by a boot: a person may choose one, nobody else. */
async function unavailable(
  because: string,
  { look, on }: { readonly look: ConfigLook; readonly on: Fixing },
): Promise<number> {
  const { ask, terminal, ground, context } = on;
  const found = await look.unproven();
  if (found !== null && terminal.interactive && !ask.json && !ask.dryRun) {
    context.out.write(`${because}\n${found} is one of OpenClaw's own copies, and OpenClaw accepts it.\n`);
    if (await terminal.ask('Look at what it would change?'))
      return fixFrom(found, { ...on, ask: { ...ask, yes: false } });
  }
  throw new UserError('unavailable', `nothing was changed: ${because}`, {
    hint: found === null ? `mend ${ground.place.configPath} by hand` : `immune fix-config --from ${found}`,
    exitCode: exitCodes.unhealthy,
  });
}

async function fixFrom(path: string, on: Fixing): Promise<number> {
  const { ground, context, output } = on;
  const bytes = await readCandidate(path);
  const tools = { run, timeoutMs: ground.settings.policy.validatorMs, signal: context.signal };
  const verdict = await judgeCandidate({ bytes, shownAs: path }, ground.place, tools);
  if (isRefused(verdict))
    throw new UserError(
      'invalid',
      [`nothing was changed, ${path} is`, ...verdictLines(verdict, ground.version)].join('\n'),
      { hint: 'immune fix-config', exitCode: exitCodes.refused },
    );
  for (const line of verdictLines(verdict, ground.version)) output.say(`${path}: ${line}`);
  const live = readLive(ground.place, null);
  if (live.texts.get(mainName)?.equals(bytes) === true) {
    const because = `${path} is what is in place already: nothing to do`;
    return output.end({ exitCode: exitCodes.ok, outcome: 'unchanged', because });
  }
  const { draft } = draftOf({ bytes, shownAs: path }, ground.place.configPath, live);
  return put({ ...draft, because: `puts ${path} in the place of the whole config` }, { on, explain: null });
}
