import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type Millis, millis, seconds } from '../../core/time.ts';
import { commandAfterEnv } from '../../gateway/env-wrapper.ts';
import { createHttpProbe } from '../../gateway/healthz.ts';
import { readText } from '../../gateway/read-text.ts';
import { wrapperIn } from '../../gateway/safe-start-hook.ts';
import { ensurePrivateDirectory, writeDurable } from '../../system/durable-file.ts';
import { parsePlist } from '../../system/launchd/plist.ts';
import type { Run } from '../../system/run.ts';
import type { ServiceDoor } from './load.ts';
import { otherJobs } from './safe-start-others.ts';
import { done, failed, type Step, type StepOutcome } from './steps.ts';

type HookStep = Extract<Step, { kind: 'hook' | 'unhook' }>;

export interface HookHands {
  readonly run: Run;
  readonly service: ServiceDoor;
}

/** OpenClaw's installer stops a gateway (20 s at most) and starts it again; it takes 8 s on a quiet machine. */
const commandMs = seconds(120);
/** A first boot of a busy machine has taken 100 s. */
const servesWithinMs: Millis = seconds(180);
const pollMs: Millis = millis(500);
const healthzMs = 2_000;
const longestMessage = 300;

/** Has OpenClaw start the gateway through our wrapper, or without it again. */
export function performHookStep(step: HookStep, hands: HookHands): Promise<StepOutcome> {
  return step.kind === 'hook' ? putHook(step, hands) : removeHook(step, hands);
}

async function putHook(step: Extract<Step, { kind: 'hook' }>, hands: HookHands): Promise<StepOutcome> {
  const { manager } = hands.service;
  const before = await manager.read(step.label);
  const unwritten = await writeFiles(step);
  if (unwritten !== null) return failed(unwritten);
  const problem =
    (await runOpenclaw(step, { argv: step.put, env: step.env }, hands)) ??
    (namedIn(step) ? null : `OpenClaw said that it went well, but ${step.plist} does not name our wrapper`) ??
    (await servesAgain(step, before.kind === 'running' ? before.pid : null, hands));
  const undo = (): Promise<string | null> => takeBack(step, hands);
  if (problem === null) return done(undo);
  const left = await undo();
  return failed(`safe start was not installed: ${problem}${left === null ? '' : `; and ${left}`}.`);
}

async function writeFiles({ directory, files }: Extract<Step, { kind: 'hook' }>): Promise<string | null> {
  const made = await ensurePrivateDirectory(directory);
  if (made.kind === 'failed') return made.because;
  for (const { path, text, mode } of files) {
    const written = await writeDurable(path, text, { mode });
    if (written.kind === 'failed') return written.because;
  }
  return null;
}

/** Null when launchd starts the gateway without us again; what it still starts is never deleted. */
async function takeBack(step: HookStep, hands: HookHands): Promise<string | null> {
  const wrapper = wrapperIn(step.directory);
  let problem: string | null = null;
  if (namedIn(step)) {
    problem = await runOpenclaw(step, { argv: step.takeBack, env: withoutWrapper(step.env) }, hands);
    if (namedIn(step)) {
      return `the gateway is still started through ${wrapper}, which stays: ${problem ?? 'OpenClaw kept it'}`;
    }
  }
  const state = await hands.service.manager.read(step.label);
  if (problem !== null || state.kind === 'not-loaded') {
    const down = await loadAnew(step, hands);
    const words = [problem, down].filter((each) => each !== null).join('; ');
    if (down !== null) return `${wrapper} stays, for launchd may still start it: ${words}`;
  }
  const [other] = otherJobs(step);
  if (other !== undefined) return `${wrapper} stays, for ${other} starts a gateway through it too`;
  await rm(step.directory, { recursive: true, force: true });
  return null;
}

/**
 * What OpenClaw had begun when it failed or was ended: the job's new text is on the disk, and launchd has the old one or
 * none at all. Null once it has the new one.
 */
async function loadAnew(step: HookStep, { service: { manager } }: HookHands): Promise<string | null> {
  const requests = [
    () => manager.bootout(step.label),
    () => manager.bootstrap(step.label, step.plist),
    () => manager.kickstart(step.label, { kill: false }),
  ];
  for (const request of requests) {
    const result = await request();
    if (result.kind === 'failed') return `the gateway could not be started again: ${result.because}`;
  }
  return null;
}

async function removeHook(step: Extract<Step, { kind: 'unhook' }>, hands: HookHands): Promise<StepOutcome> {
  const problem = await takeBack(step, hands);
  if (problem === null) return done();
  const { path, text, mode } = step.passThrough;
  const written = await writeDurable(path, text, { mode });
  const left =
    written.kind === 'failed' ? written.because : `${path} now only starts the gateway, nothing else`;
  return failed(`${problem}. ${left}. Once openclaw works again: ${step.byHand}`);
}

const withoutWrapper = (env: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  ...env,
  // Empty, not absent: only that takes out what OpenClaw remembered.
  OPENCLAW_WRAPPER: '',
});

async function runOpenclaw(
  step: HookStep,
  command: { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> },
  { run }: HookHands,
): Promise<string | null> {
  const [file = '', ...args] = command.argv;
  const result = await run({ file, args, env: command.env, cwd: step.home, timeoutMs: commandMs });
  if (result.kind === 'exited' && result.code === 0) return null;
  const said = result.kind === 'exited' ? result.stderr.trim() || result.stdout.trim() : '';
  const end = result.kind === 'exited' ? `ended with ${result.code}` : result.kind;
  return `openclaw gateway install ${end}${said === '' ? '' : ` (${said.slice(-longestMessage)})`}`;
}

/** Whether the job names our wrapper; a plist that cannot be read may still do so. */
function namedIn({ plist, directory }: HookStep): boolean {
  if (!existsSync(plist)) return false;
  const parsed = parsePlist(readText(plist) ?? '');
  if (parsed.kind === 'invalid') return true;
  return commandAfterEnv(parsed.job.programArguments)[0] === wrapperIn(directory);
}

/** Null once another process than before serves; else a sentence. */
async function servesAgain(
  step: Extract<Step, { kind: 'hook' }>,
  before: number | null,
  { service: { manager, clock } }: HookHands,
): Promise<string | null> {
  const probe = createHttpProbe({ clock, ...step.endpoint, timeoutMs: healthzMs });
  const startedAt = clock.elapsed();
  try {
    while (clock.elapsed() - startedAt < servesWithinMs) {
      const state = await manager.read(step.label);
      if (state.kind === 'running' && state.pid !== before && (await probe.healthz()).kind === 'live')
        return null;
      await clock.sleep(pollMs);
    }
  } finally {
    probe.close();
  }
  return `the gateway did not serve through it within ${servesWithinMs / 1000} s`;
}
