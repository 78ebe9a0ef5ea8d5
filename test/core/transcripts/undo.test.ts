import { expect, test } from 'vitest';
import { permit, refusedUntil } from '../../../src/core/ladder.ts';
import { defaultPolicy } from '../../../src/core/policy.ts';
import { initialState, type Open } from '../../../src/core/state.ts';
import type { Instant } from '../../../src/core/time.ts';
import { isConfigBlamed } from '../../../src/core/undo.ts';
import * as ground from '../ground.ts';
import { moment } from '../story.ts';
import { transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';
import { down, refused, rolledBack, startsFail } from './rolled-back.ts';

const { on } = ground;

test('a rollback that did not help is taken back, the user’s file is in place again, then a person is told', () => {
  const t = rolledBack();
  startsFail(t, on(down, ground.restored));
  t.ends('00:59', 'done', 'the file of before the rollback is in place again');
  t.keepsSeeing(['01:00', '20:00', 10], 'no process; the refused config of before', refused);
  expect(t.deeds).toEqual(['rollback', 'start', 'undo']);
  expect(t.state.incident?.attempts.map(({ kind, outcome }) => [kind, outcome])).toEqual([
    ['rollback', 'undone'],
    ['start', 'done'],
    ['undo', 'done'],
  ]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 00:22  no process; a refused config
        00:12  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean
        00:22  repairing: config-invalid
        00:22  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    00:23  A1 done
        00:23  starting: config-invalid | snapshot 41c7 is in place; waiting for the gateway to serve
        00:23  [told] snapshot 41c7 is in place
    00:24  the config is sound
        00:24  repairing: relaunch-late
        00:24  [action] start the gateway (A2): what kept it from starting is repaired: this is the one start that
                 belongs to the repair
    00:25  A2 done
        00:25  starting: relaunch-late | kickstarted; waiting for the gateway to serve
    00:26  a new process
        00:26  starting: booting | the gateway has just started; left alone for up to 10 min
    00:28  it ended
        00:28  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:36  a new process
        00:36  starting: booting | the gateway has just started; left alone for up to 10 min
    00:38  it ended
        00:38  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:46  a new process
        00:46  starting: booting | the gateway has just started; left alone for up to 10 min
    00:48  it ended
        00:48  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:56  a new process
        00:56  repairing: crash-loop
        00:56  [action] take back the rollback A1, which did not help (A3): the gateway was started 4 times without
                 becoming ready; another restart would not help; its log says why
    00:58  it ended
    00:59  A3 done
        00:59  starting: crash-loop | the file of before the rollback is in place again; waiting for the gateway to
                 serve
        00:59  [told] the file of before the rollback is in place again
    01:00 to 20:00  no process; the refused config of before
        01:00  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean
        01:10  exhausted: config-invalid
        01:10  [exhausted] needs you: the gateway's config is invalid: channels.telegram.enabled must be boolean;
                 the rollback with snapshot 41c7 has been tried already and did not help
  `);
});

test('an undo that fails twice is left to the operator', () => {
  const t = rolledBack();
  startsFail(t, on(down, ground.restored));
  t.ends('00:59', 'failed', 'the disk gave an error');
  t.sees('01:00', 'no process', on(down, ground.restored));
  t.ends('01:02', 'failed', 'the disk gave an error');
  t.keepsSeeing(['01:04', '20:00', 10], 'no process', on(down, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'start', 'undo', 'undo']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 00:22  no process; a refused config
        00:12  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean
        00:22  repairing: config-invalid
        00:22  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    00:23  A1 done
        00:23  starting: config-invalid | snapshot 41c7 is in place; waiting for the gateway to serve
        00:23  [told] snapshot 41c7 is in place
    00:24  the config is sound
        00:24  repairing: relaunch-late
        00:24  [action] start the gateway (A2): what kept it from starting is repaired: this is the one start that
                 belongs to the repair
    00:25  A2 done
        00:25  starting: relaunch-late | kickstarted; waiting for the gateway to serve
    00:26  a new process
        00:26  starting: booting | the gateway has just started; left alone for up to 10 min
    00:28  it ended
        00:28  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:36  a new process
        00:36  starting: booting | the gateway has just started; left alone for up to 10 min
    00:38  it ended
        00:38  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:46  a new process
        00:46  starting: booting | the gateway has just started; left alone for up to 10 min
    00:48  it ended
        00:48  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:56  a new process
        00:56  repairing: crash-loop
        00:56  [action] take back the rollback A1, which did not help (A3): the gateway was started 4 times without
                 becoming ready; another restart would not help; its log says why
    00:58  it ended
    00:59  A3 failed
        00:59  suspect: crash-loop | the action failed: the disk gave an error
    01:00  no process
        01:00  repairing: crash-loop
        01:00  [action] take back the rollback A1, which did not help (A4): the gateway was started 4 times without
                 becoming ready (last was ended by SIGKILL); another restart would not help; its log says why
    01:02  A4 failed
        01:02  suspect: crash-loop | the action failed: the disk gave an error
    01:04 to 20:00  no process
        01:04  exhausted: crash-loop
        01:04  [exhausted] needs you: the gateway was started 4 times without becoming ready (last was ended by
                 SIGKILL); another restart would not help; its log says why; the rollback A1 did not help and could
                 not be taken back
  `);
});

test('a reinstall that left the package damaged is taken back once two starts over it have failed', () => {
  const t = transcriptOfServing();
  const broken = on(down, ground.corrupted, ground.archive());
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:12', 'no process; dist is damaged', broken);
  t.ends('00:22', 'done', 'restored from archive 2026.9.6');
  t.sees('00:24', 'dist is damaged still', broken);
  startsFail(t, broken);
  expect(t.deeds).toEqual(['reinstall', 'undo']);
  expect(t.state.incident?.attempts.at(-1)).toMatchObject({ rung: 'L2', remedy: 'A1' });
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12  no process; dist is damaged
        00:12  repairing: dist-corrupted
        00:12  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is damaged:
                 dist/index.js is not what it was
    00:22  A1 done
        00:22  starting: dist-corrupted | restored from archive 2026.9.6; waiting for the gateway to serve
        00:22  [told] restored from archive 2026.9.6
    00:24  dist is damaged still
        00:24  exhausted: dist-corrupted
        00:24  [exhausted] needs you: the openclaw package is damaged: dist/index.js is not what it was; the
                 reinstall with archive 2026.9.6 has been tried already and did not help
    00:26  a new process
        00:26  exhausted: booting (also dist-corrupted) | the gateway has just started; left alone for up to 10 min
    00:28  it ended
        00:28  exhausted: dist-corrupted | the openclaw package is damaged: dist/index.js is not what it was; the
                 reinstall with archive 2026.9.6 has been tried already and did not help
    00:36  a new process
    00:38  it ended
        00:38  repairing: dist-corrupted
        00:38  [action] take back the reinstall A1, which did not help (A2): the openclaw package is damaged:
                 dist/index.js is not what it was
    00:46  a new process
    00:48  it ended
    00:56  a new process
    00:58  it ended
  `);
});

test('an undo that was refused has changed nothing, and is asked for again', () => {
  const t = rolledBack();
  startsFail(t, on(down, ground.restored));
  t.ends('00:59', 'refused', 'the file was written to meanwhile');
  expect(t.state).toMatchObject({ round: null, spent: [{ actionId: 'A1' }], strain: { count: 1 } });
  t.sees('01:00', 'no process', on(down, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'start', 'undo', 'undo']);
});

test('starts that nobody saw count against a repair too', () => {
  const t = rolledBack();
  for (const [time, runs] of [
    ['00:40', 3],
    ['00:50', 5],
  ] as const) {
    const dying = { kind: 'scheduled', runs, lastExit: { kind: 'code', code: 1 } } as const;
    t.sees(time, `launchd has made ${runs} starts`, world.but(on(down, ground.restored), { service: dying }));
  }
  expect(t.deeds).toEqual(['rollback', 'start', 'undo']);
});

test('an undo that was refused leaves the repair the start it has not had', () => {
  const t = transcriptOfServing();
  const broken = on(down, ground.corrupted, ground.archive());
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:12', 'no process; dist is damaged', broken);
  t.ends('00:22', 'done', 'restored from archive 2026.9.6');
  startsFail(t, broken, 2);
  expect(t.deeds).toEqual(['reinstall', 'undo']);
  t.ends('00:40', 'refused', 'an npm is running');
  expect(t.state.round).toBe('A1');
});

test('an undo that is refused waits, and nobody is woken, while a command is at work on the file', () => {
  const t = rolledBack();
  startsFail(t, on(down, ground.restored));
  t.ends('00:59', 'refused', 'process 77 (openclaw doctor) may be changing the config');
  t.sees('01:00', 'no process', on(down, ground.restored));
  t.ends('01:01', 'refused', 'process 77 (openclaw doctor) may be changing the config');
  t.keepsSeeing(['01:02', '01:05'], 'no process', on(down, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'start', 'undo', 'undo']);
  expect(t.state.phase.kind).toBe('suspect');
  t.sees('01:06', 'no process', on(down, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'start', 'undo', 'undo', 'undo']);
  expect(t.read()).not.toContain('[exhausted]');
});

test('a clock that was set back does not make the pause after a refusal longer than it was meant', () => {
  const { state } = rolledBack();
  const at = moment('10:00');
  const refused = { ...state, refusals: 4, refused: { at, because: 'npm' } };
  expect(refusedUntil(refused)).toBe(at + 45_000);
  const step = { kind: 'undo', of: 'A1', what: 'rollback' } as const;
  const asked = (now: Instant) =>
    permit(refused as Open, { step, cause: 'crash-loop' }, { now, policy: defaultPolicy }).kind;
  expect(asked(moment('10:44'))).toBe('wait');
  expect(asked(moment('10:45'))).toBe('go');
  expect(asked(moment('09:00'))).toBe('go');
  expect(refusedUntil(state)).toBeNull();
  const spent = permit(
    { ...refused, refusals: 5, refused: null } as Open,
    { step, cause: 'crash-loop' },
    { now: at, policy: defaultPolicy },
  );
  expect(spent).toEqual({ kind: 'spent', because: 'every attempt to act was refused' });
});

test('an undo speaks against a snapshot where starts failed of what may be the config’s doing', () => {
  const t = rolledBack();
  startsFail(t, on(down, ground.restored));
  expect(t.deeds.at(-1)).toBe('undo');
  expect(isConfigBlamed(t.state)).toBe(true);
});

test('it does not where the package was missing, nor where there is no undo', () => {
  const t = rolledBack();
  startsFail(t, on(down, ground.restored, ground.missing, ground.noArchive));
  expect(t.deeds.at(-1)).toBe('undo');
  expect(isConfigBlamed(t.state)).toBe(false);
  expect(isConfigBlamed(initialState)).toBe(false);
  expect(isConfigBlamed(rolledBack().state)).toBe(false);
});
