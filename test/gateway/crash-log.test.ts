import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { findSigns } from '../../src/gateway/crash-log.ts';
import { createRedactor } from '../../src/system/redact.ts';

const fixtures = join(import.meta.dirname, '../fixtures/gateway-logs');
const writtenAt = instant(Date.parse('2026-11-22T16:00:00Z'));
const same = (text: string): string => text;
const find = (text: string, notBefore: number | null = null) =>
  findSigns([{ text, writtenAt, notBefore: notBefore === null ? null : instant(notBefore) }], same);
const signs = (text: string) => find(text).map(({ sign }) => sign);

/** Console logs of real starts, see the README beside them. Empty: the gateway came up, or says nothing of it. */
const expected: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  '2026.9.6': {
    breaker: ['breaker-tripped'],
    'config-broken-json': ['config-invalid'],
    'config-changed-while-serving': ['config-invalid'],
    'config-channel-type': ['config-invalid'],
    'config-env-missing': [],
    'config-missing': ['config-invalid'],
    'config-no-mode': ['config-invalid'],
    'config-unknown-key': ['config-invalid'],
    'config-wrong-type': ['config-invalid'],
    'dep-all': ['module-missing'],
    'dep-chokidar': ['module-missing'],
    'dep-json5': ['module-missing'],
    'dep-ws-parked': ['module-missing'],
    'dep-ws': ['module-missing'],
    'dep-zod': ['module-missing'],
    'disk-full': ['disk-full'],
    'dist-chunk-missing': ['module-missing'],
    'dist-chunk-truncated': ['code-damaged'],
    'dist-index-missing': ['module-missing'],
    emfile: ['descriptors'],
    'env-missing': ['environment-file'],
    'env-wrapper': ['environment-file'],
    heap: ['out-of-memory'],
    node20: ['node-unfit'],
    'port-taken-launchd': ['already-running'],
    'port-taken': ['port-taken'],
    'schema-newer': ['schema-newer'],
    'second-gateway': ['already-running'],
    uncaught: ['other-failure'],
    'ws-truncated': ['code-damaged'],
  },
  '2026.6.6': {
    breaker: [],
    'config-broken-json': ['config-invalid'],
    'config-changed-while-serving': ['config-invalid'],
    'config-channel-type': ['config-invalid'],
    'config-env-missing': ['other-failure'],
    'config-missing': ['config-invalid'],
    'config-no-mode': ['config-invalid'],
    'config-unknown-key': ['config-invalid'],
    'config-wrong-type': ['config-invalid'],
    'dep-all': ['module-missing'],
    'dep-chokidar': ['module-missing'],
    'dep-json5': ['module-missing'],
    'dep-ws': ['module-missing'],
    'dep-zod': ['module-missing'],
    'disk-full': ['disk-full'],
    'dist-chunk-missing': [],
    'dist-chunk-truncated': ['code-damaged'],
    'dist-index-missing': ['module-missing'],
    heap: ['out-of-memory'],
    node20: ['node-unfit'],
    'port-taken-launchd': ['already-running', 'port-taken'],
    'port-taken': ['port-taken'],
    'schema-newer': [],
    'second-gateway': [],
    uncaught: ['other-failure'],
    'ws-truncated': ['code-damaged'],
  },
};

test.each(Object.keys(expected))('every kept log of OpenClaw %s has its expectation', (version) => {
  const kept = readdirSync(join(fixtures, version)).map((name) => name.replace('.txt', ''));
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.sort()).toEqual(Object.keys(expected[version] ?? {}).sort());
});

const cases = Object.entries(expected).flatMap(([version, logs]) =>
  Object.entries(logs).map(([name, wanted]) => ({ version, name, wanted })),
);

test.each(cases)('the log of $version, $name, shows $wanted', ({ version, name, wanted }) => {
  const text = readFileSync(join(fixtures, version, `${name}.txt`), 'utf8');
  expect([...signs(text)].sort()).toEqual([...wanted].sort());
});

test('the finding of an invalid config names the key that is wrong, which stands on the line below', () => {
  const text = readFileSync(join(fixtures, '2026.9.6', 'config-unknown-key.txt'), 'utf8');
  expect(find(text)).toEqual([
    {
      sign: 'config-invalid',
      at: Date.parse('2026-11-22T14:35:03.253+00:00'),
      text: 'Gateway failed to start: Invalid config at /Users/ann/.openclaw/openclaw.json: <root>: Unrecognized key: "bogusKey"',
    },
  ]);
});

