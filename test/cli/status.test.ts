import { beforeAll, describe, expect, it } from 'vitest';
import { statusJson } from '../../src/cli/status/json.ts';
import { renderStatus, renderStatusLine, statusKey } from '../../src/cli/status/render.ts';
import { gatewayOf, type StatusFacts, statusExitCode, watchdogOf } from '../../src/cli/status/view.ts';
import { styleFor } from '../../src/cli/style.ts';
import type { Cause } from '../../src/core/cause.ts';
import type { ServiceState } from '../../src/core/service.ts';
import type { State } from '../../src/core/state.ts';
import { minutes, plus, seconds } from '../../src/core/time.ts';
import type { StatusFile } from '../../src/daemon/status-file.ts';
import { closedIncident, earlier, facts, now, statusFile } from './status-facts.ts';

const read = (state: Partial<State>, file: Partial<StatusFile> = {}): Pick<StatusFacts, 'file'> => ({
  file: { kind: 'read', status: statusFile(state, file) },
});
const gateway = (state: ServiceState): Pick<StatusFacts, 'gatewayJob'> => ({
  gatewayJob: { label: 'ai.openclaw.gateway', state },
});
const watchdog = (state: StatusFacts['watchdogJob']['state']): Pick<StatusFacts, 'watchdogJob'> => ({
  watchdogJob: { label: 'org.openclaw-immune.watchdog', state },
});
const refused = { healthz: { kind: 'refused' } } as const;
const noDomain: ServiceState = {
  kind: 'no-domain',
  because: 'launchctl found no domain for this user (125)',
};

const hung = facts({
  ...read({
    phase: { kind: 'suspect' },
    cause: 'hung',
    because: "the gateway's process is alive but answers nothing; acts in 4 s unless it recovers",
    failing: { cause: 'hung', since: earlier(seconds(16)), misses: 4, seenAt: earlier(seconds(2)) },
    incident: {
      ...closedIncident,
      id: 'I4',
      openedAt: earlier(seconds(16)),
      attempts: [],
      servingAt: null,
      closedAt: null,
      outcome: null,
    },
  }),
  healthz: { kind: 'timeout', sentAt: now },
});
const stoppedByYou = facts({
  ...read({
    phase: { kind: 'suspended', cause: 'stopped-by-operator', since: earlier(minutes(2)), until: null },
    cause: 'stopped-by-operator',
    wanted: 'down',
    because: 'stopped by you ("openclaw gateway stop"); "openclaw gateway start" brings it back',
  }),
  ...refused,
  ...gateway({ kind: 'not-loaded' }),
});
const dead = facts({
  ...read({ notes: ['readiness 503: telegram'] }, { at: earlier(minutes(7)) }),
  ...refused,
  ...watchdog({ kind: 'pended', reason: 'inefficient', runs: 1 }),
  daemonProcess: 'dead',
});
const booting = facts({
  ...read({
    phase: { kind: 'starting' },
    cause: 'booting',
    because:
      'the gateway has been starting for 90 s (usually 12 s): slower than usual; left alone for up to 10 min',
    generation: {
      pid: 600,
      startedAt: earlier(seconds(90)),
      bootId: null,
      firstSeenAt: earlier(seconds(89)),
      listenedAt: null,
      readyAt: null,
    },
  }),
  ...refused,
  ...gateway({ kind: 'running', pid: 600, runs: 2, lastExit: null }),
});
const paused = facts(
  read({
    phase: { kind: 'suspended', cause: 'paused', since: earlier(minutes(1)), until: plus(now, minutes(29)) },
    pause: { since: earlier(minutes(1)), until: plus(now, minutes(29)), because: 'Paused by immune pause' },
  }),
);
const noSession = facts({
  file: { kind: 'missing' },
  daemonProcess: 'unknown',
  ...refused,
  ...gateway(noDomain),
  ...watchdog(noDomain),
});

