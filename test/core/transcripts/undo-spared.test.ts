import { expect, test } from 'vitest';
import { initialState } from '../../../src/core/state.ts';
import * as ground from '../ground.ts';
import { acting, moment } from '../story.ts';
import { type Transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';
import { down, failures, refused, rolledBack, startsFail } from './rolled-back.ts';

const { on } = ground;

test('an undo costs nothing of the budget, and is made in spite of it', () => {
  const spent = [1, 2, 3, 4, 5].map((n) => ({ actionId: `A${n}`, at: moment(`-${n}0:00`) }));
  const t = rolledBack({ ...initialState, spent, nextAction: 6 });
  expect(t.paid).toBe(acting.policy.sustained.limit);
  startsFail(t, on(down, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'start', 'undo']);
  expect(t.paid).toBe(acting.policy.sustained.limit);
});

test('one failed start proves nothing against a repair', () => {
  const t = rolledBack();
  startsFail(t, on(down, ground.restored), 1);
  t.keepsSeeing(['00:50', '01:50', 10], 'launchd does not start it', on(down, ground.restored));
  expect(t.deeds).not.toContain('undo');
});

test('starts that end at a taken port, a full disk or a missing Node say nothing of a repair', () => {
  for (const outside of [
    ground.diskFull,
    ground.lockHeld,
    ground.launchBroken('node-missing', 'node is not there'),
  ]) {
    const t = rolledBack();
    startsFail(t, on(down, ground.restored, outside));
    t.keepsSeeing(['01:00', '05:00', 10], 'no process', on(down, ground.restored, outside));
    expect(t.deeds).toEqual(['rollback', 'start']);
  }
});

test('a reinstall that left the package complete stays, whatever else is wrong', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:12', 'no process; ws is missing', on(down, ground.missing, ground.archive()));
  t.ends('00:22', 'done', 'restored from archive 2026.9.6');
  t.sees('00:24', 'the package is complete', down);
  t.ends('00:25', 'done', 'kickstarted');
  startsFail(t, down);
  expect(t.deeds).toEqual(['reinstall', 'start']);
});

test('nor is one whose package was seen complete while it was still at work', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:12', 'no process; ws is missing', on(down, ground.missing, ground.archive()));
  t.sees('00:20', 'the last file is in its place', down);
  t.ends('00:22', 'done', 'restored from archive 2026.9.6');
  t.sees('00:24', 'the package is complete', down);
  t.ends('00:25', 'done', 'kickstarted');
  startsFail(t, down);
  expect(t.deeds).toEqual(['reinstall', 'start']);
});

test('what was damaged anew while a repair was at work is no reason to take that back', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:12', 'no process; ws is missing', on(down, ground.missing, ground.archive()));
  t.sees('00:20', 'the package is complete', down);
  t.ends('00:22', 'done', 'restored from archive 2026.9.6');
  startsFail(t, on(down, ground.corrupted, ground.noArchive));
  expect(t.deeds).toEqual(['reinstall']);
});

test('a reinstall for a suspicion stays, for the package was complete all the time', () => {
  const t = transcriptOfServing();
  const suspected = on(down, ground.says('module-missing', "Cannot find module 'x'"), ground.archive());
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:11', 'one start fails', world.booting(ground.spawned(590, '00:11')));
  t.keepsSeeing(['00:12', '00:40', 4], "no process; its log says Cannot find module 'x'", suspected);
  expect(t.deeds).toEqual(['reinstall']);
  t.ends('00:41', 'done', 'restored from archive 2026.9.6');
  t.sees('00:42', 'the log is still there', suspected);
  t.ends('00:43', 'done', 'kickstarted');
  startsFail(t, suspected);
  expect(t.deeds).not.toContain('undo');
});

test('what changed since is not ours any more: nothing of it is taken back', () => {
  const t = rolledBack();
  startsFail(t, on(down, ground.restored, ground.launchBroken('node-missing', 'node is not there')));
  t.keepsSeeing(
    ['01:00', '02:00', 10],
    'its Node is gone',
    on(down, ground.restored, ground.launchBroken('node-missing', 'node is not there')),
  );
  t.keepsSeeing(
    ['02:10', '03:00', 10],
    'Node is back, the operator edited the config',
    on(down, ground.edited('by hand'), ground.noSnapshot),
  );
  expect(t.deeds).toEqual(['rollback', 'start']);
});

test('starts that failed before a repair are no part of a loop after it', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  for (const [time, pid] of [
    ['00:20', 600],
    ['00:30', 700],
    ['00:40', 800],
  ] as const) {
    t.sees(time, 'a new process; nothing is known yet', world.booting(ground.spawned(pid, time)));
  }
  t.keepsSeeing(['00:44', '00:54'], 'no process; the validator refuses the config', refused);
  t.ends('00:55', 'done', 'snapshot 41c7 is in place');
  t.sees('00:56', 'the config is sound', on(down, ground.restored));
  t.ends('00:57', 'done', 'kickstarted');
  t.sees('00:58', 'a new process', on(world.booting(ground.spawned(900, '00:57')), ground.restored));
  expect(t.state).toMatchObject({ cause: 'booting', bootsSinceReady: 1, bootsSinceRepair: 1 });
});

