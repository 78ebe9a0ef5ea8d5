import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Inbox, openInbox } from '../daemon/alert-ground.ts';
import type { AlertErrand } from './alert-child.ts';

/**
 * The alerts are killed (SIGKILL) at each of their calls that changes a file, the journal's among them; then another
 * life takes over. With IMMUNE_KILL_POINTS=all at every one, otherwise at every tenth.
 */
const every = process.env['IMMUNE_KILL_POINTS'] === 'all';
const step = every ? 1 : 10;
const maxPoints = 400;
const run = promisify(execFile);
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let inbox: Inbox;
let root: string;
beforeEach(async () => {
  inbox = await openInbox();
  root = mkdtempSync(join(tmpdir(), 'immune-alerts-'));
});
afterEach(async () => {
  rmSync(root, { recursive: true, force: true });
  await inbox.close();
});

async function live(stateDir: string, killAt: number): Promise<{ survived: boolean }> {
  const errand: AlertErrand = { stateDir, port: inbox.port };
  const argv = ['--import', file('./killer.mjs'), file('./alert-child.ts'), JSON.stringify(errand)];
  const env = { ...process.env, KILL_AT: String(killAt), KILL_NOTES: join(root, 'calls.txt') };
  const ended = await run(process.execPath, argv, { env }).catch(
    (error: unknown) => error as { signal?: string; stderr?: string },
  );
  const survived = !('signal' in ended) || ended.signal === undefined;
  if (survived) expect(ended).toMatchObject({ stdout: expect.stringContaining('"waiting":0') });
  else expect(ended).toMatchObject({ signal: 'SIGKILL' });
  return { survived };
}

describe('alerts that are killed at any call', () => {
  it('all arrive, and at most one of them twice', async () => {
    await live(mkdtempSync(join(root, 'whole-')), 0);
    const whole = inbox.taken.map(({ id }) => id);
    expect(whole).toEqual(['3-1', '4-1', '5-1']);
    let killed = 0;
    for (let killAt = 1; ; killAt += step) {
      expect(killAt).toBeLessThan(maxPoints);
      const stateDir = mkdtempSync(join(root, 'state-'));
      const before = inbox.taken.length;
      const { survived } = await live(stateDir, killAt);
      if (!survived) await live(stateDir, 0);
      const got = inbox.taken.slice(before).map(({ id }) => id);
      expect(new Set(got), `killed at ${killAt}`).toEqual(new Set(whole));
      expect(got.length, `killed at ${killAt}: ${got.join(' ')}`).toBeLessThanOrEqual(whole.length + 1);
      // In order, but for the one that came again.
      const firsts = got.filter((id, index) => got.indexOf(id) === index);
      expect(firsts).toEqual(whole);
      if (survived) break;
      killed += 1;
    }
    // A killer that never kills would prove nothing.
    expect(killed).toBeGreaterThan(2);
    expect(readFileSync(join(root, 'calls.txt'), 'utf8')).toContain('alerts.json');
  }, 600_000);
});