describe('immune status', () => {
  beforeAll(() => {
    process.env['TZ'] = 'UTC';
  });

  it('shows a healthy gateway with its last incident', () => {
    const shown = facts(
      read({ lastIncident: closedIncident, spent: [{ actionId: 'A2', at: earlier(minutes(149)) }] }),
    );
    expect(renderStatus(shown)).toMatchInlineSnapshot(`
      "gateway    serving since 2026-11-22 08:57:00 (3 h 3 min)
                 OpenClaw 2026.9.6, process 512, http://127.0.0.1:18789
                 because: the gateway answers and the held connection is accepted
      launchd    ai.openclaw.gateway: running, process 512
                 org.openclaw-immune.watchdog: running, process 401
      watchdog   alive since 2026-11-22 02:00:00, process 401, heartbeat 3 s ago, acting
      incident   I3 (hung) ended 2 h 28 min ago
                 because: the gateway's process is alive but answers nothing
                 outcome: serving again after 1 action of the watchdog; it was away for 31 s
      budget     0 of 2 actions used in 5 min, 1 of 6 in 6 h
      next       deep probe in 110 s, snapshot in 40 min, archive in 3 days
      "
    `);
  });

  it('shows a hung gateway, since when, and what happens next', () => {
    expect(renderStatus(hung)).toMatchInlineSnapshot(`
      "gateway    hung since 2026-11-22 11:59:44 (16 s)
                 OpenClaw 2026.9.6, process 512, http://127.0.0.1:18789
                 because: the gateway's process is alive but answers nothing; acts in 4 s unless it recovers
      launchd    ai.openclaw.gateway: running, process 512
                 org.openclaw-immune.watchdog: running, process 401
      watchdog   alive since 2026-11-22 02:00:00, process 401, heartbeat 3 s ago, acting
      incident   I4 (hung) open since 2026-11-22 11:59:44, 0 actions
                 because: the gateway's process is alive but answers nothing
      budget     0 of 2 actions used in 5 min, 0 of 6 in 6 h
      next       deep probe in 110 s, snapshot in 40 min, archive in 3 days
      "
    `);
  });

  it('shows a gateway its operator stopped', () => {
    expect(renderStatus(stoppedByYou)).toMatchInlineSnapshot(`
      "gateway    stopped by you
                 OpenClaw 2026.9.6, http://127.0.0.1:18789
                 because: stopped by you ("openclaw gateway stop"); "openclaw gateway start" brings it back
      launchd    ai.openclaw.gateway: not loaded
                 org.openclaw-immune.watchdog: running, process 401
      watchdog   alive since 2026-11-22 02:00:00, process 401, heartbeat 3 s ago, acting
      incident   none so far
      budget     0 of 2 actions used in 5 min, 0 of 6 in 6 h
      next       deep probe in 110 s, snapshot in 40 min, archive in 3 days
      "
    `);
  });

  it('shows a boot that takes longer than usual', () => {
    expect(renderStatus(booting)).toMatchInlineSnapshot(`
      "gateway    starting, slower than usual since 2026-11-22 11:58:30 (90 s)
                 OpenClaw 2026.9.6, process 600, http://127.0.0.1:18789
                 because: the gateway has been starting for 90 s (usually 12 s): slower than usual; left alone for up to 10 min
      launchd    ai.openclaw.gateway: running, process 600
                 org.openclaw-immune.watchdog: running, process 401
      watchdog   alive since 2026-11-22 02:00:00, process 401, heartbeat 3 s ago, acting
      incident   none so far
      budget     0 of 2 actions used in 5 min, 0 of 6 in 6 h
      next       deep probe in 110 s, snapshot in 40 min, archive in 3 days
      "
    `);
  });

  it('shows a dead watchdog, the exact command to start it, and marks old notes as old', () => {
    expect(renderStatus(dead)).toMatchInlineSnapshot(`
      "gateway    not serving
                 OpenClaw 2026.9.6, process 512, http://127.0.0.1:18789
                 because: process 512 runs and connections are refused: it is starting, or it hangs; nobody watches which
      launchd    ai.openclaw.gateway: running, process 512
                 org.openclaw-immune.watchdog: held back by launchd (inefficient); only a kickstart starts it
      watchdog   not running; its last heartbeat was 7 min ago
      note       last known: readiness 503: telegram
      incident   none so far
      budget     0 of 2 actions used in 5 min, 0 of 6 in 6 h
      do         Bring the gateway back: immune nuclear (it asks first)
                 Start the watchdog: launchctl kickstart gui/501/org.openclaw-immune.watchdog
      "
    `);
  });

  it('shows an auth mismatch as a note beside a serving gateway', () => {
    const note =
      'auth mismatch: the gateway refused the token in its own config (AUTH_TOKEN_MISMATCH); watching by /healthz';
    const shown = facts(read({ notes: [note] }));
    expect(renderStatus(shown)).toContain(`note       ${note}\n`);
    expect(statusExitCode(shown)).toBe(0);
  });

  it('shows a 503 readiness as a note beside a serving gateway', () => {
    const shown = facts(read({ notes: ['readiness 503: telegram'] }));
    expect(renderStatus(shown)).toContain('note       readiness 503: telegram\n');
    expect(statusExitCode(shown)).toBe(0);
  });

  it('shows a pause and its end', () => {
    expect(renderStatus(paused)).toMatchInlineSnapshot(`
      "gateway    serving since 2026-11-22 08:57:00 (3 h 3 min)
                 OpenClaw 2026.9.6, process 512, http://127.0.0.1:18789
                 because: the gateway answers and the held connection is accepted
      launchd    ai.openclaw.gateway: running, process 512
                 org.openclaw-immune.watchdog: running, process 401
      watchdog   alive since 2026-11-22 02:00:00, process 401, heartbeat 3 s ago, acting, paused until 2026-11-22 12:29:00 (29 min)
      incident   none so far
      budget     0 of 2 actions used in 5 min, 0 of 6 in 6 h
      next       deep probe in 110 s, snapshot in 40 min, archive in 3 days
      "
    `);
  });

  it('says in one sentence what a missing GUI session prevents', () => {
    expect(renderStatus(noSession)).toMatchInlineSnapshot(`
      "gateway    no GUI session
                 http://127.0.0.1:18789
                 because: launchctl found no domain for this user (125)
      launchd    ai.openclaw.gateway: no GUI session
                 org.openclaw-immune.watchdog: no GUI session
      watchdog   not running: it has never run here
      do         Nobody is logged in at the screen of this Mac, so launchd can start neither the gateway nor the watchdog; fix-config, fix-deps, fix-port, undo and snapshots work all the same, and both start by themselves at the next login (or at once with automatic login turned on).
      "
    `);
  });

  it('says that a watchdog is stuck when its process lives and its heartbeat is old', () => {
    const stuck = facts(read({}, { at: earlier(minutes(7)) }));
    expect(watchdogOf(stuck).kind).toBe('stale');
    expect(renderStatus(stuck)).toContain('watchdog   stuck: its process lives, its loop does not turn;');
    expect(renderStatus(stuck)).toContain('launchctl kickstart -k gui/501/org.openclaw-immune.watchdog\n');
  });

  it('tells how to load a watchdog launchd does not know, with the path quoted for a shell', () => {
    const lost = facts({
      daemonProcess: 'dead',
      watchdogPlist: "/Users/it's/Library/LaunchAgents/org.openclaw-immune.watchdog.plist",
      ...watchdog({ kind: 'not-loaded' }),
    });
    expect(renderStatus(lost)).toContain(
      "launchctl bootstrap gui/501 '/Users/it'\\''s/Library/LaunchAgents/org.openclaw-immune.watchdog.plist'",
    );
  });

  it.each([
    [{ kind: 'not-loaded' } as const, 'Install it: ./install.sh'],
    [{ kind: 'unread', because: 'x' } as const, 'Start the watchdog: immune daemon --foreground'],
  ])('says what to do where nothing is installed and launchd says %j', (state, advice) => {
    const shown = facts({ file: { kind: 'missing' }, settings: { kind: 'missing' }, ...watchdog(state) });
    expect(renderStatus(shown)).toContain(`do         ${advice}\n`);
  });

  it('names launchd once where it is not used', () => {
    const unread = { kind: 'unread', because: 'there is no launchctl on this machine' } as const;
    const shown = facts({ ...watchdog(unread), gatewayJob: { label: 'ai.openclaw.gateway', state: unread } });
    expect(renderStatus(shown)).toContain(
      '\nlaunchd    not asked: there is no launchctl on this machine\nwatchdog',
    );
  });

  it('shows shortened durations, observing, and settings the watchdog refused', () => {
    const shown = renderStatus(
      facts(
        read(
          {},
          {
            mode: 'observe',
            shortened: ['tickMs=1000'],
            settingsProblem: 'config.json5, tikMs: is not a setting',
          },
        ),
      ),
    );
    expect(shown).toContain('heartbeat 3 s ago, observing only\n');
    expect(shown).toContain('shortened  not the defaults: tickMs=1000\n');
    expect(shown).toContain('settings   the watchdog keeps its last valid settings: config.json5, tikMs');
  });
});

