import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, type TestContext } from 'vitest';
import { installFakeLaunchd } from './fake.ts';
import { deaf, forever, isAlive, label, temporaryFolder, until, writeShellJob } from './world.ts';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function open({ onTestFinished }: TestContext, uid?: number) {
  const dir = temporaryFolder(onTestFinished);
  const fake = await installFakeLaunchd({ dir: join(dir, 'fake'), ...(uid === undefined ? {} : { uid }) });
  onTestFinished(() => fake.stop());
  fake.setFaults({ exitTimeOutMs: 500, throttleMs: 1_000 });
  const domain = `gui/${fake.uid}`;
  /** As a plain shell finds it: first on PATH, with an environment of nothing else. */
  const launchctl = async (...argv: readonly string[]): Promise<Said> => {
    const options = { env: { PATH: `${fake.binDir}:/usr/bin:/bin` }, timeout: 25_000 };
    const child = promisify(execFile)('/bin/sh', ['-c', 'launchctl "$@"', 'sh', ...argv], options);
    return child.then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
    );
  };
  const pid = async () => {
    const { stdout } = await until(
      () => launchctl('print', `${domain}/${label}`),
      (said) => /^\tpid = /m.test(said.stdout),
    );
    return Number(/^\tpid = (\d+)$/m.exec(stdout)?.[1]);
  };
  return { dir, fake, domain, target: `${domain}/${label}`, launchctl, pid };
}

const quiet: Said = { code: 0, stdout: '', stderr: '' };

