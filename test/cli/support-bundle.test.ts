import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../src/cli/context.ts';
import { runSupportBundle } from '../../src/cli/support/bundle.ts';
import { initialState } from '../../src/core/state.ts';
import { instant } from '../../src/core/time.ts';
import { findTool } from '../demo/tools.ts';
import { formsOf, plant } from '../robust/planted.ts';
import { type TestContext, testContext } from './command-context.ts';
import { type ConfigHome, configHome } from './config-home.ts';
import { journal } from './incident-journal.ts';

let place: string;
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'immune-support-')));
});
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
  rmSync(place, { recursive: true, force: true });
});

async function bundle(test: Pick<TestContext, 'context' | 'written'>, more: Partial<Context> = {}) {
  const before = test.written().length;
  const ask = { output: join(place, 'out.tar.gz'), dryRun: false, json: true };
  const code = await runSupportBundle(ask, { ...test.context, ...more });
  const said = JSON.parse(test.written().slice(before));
  return { code, said, bytes: gunzipSync(readFileSync(ask.output)) };
}

/** Unpacked with the system's own tar. */
function unpack(): ReadonlyMap<string, string> {
  const folder = join(place, 'unpacked');
  mkdirSync(folder);
  execFileSync(findTool('tar') ?? 'tar', ['-xzf', join(place, 'out.tar.gz'), '-C', folder]);
  const [top = ''] = readdirSync(folder);
  const names = readdirSync(join(folder, top), { recursive: true, withFileTypes: true });
  return new Map(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(join(folder, top).length + 1), readFileSync(path, 'utf8')] as const;
      }),
  );
}

const bare = async (): Promise<TestContext> => {
  const test = await testContext();
  cleanups.push(test.remove);
  return test;
};