test('while nobody can tell whether an update runs, nothing is taken back either', () => {
  const t = rolledBack();
  const unsure = world.but(on(down, ground.restored), { update: { kind: 'unknown', because: 'EACCES' } });
  for (const [spawned, ended, pid] of failures) {
    const boots = on(world.booting(ground.spawned(pid, spawned)), ground.restored);
    t.sees(spawned, 'a new process', world.but(boots, { update: { kind: 'unknown', because: 'EACCES' } }));
    t.sees(ended, 'it ended', unsure);
  }
  expect(t.state.phase).toEqual({ kind: 'exhausted', cause: 'crash-loop' });
  expect(t.deeds).toEqual(['rollback', 'start']);
  t.sees('01:10', 'no update runs', on(down, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'start', 'undo']);
});

test('one ready moment since the repair, and the starts that fail are counted anew', () => {
  const t = rolledBack();
  const fine = on(down, ground.restored);
  const once = ground.spawned(200, '00:26');
  t.sees('00:28', 'a new process', world.booting(once));
  t.keepsSeeing(['00:30', '00:50', 10], 'the gateway serves', world.serving(once));
  t.sees('00:55', 'the held connection breaks', world.connectionBroke());
  t.sees('01:00', 'a new process', on(world.booting(ground.spawned(300, '01:00')), ground.restored));
  t.keepsSeeing(['01:04', '01:30', 2], 'it ended by itself', on(world.jobStopped, fine(world.dawn).ground));
  expect(t.deeds).toEqual(['rollback', 'start', 'start']);
});

test('starts that failed before a repair whose end is unknown do not count against it', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  for (const [time, pid] of [
    ['00:20', 600],
    ['00:30', 700],
    ['00:40', 800],
  ] as const) {
    t.sees(time, 'a new process; nothing is known yet', world.booting(ground.spawned(pid, time)));
  }
  t.keepsSeeing(['00:44', '00:54'], 'no process; the validator refuses the config', refused);
  t.ends('00:55', 'interrupted');
  t.sees('00:56', 'the config is sound', on(down, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'start']);
});

/** The process launchd had started right before the rollback read what that left, and served with it. */
function servedByTheOneBefore(): Transcript {
  const t = transcriptOfServing();
  const last = ground.spawned(202, '00:13');
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  for (const n of [0, 1]) {
    const bad = world.booting(ground.spawned(200 + n, `00:1${n + 1}`));
    t.sees(`00:1${n + 1}`, 'a start', on(bad, ground.rejected, ground.planning));
    t.sees(`00:1${n + 1}.5`, 'it ended', on(down, ground.rejected, ground.planning));
  }
  const booting = on(world.booting(last), ground.rejected, ground.snapshot());
  t.keepsSeeing(['00:13', '00:23', 5], 'the next process', booting);
  t.ends('00:24', 'done', 'snapshot 41c7 is in place');
  t.sees('00:25', 'the config is sound', on(world.booting(last), ground.restored));
  t.keepsSeeing(['00:30', '03:00', 10], 'it serves', on(world.serving(last), ground.restored));
  expect(t.deeds).toEqual(['rollback']);
  expect(t.read()).toContain('[resolved]');
  return t;
}

test('a rollback that a process from before it served with has helped: it is not taken back for what comes later', () => {
  const t = servedByTheOneBefore();
  t.sees('10:00', 'the held connection breaks', world.connectionBroke());
  for (const n of [0, 1, 2, 3]) {
    t.sees(
      `10:0${2 * n + 1}`,
      'a start',
      on(world.booting(ground.spawned(300 + n, `10:0${2 * n + 1}`)), ground.restored),
    );
    t.sees(`10:0${2 * n + 2}`, 'it ended', on(down, ground.restored));
  }
  t.keepsSeeing(['10:10', '12:00', 10], 'no process', on(down, ground.restored));
  expect(t.deeds).not.toContain('undo');
});

test('a config that was changed while the gateway served is rolled back itself, not the change before it', () => {
  const t = servedByTheOneBefore();
  const bad = [ground.edited('newer'), ground.snapshot('snapshot 9f00')] as const;
  t.keepsSeeing(['10:00', '10:20', 5], 'a bad edit', on(world.serving(ground.spawned(202, '00:13')), ...bad));
  t.sees('10:30', 'the held connection breaks', world.connectionBroke());
  for (const n of [0, 1, 2]) {
    t.sees(
      `10:3${2 * n + 1}`,
      'a start',
      on(world.booting(ground.spawned(300 + n, `10:3${2 * n + 1}`)), ...bad),
    );
    t.sees(`10:3${2 * n + 2}`, 'it ended', on(down, ...bad));
  }
  t.keepsSeeing(['10:40', '12:00', 10], 'no process', on(down, ...bad));
  expect(t.deeds).toEqual(['rollback', 'rollback']);
});