describe.concurrent('the fake launchctl', () => {
  it('says what launchctl says of what is not there', async (context) => {
    const { launchctl, fake } = await open(context, 501);
    expect(await launchctl('print', `gui/501/${label}`)).toEqual({
      code: 113,
      stdout: '',
      stderr: `Could not find service "${label}" in domain for user gui: 501\n`,
    });
    fake.setFaults({ badRequest: true });
    expect((await launchctl('print', `gui/501/${label}`)).stderr).toMatch(
      /^Bad request\.\nCould not find service "/,
    );
    expect(await launchctl('print', `system/${label}`)).toMatchObject({
      code: 113,
      stderr: expect.stringContaining('Could not find service'),
    });
    expect(await launchctl('print', 'gui/502')).toMatchObject({
      code: 112,
      stderr: 'Could not find domain for user gui: 502\n',
    });
    expect(await launchctl('bootout', `gui/501/${label}`)).toMatchObject({
      code: 3,
      stderr: 'Boot-out failed: 3: No such process\n',
    });
    expect(await launchctl('kickstart', `gui/501/${label}`)).toMatchObject({ code: 113 });
    expect(await launchctl('list', label)).toMatchObject({
      code: 113,
      stderr: `Could not find service "${label}" in domain for port\n`,
    });
    expect(await launchctl('frobnicate')).toMatchObject({ code: 64 });
    expect(await launchctl('error', '5')).toMatchObject({ stdout: '5: Input/output error\n' });
    expect(await launchctl('managername')).toMatchObject({ stdout: 'Aqua\n' });
  });

  it('prints a running job with one tab at the top and the same keys again in nested blocks', async (context) => {
    const { dir, launchctl, target, pid } = await open(context);
    const path = writeShellJob(dir, forever, {
      keepAlive: true,
      umask: 0o77,
      startCalendarInterval: [{ minute: 5 }],
    });
    expect(await launchctl('bootstrap', target.replace(/\/[^/]+$/, ''), path)).toEqual(quiet);
    const running = await pid();
    const { stdout } = await launchctl('print', target);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(`${target} = {`);
    expect(lines).toContain('\tstate = running');
    expect(lines).toContain(`\tpid = ${running}`);
    expect(lines).toContain('\truns = 1');
    expect(lines).toContain('\tlast exit code = (never exited)');
    expect(lines).toContain('\tumask = 77');
    expect(lines).toContain('\tproperties = keepalive | inferred program');
    expect(lines).toContain('\t\tstate = active');
    expect(lines).toContain('\t\t\t\t"Minute" => 5');
    expect(stdout).not.toMatch(/pended nondemand/);
  });

  it('answers the envelopes of bootstrap, collapsed to 5 or rich', async (context) => {
    const { dir, fake, domain, launchctl } = await open(context);
    const path = writeShellJob(dir, forever, { runAtLoad: true });
    await launchctl('bootstrap', domain, path);
    const five = {
      code: 5,
      stdout: '',
      stderr:
        'Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.\n',
    };
    expect(await launchctl('bootstrap', domain, path)).toEqual(five);
    fake.setFaults({ richErrors: true });
    expect(await launchctl('bootstrap', domain, path)).toMatchObject({
      code: 17,
      stderr: 'Bootstrap failed: 17: File exists\n',
    });
    await launchctl('bootout', '--wait', `${domain}/${label}`);
    await launchctl('disable', `${domain}/${label}`);
    expect(await launchctl('bootstrap', domain, path)).toMatchObject({
      code: 119,
      stderr: 'Bootstrap failed: 119: Service is disabled\n',
    });
    await launchctl('enable', `${domain}/${label}`);
    chmodSync(path, 0o666);
    expect(await launchctl('bootstrap', domain, path)).toMatchObject({ code: 122 });
    fake.setFaults({ noDomain: 125 });
    expect(await launchctl('bootstrap', domain, path)).toMatchObject({
      code: 125,
      stderr: 'Bootstrap failed: 125: Domain does not support specified action\n',
    });
  });

  it('boots out asynchronously: the label stays until the process is dead', async (context) => {
    const { dir, fake, domain, target, launchctl, pid } = await open(context);
    await launchctl('bootstrap', domain, writeShellJob(dir, deaf, { runAtLoad: true }));
    const old = await pid();
    await until(
      () => existsSync(join(dir, 'out.log')) && readFileSync(join(dir, 'out.log'), 'utf8'),
      Boolean,
    );
    fake.setFaults({ bootoutCode: 36, exitTimeOutMs: 3_000 });
    expect(await launchctl('bootout', target)).toMatchObject({
      code: 36,
      stderr: 'Boot-out failed: 36: Operation now in progress\n',
    });
    expect((await launchctl('print', target)).stdout).toContain('\n\tstate = SIGTERMed\n');
    expect(await launchctl('bootout', '--wait', target)).toEqual(quiet);
    expect(isAlive(old)).toBe(false);
    fake.setFaults({ bootoutWait: 'unknown' });
    expect(await launchctl('bootout', '--wait', target)).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('Usage:'),
    });
    expect((await launchctl('help', 'bootout')).stdout).not.toContain('--wait');
  });

  it('kickstart -k -p prints the new pid, and may start one instance too many', async (context) => {
    const { dir, fake, domain, target, launchctl, pid } = await open(context);
    await launchctl('bootstrap', domain, writeShellJob(dir, forever, { keepAlive: true }));
    const old = await pid();
    const { stdout } = await launchctl('kickstart', '-k', '-p', target);
    expect(stdout).toBe(`${await pid()}\n`);
    expect(Number(stdout)).not.toBe(old);
    fake.setFaults({ doubleStart: true });
    await launchctl('kickstart', '-k', target);
    expect((await launchctl('print', target)).stdout).toMatch(/^\truns = 4$/m);
  });

  it('lists a killed job with its signal, decoded in the table and raw alone', async (context) => {
    const { dir, domain, target, launchctl, pid } = await open(context);
    await launchctl('bootstrap', domain, writeShellJob(dir, forever, { runAtLoad: true }));
    const running = await pid();
    expect((await launchctl('list')).stdout).toBe(`PID\tStatus\tLabel\n${running}\t0\t${label}\n`);
    expect((await launchctl('print', domain)).stdout).toContain(`${running}      0 \t${label}`);
    expect(await launchctl('kill', 'SIGTERM', target)).toEqual(quiet);
    await until(
      () => launchctl('list'),
      ({ stdout }) => stdout.endsWith(`-\t-15\t${label}\n`),
    );
    expect((await launchctl('list', label)).stdout).toContain('\t"LastExitStatus" = 15;\n');
    expect(await launchctl('kill', 'TERM', target)).toMatchObject({ code: 3 });
  });

  it('load and unload answer 0 whatever happens; bootout takes a path too', async (context) => {
    const { dir, domain, target, launchctl } = await open(context);
    const path = writeShellJob(dir, forever);
    expect(await launchctl('unload', path)).toMatchObject({
      code: 0,
      stderr: 'Unload failed: 5: Input/output error\n',
    });
    expect(await launchctl('load', '-w', path)).toEqual(quiet);
    expect(await launchctl('print', target)).toMatchObject({ code: 0 });
    expect(await launchctl('bootout', domain, path)).toEqual(quiet);
    expect(await launchctl('print', target)).toMatchObject({ code: 113 });
  });

  it('keeps the override store when the server is gone, and comes back by itself', async (context) => {
    const { fake, domain, target, launchctl } = await open(context);
    await launchctl('disable', target);
    await fake.stop();
    await fake.stop();
    expect((await launchctl('print-disabled', domain)).stdout).toMatch(
      `disabled services = {\n\t"${label}" => disabled\n}\n`,
    );
    fake.setFaults({ disabledFormat: 'booleans' });
    expect((await launchctl('print-disabled', domain)).stdout).toContain(`\t"${label}" => true\n`);
  });

  it('records every call, counts planned failures down, and delays', async (context) => {
    const { fake, domain, launchctl } = await open(context);
    fake.setFaults({
      failures: { print: { code: 1, times: 1, stderr: 'not allowed\n' } },
      delayMs: { print: 300 },
    });
    const begun = performance.now();
    expect(await launchctl('print', domain)).toEqual({ code: 1, stdout: '', stderr: 'not allowed\n' });
    expect(performance.now() - begun).toBeGreaterThan(295);
    expect(await launchctl('print', domain)).toMatchObject({ code: 0 });
    expect(fake.calls().map(({ argv }) => argv)).toEqual([
      ['print', domain],
      ['print', domain],
    ]);
  });

  it('ends its server and all jobs on stop, and when its folder disappears', async (context) => {
    const { dir, fake, domain, launchctl, pid } = await open(context);
    await launchctl('bootstrap', domain, writeShellJob(dir, deaf, { runAtLoad: true }));
    const first = await pid();
    const server = Number(readFileSync(join(dir, 'fake', 'server.pid'), 'utf8'));
    await fake.stop();
    expect(isAlive(first)).toBe(false);
    await until(
      () => isAlive(server),
      (alive) => !alive,
    );
    await launchctl('bootstrap', domain, join(dir, `${label}.plist`));
    const second = await pid();
    const next = Number(readFileSync(join(dir, 'fake', 'server.pid'), 'utf8'));
    rmSync(join(dir, 'fake', 'fake.json'));
    await until(
      () => isAlive(second) || isAlive(next),
      (alive) => !alive,
    );
    await installFakeLaunchd({ dir: join(dir, 'fake') });
  });
});
