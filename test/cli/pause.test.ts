import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Looked, runCheck } from '../../src/cli/check.ts';
import { runPause, runResume } from '../../src/cli/pause.ts';
import type { Evidence } from '../../src/core/evidence.ts';
import { groundUnread } from '../../src/core/ground-evidence.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { instant, millis, minutes } from '../../src/core/time.ts';
import { type Answer, commandsDirectory, type Request, takeRequests } from '../../src/daemon/commands.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import { type TestContext, testContext } from './command-context.ts';
import { aliveHere, statusFile } from './status-facts.ts';

const down: Evidence = {
  at: instant(0),
  gapMs: millis(0),
  service: { kind: 'running', pid: 77, runs: 1, lastExit: null },
  disabled: 'unread',
  plist: 'unread',
  process: { kind: 'unread' },
  healthz: { kind: 'refused' },
  readiness: { kind: 'unread' },
  socket: { kind: 'not-tried', because: 'x' },
  listener: { kind: 'none' },
  witness: { kind: 'unread' },
  audit: { kind: 'none' },
  update: { kind: 'none' },
  rpc: { kind: 'unread' },
  parkCause: { kind: 'unread' },
  ground: groundUnread,
};

const looked: Looked = {
  evidence: down,
  rules: { policy: defaultPolicy, mode: 'act', label: 'ai.openclaw.gateway' },
};

describe('a command to the watchdog', () => {
  let test: TestContext;
  let answering: { readonly stop: () => Promise<void>; readonly taken: readonly Request[] } | null;
  beforeEach(async () => {
    test = await testContext();
    answering = null;
  });
  afterEach(async () => {
    await answering?.stop();
    await test.remove();
  });

  /** The daemon's side of the commands folder, by the daemon's own code, with this very process as its pid. */
  const startDaemon = async (answer: Answer): Promise<readonly Request[]> => {
    const { state } = test.context.paths;
    const taken: Request[] = [];
    await mkdir(commandsDirectory(state), { recursive: true });
    await writeStatus(state, statusFile({}, aliveHere()));
    const controller = new AbortController();
    const loop = (async () => {
      while (!controller.signal.aborted) {
        await takeRequests(state, async (request) => {
          taken.push(request);
          return answer;
        });
        await test.context.clock.sleep(millis(20), controller.signal);
      }
    })();
    answering = {
      taken,
      stop: () => {
        controller.abort();
        return loop;
      },
    };
    return taken;
  };

  it('pauses for the asked length and prints the answer', async () => {
    const taken = await startDaemon({ ok: true, text: 'paused for 90 min' });
    expect(await runPause(minutes(90), test.context)).toBe(0);
    expect(taken).toEqual([{ kind: 'pause', forMs: 5_400_000, by: 'immune pause' }]);
    expect(test.written()).toBe('paused for 90 min\n');
  });

  it('pauses for the usual 30 minutes when no length is given: a pause must end by itself', async () => {
    const taken = await startDaemon({ ok: true, text: 'paused' });
    await runPause(null, test.context);
    expect(taken).toEqual([{ kind: 'pause', forMs: 1_800_000, by: 'immune pause' }]);
  });

  it('is refused with the words of the watchdog', async () => {
    await startDaemon({ ok: false, text: 'an action is in flight' });
    await expect(runResume(test.context)).rejects.toMatchObject({
      message: 'an action is in flight',
      exitCode: 4,
    });
  });

  it('says how to start the watchdog when it is dead, and leaves nothing behind', async () => {
    const child = spawn(process.execPath, ['-e', '0']);
    await once(child, 'exit');
    const { state, launchAgents } = test.context.paths;
    const plist = join(launchAgents, 'org.openclaw-immune.watchdog.plist');
    await mkdir(state, { recursive: true });
    await writeStatus(state, statusFile({}, { ...aliveHere(), pid: child.pid ?? 0 }));
    await expect(runPause(null, test.context)).rejects.toMatchObject({
      exitCode: 3,
      hint: `launchctl kickstart gui/501/org.openclaw-immune.watchdog || launchctl bootstrap gui/501 ${plist}`,
    });
    await expect(access(commandsDirectory(state))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says how to install it when it never ran here', async () => {
    await expect(runResume(test.context)).rejects.toMatchObject({ exitCode: 3, hint: './install.sh' });
  });

  it('check lets the running watchdog look', async () => {
    const taken = await startDaemon({ ok: false, text: 'ok    service: a\nFAIL  healthz: b' });
    const never = (): Promise<Looked> => Promise.reject(new Error('looked itself'));
    expect(await runCheck({ json: true, why: false }, test.context, never)).toBe(3);
    expect(taken).toEqual([{ kind: 'check', by: 'immune check', why: false }]);
    expect(JSON.parse(test.written())).toMatchObject({
      by: 'watchdog',
      ok: false,
      lines: ['ok    service: a', 'FAIL  healthz: b'],
    });
  });

  it('check looks by itself when no watchdog runs, and says each verdict in a sentence', async () => {
    expect(await runCheck({ json: false, why: false }, test.context, () => Promise.resolve(looked))).toBe(3);
    expect(test.written().split('\n')).toEqual([
      'the watchdog does not answer; looked at from here:',
      "ok    service: the gateway's job runs as process 77",
      'FAIL  healthz: connections to the gateway are refused',
      "FAIL  listener: nobody listens on the gateway's port",
      '',
    ]);
  });
});