describe('immune support-bundle', () => {
  it('is written where nothing is installed and nothing runs, and says what could not be made', async () => {
    const test = await bare();
    const { code, said } = await bundle(test, { env: { PATH: '' }, layout: 'xdg' });
    expect(code).toBe(0);
    expect(said).toMatchObject({ version: 1, outcome: 'written', path: join(place, 'out.tar.gz') });
    expect(statSync(join(place, 'out.tar.gz')).mode & 0o777).toBe(0o600);
    expect(readdirSync(place)).toEqual(['out.tar.gz']);
    const files = unpack();
    expect(files.get('README.txt')).toContain('check-why.txt: immune check --why');
    expect(files.get('README.txt')).toContain('COULD NOT BE MADE');
    expect(files.get('check-why.txt')).toBe(
      'could not be made: nothing to look at: there are no settings of ours\n',
    );
    expect(files.get('launchd.txt')).toBe('there is no launchctl on this machine\n');
    expect(files.get('incidents.txt')).toContain('there is no journal yet');
    expect(JSON.parse(files.get('status.json') ?? '')).toMatchObject({ version: 1 });
    expect(existsSync(test.context.paths.state)).toBe(false);
  });

  it('lists what would be in it, and writes nothing', async () => {
    const test = await bare();
    const ask = { output: join(place, 'out.tar.gz'), dryRun: true, json: false };
    expect(await runSupportBundle(ask, test.context)).toBe(0);
    expect(test.written()).toContain(`would write ${ask.output}`);
    expect(test.written()).toMatch(/ {2}journal\.txt +the last 1000 lines of the journal/);
    expect(readdirSync(place)).toEqual([]);
  });

  it('takes a folder for its place, and leaves a file that is there alone', async () => {
    const test = await bare();
    const ask = { output: place, dryRun: false, json: true };
    expect(await runSupportBundle(ask, test.context)).toBe(0);
    const [name = ''] = readdirSync(place);
    expect(name).toMatch(/^openclaw-immune-support-\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d\.tar\.gz$/);
    const taken = { ...ask, output: join(place, name) };
    const before = readFileSync(taken.output);
    await expect(runSupportBundle({ ...taken, json: false }, test.context)).rejects.toMatchObject({
      exitCode: 4,
      hint: expect.stringMatching(/^immune support-bundle --output /),
    });
    const asObject = test.written().length;
    expect(await runSupportBundle(taken, test.context)).toBe(4);
    expect(JSON.parse(test.written().slice(asObject))).toMatchObject({ outcome: 'refused', path: null });
    expect(readFileSync(taken.output)).toEqual(before);
  });

  it('names a folder that is not there, and a command with one that is', async () => {
    const test = await bare();
    const ask = { output: join(place, 'nope', 'x'), dryRun: false, json: false };
    await expect(runSupportBundle(ask, test.context)).rejects.toMatchObject({
      exitCode: 4,
      message: `nothing was written: there is no folder ${join(place, 'nope')}`,
      hint: `immune support-bundle --output ${tmpdir()}`,
    });
    mkdirSync(test.context.paths.data, { recursive: true });
    writeFileSync(join(place, 'file'), '');
    await expect(
      runSupportBundle({ ...ask, output: join(place, 'file', 'x') }, test.context),
    ).rejects.toMatchObject({
      message: `nothing was written: ${join(place, 'file')} is not a folder`,
      hint: expect.stringContaining(test.context.paths.data),
    });
    expect(readdirSync(place)).toEqual(['file']);
  });

  it('goes into the data folder when the current one takes no file', async () => {
    const test = await bare();
    mkdirSync(test.context.paths.data, { recursive: true });
    const before = process.cwd();
    const gone = join(place, 'gone');
    mkdirSync(gone);
    process.chdir(gone);
    rmSync(gone, { recursive: true });
    try {
      expect(await runSupportBundle({ output: null, dryRun: false, json: true }, test.context)).toBe(0);
    } finally {
      process.chdir(before);
    }
    const { path } = JSON.parse(test.written());
    expect(dirname(path)).toBe(test.context.paths.data);
    expect(existsSync(path)).toBe(true);
  });

  it('ends at Ctrl-C without a file', async () => {
    const test = await bare();
    test.interrupt();
    const ask = { output: join(place, 'out.tar.gz'), dryRun: false, json: false };
    expect(await runSupportBundle(ask, test.context)).toBe(130);
    expect(readdirSync(place)).toEqual([]);
  });

  it('is as quick as its slowest part, and one that hangs costs only itself', async () => {
    const home = await configHome();
    cleanups.push(home.remove);
    const stuck = join(place, 'launchctl');
    writeFileSync(stuck, '#!/bin/sh\nexec sleep 30\n', { mode: 0o755 });
    recordTool(home, 'launchctl', stuck);
    const began = performance.now();
    const { code } = await bundle(home);
    expect(code).toBe(0);
    // Each launchctl is given 2.5 s; one after the other they would take 15.
    expect(performance.now() - began).toBeLessThan(14_000);
    const files = unpack();
    expect(files.get('launchd.txt')).toContain('timed-out');
    expect(files.get('versions.txt')).toContain('OpenClaw 2026.9.6');
    expect(files.get('check-why.txt')).toContain('what would be done');
    expect(files.get('config-keys.txt')).toContain('openclaw.json');
  });

  it('holds none of two hundred secrets, wherever they stood and however they were written', async () => {
    const home = await configHome();
    cleanups.push(home.remove);
    const planted = await plantEverywhere(home);
    expect(planted.length).toBeGreaterThanOrEqual(200);
    const { bytes } = await bundle(home);
    const text = bytes.toString('utf8');
    const leaked = planted.filter((secret) => allForms(secret).some((form) => text.includes(form)));
    expect(leaked).toEqual([]);
    const files = unpack();
    expect(text).not.toContain('see you at nine');
    // It is not clean because it is empty.
    expect(files.get('config-keys.txt')).toContain('gateway.port = 18789');
    expect(files.get('config-keys.txt')).toContain('channels.telegram.accounts[3].botToken = …');
    expect(files.get('launchd.txt')).toContain('state = running');
    expect(files.get('launchd.txt')).toContain('PATH => /usr/bin:/bin');
    expect(files.get('logs/watchdog.log')).toContain('line 40 of the log');
    expect([...files.keys()].filter((name) => name.startsWith('logs/')).sort()).toEqual([
      'logs/launchd-watchdog.log',
      'logs/watchdog.jsonl',
      'logs/watchdog.log',
    ]);
    expect(files.get('journal.txt')).toContain('decided (healthy, serving)');
    expect(files.get('status.json')).toContain('"version": 1');
    expect(files.get('alert.md')).toContain('needs you');
  });

  it('knows the secrets of a config that does not parse', async () => {
    const home = await configHome();
    cleanups.push(home.remove);
    const secrets = plant(30, 'brk').filter((secret) => !secret.includes('\n'));
    const lines = secrets.map((secret, at) => `  "zork${at}": ${JSON.stringify(secret)},`);
    home.write('openclaw.json', `{\n${lines.join('\n')}\n  "gateway": {{{\n`);
    log(
      home,
      secrets.map((secret) => `the gateway said ${secret} and went`),
    );
    const { bytes } = await bundle(home);
    const text = bytes.toString('utf8');
    expect(secrets.filter((secret) => formsOf(secret).some((form) => text.includes(form)))).toEqual([]);
    expect(unpack().get('config-keys.txt')).toContain('it could not be read as a config');
  });

  it('knows the secrets of older configs, of what an include overrides, and of a job that cannot be read', async () => {
    const home = await configHome();
    cleanups.push(home.remove);
    const secrets = [
      'Older#Token-1',
      'Overridden#Token-2',
      'Unread#Token-3',
      'Twice#Defined-4',
      'Twice#Defined-5',
    ];
    home.write('openclaw.json.bak', `{ gateway: { auth: { token: '${secrets[0]}' } } }`);
    home.write('more.json5', `{ gateway: { auth: { token: '${secrets[1]}' } } }`);
    home.write(
      'openclaw.json',
      `{ $include: './more.json5', gateway: { auth: { token: 'Newest#Token-0' } } }`,
    );
    home.write('.env', `PL="${secrets[3]}"\n`);
    home.write('service-env/ai.openclaw.gateway.env', `export PL='${secrets[4]}'\n`);
    const plist = join(dirname(dirname(home.configPath)), 'gateway.plist');
    writeFileSync(plist, `<plist><dict><key>PL</key><string>${secrets[2]}</string><dict>`);
    log(
      home,
      [...secrets, 'Newest#Token-0'].map((secret) => `it said ${secret} twice`),
    );
    const text = (await bundle(home)).bytes.toString('utf8');
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).not.toContain('Newest#Token-0');
    expect(text.match(/it said \[redacted\] twice/g)).toHaveLength(6);
  });

  it('knows the secrets that are keys, parts of a value, numbers, written in other letters, or cut off', async () => {
    const home = await configHome();
    cleanups.push(home.remove);
    const config = {
      gateway: { port: 18789, mode: 'local' },
      channels: {
        telegram: { pin: 4711, groups: { '-100123456789': { requireMention: true } } },
        own: { allowFrom: ['telegram:987654321'] },
      },
      auth: { passwords: { 'sesame-open-now': true, 'let me in': { since: 1 } } },
      note: 'P\u00e4ssw\u00f6rt geheim',
    };
    home.write('openclaw.json', JSON.stringify(config));
    home.write('openclaw.json.bak', '{ "gateway": { "auth": { "token": "cut off in the midd');
    const said = [
      '4711',
      '100123456789',
      '987654321',
      'sesame-open-now',
      'let me in',
      'Pa\u0308sswo\u0308rt geheim',
      'cut off in the midd',
    ];
    log(
      home,
      said.map((secret) => `it said ${secret} twice`),
    );
    const text = (await bundle(home)).bytes.toString('utf8');
    expect(said.filter((secret) => text.includes(secret))).toEqual([]);
    const files = unpack();
    expect(files.get('logs/watchdog.log')?.match(/it said \[redacted\] twice/g)).toHaveLength(7);
    expect(files.get('config-keys.txt')).toContain('gateway.port = 18789');
    expect(files.get('config-keys.txt')).toContain('.requireMention = true');
  });

  it('knows the secrets that were pasted into our own settings', async () => {
    const home = await configHome();
    cleanups.push(home.remove);
    writeFileSync(home.context.paths.config, "{ mode: 'Hunter-2-is-mine' }\n");
    const { bytes } = await bundle(home);
    expect(bytes.toString('utf8')).not.toContain('Hunter-2-is-mine');
    expect(unpack().get('settings.json')).toContain('mode');
  });
});

