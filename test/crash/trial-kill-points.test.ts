import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Trial } from '../../src/core/trial.ts';
import { parseJournal } from '../../src/daemon/journal.ts';
import { checkConfigFile } from '../../src/gateway/config-check.ts';
import { undoSwap } from '../../src/repairs/config-swap.ts';
import { systemClock } from '../../src/system/clock.ts';
import { writePlan } from '../../src/vault/plans.ts';

/**
 * A change of the config is applied, confirmed or taken back, and the watchdog is killed (SIGKILL) at its Nth call that
 * changes a file, a write torn in its middle; then another one takes over. With IMMUNE_KILL_POINTS=all every N is
 * tried; otherwise some of them, spread over the whole.
 */
const every = process.env['IMMUNE_KILL_POINTS'] === 'all';
const sampled = 4;
const limitMs = every ? 900_000 : 90_000;
const killer = fileURLToPath(new URL('./killer.mjs', import.meta.url));
const child = fileURLToPath(new URL('./trial-child.ts', import.meta.url));

const oldText = '{ "gateway": { "mode": "local", "port": 18789 } } // with a comment';
const goodText = '{ "gateway": { "mode": "local", "port": 18790 } }';
const badText = '{ "gateway": { "mode": "local", "port": 18790 }, "logging": { "level": "cannot-boot" } }';

interface Story {
  readonly act: 'apply' | 'confirm';
  readonly text: string;
}

interface Place {
  readonly home: string;
  readonly config: string;
}

async function setUp({ text }: Story): Promise<Place> {
  const home = mkdtempSync(join(realpathSync(tmpdir()), 'immune-trial-kill-'));
  const config = join(home, 'openclaw', 'openclaw.json');
  for (const folder of ['openclaw', 'state']) mkdirSync(join(home, folder), { mode: 0o700 });
  writeFileSync(config, oldText, { mode: 0o640 });
  const { verdict } = checkConfigFile(config, {}, null);
  const written = await writePlan(join(home, 'state', 'plans'), {
    id: 'apply-1',
    kind: 'apply',
    snapshot: null,
    replaces: verdict.kind === 'unknown' ? null : verdict.hash,
    configPath: config,
    files: [{ path: config, mode: null, bytes: Buffer.from(text) }],
    changes: ['gateway.port was changed'],
    because: 'the operator applied it',
  });
  if (written.kind === 'failed') throw new Error(written.because);
  return { home, config };
}

/** One life of the watchdog; with 0 it is not killed. */
async function live(
  place: Place,
  act: string,
  killAt: number,
): Promise<{ killed: boolean; calls: string[] }> {
  const notes = join(place.home, 'calls.txt');
  rmSync(notes, { force: true });
  const watchdog = spawn(process.execPath, ['--import', killer, child, place.home, act], {
    env: { ...process.env, KILL_AT: String(killAt), KILL_NOTES: notes },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  watchdog.stderr.setEncoding('utf8').on('data', (piece: string) => {
    words += piece;
  });
  const [code, signal] = await once(watchdog, 'close');
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the watchdog ended with ${code}: ${words}`);
  return { killed: signal === 'SIGKILL', calls: readFileSync(notes, 'utf8').split('\n').slice(0, -1) };
}

const trialIn = ({ home }: Place): Trial | null => {
  const path = join(home, 'state', 'trial.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Trial) : null;
};

/** What is wrong after the second watchdog has seen to it, in sentences. */
async function problemsOf(place: Place, { text }: Story): Promise<readonly string[]> {
  const problems: string[] = [];
  const demand = (holds: boolean, what: string): void => void (holds || problems.push(what));
  const now = readFileSync(place.config, 'utf8');
  const trial = trialIn(place);
  demand(now === oldText || now === text, `the config is neither old nor new: ${now.slice(0, 80)}`);
  demand(trial === null || trial.end !== null, 'the trial is still open');
  demand(
    (now === text) === (trial?.end?.kind === 'holds'),
    `the trial ended with ${trial?.end?.kind}, and the config is ${now === text ? 'new' : 'old'}`,
  );
  demand(now === oldText || text === goodText, 'a config the gateway refuses stands');
  demand((statSync(place.config).mode & 0o777) === 0o640, 'the mode is not what it was');
  const left = readdirSync(join(place.home, 'openclaw'));
  demand(left.length === 1, `left beside the config: ${left}`);
  const journal = parseJournal(readFileSync(join(place.home, 'state', 'journal.jsonl')), 0);
  demand(journal.kind === 'whole' && journal.tornBytes === 0, 'the journal is not whole');
  if (now === text && text !== oldText) {
    const undone = await undoSwap('T1', {
      configPath: place.config,
      home: place.home,
      uid: process.getuid?.() ?? 0,
      plans: join(place.home, 'state', 'plans'),
      quarantine: join(place.home, 'quarantine'),
      processes: async () => [],
      now: systemClock().now,
    });
    demand(undone.kind === 'done', `it cannot be undone: ${JSON.stringify(undone)}`);
    demand(readFileSync(place.config, 'utf8') === oldText, 'what was replaced is lost');
  }
  return problems;
}

async function tell(story: Story, killAt: number) {
  const place = await setUp(story);
  try {
    const first = await live(place, story.act, killAt);
    if (first.killed) await live(place, 'guard', 0);
    return { ...first, problems: await problemsOf(place, story), end: trialIn(place)?.end?.kind ?? null };
  } finally {
    rmSync(place.home, { recursive: true, force: true, maxRetries: 3 });
  }
}

function points(last: number): readonly number[] {
  const all = Array.from({ length: last }, (_each, at) => at + 1);
  return every
    ? all
    : all.filter((n) => Math.floor((n * sampled) / last) > Math.floor(((n - 1) * sampled) / last));
}

describe.concurrent('a watchdog that is killed at any call of a change', () => {
  it.each<readonly [string, Story, string]>([
    ['that holds', { act: 'apply', text: goodText }, 'holds'],
    ['that is taken back', { act: 'apply', text: badText }, 'reverted'],
    ['that is confirmed', { act: 'confirm', text: goodText }, 'holds'],
  ])(
    '%s leaves the old config or the new one, and never an unproven one',
    async (_name, story, end) => {
      const whole = await tell(story, 0);
      expect(whole).toMatchObject({ killed: false, problems: [], end });
      let killed = 0;
      for (const killAt of points(whole.calls.length)) {
        const told = await tell(story, killAt);
        if (told.killed) killed += 1;
        expect({ killAt, call: told.calls.at(-1), problems: told.problems }).toMatchObject({ problems: [] });
      }
      // A killer that never kills would prove nothing.
      expect(killed).toBeGreaterThanOrEqual(points(whole.calls.length).length / 2);
    },
    limitMs,
  );
});
