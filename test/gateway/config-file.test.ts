import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readGatewayConfig } from '../../src/gateway/config-file.ts';

let home: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'config-file-')));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const variable = (name: string): string => `$\{${name}}`;
const write = (name: string, text: string): string => {
  writeFileSync(join(home, name), text);
  return join(home, name);
};

test('JSON5 with comments is read', () => {
  const path = write('openclaw.json', "// mine\n{gateway: {mode: 'local', port: 1234,},}");
  expect(readGatewayConfig(path, {})).toMatchObject({
    kind: 'ok',
    config: { gateway: { mode: 'local', port: 1234 } },
    files: [path],
    problems: [],
  });
});

test.each([
  ['broken text', '{"gateway":{', 'invalid', /openclaw\.json:1:13/],
  ['an empty file', '', 'invalid', /openclaw\.json:1:1/],
  ['a list', '[]', 'invalid', /does not hold an object/],
])('%s is invalid and says where', (_name, text, kind, because) => {
  const path = write('openclaw.json', text);
  expect(readGatewayConfig(path, {})).toMatchObject({ kind, because: expect.stringMatching(because) });
});

test('a missing file and a folder are told apart', () => {
  expect(readGatewayConfig(join(home, 'openclaw.json'), {}).kind).toBe('missing');
  mkdirSync(join(home, 'openclaw.json'));
  expect(readGatewayConfig(join(home, 'openclaw.json'), {}).kind).toBe('unreadable');
});

test('included files are merged under the including one and listed', () => {
  write('auth.json5', "{auth: {mode: 'token', token: 'from-include'}, port: 1}");
  write('more.json5', "{$include: './deep.json5', bind: 'lan'}");
  write('deep.json5', '{tls: {enabled: true}}');
  const path = write('openclaw.json', "{gateway: {$include: ['./auth.json5', './more.json5'], port: 2}}");
  const read = readGatewayConfig(path, {});
  expect(read).toMatchObject({
    kind: 'ok',
    config: {
      gateway: {
        port: 2,
        bind: 'lan',
        tls: { enabled: true },
        auth: { mode: 'token', token: 'from-include' },
      },
    },
    problems: [],
  });
  expect(read.kind === 'ok' && read.files).toHaveLength(4);
});

test('an include outside the folder, through a link, missing, or in a circle is a problem and not followed', () => {
  const outside = mkdtempSync(join(tmpdir(), 'outside-'));
  writeFileSync(join(outside, 'x.json'), '{"stolen":true}');
  symlinkSync(join(outside, 'x.json'), join(home, 'link.json'));
  write('loop.json', '{"$include":"./loop.json","seen":1}');
  const names = [join(outside, 'x.json'), './link.json', './gone.json', './loop.json'];
  const path = write('openclaw.json', JSON.stringify({ $include: names, kept: true }));
  const read = readGatewayConfig(path, {});
  rmSync(outside, { recursive: true, force: true });
  expect(read).toMatchObject({ kind: 'ok', config: { kept: true, seen: 1 } });
  if (read.kind !== 'ok') return;
  expect(read.config['stolen']).toBeUndefined();
  expect(read.problems).toHaveLength(4);
  expect(read.problems.join()).toMatch(/outside the config directory.*outside.*ENOENT.*nested deeper/s);
});

test('variables come from the given environment only; an unset one stays and is told', () => {
  process.env['SHELL_ONLY'] = 'ours';
  const path = write(
    'openclaw.json',
    `{"a":"${variable('TOKEN')}","b":"x-${variable('SHELL_ONLY')}","c":"$${variable('TOKEN')}"}`,
  );
  const read = readGatewayConfig(path, { TOKEN: 'theirs' });
  delete process.env['SHELL_ONLY'];
  expect(read).toMatchObject({
    config: { a: 'theirs', b: `x-${variable('SHELL_ONLY')}`, c: variable('TOKEN') },
  });
  expect(read.kind === 'ok' && read.problems.join()).toContain('SHELL_ONLY');
});
