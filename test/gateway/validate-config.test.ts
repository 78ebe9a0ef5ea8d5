import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { validateConfig } from '../../src/gateway/validate-config.ts';
import { run } from '../../src/system/run.ts';

let home: string;
let configPath: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'validate-config-')));
  configPath = join(home, 'openclaw.json');
  writeFileSync(configPath, '{}');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** A package whose validator does what the script says. */
const install = (script: string): void => {
  mkdirSync(join(home, 'package'), { recursive: true });
  writeFileSync(join(home, 'package', 'openclaw.mjs'), script);
};
const answering = (answer: unknown, code = 0): void =>
  install(`console.log(${JSON.stringify(JSON.stringify(answer, null, 2))}); process.exitCode = ${code};`);

const ask = (more: Partial<Parameters<typeof validateConfig>[0]> = {}) =>
  validateConfig({
    run,
    node: process.execPath,
    packageRoot: join(home, 'package'),
    env: {},
    configPath,
    stateDir: home,
    timeoutMs: 30_000,
    config: {},
    ...more,
  });

/** As 2026.9.6 prints it; 2026.6.6 leaves out `ok`, `error` and, where valid, `warnings`. */
const refusal = (issues: unknown) => ({
  ok: false,
  error: { type: 'cli_error', message: 'OpenClaw config is invalid: ~/.openclaw/openclaw.json' },
  valid: false,
  path: configPath,
  issues,
});

test('a config OpenClaw takes is valid, with its warnings or with a plugin’s chatter before them', async () => {
  answering({ valid: true, path: configPath, warnings: [{ path: 'gateway.auth.token', message: 'x' }] });
  expect(await ask()).toEqual({ kind: 'valid' });
  install(
    `console.log('[plugins] {loaded}\\n' + ${JSON.stringify(JSON.stringify({ valid: true, path: configPath }))})`,
  );
  expect(await ask()).toEqual({ kind: 'valid' });
});

test('a refused config is invalid, with where and why', async () => {
  const message = 'Invalid input: expected number, received string';
  answering(refusal([{ path: 'gateway.port', message }, { message: 'Unrecognized key: "bogusKey"' }]), 1);
  expect(await ask()).toEqual({
    kind: 'invalid',
    issues: [
      { path: 'gateway.port', message },
      { path: '<root>', message: 'Unrecognized key: "bogusKey"' },
    ],
  });
});

test('values of the config and of its variables do not get out, what the message itself has to say does', async () => {
  const allowedValues = ['local', 'loopback', 'lan'];
  const issues = [
    { path: 'a', message: 'got "pass" and hunter2-hunter2, and sk-abcdefghijklmnop of nobody' },
    { path: 'b', message: 'Invalid input (allowed: "local", "loopback", "lan")', allowedValues },
    { path: 'c', message: `from-variable at /home/me: ${'long '.repeat(100)}` },
  ];
  answering(refusal(issues), 1);
  const config = { list: [{ secret: 'hunter2-hunter2', short: 'pass' }], mode: 'lan', bind: 'loopback' };
  const opinion = await ask({ config, env: { TOKEN: 'from-variable', OPENCLAW_HOME: '/home/me' } });
  expect(opinion).toMatchObject({
    kind: 'invalid',
    issues: [
      { message: 'got "…" and …, and sk-[redacted] of nobody' },
      { message: 'Invalid input (allowed: "local", "loopback", "lan")' },
      { message: expect.stringMatching(/^… at \/home\/me: long/) },
    ],
  });
  if (opinion.kind === 'invalid')
    expect(opinion.issues.every(({ message }) => message.length <= 200)).toBe(true);
});

test.each([
  [
    'a missing module',
    'throw Object.assign(new Error("Cannot find package \'tslog\' imported from x"), {})',
    /exit code 1 without an answer: Error: Cannot find package 'tslog'/,
  ],
  [
    'a command line that did not come up',
    `console.log('{"ok":false,"error":{"type":"cli_error","message":"Cannot find package"}}');
     console.error('[openclaw] Reason: Cannot find package'); process.exitCode = 1;`,
    /exit code 1 without an answer: \[openclaw\] Reason: Cannot find package/,
  ],
  ['an answer cut off', 'console.log(\'{"valid":false,\');', /without an answer/],
  ['no answer at all', '', /exit code 0 without an answer/],
  ['its own death', "process.kill(process.pid, 'SIGKILL')", /ended by SIGKILL/],
])('%s says nothing of the config', async (_name, script, because) => {
  install(script);
  expect(await ask()).toEqual({ kind: 'unknown', because: expect.stringMatching(because) });
});

