import { describe, expect, test } from 'vitest';
import { diagnose } from '../../src/core/diagnosis.ts';
import { diagnoseAbsent } from '../../src/core/diagnosis-absent.ts';
import { crashLoop } from '../../src/core/diagnosis-crash.ts';
import { diagnosePort } from '../../src/core/diagnosis-port.ts';
import { diagnoseRunning } from '../../src/core/diagnosis-running.ts';
import type { Look } from '../../src/core/look.ts';
import { isOfThisPackage } from '../../src/core/package-seen.ts';
import { initialState } from '../../src/core/state.ts';
import * as ground from './ground.ts';
import { acting, moment, tell } from './story.ts';
import * as world from './world.ts';

const now = moment('10:00');
const look = (seen: world.Sight): Look => ({ evidence: seen(now), state: initialState, now, rules: acting });
const foreign = { kind: 'foreign', pid: 7, command: 'python3', uid: 501 } as const;

describe('rows of the cause table claim only what is theirs', () => {
  test.each([
    ['nothing was asked of it', world.missed, [false, false, false]],
    ['it has a process', world.booting(), [true, false, true]],
    ['its process is gone', world.gone(), [false, false, true]],
    ['it is about to be started', world.relaunching, [true, true, false]],
    ['it is on its way down', world.stopping, [false, true, false]],
    ['its start is held back', world.pended, [true, true, false]],
    ['it has ended', world.jobStopped, [true, true, false]],
    ['it is not loaded', world.unloaded, [false, true, false]],
    ['nobody is logged in', world.noDomain, [false, false, false]],
    ['launchctl says nothing', world.blind, [false, false, false]],
  ] as const)('a job: %s, and a stranger holds the port', (_name, seen, claimed) => {
    const each = look(world.but(seen, { listener: foreign }));
    expect([diagnosePort, diagnoseAbsent, diagnoseRunning].map((row) => row(each) !== null)).toEqual(claimed);
  });
});

test('a faulty config that no look has remembered yet is as fresh as can be: nothing is due', () => {
  const { lead } = diagnose(
    look(ground.on(world.relaunching, ground.sound, ground.rejected, ground.snapshot())),
  );
  expect(lead).toMatchObject({
    stance: 'failing',
    cause: 'config-invalid',
    dueAfterMs: Number.MAX_SAFE_INTEGER,
  });
});

test('a process that no look has remembered yet has no age but that of its listener', () => {
  expect(diagnose(look(world.deaf())).lead).toMatchObject({ cause: 'booting' });
  expect(diagnose(look(world.frozen('idle'))).lead).toMatchObject({ cause: 'hung' });
});

test.each([
  ['an exit code', { kind: 'code', code: 1 }, ' (last ended with exit code 1)'],
  ['a signal', { kind: 'signal', signal: 6, name: 'SIGABRT' }, ' (last was ended by SIGABRT)'],
  ['no end', { kind: 'never' }, ' (last never ended)'],
  ['words', { kind: 'other', text: 'jetsam' }, ' (last ended: jetsam)'],
  ['nothing', null, ''],
] as const)('a crash loop with %s', (_name, lastExit, words) => {
  const seen = world.but(world.relaunching, { service: { kind: 'scheduled', runs: 1, lastExit } });
  expect(crashLoop(look(seen)).because).toContain(`without becoming ready${words}; another restart`);
});

test('a crash loop of a job that tells no exit', () => {
  expect(crashLoop(look(world.pended)).because).toContain('without becoming ready; another restart');
});

test('OpenClaw’s boot record is exact, so its words come before those of the log', () => {
  const boot = { kind: 'row', pid: 1, startedAt: now, outcome: 'startup_failed' } as const;
  const log = ground.says('other-failure', 'Error: x');
  const because = (reason: string | null): string =>
    crashLoop(look(ground.on(world.relaunching, log, { boot: { ...boot, reason } }))).because;
  expect(because('no ws')).toMatch(/; OpenClaw says: no ws$/);
  expect(because(null)).toMatch(/; its log says: Error: x$/);
});

test.each([
  ['running', world.booting(), false],
  ['scheduled', world.relaunching, false],
  ['stopping', world.stopping, false],
  ['pended', world.pended, false],
  ['stopped', world.jobStopped, false],
  ['not loaded', world.unloaded, true],
  ['stopped by its operator', world.stoppedByOperator(moment('00:09')), true],
  ['not asked about', world.missed, true],
  ['without a domain', world.noDomain, true],
  ['unknown', world.blind, true],
] as const)('a job that is %s: whether it is still left down', (_name, seen, left) => {
  const story = tell(acting, { ...initialState, leftDown: true });
  story.at('00:10', seen);
  expect(story.state.leftDown).toBe(left);
});

test.each([
  ['without a moment', null, false],
  ['of before the package changed', moment('04:59'), false],
  ['of the moment it changed', moment('05:00'), true],
  ['of after it', moment('05:01'), true],
] as const)('a line of the log %s: whether it is about this package', (_name, at, counts) => {
  const packageSeen = { key: 'intact 2026.9.6', since: moment('05:00') };
  const seen = { ...look(world.relaunching), state: { ...initialState, packageSeen } };
  expect(isOfThisPackage({ sign: 'module-missing', at, text: '' }, seen)).toBe(counts);
  expect(isOfThisPackage({ sign: 'module-missing', at, text: '' }, look(world.relaunching))).toBe(true);
});

test.each([
  ['the gateway was never ready', null, false],
  ['it was ready last before the package changed', moment('04:59'), false],
  ['it has been ready since', moment('05:00'), true],
] as const)(
  'a line without a moment is about this package where it is younger than that: %s',
  (_name, readyAt, counts) => {
    const packageSeen = { key: 'intact 2026.9.6', since: moment('05:00') };
    const lastReady = {
      pid: 1,
      startedAt: null,
      bootId: null,
      firstSeenAt: moment('04:00'),
      listenedAt: null,
      readyAt,
    };
    const seen = { ...look(world.relaunching), state: { ...initialState, packageSeen, lastReady } };
    expect(isOfThisPackage({ sign: 'schema-newer', at: null, text: '' }, seen)).toBe(counts);
  },
);
