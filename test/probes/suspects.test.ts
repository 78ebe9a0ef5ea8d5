import { expect, test } from 'vitest';
import { changesBetween, suspectsOf } from '../../src/probes/suspects.ts';

const texts = (files: Readonly<Record<string, unknown>>) =>
  new Map(Object.entries(files).map(([name, value]) => [name, Buffer.from(JSON.stringify(value))] as const));
const found = (older: unknown, newer: unknown, issues: readonly { path: string; message: string }[]) => {
  const live = texts({ 'openclaw.json': newer });
  const changes = changesBetween(texts({ 'openclaw.json': older }), live);
  const { certain, among } = suspectsOf({ changes, mounts: [], live }, issues);
  const keys = (blames: typeof certain) => blames.map(({ change }) => change.path.join('.'));
  return { certain: keys(certain), among: keys(among) };
};

test('an agent that 2026.9 names by its id is the one of the list', () => {
  const list = (more: object) => ({ agents: { list: [{ id: 'a' }, { id: 'b', ...more }] } });
  const message = 'Unrecognized key: "wrong"';
  expect(found(list({}), list({ wrong: 1, name: 'B' }), [{ path: 'agents.entries.b', message }])).toEqual({
    certain: ['agents.list.1.wrong'],
    among: [],
  });
});

test('where 2026.6 names no key, those that were added in the very place come first', () => {
  const older = { gateway: { port: 1 }, logging: {} };
  const newer = { gateway: { port: 2, one: 1, two: 2, deep: { x: 1 } }, logging: { level: 'x' }, extra: 1 };
  const message = 'Invalid input';
  expect(found(older, newer, [{ path: 'gateway', message }])).toEqual({
    certain: [],
    among: ['gateway.one', 'gateway.two', 'gateway.deep'],
  });
  expect(found(older, newer, [{ path: '<root>', message }]).certain).toEqual(['extra']);
  expect(found(older, { ...newer, gateway: { port: 2 } }, [{ path: 'gateway', message }]).certain).toEqual([
    'gateway.port',
  ]);
});

test('what stands beside an include that came or went is one change with it', () => {
  const older = { agents: { defaults: { a: 1 }, other: 2 }, logging: 1 };
  const newer = { agents: { $include: './a.json', third: 3 }, logging: 2 };
  const changes = changesBetween(texts({ 'openclaw.json': older }), texts({ 'openclaw.json': newer }));
  expect(changes.map(({ path, kind }) => `${path.join('.')} ${kind}`)).toEqual([
    'logging changed',
    'agents changed',
  ]);
});

test('a file that only one of them has, or that does not parse, is no list of changes', () => {
  const one = new Map([['openclaw.json', Buffer.from('{{{')]]);
  expect(changesBetween(one, texts({ 'openclaw.json': {}, 'includes/a.json': { a: 1 } }))).toEqual([]);
});