test('no verdict is made of a refusal without issues, of a wrong exit code, or of another file', async () => {
  answering({ ok: false, error: { message: 'file not found' }, valid: false, path: configPath }, 1);
  expect(await ask()).toMatchObject({ kind: 'unknown', because: expect.stringContaining('no verdict') });
  answering(refusal([{ path: 'a', message: 'b' }]), 78);
  expect((await ask()).kind).toBe('unknown');
  answering({ valid: true, path: configPath }, 1);
  expect((await ask()).kind).toBe('unknown');
  answering({ ...refusal([{ path: 'a', message: 'b' }]), path: '/somewhere/else.json' }, 1);
  expect(await ask()).toMatchObject({ kind: 'unknown', because: expect.stringContaining('another file') });
});

test('a package that is not there, a Node that is not there and a late answer are no verdict either', async () => {
  expect(await ask()).toMatchObject({
    kind: 'unknown',
    because: expect.stringContaining('Cannot find module'),
  });
  install('setInterval(() => {}, 1000);');
  expect(await ask({ timeoutMs: 300 })).toMatchObject({
    kind: 'unknown',
    because: expect.stringContaining('300 ms'),
  });
  expect(await ask({ node: join(home, 'no-node') })).toMatchObject({
    kind: 'unknown',
    because: expect.stringContaining('could not be started'),
  });
});

test('what a killed validator leaves in its cache is removed', async () => {
  const seen = join(home, 'seen');
  install(`import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
    mkdirSync(process.env.XDG_CACHE_HOME + '/openclaw');
    writeFileSync(process.env.XDG_CACHE_HOME + '/openclaw/copy.sqlite', 'x');
    writeFileSync(${JSON.stringify(seen)}, process.env.XDG_CACHE_HOME);
    process.kill(process.pid, 'SIGKILL');`);
  expect(await ask()).toMatchObject({ kind: 'unknown' });
  expect(existsSync(readFileSync(seen, 'utf8'))).toBe(false);
});

test('it is ended by its signal', async () => {
  install('setInterval(() => {}, 1000);');
  const controller = new AbortController();
  const asked = ask({ signal: controller.signal });
  controller.abort();
  expect(await asked).toMatchObject({ kind: 'unknown' });
});

test('the validator sees the gateway’s own variables, but nothing that makes it the service or loads code', async () => {
  const seen = join(home, 'seen.json');
  install(`import { writeFileSync } from 'node:fs';
    writeFileSync(${JSON.stringify(seen)}, JSON.stringify({ env: process.env, cwd: process.cwd(), argv: process.argv.slice(2) }));`);
  process.env['OF_THE_WATCHDOG'] = '1';
  await ask({
    env: {
      MY_TOKEN: 'mine',
      NODE_COMPILE_CACHE: '/var/tmp/cache',
      HOME: '/home/of-the-gateway',
      PATH: '/opt/evil',
      OPENCLAW_STATE_DIR: '/elsewhere',
      OPENCLAW_CONFIG_PATH: '/another.json',
      OPENCLAW_SERVICE_MARKER: 'openclaw',
      OPENCLAW_LAUNCHD_LABEL: 'ai.openclaw.gateway',
      OPENCLAW_WRAPPER: '/w',
      XPC_SERVICE_NAME: 'ai.openclaw.gateway',
      NODE_OPTIONS: '--no-such-option',
    },
  });
  delete process.env['OF_THE_WATCHDOG'];
  const { env, cwd, argv } = JSON.parse(readFileSync(seen, 'utf8'));
  expect(argv).toEqual(['config', 'validate', '--json']);
  expect(cwd).toBe(home);
  expect(env).toEqual({
    LANG: 'C',
    LC_ALL: 'C',
    MY_TOKEN: 'mine',
    NODE_COMPILE_CACHE: '/var/tmp/cache',
    HOME: '/home/of-the-gateway',
    PATH: `${dirname(process.execPath)}:/usr/bin:/bin:/usr/sbin:/sbin`,
    OPENCLAW_STATE_DIR: '/elsewhere',
    OPENCLAW_CONFIG_PATH: configPath,
    NO_COLOR: '1',
    OPENCLAW_NO_RESPAWN: '1',
    OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED: '1',
    XDG_CACHE_HOME: expect.stringContaining('openclaw-validator-'),
  });
  expect(existsSync(env['XDG_CACHE_HOME'])).toBe(false);
});

test.each([
  "read failed: Error: Cannot find package 'zod' imported from /opt/openclaw/dist/x.mjs",
  'Cannot find module ws/package.json',
  'ENOSPC: no space left on device, write',
])('what the validator could not do is no verdict on the config: %s', async (message) => {
  answering(refusal([{ path: '<root>', message }]), 1);
  expect(await ask()).toMatchObject({ kind: 'unknown' });
});
