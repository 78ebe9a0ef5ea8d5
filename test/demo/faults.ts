import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from './stage.ts';

/** One thing that goes wrong (or only looks like it), and what the watchdog must make of it. */
export interface Fault {
  readonly name: string;
  readonly story: string;
  /** `heal`: serving again afterwards; `leave`: left down, because somebody wants it so. */
  readonly expect: { readonly end: 'heal' | 'leave'; readonly actions: number };
  /** Only with the practice gateway, which can be told to misbehave. */
  readonly practiceOnly?: boolean;
  inject(stage: Stage): Promise<void>;
  /** Back to normal, where that is not the watchdog's business. */
  settle?(stage: Stage): Promise<void>;
}

const audit = (stage: Stage, line: string): void => {
  const stamp = new Date().toISOString();
  appendFileSync(
    join(stage.stateDir, 'logs', 'gateway-restart.log'),
    `[${stamp}] openclaw gateway lifecycle ${line}\n`,
  );
};

function signal(stage: Stage, name: NodeJS.Signals): void {
  const pid = stage.pid();
  if (pid === null) throw new Error('the gateway has no process to break');
  process.kill(pid, name);
}

function standing(stage: Stage, settings: unknown): void {
  const path = join(stage.stateDir, 'practice.json');
  writeFileSync(`${path}.new`, JSON.stringify(settings));
  renameSync(`${path}.new`, path);
}

const slowBootMs = 8_000;

export const faults: readonly Fault[] = [
  {
    name: 'crash',
    story: 'the gateway is killed (kill -9); launchd starts it again by itself',
    expect: { end: 'heal', actions: 0 },
    inject: async (stage) => signal(stage, 'SIGKILL'),
  },
  {
    name: 'hang',
    story: 'the gateway freezes: alive, connections open, no answer',
    expect: { end: 'heal', actions: 1 },
    inject: async (stage) => signal(stage, 'SIGSTOP'),
  },
  {
    name: 'accidental unload',
    story: 'somebody boots the job out of launchd; nobody wrote that it should stop',
    expect: { end: 'heal', actions: 1 },
    inject: async (stage) => {
      await stage.supervisor.bootout(stage.label)?.gone;
    },
  },
  {
    name: 'slow boot',
    story: `the gateway crashes, and its next start takes ${slowBootMs / 1000} s; it must be left alone`,
    expect: { end: 'heal', actions: 0 },
    practiceOnly: true,
    inject: async (stage) => {
      standing(stage, { bootMs: slowBootMs });
      signal(stage, 'SIGKILL');
    },
    settle: async (stage) => standing(stage, {}),
  },
  {
    name: 'planned stop',
    story: 'the operator runs "openclaw gateway stop"; it must be left down',
    expect: { end: 'leave', actions: 0 },
    inject: async (stage) => {
      audit(stage, 'source=cli action=stop mode=bootout interactive=0');
      await stage.supervisor.bootout(stage.label)?.gone;
    },
    settle: async (stage) => {
      audit(stage, 'source=cli action=start mode=bootstrap interactive=0');
      await stage.supervisor.bootstrap(stage.plist);
    },
  },
];
