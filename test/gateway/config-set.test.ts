import {
  chmodSync,
  mkdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkConfigFile } from '../../src/gateway/config-check.ts';
import { type ConfigSetReading, readConfigSet } from '../../src/gateway/config-set.ts';
import { workspace } from '../system/workspace.ts';

let home: string;
let path: string;
beforeEach(() => {
  home = realpathSync(workspace());
  path = join(home, 'my config.json5');
});

const write = (name: string, text: string | Buffer): void => writeFileSync(join(home, name), text);
const sound = '{gateway: {mode: "local"}}';

function read(known: { bytes: number } | null = null): Extract<ConfigSetReading, { kind: 'read' }> {
  const set = readConfigSet(path, {}, known);
  if (set.kind !== 'read') throw new Error(set.because);
  return set;
}

describe('the set of config files', () => {
  it('holds the main file under one name, each include once, with bytes, modes and the hash of the evidence', () => {
    write(
      'my config.json5',
      '{gateway: {mode: "local", a: {$include: "./parts/a.json"}, b: {$include: ["parts/a.json"]}}}',
    );
    mkdirSync(join(home, 'parts'));
    write('parts/a.json', '{$include: "../b.json5"}');
    write('b.json5', '\uFEFF{}\r\n');
    chmodSync(path, 0o640);
    chmodSync(join(home, 'parts', 'a.json'), 0o644);
    chmodSync(join(home, 'b.json5'), 0o600);
    const set = read();
    expect(set.files.map(({ name, role, path: at, mode }) => [name, role, at, mode])).toEqual([
      ['openclaw.json', 'config', path, 0o640],
      ['includes/parts/a.json', 'include', join(home, 'parts', 'a.json'), 0o644],
      ['includes/b.json5', 'include', join(home, 'b.json5'), 0o600],
    ]);
    expect(set.files[2]?.bytes).toEqual(Buffer.from('\uFEFF{}\r\n'));
    const { verdict } = checkConfigFile(path, {}, null);
    expect(set.hash).toBe(verdict.kind === 'unknown' ? undefined : verdict.hash);
    expect(set.aside).toBe(null);
  });

  it('tells when each file, and each link on the way to it, was changed last', () => {
    write('real.json', sound);
    utimesSync(join(home, 'real.json'), 1, 1_000_000);
    symlinkSync('real.json', join(home, 'link'));
    symlinkSync('link', path);
    const { times, files } = read();
    expect(files.map(({ path: at }) => at)).toEqual([path]);
    expect(times.map(({ path: at }) => at)).toEqual([path, path, join(home, 'link')]);
    expect(times[0]?.mtimeMs).toBe(1_000_000_000);
    // The change time is what an editor cannot set back.
    expect(times[0]?.ctimeMs).toBeCloseTo(statSync(join(home, 'real.json')).ctimeMs, 0);
    expect(Date.now() - (times[2]?.mtimeMs ?? 0)).toBeLessThan(600_000);
  });

  it('stays inside of its folder: what our own reader does not read is not in it', () => {
    writeFileSync(join(home, '..', 'outside.json'), '{}');
    write('my config.json5', '{gateway: {mode: "local", x: {$include: "../outside.json"}}}');
    expect(read().files.map(({ name }) => name)).toEqual(['openclaw.json']);
    rmSync(join(home, '..', 'outside.json'));
  });

  it.each([
    ['does not parse', '{gateway: {', null, /does not parse/],
    ['is garbage', '\0'.repeat(43), null, /brace/],
    ['is empty', '', null, /is empty/],
    ['lost its mode and most of itself', '{a: 1}', { bytes: 5_000 }, /shrank from 5000 to 6 bytes/],
  ] as const)('is to be set aside when it %s', (_, text, known, because) => {
    write('my config.json5', text);
    expect(read(known).aside).toMatch(because);
  });

  it.each([
    ['has lost its mode only', '{a: 1}', { bytes: 8 }],
    ['includes a file that is not there', '{gateway: {mode: "local", $include: "none.json"}}', null],
    ['is smaller and sound', sound, { bytes: 5_000 }],
  ] as const)('is a candidate when it %s', (_, text, known) => {
    write('my config.json5', text);
    expect(read(known).aside).toBe(null);
  });

  it('says why there is nothing to read', () => {
    expect(readConfigSet(path, {}, null)).toMatchObject({ kind: 'missing' });
    mkdirSync(path);
    expect(readConfigSet(path, {}, null)).toMatchObject({ kind: 'unreadable' });
  });

  it('keeps two files apart that differ in their case alone', () => {
    write('my config.json5', '{gateway: {mode: "local", $include: ["./a.json", "./A.json"]}}');
    write('a.json', '{a: 1}');
    write('A.json', '{b: 2}');
    const names = read().files.map(({ name }) => name);
    expect(names).toEqual(['openclaw.json', 'includes/a.json', 'includes/again-A.json']);
  });
});
