import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderLauncher } from '../../src/cli/install/launchers.ts';
import { allJobs, commandOf, launcherOf } from '../../src/cli/install/names.ts';
import { renderFacts } from '../../src/daemon/lifeboat-facts.ts';
import { program, runIn } from './lifeboat-place.ts';

const repository = new URL('../../', import.meta.url).pathname;
const template = readFileSync(join(repository, 'launchd', 'launcher.sh.template'), 'utf8');

let root: string;
let data: string;
let node: string;
let app: string;
let stamp: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'immune-launcher-'));
  data = join(root, `Zoë's "Mac" $HOME`, 'openclaw-immune');
  node = join(data, 'runtime', 'node-1', 'node');
  app = join(data, 'app', 'immune.mjs');
  stamp = join(data, 'runtime', 'works');
  // Notes each start, so that a start too many is seen.
  program(node, `echo "$@" >>"\${0%/*}/starts"\nexec '${process.execPath}' "$@"`);
  mkdirSync(dirname(app));
  writeFileSync(
    app,
    `const words = process.argv.slice(2);
if (words[0] === '--version') console.log('1.0.0');
else console.log(JSON.stringify([process.pid, words, process.execArgv, process.env.OPENCLAW_IMMUNE_DATA]));
`,
  );
  mkdirSync(join(data, 'bin'));
  copyFileSync(join(repository, 'launchd', 'lifeboat.sh'), join(data, 'bin', 'lifeboat.sh'));
  const launchctl = program(join(root, 'launchctl'), `echo "$@" >>'${join(root, 'calls')}'; exit 113`);
  writeFileSync(
    join(data, 'bin', 'lifeboat.conf'),
    renderFacts({ data, node, app, checkout: '/check out', launchctl, look_s: '1', port: '1' }),
  );
  write('immune', [], []);
  for (const job of allJobs) write(launcherOf(job), commandOf(job).flags, commandOf(job).words);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const launcher = (name: string): string => join(data, 'bin', name);

function write(name: string, flags: readonly string[], words: readonly string[]): void {
  const lifeboat = join(data, 'bin', 'lifeboat.sh');
  const places = { dataDir: data, logsDir: join(root, 'logs'), node, app, stamp, lifeboat };
  writeFileSync(launcher(name), renderLauncher(template, { title: 'Test', flags, words, ...places }));
  chmodSync(launcher(name), 0o700);
}

/** An empty environment, as over ssh. */
const immune = (...words: readonly string[]) => runIn([launcher('immune'), ...words], {});
const starts = (): readonly string[] =>
  existsSync(join(dirname(node), 'starts'))
    ? readFileSync(join(dirname(node), 'starts'), 'utf8')
        .trim()
        .split('\n')
    : [];

describe('a launcher', () => {
  it('becomes our Node with the words as they are, and tries it once only', async () => {
    const first = await immune('a b', "c'd", '');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(first.out).slice(1)).toEqual([['a b', "c'd", ''], [], data]);
    expect(starts()).toHaveLength(2);
    await immune('again');
    await immune('and again');
    expect(starts()).toHaveLength(4);
    expect(statSync(stamp).mode & 0o777).toBe(0o600);
  });

  it('tries it once more when a file has changed, be it by its time, its size or its place', async () => {
    await immune('x');
    const later = new Date(Date.now() + 60_000);
    utimesSync(app, later, later);
    await immune('x');
    expect(starts().filter((words) => words.endsWith('--version'))).toHaveLength(2);
    const text = readFileSync(app, 'utf8');
    const { mtime } = statSync(app);
    utimesSync(stamp, new Date(later.getTime() + 60_000), new Date(later.getTime() + 60_000));
    writeFileSync(app, `${text} `);
    utimesSync(app, mtime, mtime);
    await immune('x');
    expect(starts().filter((words) => words.endsWith('--version'))).toHaveLength(3);
  });

  it('starts the job with its options, and the watchdog only after a test', async () => {
    const { out } = await runIn([launcher('openclaw-immune-archive')], {});
    expect(JSON.parse(out).slice(1, 3)).toEqual([['job', 'archive'], commandOf('archive').flags]);
    for (const _ of [1, 2]) await runIn([launcher('openclaw-immune-watchdog')], {});
    expect(starts().filter((words) => words.endsWith('--version'))).toHaveLength(3);
  });

  it('does without a lifeboat that is gone or damaged itself', async () => {
    truncateSync(launcher('lifeboat.sh'), 9_000);
    expect((await immune('x')).code).toBe(0);
    rmSync(launcher('lifeboat.sh'));
    expect((await immune('x')).code).toBe(0);
  });

  it('finds by its jobs a Node that can no longer run although its file is as before', async () => {
    program(node, `[ ! -e '${root}/library-gone' ] || kill -6 $$\nexec '${process.execPath}' "$@"`);
    expect((await immune('x')).code).toBe(0);
    writeFileSync(join(root, 'library-gone'), '');
    expect((await runIn([launcher('openclaw-immune-sentinel')], {})).code).toBe(3);
    const told = await immune('status');
    expect(told.err).toContain('our Node was ended by signal 6');
    expect(told.out).toContain('next: ');
  });

  const otherMachine = Buffer.from(readFileSync(process.execPath).subarray(0, 4096));
  otherMachine.writeUInt16LE(otherMachine.readUInt16LE(18) === 0xf3 ? 0x3e : 0xf3, 18);

  it.each<readonly [string, string, () => void]>([
    ['missing', 'our Node is missing', () => rmSync(node)],
    ['empty', 'our Node is empty', () => truncateSync(node, 0)],
    ['not executable', 'our Node may not be executed', () => chmodSync(node, 0o600)],
    ['a text', 'our Node is no program', () => writeFileSync(node, 'touch /tmp/never-do-this\n')],
    [
      'of another processor',
      'our Node is made for another processor',
      () => writeFileSync(node, otherMachine),
    ],
    ['ended by a signal', 'our Node was ended by signal 9', () => program(node, 'kill -9 $$')],
    ['one that loads no library', 'it ended with 127', () => program(node, 'exit 127')],
    ['without our program', 'our program is missing or empty', () => rmSync(app)],
    ['with half our program', 'our program does not start', () => truncateSync(app, 60)],
    ['with a program of another kind', 'our program gives no version', () => writeFileSync(app, '//')],
  ])(
    'falls to the lifeboat when Node is %s, and comes back when it is mended',
    async (_what, why, breakIt) => {
      const before = [readFileSync(node), readFileSync(app)] as const;
      expect((await immune('status')).code).toBe(0);
      breakIt();
      if (why === 'it ended with 127') why = 'our Node cannot be executed';
      const told = await immune('status');
      expect(told.err).toContain(why);
      expect(told.err).toContain("next: cd '/check out' && ./install.sh".slice(6));
      expect(told.out).toContain('runtime   our ');
      expect(told.code).toBe(3);
      expect(existsSync(stamp)).toBe(false);
      for (const verb of ['restart', 'fix-config', 'fix-deps', 'fix-port', 'nuclear', 'undo', 'snapshots']) {
        const { code, out } = await immune(verb);
        expect(`${verb} ${code}`).toMatch(/ [034]$/);
        expect(out).not.toBe('');
      }
      const job = await runIn([launcher('openclaw-immune-sentinel')], {});
      expect(job.code).toBe(3);
      expect(readFileSync(join(root, 'calls'), 'utf8')).toContain('kickstart gui/');
      rmSync(node, { force: true });
      writeFileSync(node, before[0], { mode: 0o755 });
      writeFileSync(app, before[1]);
      expect((await immune('status')).err).toBe('');
    },
  );
});