test('an error that Node prints itself is found by the version that ends it, and its line is the error', () => {
  const text = readFileSync(join(fixtures, '2026.9.6', 'dep-all.txt'), 'utf8');
  expect(find(text)).toMatchObject([
    {
      at: null,
      text: expect.stringMatching(/^Error \[ERR_MODULE_NOT_FOUND\]: Cannot find package '@openclaw/),
    },
  ]);
});

const stamp = '2026-11-22T15:59:00.000+00:00';
test.each([
  ['a channel that quotes an error', '[telegram] Gateway failed to start: Cannot find package "x"'],
  [
    'a channel that quotes an error with its stamp',
    '[telegram] message: FATAL ERROR: x - JavaScript heap out of memory',
  ],
  ['an agent that tells of memory', '[agent] my oom killer says JavaScript heap out of memory'],
  ['an agent that quotes a port', '[agent/main] Port 18789 is already in use.'],
  ['an agent that quotes the disk', '[agent] ENOSPC: no space left on device'],
  ['a tool that quotes its own files', '[tools] EMFILE: too many open files'],
  [
    'a plugin that fails alone',
    "[plugins] canvas failed during load: Cannot find package 'x' imported from y",
  ],
  ['the breaker in a chat', '[discord] restart-loop breaker tripped: 3 unclean boot(s) within 300000ms'],
  ['a channel that names itself like the gateway', '[whatsapp] [gateway] startup failed: x'],
  ['a line that only mentions a start', 'somebody said: Gateway failed to start: EADDRINUSE'],
  ['the version of Node without an error above it', 'Node.js v26.10.0'],
  ['the gateway at work', '[gateway] ready'],
])('%s is no sign', (_name, line) => {
  expect(signs(`${stamp} ${line}\n`)).toEqual([]);
});

test.each([
  [
    'code that ends early',
    'Gateway failed to start: SyntaxError: Unexpected end of input. Run',
    'code-damaged',
  ],
  ['EMFILE', 'Gateway failed to start: EMFILE: too many open files, open /x. Run openclaw', 'descriptors'],
  ['ENOSPC', 'Gateway failed to start: ENOSPC: no space left on device, write. Run openclaw', 'disk-full'],
  ['a full disk in SQLite', 'Gateway failed to start: database or disk is full', 'disk-full'],
  [
    'two versions side by side',
    "Gateway failed to start: The requested module './a.mjs' does not provide an export named 'b'",
    'code-damaged',
  ],
  [
    'JSON that ends early, which is not code',
    'Gateway failed to start: Unexpected end of JSON input',
    'other-failure',
  ],
  ['an error nobody listed', 'Gateway failed to start: the moon is full', 'other-failure'],
  [
    'a start that failed in a living process',
    '[gateway] startup failed: x. Process will stay alive; fix the issue and restart.',
    'other-failure',
  ],
  [
    'a plugin that is not yet ready',
    '[state-migrations] Plugin "feishu" data/settings upgrade is unfinished: x',
    'plugin-converging',
  ],
  [
    'a maintenance refusal without another reason',
    'Gateway failed to start: x | gateway.maintenance_required. Stop',
    'migration-required',
  ],
  [
    'another start that waits',
    '[gateway] already running under launchd; waiting 5000ms before retrying startup',
    'already-running',
  ],
])('%s is told by the words of the error', (_name, line, sign) => {
  expect(signs(`${stamp} ${line}\n`)).toEqual([sign]);
});

test('colours, line ends of another system and control characters do not hide a sign', () => {
  const line = `\u001b[90m${stamp}\u001b[39m \u001b[31m[gateway]\u001b[39m \u001b[31mrestart-loop breaker tripped: 3 unclean boot(s)\u001b[0m\r`;
  expect(find(`${line}\n`)).toEqual([
    {
      sign: 'breaker-tripped',
      at: Date.parse(stamp),
      text: '[gateway] restart-loop breaker tripped: 3 unclean boot(s)',
    },
  ]);
});

test('each sign is told once, with its newest line, over all files', () => {
  const first = `2026-11-22T15:01:00.000+00:00 Port 1 is already in use.\n2026-11-22T15:03:00.000+00:00 Port 3 is already in use.\n`;
  const second = `2026-11-22T15:02:00.000+00:00 Port 2 is already in use.\n`;
  const texts = [first, second].map((text) => ({ text, writtenAt: instant(0), notBefore: null }));
  expect(findSigns(texts, same).map(({ text }) => text)).toEqual(['Port 3 is already in use.']);
});

test('the line is redacted before it is cut, so that no half of a secret is left', () => {
  const redactor = createRedactor();
  redactor.register('a-secret-of-the-gateway');
  const line = `${stamp} Gateway failed to start: ${'x'.repeat(165)} a-secret-of-the-gateway`;
  const [found] = findSigns([{ text: line, writtenAt, notBefore: null }], redactor.redact);
  expect(found?.text).toHaveLength(200);
  expect(found?.text).toContain('[redac');
  expect(found?.text).not.toContain('a-se');
});

test('lines before the limit are left out, and lines without a timestamp go with the one before them', () => {
  const text = [
    '2026-11-22T15:00:00.000+00:00 [gateway] starting...',
    'Invalid LaunchAgent environment file; run openclaw gateway install --force to repair the service.',
    '2026-11-22T15:30:00.000+00:00 [gateway] starting...',
    'Port 9 is already in use.',
    '2026-11-22T15:31:00.000+00:00 [gateway] starting...',
    '',
  ].join('\n');
  expect(find(text, Date.parse('2026-11-22T15:20:00Z')).map(({ sign }) => sign)).toEqual(['port-taken']);
  expect(find(text).map(({ sign }) => sign)).toEqual(['environment-file', 'port-taken']);
});

test('the last lines of a file are as young as the file, for an early failure knows no time', () => {
  const text = `2026-11-20T15:00:00.000+00:00 [gateway] ready\n${'openclaw requires Node >=22.19.0.\n'.repeat(3)}`;
  expect(find(text, writtenAt - 60_000)).toEqual([
    { sign: 'node-unfit', at: null, text: 'openclaw requires Node >=22.19.0.' },
  ]);
  expect(find(text, writtenAt + 1)).toEqual([]);
});

test('a line of megabytes is read no further than its beginning', () => {
  const startedAt = performance.now();
  expect(signs(`Gateway failed to start: ${'a'.repeat(5_000_000)} EMFILE\n`)).toEqual(['other-failure']);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});
