import fc from 'fast-check';
import type { Evidence } from '../../src/core/evidence.ts';
import { type GroundEvidence, groundUnread, type LogFinding } from '../../src/core/ground-evidence.ts';
import { type Instant, instant, millis } from '../../src/core/time.ts';
import { dawn } from './world.ts';

const because = fc.constantFrom('', 'EIO', 'a reason');
const pid = fc.constantFrom(1, 100, 200);
const count = fc.option(fc.nat({ max: 9 }), { nil: null });
/** Moments around the look, and absurd ones. */
const moment: fc.Arbitrary<Instant> = fc.oneof(
  fc.integer({ min: -100_000, max: 100_000 }).map((ms) => instant(dawn + ms)),
  fc.constantFrom(0, -1, Number.MAX_SAFE_INTEGER).map(instant),
);
const kinds = <K extends string>(...all: readonly K[]) => fc.constantFrom(...all).map((kind) => ({ kind }));
const reasoned = <K extends string>(...all: readonly K[]) =>
  fc.record({ kind: fc.constantFrom(...all), because });
const one = <K extends string, T extends object>(
  kind: K,
  rest: { [P in keyof T]: fc.Arbitrary<T[P]> },
): fc.Arbitrary<{ kind: K } & T> => fc.record(rest).map((rested) => ({ kind, ...rested }) as { kind: K } & T);

const lastExit = fc.option(
  fc.oneof(
    kinds('never'),
    one('code', { code: fc.nat({ max: 255 }) }),
    one('signal', { signal: fc.constant(9), name: fc.constant('SIGKILL') }),
    one('other', { text: because }),
  ),
  { nil: null },
);
const shutdown = fc.option(fc.record({ at: moment, reason: because, restartExpectedMs: count }), {
  nil: null,
});
const marked = <K extends string>(...all: readonly K[]) =>
  fc.record({ kind: fc.constantFrom(...all), marker: because });

const remedy = fc.oneof(
  kinds('unread'),
  reasoned('unknown', 'unavailable'),
  one('ready', { id: because, because }),
);
const ground: fc.Arbitrary<GroundEvidence> = fc.record({
  config: fc.oneof(
    kinds('unread'),
    reasoned('unknown'),
    one('sound', {
      hash: fc.constantFrom('a', 'b'),
      changedAt: moment,
      validator: fc.constantFrom('valid', 'pending', 'unknown'),
    }),
    one('faulty', {
      fault: fc.constantFrom('missing', 'unreadable', 'clobbered', 'broken', 'incomplete', 'rejected'),
      hash: fc.constantFrom(null, 'a', 'b'),
      changedAt: fc.option(moment, { nil: null }),
      because,
    }),
  ),
  dependencies: fc.oneof(
    kinds('unread'),
    reasoned('unknown'),
    one('intact', { version: because }),
    one('half-installed', { aside: fc.option(because, { nil: null }), because }),
    one('missing', { names: fc.array(because, { maxLength: 2 }), because }),
    one('corrupted', { files: fc.array(because, { maxLength: 2 }), lost: fc.boolean(), because }),
  ),
  plugins: fc.oneof(kinds('unread', 'intact'), reasoned('unknown'), one('broken', { id: because, because })),
  launch: fc.oneof(
    kinds('unread'),
    reasoned('unknown'),
    one('sound', { node: because }),
    one('broken', {
      part: fc.constantFrom('node-missing', 'node-unfit', 'wrapper', 'environment-file'),
      because,
    }),
  ),
  lock: fc.oneof(
    kinds('unread', 'free'),
    reasoned('unknown'),
    one('ours', { pid }),
    one('held', { pid, command: because }),
  ),
  disk: fc.oneof(
    kinds('unread'),
    reasoned('unknown'),
    one('read', { path: because, freeBytes: fc.constantFrom(0, 1e12) }),
  ),
  descriptors: fc.oneof(
    kinds('unread'),
    reasoned('unknown'),
    one('read', { pid, open: fc.constantFrom(10, 256), limit: fc.constant(256) }),
  ),
  memory: fc.oneof(
    kinds('unread'),
    reasoned('unknown'),
    one('read', { pid, residentBytes: fc.constantFrom(1, 9e9, 3e10) }),
  ),
  boot: fc.oneof(
    kinds('unread', 'none'),
    reasoned('unknown'),
    one('row', {
      pid: fc.option(pid, { nil: null }),
      startedAt: moment,
      outcome: because,
      reason: fc.option(because, { nil: null }),
    }),
  ),
  log: fc.oneof(
    kinds('unread'),
    reasoned('unknown'),
    one('read', {
      findings: fc.array(
        fc.record({
          sign: fc.constantFrom<LogFinding['sign'][]>(
            'module-missing',
            'code-damaged',
            'schema-newer',
            'migration-required',
            'descriptors',
            'plugin-converging',
            'other-failure',
          ),
          at: fc.option(moment, { nil: null }),
          text: because,
        }),
        { maxLength: 3 },
      ),
    }),
  ),
  channels: fc.oneof(
    kinds('unread', 'normal'),
    reasoned('unknown'),
    one('suppressed', { until: fc.option(moment, { nil: null }), because }),
  ),
  rollback: remedy,
  reinstall: remedy,
});

