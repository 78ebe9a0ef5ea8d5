import { mkdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runIncidents } from '../../src/cli/incidents/incidents.ts';
import { decide, type Event } from '../../src/core/decide.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { type Instant, instant } from '../../src/core/time.ts';
import type { JournalEntry } from '../../src/daemon/journal.ts';
import { isTransition } from '../../src/daemon/transition.ts';
import * as ground from '../core/ground.ts';
import { acting, moment } from '../core/story.ts';
import type { Sight } from '../core/world.ts';
import * as world from '../core/world.ts';
import { type TestContext, testContext } from './command-context.ts';
import { journal } from './incident-journal.ts';

let test: TestContext;
const zone = process.env['TZ'];
beforeEach(async () => {
  process.env['TZ'] = 'UTC';
  test = await testContext();
  await mkdir(test.context.paths.state, { recursive: true });
});
afterEach(async () => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
  await test.remove();
});

/** Decides as the daemon does, and notes what the daemon's journal would. */
function watchdog() {
  const entries: JournalEntry[] = [];
  let state: State = initialState;
  const take = (event: Event, at: Instant, kind: JournalEntry['kind']): void => {
    const next = decide(state, event, at, acting);
    const { actions, notices, because } = next;
    const must = actions.length > 0 || notices.length > 0 || event.kind !== 'observed';
    if (must || isTransition(state, next.state)) {
      entries.push({ at, kind: actions.length > 0 ? 'intent' : kind, because, notices, state: next.state });
    }
    state = next.state;
  };
  return {
    entries,
    sees: (from: string, to: string, seen: Sight) => {
      for (let at = moment(from); at <= moment(to); at = instant(at + 10_000))
        take({ kind: 'observed', evidence: seen(at) }, at, 'decided');
    },
    ends: (time: string, kind: 'done' | 'failed' | 'refused', because: string) => {
      const actionId = `A${state.nextAction - 1}`;
      take({ kind: 'finished', actionId, outcome: { kind, because } }, moment(time), 'outcome');
    },
    commands: (time: string, kind: 'repair' | 'acknowledge') =>
      take({ kind: 'commanded', command: { kind } }, moment(time), 'commanded'),
  };
}

describe('immune incidents, of what the watchdog really decided', () => {
  it('tells of a repair that failed, of an operator who asked again, and of the end', async () => {
    const t = watchdog();
    const broken = ground.on(world.relaunching, ground.sound, ground.missing, ground.archive());
    t.sees('00:00', '00:00', world.serving());
    t.sees('00:10', '00:10', world.connectionBroke());
    t.sees('00:12', '00:12', broken);
    t.ends('00:20', 'failed', 'the archive is on a disk that is not there');
    t.sees('00:22', '01:00', broken);
    t.commands('01:05', 'acknowledge');
    t.commands('01:06', 'repair');
    t.sees('01:10', '01:10', broken);
    t.ends('01:30', 'done', 'the package was restored');
    t.sees('01:40', '03:40', world.serving(ground.spawned(300, '01:35')));
    await journal(test.context, t.entries);
    const out = { write: test.context.out.write, columns: 60 };
    const context = { ...test.context, out };
    await runIncidents({ ask: { kind: 'show', id: null }, json: false }, context);
    await runIncidents({ ask: { kind: 'list', limit: 20 }, json: false }, context);
    expect(test.written()).toMatchInlineSnapshot(`
      "incident I1 resolved: crashed, then dependency-missing
        since 2027-01-15 08:00:10, 90 s
        serving again after 2 actions of the watchdog; it was away
        for 90 s

      2027-01-15 08:00:10
        began: the first look that failed
        opened: incident I1: the gateway dropped the held
        connection without a goodbye (close code 1006) and refuses
        new ones
      08:00:12  +2 s
        action: repair the openclaw package with archive 2026.9.6
        (A1): the openclaw package is incomplete: the package ws,
        which openclaw needs, is not there
        now: dependency-missing
      08:00:20  +10 s
        A1 failed: the action failed: the archive is on a disk
        that is not there
      08:00:22  +12 s
        exhausted: needs you: the openclaw package is incomplete:
        the package ws, which openclaw needs, is not there; the
        reinstall with archive 2026.9.6 has been tried already and
        did not help
      08:01:05  +55 s
        acknowledged: an operator knows of it
      08:01:06  +56 s
        commanded: asked to try again; looking at the gateway
      08:01:10  +60 s
        action: repair the openclaw package with archive 2026.9.6
        (A2): the openclaw package is incomplete: the package ws,
        which openclaw needs, is not there
      08:01:30  +80 s
        A2 done: the package was restored; waiting for the gateway
        to serve
      08:01:40  +90 s
        now: serving: serving again for 0 ms; the incident closes
        after 60 s
      08:02:40  +3 min
        resolved: incident I1 (crashed): serving again after 2
        actions of the watchdog; it was away for 90 s

      2 actions
        A1 repair the openclaw package with archive 2026.9.6:
        failed after 8 s
        A2 repair the openclaw package with archive 2026.9.6: done
        after 20 s, and it held
      I1 resolved: crashed, then dependency-missing
        since 2027-01-15 08:00:10, 90 s
        A1 repair the openclaw package with archive 2026.9.6:
        failed after 8 s
        A2 repair the openclaw package with archive 2026.9.6: done
        after 20 s, and it held
        serving again after 2 actions of the watchdog; it was away
        for 90 s
      "
    `);
  });
});
