import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from '../../src/core/evidence.ts';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import { initialState } from '../../src/core/state.ts';
import { type Instant, millis } from '../../src/core/time.ts';
import { commandsDirectory } from '../../src/daemon/commands.ts';
import { openJournal } from '../../src/daemon/journal.ts';
import { listenForRequests } from '../../src/daemon/listen.ts';
import { createLoop } from '../../src/daemon/loop.ts';
import { steadyClock } from '../../src/daemon/steady-time.ts';
import { createTrialHands } from '../../src/daemon/trial-hands.ts';
import type { Trials } from '../../src/daemon/trial-parts.ts';
import { createTrials } from '../../src/daemon/trials.ts';
import { checkConfigFile } from '../../src/gateway/config-check.ts';
import { finishSwap } from '../../src/repairs/config-swap.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Log } from '../../src/system/log.ts';
import { on, sound } from '../core/ground.ts';
import { label, serving } from '../core/world.ts';

/**
 * The part of the watchdog that changes the config: the real loop and journal, real trials, real swaps. Only the gateway
 * is a few lines: it always serves, and OpenClaw refuses a config with the word "cannot-boot" in it once it is in place.
 */
export interface SmallWatchdog {
  readonly trials: Trials;
  /** Waits until no trial is under watch, and its end is told. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

interface SmallPlace {
  readonly home: string;
  readonly configPath: string;
  readonly stateDir: string;
  readonly quarantine: string;
}

const smallPolicy: Policy = {
  ...defaultPolicy,
  tickMs: millis(20),
  urgentTickMs: millis(20),
  trialWatchMs: millis(60),
  trialMaxMs: millis(20_000),
};

const silent = () => undefined;
const log: Log = {
  debug: silent,
  info: silent,
  warn: silent,
  error: (text) => void process.stderr.write(`${text}\n`),
  close: silent,
};

export async function startSmallWatchdog(
  { home, configPath, stateDir, quarantine }: SmallPlace,
  { listens }: { readonly listens: boolean },
): Promise<SmallWatchdog> {
  const system = systemClock();
  const opened = await openJournal(stateDir, system.now());
  if (opened.kind === 'failed') throw new Error(opened.because);
  const clock = steadyClock(system, opened.replay.lastAt);
  const rules = () => ({ policy: smallPolicy, mode: 'act', label }) as const;
  const loop = createLoop(
    {
      clock,
      rules,
      observe: async () => observe(configPath, clock.now()),
      perform: async () => ({ kind: 'refused', because: 'nothing is repaired here' }),
      journal: opened.journal,
      log,
      tell: async () => undefined,
      onLook: (state, evidence) => trials.onLook(state, evidence),
      beat: async () => undefined,
    },
    opened.replay.state ?? initialState,
  );
  const trials = createTrials({
    stateDir,
    quarantine,
    clock,
    policy: () => smallPolicy,
    log,
    loop,
    hands: createTrialHands({
      swap: () => ({
        configPath,
        home,
        uid: process.getuid?.() ?? 0,
        plans: join(stateDir, 'plans'),
        quarantine,
        processes: async () => [],
        now: clock.now,
      }),
      record: async () => null,
      tmutil: null,
      run: async () => ({ kind: 'not-started', because: 'nothing is run here' }),
      label,
      hands: () => {
        throw new Error('nothing is restarted here');
      },
      restartWithinMs: () => smallPolicy.actionDeadlineMs,
    }),
  });
  await finishSwap({ quarantine });
  await trials.begin();
  const ended = new AbortController();
  const running = loop.run(ended.signal);
  if (listens) await mkdir(commandsDirectory(stateDir), { recursive: true });
  const deaf = listens ? listenForRequests(stateDir, loop, { clock, log, rules, trials }) : silent;
  return {
    trials,
    settled: async () => {
      while (trials.current() !== null) await clock.sleep(millis(10));
      // The last words are on their way: the end is in the file before it is in the journal.
      await clock.sleep(millis(50));
    },
    stop: async () => {
      deaf();
      ended.abort();
      await running;
      await trials.close();
      await opened.journal.close();
    },
  };
}

function observe(configPath: string, at: Instant): Evidence {
  const { verdict, config } = checkConfigFile(configPath, {}, null);
  const seen = (ground: Partial<Evidence['ground']>): Evidence => on(serving(), sound, ground)(at);
  if (verdict.kind !== 'sound') return seen({ config: verdict });
  const { hash, changedAt } = verdict;
  return JSON.stringify(config).includes('cannot-boot')
    ? seen({ config: { kind: 'faulty', fault: 'rejected', hash, changedAt, because: 'a key is refused' } })
    : seen({ config: { kind: 'sound', hash, changedAt, validator: 'valid' } });
}