/** Every Evidence the types allow, however little sense it makes. */
export const anyEvidence: fc.Arbitrary<Evidence> = fc.record({
  at: moment,
  gapMs: fc.constantFrom(0, 4_000, 20_000, 90_000_000).map(millis),
  service: fc.oneof(
    one('running', { pid, runs: count, lastExit }),
    one('scheduled', { runs: count, lastExit }),
    one('stopping', { pid: fc.option(pid, { nil: null }) }),
    one('pended', { reason: because, runs: count }),
    one('stopped', { runs: count, lastExit }),
    kinds('not-loaded', 'unread'),
    reasoned('no-domain', 'unknown'),
  ),
  disabled: fc.constantFrom('disabled', 'enabled', 'unread', 'unknown'),
  plist: fc.constantFrom('present', 'missing', 'unread'),
  process: fc.oneof(
    kinds('unread'),
    one('gone', { pid }),
    one('alive', {
      pid,
      startedAt: moment,
      cpuMs: fc.nat(),
      residentBytes: fc.nat(),
      stat: because,
      command: because,
    }),
    reasoned('unknown'),
  ),
  healthz: fc.oneof(
    one('live', { latencyMs: fc.nat() }),
    kinds('refused'),
    one('timeout', { sentAt: moment }),
    reasoned('reset', 'foreign', 'unreachable', 'error'),
  ),
  readiness: fc.oneof(
    kinds('unread', 'ready'),
    one('not-ready', { failing: fc.array(because, { maxLength: 2 }) }),
    reasoned('unknown'),
  ),
  socket: fc.oneof(
    one('open', {
      since: moment,
      bootId: fc.option(because, { nil: null }),
      version: fc.option(because, { nil: null }),
      lastHeardAt: moment,
      silentSince: fc.option(moment, { nil: null }),
      shutdown,
      suspension: fc.constantFrom(null, 'accepting', 'suspending'),
    }),
    one('closed', { at: moment, code: fc.nat(), reason: because, wasOpen: fc.boolean(), shutdown }),
    one('connecting', { since: moment }),
    one('auth-failed', { at: moment, because }),
    one('protocol-mismatch', { at: moment, because }),
    reasoned('not-tried'),
  ),
  listener: fc.oneof(
    kinds('unread', 'none'),
    one('ours', { pid, addresses: fc.array(because, { maxLength: 2 }) }),
    one('orphan', {
      pid,
      command: because,
      startedAt: fc.option(moment, { nil: null }),
      hasTerminal: fc.constantFrom(true, false, null),
      port: fc.constant(18_789),
    }),
    one('foreign', { pid: fc.option(pid, { nil: null }), command: because, uid: count }),
    reasoned('unknown'),
  ),
  witness: fc.oneof(
    kinds('unread'),
    fc.record({
      kind: fc.constantFrom('idle', 'pinned', 'working'),
      pid,
      cpuMs: fc.nat(),
      overMs: fc.nat(),
    }),
    reasoned('unknown'),
  ),
  audit: fc.oneof(
    kinds('none'),
    fc.record({ kind: fc.constantFrom('stop', 'park'), at: moment, line: because }),
    reasoned('unknown'),
  ),
  update: fc.oneof(kinds('none'), marked('running', 'stale'), reasoned('unknown')),
  rpc: fc.oneof(kinds('unread'), one('ok', { latencyMs: fc.nat() }), reasoned('failed', 'not-tried')),
  parkCause: fc.oneof(kinds('unread', 'gone'), reasoned('present', 'unknown')),
  // Most looks have sound ground, or hardly any of them would lead to a restart.
  ground: fc.oneof({ weight: 3, arbitrary: fc.constant(groundUnread) }, { weight: 1, arbitrary: ground }),
});