describe('the verdict on the gateway', () => {
  it.each<[string, StatusFacts, string, number]>([
    ['serving and watched', facts(), 'serving', 0],
    ['paused and serving', paused, 'serving', 0],
    ['hung', hung, 'hung', 3],
    ['booting', booting, 'starting', 3],
    ['stopped by its operator', stoppedByYou, 'stopped-by-you', 3],
    ['serving, the watchdog dead', facts({ daemonProcess: 'dead' }), 'serving', 3],
    ['gone in this very second', facts(refused), 'down', 3],
    ['without a GUI session', noSession, 'no-gui-session', 3],
    [
      'answered by another program',
      facts({ daemonProcess: 'dead', healthz: { kind: 'foreign', because: 'x' } }),
      'foreign',
      3,
    ],
    [
      'unreachable, which proves nothing',
      facts({
        daemonProcess: 'dead',
        healthz: { kind: 'unreachable', because: 'EHOSTUNREACH' },
        ...gateway({ kind: 'unknown', because: 'launchctl hangs' }),
      }),
      'unknown',
      3,
    ],
    [
      'not loaded and unwatched',
      facts({ daemonProcess: 'dead', ...refused, ...gateway({ kind: 'not-loaded' }) }),
      'down',
      3,
    ],
    [
      'stopped by its operator before the watchdog died',
      { ...stoppedByYou, daemonProcess: 'dead' },
      'stopped-by-you',
      3,
    ],
  ])('of a gateway %s', (_name, shown, verdict, code) => {
    expect([gatewayOf(shown).verdict, statusExitCode(shown)]).toEqual([verdict, code]);
  });

  it.each<Cause>(['crashed', 'hung', 'booting', 'draining'])(
    'after "%s" admits that it answers again before the watchdog confirms it',
    (cause) => {
      const shown = facts(read({ cause, because: 'x' }));
      expect(gatewayOf(shown).summary).toContain('it answers at this moment');
      expect(statusExitCode(shown)).toBe(3);
    },
  );

  it('never calls a foreign program on the port an answer of the gateway', () => {
    const shown = facts(read({ cause: 'port-foreign', because: 'held by nginx' }));
    expect(gatewayOf(shown).summary).toBe('kept out by another program on its port');
  });
});