function recordTool({ context }: ConfigHome, name: string, path: string): void {
  const text = readFileSync(context.paths.config, 'utf8');
  writeFileSync(
    context.paths.config,
    text.replace(new RegExp(`^( *${name}: )null`, 'm'), `$1${JSON.stringify(path)}`),
  );
}

function log({ context }: ConfigHome, lines: readonly string[]): void {
  mkdirSync(context.paths.logs, { recursive: true });
  const path = join(context.paths.logs, 'watchdog.log');
  writeFileSync(path, `${lines.join('\n')}\n`, { flag: 'a' });
}

/** As a base64 or hexadecimal text too, for those long enough to be found at all. */
const allForms = (secret: string): readonly string[] => [
  ...formsOf(secret),
  ...(secret.length < 8
    ? []
    : [
        Buffer.from(secret).toString('base64'),
        Buffer.from(secret).toString('base64url'),
        Buffer.from(secret).toString('hex'),
      ]),
  ...secret.split('\n').filter((line) => line.length >= 12 && !line.startsWith('-----')),
];

const split = (secret: string): string => {
  const half = Math.ceil(secret.length / 2);
  return `${secret.slice(0, half)}\u001b[1;31m${secret.slice(half)}\u001b[0m`;
};

/** Every secret that was planted: in files a gateway reads, in what launchd prints, and in what was logged. */
async function plantEverywhere(home: ConfigHome): Promise<readonly string[]> {
  const { context, configPath } = home;
  const inConfig = plant(90, 'cfg');
  const inDotEnv = plant(30, 'dot').filter((secret) => !/["\n]/.test(secret));
  const inService = plant(30, 'srv');
  const inPlist = plant(30, 'pls').filter((secret) => !secret.includes('\n'));
  const [first = '', ...rest] = inConfig;
  const accounts = rest.slice(0, 30).map((secret, at) => ({ id: at, botToken: secret }));
  const config = {
    gateway: { mode: 'local', port: 18789, auth: { mode: 'token', token: first } },
    channels: { telegram: { accounts, webhook: { url: `https://x.example/${rest[30]}` } } },
    env: { vars: Object.fromEntries(rest.slice(30, 60).map((secret, at) => [`V${at}`, secret])) },
    agents: { list: rest.slice(60).map((secret) => ({ id: 'main', notes: [secret] })) },
  };
  home.write('openclaw.json', `// was "${plant(3, 'cmt')[0]}"\n${JSON.stringify(config, null, 2)}\n`);
  home.write('.env', inDotEnv.map((secret, at) => `DOT_${at}="${secret}"`).join('\n'));
  home.write(
    'service-env/ai.openclaw.gateway.env',
    inService.map((secret, at) => `export SRV_${at}='${secret.replaceAll("'", "'\\''")}'`).join('\n'),
  );
  const xml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  writeFileSync(
    join(dirname(dirname(configPath)), 'gateway.plist'),
    `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>Label</key><string>ai.openclaw.gateway</string>
<key>ProgramArguments</key><array><string>/usr/bin/true</string><string>--token</string><string>argv-Secret-8812</string></array>
<key>EnvironmentVariables</key><dict>${inPlist.map((secret, at) => `<key>PL_${at}</key><string>${xml(secret)}</string>`).join('')}</dict>
</dict></plist>\n`,
  );
  const printed = join(place, 'printed.txt');
  const launchctl = join(place, 'launchctl');
  writeFileSync(
    printed,
    `gui/501/ai.openclaw.gateway = {\n\tstate = running\n\tpid = 7\n\targuments = {\n\t\t--password\n\t\t--token argv-Secret-8812\n\t}\n\tenvironment = {\n\t\tPATH => /usr/bin:/bin\n\t\tOLD_NAME => only launchd knows\n${inPlist.map((secret, at) => `\t\tPL_${at} => ${secret}`).join('\n')}\n\t}\n}\n`,
  );
  writeFileSync(launchctl, `#!/bin/sh\ncat '${printed}'\n`);
  chmodSync(launchctl, 0o755);
  recordTool(home, 'launchctl', launchctl);
  const known = [...inConfig, ...inDotEnv, ...inService, ...inPlist];
  log(
    home,
    known.flatMap((secret, at) => [
      `line ${at} of the log: it said ${secret}.`,
      `in colour ${split(secret)}`,
      `GET /hook?x=${encodeURIComponent(secret)}`,
      `{"said":${JSON.stringify(secret)}}`,
      ...(secret.length < 8
        ? []
        : [
            `encoded ${Buffer.from(secret).toString('base64')} ${Buffer.from(secret).toString('hex')}`,
            `within ${Buffer.from(`ab${secret}c`).toString('base64')}`,
          ]),
    ]),
  );
  log(home, Object.values(unknown));
  writeFileSync(join(context.paths.logs, 'gateway.log'), 'Ann wrote: see you at nine\n');
  const events = [...Object.values(unknown), ...known].map((msg) => JSON.stringify({ level: 30, msg }));
  writeFileSync(join(context.paths.logs, 'watchdog.jsonl'), `${events.join('\n')}\n`);
  writeFileSync(
    join(context.paths.logs, 'launchd-watchdog.log'),
    Object.values(unknown).map(split).join('\n'),
  );
  writeFileSync(context.paths.alertFile, `# needs you\n\n${Object.values(unknown).join('\n')}\n`);
  const at = instant(Date.parse('2026-11-22T12:00:00Z'));
  const because = `it said ${known.slice(0, 20).join(' ')} ${Object.values(unknown).join(' ')}`;
  const state = { ...initialState, phase: { kind: 'healthy' }, cause: 'serving', because } as const;
  await journal(context, [
    { kind: 'decided', at, because, state, notices: [{ kind: 'told', at, incident: null, text: because }] },
  ]);
  return [
    ...known,
    plant(3, 'cmt')[0] ?? '',
    'argv-Secret-8812',
    'only launchd knows',
    ...Object.keys(unknown),
  ];
}

/** Secrets that stand in no file that is read for them, by the line they are logged in: only their looks give them away. */
const unknown: Readonly<Record<string, string>> = Object.fromEntries(
  (
    [
      ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.Sfl8Kx2wRJSM', 'jwt $'],
      ['sk-ant-api03-Zk39fjQ0xVbnm2', 'key $'],
      ['ghp_A8sd7F6gh5J4kl3Q2w1E', 'pushed with $'],
      ['github_pat_11ABCDEFG0aBcDeFgH', 'pushed with $'],
      ['xoxb-123456789012-abcdefGHIJKL', 'slack $'],
      ['AKIAIOSFODNN7EXAMPLE', 'aws $'],
      ['AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY', 'google $'],
      ['7163142:AAHk2jf83hgKls92hgjAkslf93hg', 'https://api.telegram.org/bot$/getMe'],
      ['my-quiet-topic', 'curl https://ntfy.sh/$'],
      ['another-topic', 'posted to ntfy.sh/$ just now'],
      ['T00000000/B00000000/abcdefgh', 'https://hooks.slack.com/services/$'],
      ['112233/a-webhook-of-ann', 'https://discord.com/api/webhooks/$'],
      ['wordsonly', 'https://ann:$@example.org/x'],
      ['p@ss/word', 'redis://:$@cache.internal:6379/0'],
      ['lettersalone', 'token=$'],
      ['spokenword', 'password: $'],
      ['quotedwords here', '"client_secret": "$"'],
      ['afterflag', 'openclaw gateway --token $ --port 1'],
      ['shoutedvalue', 'export MATRIX_HOMESERVER=$'],
      ['sid=abcdef; theme=dark', 'Cookie: $'],
      ['Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3JhdWx0', 'blob $'],
      ['4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a', 'hex $'],
      ['0b5c9a52-3f1e-4d8a-9c7b-1234567890ab', 'uuid $'],
      ['ann.example@mail.example.org', 'from $'],
      ['+4915112345678', 'called $'],
      ['MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj', 'line $'],
      [
        'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\nAAAAMwAAAAtzc2gtZWQ',
        '-----BEGIN OPENSSH PRIVATE KEY-----\n$\n-----END OPENSSH PRIVATE KEY-----',
      ],
      ['shorttailofakey', '$\nabc=\n-----END RSA PRIVATE KEY-----'],
    ] as const
  ).map(([secret, line]) => [secret, line.replace('$', () => secret)]),
);
