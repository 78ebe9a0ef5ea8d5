import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Request, sendRequest, takeRequests } from '../../src/daemon/commands.ts';
import { systemClock } from '../../src/system/clock.ts';

let dir: string;
const clock = systemClock();
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'immune-commands-'));
  mkdirSync(join(dir, 'commands'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const never = async (): Promise<never> => {
  throw new Error('nothing should be carried out');
};

describe('commands to the daemon', () => {
  it('reach it as private files and come back with an answer, leaving nothing behind', async () => {
    const sent = sendRequest(dir, { kind: 'pause', forMs: 60_000, by: 'test' }, { clock, timeoutMs: 10_000 });
    const taken: Request[] = [];
    while (taken.length === 0) {
      for (const name of readdirSync(join(dir, 'commands'))) {
        if (name.endsWith('.json')) expect(statSync(join(dir, 'commands', name)).mode & 0o077).toBe(0);
      }
      await takeRequests(dir, async (request) => {
        taken.push(request);
        return { ok: true, text: 'paused' };
      });
    }
    expect(taken).toEqual([{ kind: 'pause', forMs: 60_000, by: 'test' }]);
    expect(await sent).toEqual({ ok: true, text: 'paused' });
    expect(readdirSync(join(dir, 'commands'))).toEqual([]);
  });

  it('are taken back when nobody answers', async () => {
    expect(await sendRequest(dir, { kind: 'resume', by: 'test' }, { clock, timeoutMs: 150 })).toBeNull();
    await takeRequests(dir, never);
    expect(readdirSync(join(dir, 'commands'))).toEqual([]);
  });

  it.each([
    ['garbage', 'not json'],
    ['an unknown kind', '{"kind":"explode"}'],
    ['a pause of no length', '{"kind":"pause","forMs":-1}'],
    ['a pause of a wrong type', '{"kind":"pause","forMs":"1h"}'],
    ['no object', '[]'],
    ['a change without its plan', '{"kind":"apply","by":"test"}'],
    ['a plan outside of its folder', '{"kind":"apply","staged":"../../etc/passwd"}'],
    ['a repair with a plan outside of its folder', '{"kind":"fix-config","staged":"../x"}'],
    ['a confirmation in no time', '{"kind":"apply","staged":"apply-1","confirmWithinMs":0}'],
    ['the end of a group of processes', '{"kind":"fix-port","pid":-5,"startedAt":1000}'],
    ['the end of half a process', '{"kind":"fix-port","pid":5.5,"startedAt":1000}'],
    ['the end of a process that nobody was shown', '{"kind":"fix-port","pid":5}'],
    ['an undo of something with a path', '{"kind":"undo","id":"../T1"}'],
  ])('answers %s with a refusal and goes on', async (_name, text) => {
    writeFileSync(join(dir, 'commands', 'cafe.json'), text);
    await takeRequests(dir, never);
    expect(readdirSync(join(dir, 'commands'))).toEqual(['cafe.answer']);
  });

  it.each<readonly [string, string, Request]>([
    ['a restart', '{"kind":"restart","by":"ops"}', { kind: 'restart', force: false, by: 'ops' }],
    [
      'a restart unless it serves',
      '{"kind":"restart","by":"ops","unlessServing":true}',
      { kind: 'restart', force: false, by: 'ops', unlessServing: true },
    ],
    [
      'a restart with a word for "true"',
      '{"kind":"restart","force":"yes"}',
      { kind: 'restart', force: false, by: 'unknown' },
    ],
    [
      'a restart by force',
      '{"kind":"restart","force":true,"by":"ops"}',
      { kind: 'restart', force: true, by: 'ops' },
    ],
    [
      'the end of a listener',
      '{"kind":"fix-port","pid":77,"startedAt":1800000000000,"foreign":true,"by":"ops"}',
      { kind: 'fix-port', pid: 77, startedAt: 1_800_000_000_000, foreign: true, force: false, by: 'ops' },
    ],
  ])('takes %s as it is, and means no more than it says', async (_name, text, expected) => {
    writeFileSync(join(dir, 'commands', 'cafe.json'), text);
    const taken: Request[] = [];
    await takeRequests(dir, async (request) => {
      taken.push(request);
      return { ok: true, text: 'done' };
    });
    expect(taken).toEqual([expected]);
  });

  it('ignores files that are not requests', async () => {
    writeFileSync(join(dir, 'commands', '.x.tmp'), 'half');
    writeFileSync(join(dir, 'commands', '..evil.json'), '{"kind":"resume"}');
    await takeRequests(dir, never);
    expect(readdirSync(join(dir, 'commands')).sort()).toEqual(['..evil.json', '.x.tmp']);
  });

  it('leaves a folder of such a name alone instead of answering it for ever', async () => {
    mkdirSync(join(dir, 'commands', 'folder.json'));
    await takeRequests(dir, never);
    expect(readdirSync(join(dir, 'commands'))).toEqual(['folder.json']);
  });

  it.each([
    { kind: 'apply', staged: 'apply-1', confirmWithinMs: 120_000, restart: true, by: 'test' },
    { kind: 'apply', staged: 'apply-1', confirmWithinMs: null, restart: false, by: 'test' },
    { kind: 'fix-config', staged: 'keys-1', by: 'test' },
    { kind: 'confirm', by: 'test' },
    { kind: 'undo', id: 'A7.undo', by: 'test' },
    { kind: 'alerts', what: 'retry', id: 't-I1-down', by: 'test' },
  ])('carry $kind as it was asked', async (asked) => {
    writeFileSync(join(dir, 'commands', 'a.json'), JSON.stringify({ ...asked, more: 'ignored' }));
    const taken: Request[] = [];
    await takeRequests(dir, async (request) => {
      taken.push(request);
      return { ok: true, text: 'done', trial: 'T1' };
    });
    expect(taken).toEqual([asked]);
  });

  it.each(['check', 'apply', 'fix-config', 'undo'])(
    'lets no pause wait behind what takes long: %s',
    async (kind) => {
      writeFileSync(join(dir, 'commands', 'a.json'), JSON.stringify({ kind, staged: 'apply-1', id: 'T1' }));
      writeFileSync(join(dir, 'commands', 'b.json'), '{"kind":"resume"}');
      await takeRequests(dir, async (request) => {
        if (request.kind === kind) await new Promise<never>(() => undefined);
        return { ok: true, text: 'resumed' };
      });
      expect(readdirSync(join(dir, 'commands'))).toEqual(['b.answer']);
    },
  );

  it('answers even a bug', async () => {
    writeFileSync(join(dir, 'commands', 'a.json'), '{"kind":"resume"}');
    await takeRequests(dir, never);
    expect(readdirSync(join(dir, 'commands'))).toEqual(['a.answer']);
  });
});
