import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gatherStatus } from '../../src/cli/status/gather.ts';
import { renderStatus } from '../../src/cli/status/render.ts';
import { runStatus } from '../../src/cli/status/status.ts';
import { watchdogOf } from '../../src/cli/status/view.ts';
import { instant } from '../../src/core/time.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import { type TestContext, testContext } from './command-context.ts';
import { statusFile } from './status-facts.ts';

describe('a look of immune status', () => {
  let test: TestContext;
  beforeEach(async () => {
    test = await testContext();
    await mkdir(test.context.paths.state, { recursive: true });
  });
  afterEach(() => test.remove());

  /** A launchctl of a few lines, and settings that name it. */
  const install = async (script: string): Promise<void> => {
    const { paths } = test.context;
    const launchctl = join(paths.data, 'launchctl');
    await writeFile(launchctl, `#!/bin/sh\n${script}\n`);
    await chmod(launchctl, 0o755);
    const gateway = {
      label: 'ai.openclaw.gateway',
      plist: join(paths.data, 'gateway.plist'),
      stateDir: paths.data,
      configPath: join(paths.data, 'openclaw.json'),
      // Nobody listens there: the reserved port 1 is refused at once.
      port: 1,
    };
    await writeFile(paths.config, JSON.stringify({ gateway, tools: { launchctl, ps: '/bin/ps' } }));
  };

  const beat = (ageMs: number): Promise<void> => {
    const at = instant(test.context.clock.now() - ageMs);
    const status = statusFile({}, { pid: process.pid, at });
    return writeStatus(test.context.paths.state, {
      ...status,
      gateway: { ...status.gateway, url: 'http://127.0.0.1:1' },
    });
  };

  it('finds everything down: no watchdog, no job, nobody on the port', async () => {
    await install('exit 113');
    const facts = await gatherStatus(test.context);
    expect(facts).toMatchObject({
      healthz: { kind: 'refused' },
      gatewayJob: { label: 'ai.openclaw.gateway', state: { kind: 'not-loaded' } },
      watchdogJob: { state: { kind: 'not-loaded' } },
      settings: { kind: 'ok' },
    });
    expect(renderStatus(facts)).toContain('because: the gateway has no LaunchAgent on this machine');
  });

  it('finds no GUI session', async () => {
    await install('exit 125');
    expect(renderStatus(await gatherStatus(test.context))).toContain('Nobody is logged in at the screen');
  });

  it('is not held up by a launchctl that hangs', async () => {
    await install('exec sleep 60');
    const began = performance.now();
    const { gatewayJob } = await gatherStatus(test.context);
    expect(gatewayJob.state).toEqual({
      kind: 'unknown',
      because: 'launchctl gave no answer within 2000 ms.',
    });
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  it('says that the heartbeat is stale while launchd still shows the process', async () => {
    await install(`printf '%s = {\\n\\tstate = running\\n\\tpid = ${process.pid}\\n}\\n' "$2"`);
    await beat(300_000);
    const facts = await gatherStatus(test.context);
    expect(facts.daemonProcess).toBe('alive');
    expect(watchdogOf(facts).kind).toBe('stale');
  });

  it('takes a process that only inherited the pid of a dead watchdog for dead', async () => {
    await install('exit 113');
    await beat(300_000);
    const facts = await gatherStatus(test.context);
    expect(facts.daemonProcess).toBe('dead');
    expect(watchdogOf(facts).kind).toBe('dead');
  });

  it('believes a fresh heartbeat', async () => {
    await install('exit 113');
    await beat(1_000);
    expect(watchdogOf(await gatherStatus(test.context)).kind).toBe('alive');
  });

  it('goes on without settings and with a torn status file', async () => {
    const { paths } = test.context;
    await writeFile(paths.config, '{ gateway: ');
    await writeFile(join(paths.state, 'status.json'), '{"version":1,"pi');
    expect(await runStatus({ json: false, watch: false }, test.context)).toBe(3);
    expect(test.written()).toContain('watchdog   unknown: status.json is not JSON');
    expect(test.written()).toContain(`settings   ${paths.config}:`);
  });
});
