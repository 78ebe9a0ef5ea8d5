import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type PlanDraft, readPlan, sweepPlans, writePlan } from '../../src/vault/plans.ts';
import { workspace } from '../system/workspace.ts';

const draft = (over: Partial<PlanDraft> = {}): PlanDraft => ({
  id: 'keys-0123456789ab',
  kind: 'keys',
  snapshot: 'a'.repeat(40),
  replaces: 'b'.repeat(64),
  configPath: '/home/u/.openclaw/openclaw.json',
  files: [
    { path: '/home/u/.openclaw/openclaw.json', mode: null, bytes: Buffer.from('{"a":1}\n') },
    { path: '/home/u/.openclaw/inc/b.json5', mode: 0o640, bytes: Buffer.from([0, 255, 10]) },
  ],
  changes: ['gateway.port'],
  because: 'gateway.port is restored',
  ...over,
});

describe('a plan on disk', () => {
  it('comes back byte for byte, and nobody else can read it', async () => {
    const plans = join(workspace(), 'state', 'plans');
    const written = await writePlan(plans, draft());
    const read = await readPlan(plans, 'keys-0123456789ab');
    expect(written.kind).toBe('written');
    if (read.kind !== 'read' || written.kind !== 'written') throw new Error(JSON.stringify([read, written]));
    expect(read.plan).toEqual(written.plan);
    expect([...read.contents.values()].map((bytes) => [...bytes])).toEqual([
      [...Buffer.from('{"a":1}\n')],
      [0, 255, 10],
    ]);
    const folder = join(plans, 'keys-0123456789ab');
    expect([plans, folder].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
    const modes = readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600, 0o600]);
  });

  it.each(['../out', '..', '.hidden', 'a/b', '', 'a\0b', 'x'.repeat(101)])(
    'is neither written nor read under the name %j',
    async (id) => {
      const root = workspace();
      const plans = join(root, 'plans');
      expect((await writePlan(plans, draft({ id }))).kind).toBe('failed');
      expect((await readPlan(plans, id)).kind).toBe('failed');
      expect(readdirSync(root)).toEqual([]);
    },
  );

  it.each([
    ['no file', { files: [] }],
    ['a relative path', { files: [{ path: 'openclaw.json', mode: null, bytes: Buffer.alloc(1) }] }],
    ['the same file twice', { files: [draft().files[0], draft().files[0]] as PlanDraft['files'] }],
    ['a file no config is', { files: [{ path: '/a', mode: null, bytes: Buffer.alloc(8_388_609) }] }],
    ['a relative config', { configPath: 'x' }],
  ])('is not stored with %s', async (_what, over) => {
    expect((await writePlan(join(workspace(), 'plans'), draft(over))).kind).toBe('failed');
  });

  it('is refused when one byte of a stored file was altered', async () => {
    const plans = workspace();
    await writePlan(plans, draft());
    writeFileSync(join(plans, 'keys-0123456789ab', 'file-1'), Buffer.from([0, 254, 10]));
    expect(await readPlan(plans, 'keys-0123456789ab')).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('altered'),
    });
  });

  it.each([
    ['names a file outside', (text: string) => text.replace('"file-1"', '"../../secret"')],
    ['names its own record as a file', (text: string) => text.replace('"file-1"', '"plan.json"')],
    ['has a relative target', (text: string) => text.replace('"/home/u/.openclaw/inc', '"inc')],
    ['is cut off', (text: string) => text.slice(0, 100)],
    ['is another one', (text: string) => text.replace('keys-0123456789ab', 'keys-other')],
    ['has an unknown kind', (text: string) => text.replace('"keys"', '"what"')],
    ['is of a later version', (text: string) => text.replace('"version": 1', '"version": 2')],
  ])('is refused when its record %s', async (_what, spoil) => {
    const plans = workspace();
    await writePlan(plans, draft());
    const path = join(plans, 'keys-0123456789ab', 'plan.json');
    const text = readFileSync(path, 'utf8');
    expect(spoil(text)).not.toBe(text);
    writeFileSync(path, spoil(text));
    expect((await readPlan(plans, 'keys-0123456789ab')).kind).toBe('failed');
  });

  it('tells a plan that is not there from one that is broken', async () => {
    const plans = workspace();
    expect((await readPlan(plans, 'keys-none')).kind).toBe('missing');
    mkdirSync(join(plans, 'keys-half'));
    expect((await readPlan(plans, 'keys-half')).kind).toBe('missing');
  });

  it('gives way to another plan of the same name, and costs nothing when it is the same', async () => {
    const plans = workspace();
    await writePlan(plans, draft());
    const file = join(plans, 'keys-0123456789ab', 'file-0');
    const before = statSync(file, { bigint: true });
    await writePlan(plans, draft());
    expect(statSync(file, { bigint: true }).ino).toBe(before.ino);
    const other = draft({ files: [{ path: '/home/u/x.json', mode: 0o600, bytes: Buffer.from('{}') }] });
    await writePlan(plans, other);
    const read = await readPlan(plans, 'keys-0123456789ab');
    expect(read.kind === 'read' && [...read.contents]).toEqual([['/home/u/x.json', Buffer.from('{}')]]);
  });

  it('stays among the eight newest, or as long as somebody needs it', async () => {
    const plans = workspace();
    for (let at = 0; at < 11; at += 1) {
      await writePlan(plans, draft({ id: `keys-${at}` }));
      utimesSync(join(plans, `keys-${at}`, 'plan.json'), 1_000 + at, 1_000 + at);
    }
    symlinkSync('/nowhere', join(plans, '.link'));
    await sweepPlans(plans, ['keys-1']);
    const left = readdirSync(plans).filter((name) => name.startsWith('keys-'));
    expect(left.sort()).toEqual(
      ['keys-1', 'keys-3', 'keys-4', 'keys-5', 'keys-6', 'keys-7', 'keys-8', 'keys-9', 'keys-10'].sort(),
    );
  });

  it('says so when its folder cannot be made', async () => {
    const root = workspace();
    writeFileSync(join(root, 'plans'), 'a file');
    expect((await writePlan(join(root, 'plans'), draft())).kind).toBe('failed');
    await sweepPlans(join(root, 'plans'));
  });
});
