import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { createLog, type LogOptions } from '../../src/system/log.ts';
import { openLogFile } from '../../src/system/log-files.ts';
import { createRedactor } from '../../src/system/redact.ts';
import { until, workspace } from './workspace.ts';

const at = Date.UTC(2026, 10, 22, 8, 1, 2, 123);
const options = (dir: string): LogOptions => ({
  dir,
  clock: { now: () => instant(at) },
  level: 'info',
  redact: createRedactor().redact,
});
const plainOf = (dir: string): string => readFileSync(join(dir, 'watchdog.log'), 'utf8');
const jsonOf = (dir: string): Record<string, unknown>[] =>
  readFileSync(join(dir, 'watchdog.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('log', () => {
  it('writes a sentence for people and a JSON line for programs, both private', async () => {
    const dir = join(workspace(), 'logs');
    const log = await createLog(options(dir));
    log.info('The gateway is up.', {
      pid: 12,
      why: 'two words',
      version: '2026.9.6',
      none: null,
      left: undefined,
    });
    log.warn('It is slow.');
    log.error('It is gone.', { level: 'mine' });
    log.debug('Nobody asked for this.');
    log.close();
    const lines = plainOf(dir).trimEnd().split('\n');
    expect(lines[0]).toMatch(
      /^2026-11-2\d \d\d:\d\d:02\.123 [+-]\d{4} {2}INFO {3}The gateway is up\. \(pid=12 why="two words" version=2026\.9\.6 none=null\)$/,
    );
    expect(lines[1]).toMatch(/ {2}WARN {3}It is slow\.$/);
    expect(lines[2]).toMatch(/ {2}ERROR {2}It is gone\. \(level_=mine\)$/);
    expect(jsonOf(dir)).toEqual([
      {
        level: 'info',
        time: '2026-11-22T08:01:02.123Z',
        pid: 12,
        why: 'two words',
        version: '2026.9.6',
        none: null,
        msg: 'The gateway is up.',
      },
      { level: 'warn', time: '2026-11-22T08:01:02.123Z', msg: 'It is slow.' },
      { level: 'error', time: '2026-11-22T08:01:02.123Z', level_: 'mine', msg: 'It is gone.' },
    ]);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
  });

  it('keeps every event on one harmless line', async () => {
    const dir = join(workspace(), 'logs');
    const log = await createLog(options(dir));
    const nasty =
      'a\nb\r\n\u001b[31mred\u001b[0m\u001b]0;title\u0007\u0000\u202egnp\u2066\u200b\u2028z\u009b1m\ud800';
    log.info(nasty, { [nasty]: nasty });
    log.close();
    expect(plainOf(dir).split('\n')).toHaveLength(2);
    expect(jsonOf(dir)).toHaveLength(1);
    for (const text of [plainOf(dir), JSON.stringify(jsonOf(dir))]) {
      expect(text.replace(/\n$/, '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b\u2028]|\\u0/u);
      expect(text).toContain('a b redgnp z');
    }
  });

  it('cuts a line at 8 KB and keeps the JSON whole', async () => {
    const dir = join(workspace(), 'logs');
    const log = await createLog(options(dir));
    log.info('x'.repeat(100_000), { a: '"'.repeat(100_000), b: '\u20ac'.repeat(100_000) });
    log.info('€'.repeat(100_000));
    log.info(
      'short',
      Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`f${index}`, '€"'.repeat(500)])),
    );
    log.close();
    for (const name of ['watchdog.log', 'watchdog.jsonl']) {
      for (const line of readFileSync(join(dir, name), 'utf8').split('\n')) {
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(8_192);
        expect(line).not.toContain('\ufffd');
      }
    }
    expect(jsonOf(dir)).toHaveLength(3);
  });

  it('shows no secret, not even one with odd characters in it or one that a cut runs through', async () => {
    const dir = join(workspace(), 'logs');
    const redactor = createRedactor();
    redactor.register('s3cret/with "quotes"');
    redactor.register('longersecretvalue');
    const log = await createLog({ ...options(dir), redact: redactor.redact });
    log.info('sent s3cret/with "quotes" and longer\u001b[0msecretvalue', {
      token: 'longersecretvalue',
      longersecretvalue: 1,
      cut: `${'x'.repeat(4_090)}longersecretvalue`,
      header: 'Authorization: Bearer abcdefghijkl',
      url: 'ws://user:pass@127.0.0.1/?token=abcdef',
    });
    log.close();
    for (const text of [plainOf(dir), readFileSync(join(dir, 'watchdog.jsonl'), 'utf8')]) {
      expect(text).not.toMatch(/s3cret|longer|secretvalue|abcdef|user:pass/);
      expect(text).toContain('[redacted]');
    }
  });

  it('outlives a directory that cannot be made, and says how much was lost once it works again', async () => {
    const parent = workspace();
    const dir = join(parent, 'logs');
    writeFileSync(dir, 'a file where the directory should be');
    const log = await createLog(options(dir));
    log.info('lost one');
    log.info('lost two');
    rmSync(dir);
    mkdirSync(dir);
    log.info('kept');
    log.close();
    const lines = plainOf(dir).trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /WARN {3}2 log lines were lost because the log could not be written\. \(because=/,
    );
    expect(lines[1]).toMatch(/kept$/);
    expect(jsonOf(dir)).toMatchObject([{ level: 'warn', lost: 2 }, { msg: 'kept' }]);
  });

  it.skipIf(!existsSync('/dev/full'))(
    'outlives a full disk, and begins on a new line when there is room again',
    async () => {
      const dir = join(workspace(), 'logs');
      mkdirSync(dir);
      const path = join(dir, 'x.log');
      const file = openLogFile(path, { maxBytes: 1e6, renderLost: (count) => `lost ${count}\n` });
      // A soft limit on the size of files would end us by a signal, so a link to the full device stands in; links are
      // refused as well, which is the other thing to see here.
      symlinkSync('/dev/full', path);
      file.write('one\n');
      file.write('two\n');
      rmSync(path);
      file.write('three\n');
      file.close();
      expect(readFileSync(path, 'utf8')).toBe('lost 2\nthree\n');
      expect(() =>
        openLogFile('/dev/full', { maxBytes: 1e6, renderLost: () => '' }).write('x\n'),
      ).not.toThrow();
    },
  );

  it('outlives a directory that an ordinary user may not write', async () => {
    const dir = join(workspace(), 'logs');
    mkdirSync(dir);
    chmodSync(join(dir, '..'), 0o755);
    const asRoot = process.getuid?.() === 0;
    // The owner of a directory could make it writable again, so the log is to go below it.
    chmodSync(dir, asRoot ? 0o755 : 0o500);
    const script = `import { createLog } from ${JSON.stringify(new URL('../../src/system/log.ts', import.meta.url).href)};
      ${asRoot ? 'process.setgid(65534); process.setuid(65534);' : ''}
      const log = await createLog({ dir: ${JSON.stringify(join(dir, 'below'))}, clock: { now: () => 0 }, level: 'info', redact: (text) => text });
      log.info('lost'); log.error('lost'); log.close(); console.log('alive');`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    chmodSync(dir, 0o700);
    expect(output).toBe('alive\n');
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('log file', () => {
  const lost = { renderLost: (count: number) => `lost ${count}\n` };

  it('is rotated at its size, five older ones are kept, and no line is lost on the way', () => {
    const dir = workspace();
    const path = join(dir, 'x.log');
    const file = openLogFile(path, { maxBytes: 100, ...lost });
    const lines = Array.from(
      { length: 40 },
      (_, index) => `line ${String(index).padStart(3, '0')} ${'.'.repeat(20)}\n`,
    );
    for (const line of lines) file.write(line);
    file.close();
    const names = ['x.log.5', 'x.log.4', 'x.log.3', 'x.log.2', 'x.log.1', 'x.log'];
    expect(readdirSync(dir).sort()).toEqual(names.toSorted());
    const kept = names.map((name) => readFileSync(join(dir, name), 'utf8')).join('');
    expect(lines.join('').endsWith(kept)).toBe(true);
    expect(kept.length).toBeGreaterThan(500);
  });

  it('is made again when somebody removed or renamed it, and goes on in one that is there', () => {
    const dir = workspace();
    const path = join(dir, 'x.log');
    writeFileSync(path, 'before\n', { mode: 0o644 });
    const file = openLogFile(path, { maxBytes: 1e6, ...lost });
    file.write('one\n');
    expect(readFileSync(path, 'utf8')).toBe('before\none\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    renameSync(path, `${path}.old`);
    file.write('two\n');
    rmSync(path);
    file.write('three\n');
    file.close();
    expect(readFileSync(path, 'utf8')).toBe('three\n');
    expect(readFileSync(`${path}.old`, 'utf8')).toBe('before\none\n');
  });

  it.skipIf(!existsSync('/usr/bin/tail'))('can be followed with tail -F across a rotation', async () => {
    const path = join(workspace(), 'x.log');
    writeFileSync(path, '');
    const tail = spawn('/usr/bin/tail', ['-n', '+1', '-F', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    let seen = '';
    tail.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString('utf8');
    });
    try {
      const file = openLogFile(path, { maxBytes: 100, ...lost });
      const lines = Array.from({ length: 12 }, (_, index) => `line ${index} ${'.'.repeat(20)}\n`);
      for (const [index, line] of lines.entries()) {
        file.write(line);
        await until('tail has seen it', () => seen.includes(`line ${index} `));
      }
      expect(existsSync(`${path}.1`)).toBe(true);
      expect(seen).toBe(lines.join(''));
      file.close();
    } finally {
      tail.kill('SIGKILL');
    }
  });
});

describe('redactor', () => {
  it.each([
    ['Authorization: Bearer abcdefgh12345678', 'Authorization: Bearer [redacted]'],
    ['key sk-proj-abcdefgh12345678 here', 'key sk-[redacted] here'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_d', '[redacted]'],
    ['http://me:hunter2@host:1/x', 'http://[redacted]@host:1/x'],
    ['GET /x?a=1&token=abc&b=2', 'GET /x?a=1&token=[redacted]&b=2'],
    [
      'an ordinary sentence about the bearer of news, me@example.org and https://example.org/a@b',
      'an ordinary sentence about the bearer of news, me@example.org and https://example.org/a@b',
    ],
  ])('turns %j into %j', (text, expected) => {
    expect(createRedactor().redact(text)).toBe(expected);
  });

  it('removes registered secrets as they are, inside JSON and inside URLs, the longest first', () => {
    const redactor = createRedactor();
    redactor.register('password');
    redactor.register('password with "more"$&');
    redactor.register('short');
    const text =
      'password with "more"$& | password%20with%20%22more%22%24%26 | password with \\"more\\"$& | short';
    expect(redactor.redact(text)).toBe('[redacted] | [redacted] | [redacted] | short');
  });
});
