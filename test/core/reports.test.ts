import { describe, expect, test } from 'vitest';
import { checkReport, renderCheck } from '../../src/core/check-report.ts';
import { UserError } from '../../src/core/errors.ts';
import type { Evidence } from '../../src/core/evidence.ts';
import { type GroundEvidence, groundUnread } from '../../src/core/ground-evidence.ts';
import { groundLines } from '../../src/core/ground-report.ts';
import * as ground from './ground.ts';
import { moment } from './story.ts';
import * as world from './world.ts';

const at = moment('00:10');
const serving = world.serving()(at);

describe('the report of one look', () => {
  const said = (changes: Partial<Evidence>): readonly string[] =>
    checkReport({ ...serving, ...changes }).lines.map(({ verdict, sentence }) => `${verdict} ${sentence}`);

  test.each<[Partial<Evidence>, string]>([
    [{}, "pass service: the gateway's job runs as process 100"],
    [
      { service: { kind: 'scheduled', runs: 1, lastExit: null } },
      'fail service: the job has no process; the service manager is about to start it',
    ],
    [{ service: { kind: 'stopping', pid: 1 } }, 'fail service: the job was asked to stop and is on its way'],
    [
      { service: { kind: 'pended', reason: 'speculative', runs: 0 } },
      'fail service: launchd holds the start back (speculative)',
    ],
    [
      { service: { kind: 'stopped', runs: 1, lastExit: null } },
      'fail service: the job is loaded and has no process',
    ],
    [{ service: { kind: 'not-loaded' } }, 'fail service: the job is not loaded'],
    [
      { service: { kind: 'no-domain', because: 'nobody is logged in' } },
      'fail service: there is no GUI session to run the gateway in: nobody is logged in',
    ],
    [{ service: { kind: 'unknown', because: 'EIO' } }, 'unknown service: EIO'],
    [{ healthz: { kind: 'live', latencyMs: 2.4 } }, 'pass healthz: answered as a gateway does, in 2 ms'],
    [{ healthz: { kind: 'refused' } }, 'fail healthz: connections to the gateway are refused'],
    [{ healthz: { kind: 'timeout', sentAt: at } }, 'fail healthz: no answer in time'],
    [{ healthz: { kind: 'reset', because: 'ECONNRESET' } }, 'fail healthz: the connection broke: ECONNRESET'],
    [
      { healthz: { kind: 'foreign', because: 'HTML' } },
      'fail healthz: somebody answers who is not a gateway: HTML',
    ],
    [{ healthz: { kind: 'unreachable', because: 'no route' } }, 'unknown healthz: no route'],
    [{ healthz: { kind: 'error', because: 'our fault' } }, 'unknown healthz: our fault'],
    [
      { listener: { kind: 'ours', pid: 100, addresses: ['127.0.0.1', '::1'] } },
      "pass listener: process 100 of the gateway's job listens on 127.0.0.1 and ::1",
    ],
    [{ listener: { kind: 'none' } }, "fail listener: nobody listens on the gateway's port"],
    [
      { listener: { kind: 'elsewhere', pid: 100, addresses: ['100.64.0.7'] } },
      'fail listener: the gateway listens, but not where its config says (100.64.0.7)',
    ],
    [
      { listener: ground.orphan({ pid: 7 }) },
      'fail listener: a gateway that the service manager did not start (process 7) holds the port',
    ],
    [
      { listener: { kind: 'foreign', pid: 7, command: 'python3', uid: 0 } },
      'fail listener: another program holds the port: python3, process 7',
    ],
    [
      { listener: { kind: 'foreign', pid: null, command: '', uid: null } },
      'fail listener: another program holds the port: unknown',
    ],
    [{ listener: { kind: 'unknown', because: 'no lsof' } }, 'unknown listener: no lsof'],
    [
      { rpc: { kind: 'ok', latencyMs: 5 } },
      'pass health request: a fresh connection was accepted and answered in 5 ms',
    ],
    [{ rpc: { kind: 'failed', because: 'timeout' } }, 'fail health request: timeout'],
    [{ rpc: { kind: 'not-tried', because: 'no token' } }, 'unknown health request: not made: no token'],
    [{ readiness: { kind: 'ready' } }, 'pass readiness: ready'],
    [
      { readiness: { kind: 'not-ready', failing: ['telegram', 'db'] } },
      'note readiness 503: telegram, db; told, and no reason for a restart',
    ],
    [
      { readiness: { kind: 'not-ready', failing: [] } },
      'note readiness 503: no reason given; told, and no reason for a restart',
    ],
    [{ readiness: { kind: 'unknown', because: 'EIO' } }, 'unknown readiness: EIO'],
    [{}, 'pass held connection: open and answering'],
    [
      { socket: { ...serving.socket, silentSince: at } as Evidence['socket'] },
      'unknown held connection: open, and its last ping is not answered yet',
    ],
    [
      { socket: { kind: 'auth-failed', at, because: 'mismatch' } },
      'note auth mismatch: the gateway refused the secret in its own config: mismatch',
    ],
    [{ socket: { kind: 'protocol-mismatch', at, because: '5' } }, 'note protocol mismatch: 5'],
  ])('%j: %s', (changes, line) => {
    expect(said(changes)).toContain(line);
  });

  test('says nothing of what was not asked', () => {
    const unread = {
      service: { kind: 'unread' },
      listener: { kind: 'unread' },
      rpc: { kind: 'unread' },
      readiness: { kind: 'unread' },
    } as const;
    for (const socket of [
      { kind: 'closed', at, code: 1006, reason: '', wasOpen: false, shutdown: null },
      { kind: 'connecting', since: at },
      { kind: 'not-tried', because: 'no token' },
    ] as const) {
      expect(said({ ...unread, socket })).toEqual(['pass healthz: answered as a gateway does, in 2 ms']);
    }
  });

  test('is well only when nothing failed and the gateway answered', () => {
    expect(checkReport(serving).ok).toBe(true);
    expect(checkReport({ ...serving, listener: { kind: 'none' } }).ok).toBe(false);
    expect(checkReport({ ...serving, healthz: { kind: 'error', because: '' } }).ok).toBe(false);
    expect(checkReport({ ...serving, readiness: { kind: 'not-ready', failing: [] } }).ok).toBe(true);
  });

  test('as text has a mark before each sentence', () => {
    const lines = (['pass', 'fail', 'unknown', 'note'] as const).map((verdict) => ({
      verdict,
      sentence: 'x',
    }));
    expect(renderCheck(lines)).toBe('ok    x\nFAIL  x\n?     x\nnote  x');
  });
});

