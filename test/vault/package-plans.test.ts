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
import {
  type PackagePlanDraft,
  packagePlanOf,
  packagePlansIn,
  readPackagePlan,
  sweepPackagePlans,
  writePackagePlan,
} from '../../src/vault/package-plans.ts';
import { workspace } from '../system/workspace.ts';

const unit = (path: string) => ({ tree: 'openclaw', path, part: 'whole', digest: 'a'.repeat(64) }) as const;
const root = '/opt/lib/node_modules/openclaw';
const draft = (over: Partial<PackagePlanDraft> = {}): PackagePlanDraft => ({
  kind: 'packages',
  openclaw: '2026.9.6',
  root,
  archive: '2026.9.6-20261122T184000Z',
  units: [unit('node_modules/ws')],
  aside: null,
  link: null,
  bytes: 100,
  because: 'node_modules/ws is put back',
  ...over,
});
const whole = draft({
  kind: 'aside',
  units: [],
  aside: '/opt/lib/node_modules/.openclaw-abcdefgh',
  archive: null,
});

describe('a plan of a repair on disk', () => {
  it.each([
    ['packages', draft()],
    ['a share of the files of a folder', draft({ units: [{ ...unit('dist'), part: 3 }] })],
    ['a plugin', draft({ units: [{ ...unit('node_modules/x'), tree: 'plugin:feishu' }] })],
    ['the tree', draft({ kind: 'tree', units: [], link: { path: '/opt/bin/openclaw', target: '../lib/x' } })],
    ["npm's copy of before", whole],
    ['the network', draft({ kind: 'network' })],
    ['the network without a manifest', draft({ kind: 'network', archive: null, units: [] })],
  ])('comes back as it was: %s', async (_what, given) => {
    const plans = packagePlansIn(join(workspace(), 'state'));
    const written = await writePackagePlan(plans, given);
    if (written.kind === 'failed') throw new Error(written.because);
    expect(written.plan).toEqual(packagePlanOf(given));
    expect(await readPackagePlan(plans, written.plan.id)).toEqual({ kind: 'read', plan: written.plan });
    const folder = join(plans, written.plan.id);
    const modes = [plans, folder, join(folder, 'plan.json')].map((path) => statSync(path).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
    // No temporary file is left over.
    expect(readdirSync(folder)).toEqual(['plan.json']);
  });

  it('is named by what it does, and not by what is told of it', () => {
    const { id } = packagePlanOf(draft());
    expect(id).toMatch(/^packages-[0-9a-f]{12}$/);
    expect(packagePlanOf(draft({ because: 'else', bytes: 1, link: { path: '/a', target: 'b' } })).id).toBe(
      id,
    );
    const others = [
      draft({ openclaw: '2026.9.7' }),
      draft({ root: '/opt/openclaw' }),
      draft({ archive: 'other' }),
      draft({ units: [unit('node_modules/zod')] }),
      draft({ units: [{ ...unit('node_modules/ws'), digest: 'b'.repeat(64) }] }),
      draft({ units: [{ ...unit('node_modules/ws'), part: 0 }] }),
      draft({ units: [{ ...unit('node_modules/ws'), tree: 'plugin:x' }] }),
      draft({ kind: 'network' }),
      whole,
    ].map((other) => packagePlanOf(other).id);
    expect(new Set([id, ...others]).size).toBe(others.length + 1);
  });

  it.each<readonly [string, Partial<PackagePlanDraft>]>([
    ['a relative root', { root: 'openclaw' }],
    ['the root of all', { root: '/' }],
    ['a root with a way up', { root: '/opt/../openclaw' }],
    ['no version', { openclaw: '' }],
    ['a version that is a path', { openclaw: '../x' }],
    ['no archive to restore from', { archive: null }],
    ['no archive for the tree', { kind: 'tree', units: [], archive: null }],
    ['an archive that is a path', { archive: '../x' }],
    ['nothing to restore', { units: [] }],
    ['the same unit twice', { units: [unit('node_modules/ws'), unit('node_modules/ws')] }],
    ['a unit outside', { units: [unit('../x')] }],
    ['a unit with a way up', { units: [unit('node_modules/../../x')] }],
    ['an absolute unit', { units: [unit('/etc')] }],
    ['a unit of a strange tree', { units: [{ ...unit('x'), tree: 'plugin:../../x' }] }],
    ['no digest', { units: [{ ...unit('x'), digest: 'short' }] }],
    ['a copy of before for single units', { aside: '/opt/lib/node_modules/.openclaw-abcdefgh' }],
    ['no copy of before', { kind: 'aside', units: [], archive: null }],
    ['a copy of before elsewhere', { ...whole, aside: '/tmp/.openclaw-abcdefgh' }],
    ['itself as the copy of before', { ...whole, aside: root }],
    ['units beside the copy of before', { ...whole, archive: 'x', units: [unit('x')] }],
    ['a relative link', { link: { path: 'bin/openclaw', target: 'x' } }],
    ['a size that is none', { bytes: -1 }],
    ['units without an archive', { kind: 'network', archive: null }],
  ])('is neither written nor read with %s', async (_what, over) => {
    const plans = workspace();
    const given = draft(over);
    expect((await writePackagePlan(plans, given)).kind).toBe('failed');
    expect(readdirSync(plans)).toEqual([]);
    const plan = packagePlanOf(given);
    mkdirSync(join(plans, plan.id));
    writeFileSync(join(plans, plan.id, 'plan.json'), JSON.stringify(plan));
    expect((await readPackagePlan(plans, plan.id)).kind).toBe('failed');
  });

  it.each([
    ['names another version', '2026.9.6"', '2026.9.7"'],
    ['names another place', '/opt/lib', '/usr/lib'],
    ['names another unit', 'node_modules/ws"', 'node_modules/zz"'],
    ['names another archive', '20261122', '20261121'],
    ['is cut off', '"because"', ''],
    ['is of another version of this record', '"version": 1', '"version": 2'],
  ])('is none any more when it %s', async (_what, from, to) => {
    const plans = workspace();
    const written = await writePackagePlan(plans, draft());
    if (written.kind === 'failed') throw new Error(written.because);
    const file = join(plans, written.plan.id, 'plan.json');
    const text = readFileSync(file, 'utf8');
    expect(text).toContain(from);
    writeFileSync(file, to === '' ? text.slice(0, text.indexOf(from)) : text.replace(from, to));
    expect((await readPackagePlan(plans, written.plan.id)).kind).toBe('failed');
    // Written again it is whole again.
    expect((await writePackagePlan(plans, draft())).kind).toBe('written');
    expect((await readPackagePlan(plans, written.plan.id)).kind).toBe('read');
  });

  it.each(['../out', '..', '.hidden', 'a/b', '', 'a\0b'])('is not read under the name %j', async (id) => {
    expect((await readPackagePlan(workspace(), id)).kind).toBe('failed');
  });

  it('is missing where there is none, and failed where no folder can be made', async () => {
    const plans = workspace();
    expect((await readPackagePlan(plans, 'packages-0')).kind).toBe('missing');
    symlinkSync('/dev/null', join(plans, 'file'));
    expect((await writePackagePlan(join(plans, 'file'), draft())).kind).toBe('failed');
  });

  it('goes when eight newer ones are there, unless it is kept', async () => {
    const plans = workspace();
    const ids: string[] = [];
    for (let at = 0; at < 11; at += 1) {
      const written = await writePackagePlan(plans, draft({ openclaw: `2026.9.${at}` }));
      if (written.kind === 'failed') throw new Error(written.because);
      utimesSync(join(plans, written.plan.id, 'plan.json'), at, at);
      ids.push(written.plan.id);
    }
    // Worked out once more, it is the newest again.
    await writePackagePlan(plans, draft({ openclaw: '2026.9.1' }));
    await sweepPackagePlans(plans, [ids[0] ?? '']);
    const kept = [0, 1, 4, 5, 6, 7, 8, 9, 10].map((at) => ids[at] ?? '');
    expect(readdirSync(plans).sort()).toEqual(kept.sort());
    await sweepPackagePlans(join(plans, 'nowhere'));
  });
});