describe('status for programs', () => {
  it('has the same keys whether all is known or nothing', () => {
    const keys = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, keys(inner)]))
        : 'value';
    const nothing = facts({
      file: { kind: 'missing' },
      gatewayJob: { label: null, state: { kind: 'unread', because: 'x' } },
      url: null,
    });
    const { launchd: _one, ...known } = keys(statusJson(facts())) as Record<string, unknown>;
    const { launchd: _two, ...unknown } = keys(statusJson(nothing)) as Record<string, unknown>;
    expect(unknown).toEqual(known);
  });

  it('tells times as ISO 8601 and the incident with its because', () => {
    const json = JSON.parse(JSON.stringify(statusJson(hung)));
    expect(json).toMatchObject({
      at: '2026-11-22T12:00:00.000Z',
      exitCode: 3,
      gateway: { verdict: 'hung', pid: 512, cause: 'hung', since: '2026-11-22T11:59:44.000Z' },
      watchdog: { state: 'alive', heartbeatAgeMs: 3000, mode: 'act', phase: 'suspect' },
      incident: { id: 'I4', cause: 'hung', because: "the gateway's process is alive but answers nothing" },
    });
  });
});

describe('a watched status', () => {
  it('has the same key while only ages and countdowns change', () => {
    const later = { ...hung, now: plus(now, seconds(2)) };
    expect(statusKey(later)).toBe(statusKey(hung));
    expect(statusKey(hung)).not.toBe(statusKey(facts()));
    expect(statusKey(facts(read({ notes: ['readiness 503: telegram'] })))).not.toBe(statusKey(facts()));
  });

  it('is one line a change', () => {
    expect(renderStatusLine(stoppedByYou).split('\n')).toHaveLength(2);
    expect(renderStatusLine(facts())).toMatch(/ ok {2}gateway serving: .*; watchdog alive\n$/);
  });
});

describe('colour', () => {
  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: '' }, true],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{}, {}, false],
  ])('on %j with %j is %s', (stream, env, coloured) => {
    expect(renderStatus(facts(), styleFor(stream, env)).includes('\u001b[')).toBe(coloured);
  });
});