describe('what a start stands on, in sentences', () => {
  const lines = (changes: Partial<GroundEvidence>): readonly string[] =>
    groundLines({ ...serving, ground: { ...groundUnread, ...changes } }).map(
      ({ verdict, sentence }) => `${verdict} ${sentence}`,
    );

  test.each<[Partial<GroundEvidence>, readonly string[]]>([
    [
      { dependencies: { kind: 'installing', because: 'an install is running: process 77' } },
      ['note package: an install is running: process 77'],
    ],
    [{}, []],
    [{ config: ground.sound.config }, ["pass config: parses, and OpenClaw's validator accepts it"]],
    [ground.undecided('pending'), ["note config: parses; OpenClaw's validator is still at it"]],
    [
      ground.undecided('unknown'),
      ["note config: parses; OpenClaw's validator gave no usable answer, which says nothing of the config"],
    ],
    [ground.rejected, ['fail config: rejected: channels.telegram.enabled must be boolean']],
    [{ config: { kind: 'unknown', because: 'EIO' } }, ['unknown config: EIO']],
    [{ dependencies: ground.sound.dependencies }, ['pass package: openclaw 2026.9.6 is complete']],
    [ground.missing, ['fail package: missing: the package ws, which openclaw needs, is not there']],
    [ground.corrupted, ['fail package: corrupted: dist/index.js is not what it was']],
    [ground.halfInstalled, ['fail package: half-installed: the old one lies beside it as .openclaw-x1y2']],
    [{ dependencies: { kind: 'unknown', because: 'npm is at work' } }, ['unknown package: npm is at work']],
    [{ plugins: { kind: 'intact' } }, ['pass plugins: complete']],
    [ground.brokenPlugin, ['fail plugins: @openclaw/feishu: its package is not there']],
    [{ launch: { kind: 'sound', node: '/n' } }, ['pass start: /n and its wrapper are fit']],
    [ground.launchBroken('wrapper', 'it is gone'), ['fail start: it is gone']],
    [{ lock: { kind: 'free' } }, ['pass lock: nobody else holds it']],
    [{ lock: { kind: 'ours', pid: 100 } }, ['pass lock: nobody else holds it']],
    [ground.lockHeld, ['fail lock: held by process 77 (openclaw gateway run), which launchd did not start']],
    [ground.diskFull, ['note disk: 3 MB free at /state']],
    [
      { descriptors: { kind: 'read', pid: 1, open: 20, limit: 256 } },
      ['note descriptors: 20 of 256 files open'],
    ],
    [{ memory: { kind: 'read', pid: 1, residentBytes: 1_048_576 } }, ['note memory: 1 MB resident']],
    [{ boot: { kind: 'none' } }, []],
    [{ boot: { kind: 'row', pid: 1, startedAt: at, outcome: 'running', reason: null } }, []],
    [
      { boot: { kind: 'row', pid: 1, startedAt: at, outcome: 'startup_failed', reason: 'no ws' } },
      ['note boot record: startup_failed: no ws'],
    ],
    [ground.says('port-taken', 'EADDRINUSE'), ['note log: port-taken: EADDRINUSE']],
    [{ log: { kind: 'unknown', because: 'EIO' } }, []],
    [{ channels: { kind: 'normal' } }, ['pass channels: not held back by OpenClaw']],
    [
      { channels: { kind: 'suppressed', until: null, because: 'its breaker tripped' } },
      ['fail channels: its breaker tripped'],
    ],
    [{ disk: { kind: 'unknown', because: 'EIO' } }, ['unknown disk: EIO']],
  ])('%j', (changes, expected) => {
    expect(lines(changes)).toEqual(expected);
  });
});

test('an error a person can mend says what, what to type and how it ends', () => {
  const error = new UserError('no-config', 'there is no config', {
    hint: 'run "immune install"',
    exitCode: 4,
  });
  expect(error).toMatchObject({
    name: 'UserError',
    code: 'no-config',
    hint: 'run "immune install"',
    exitCode: 4,
  });
  expect(String(error)).toBe('UserError: there is no config');
});
