import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { type EndpointInput, readSecret, resolveEndpoint } from '../../src/gateway/endpoint.ts';
import { parseDotEnv, parseServiceEnv } from '../../src/gateway/env-file.ts';
import { reveal, sameSecret, secret } from '../../src/gateway/secret.ts';

const input = (
  gateway: Readonly<Record<string, unknown>> | null,
  env: Readonly<Record<string, string>> = {},
  programArguments: readonly string[] = [],
): EndpointInput => ({ config: gateway === null ? null : { gateway }, env, programArguments });

test.each([
  ['nothing', input({}), 18_789, 'default'],
  ['the config', input({ port: 4_001 }), 4_001, 'config'],
  [
    'the environment before the config',
    input({ port: 4_001 }, { OPENCLAW_GATEWAY_PORT: '4002' }),
    4_002,
    'environment',
  ],
  [
    'host:port in the environment',
    input({}, { OPENCLAW_GATEWAY_PORT: 'localhost:4003' }),
    4_003,
    'environment',
  ],
  ['rubbish in the environment', input({ port: 4_001 }, { OPENCLAW_GATEWAY_PORT: 'abc' }), 4_001, 'config'],
  [
    '--port before all',
    input({ port: 4_001 }, { OPENCLAW_GATEWAY_PORT: '4002' }, ['node', 'x', 'gateway', '--port', '4004']),
    4_004,
    'argument',
  ],
  ['--port=N', input({}, {}, ['gateway', '--port=4005']), 4_005, 'argument'],
  ['a port of the wrong type', input({ port: 'abc' }), 18_789, 'default'],
  ['a named profile', input({}, { OPENCLAW_PROFILE: 'work' }), 41_984, 'profile'],
  ['no readable config', input(null, {}, ['--port', '4006']), 4_006, 'argument'],
])('the port follows %s', (_name, given, port, portSource) => {
  expect(resolveEndpoint(given)).toMatchObject({ port, portSource });
});

test.each([
  ['loopback', { bind: 'loopback' }, null],
  ['lan', { bind: 'lan' }, null],
  ['custom', { bind: 'custom', customBindHost: '192.168.7.7' }, '192.168.7.7'],
  ['tailnet', { bind: 'tailnet' }, null],
])('bind %s is probed on the loopback address', (bind, gateway, otherHost) => {
  expect(resolveEndpoint(input(gateway))).toMatchObject({ host: '127.0.0.1', bind, otherHost, problems: [] });
});

test('an unknown bind mode and a bad port are named', () => {
  expect(resolveEndpoint(input({ bind: 'moon', port: -1 })).problems).toHaveLength(2);
});

test.each([
  ['token from the config', { auth: { mode: 'token', token: 'aaa' } }, {}, 'token', 'aaa'],
  [
    'config before environment',
    { auth: { token: 'aaa' } },
    { OPENCLAW_GATEWAY_TOKEN: 'bbb' },
    'token',
    'aaa',
  ],
  ['token from the environment', {}, { OPENCLAW_GATEWAY_TOKEN: 'bbb' }, 'token', 'bbb'],
  ['password wins without a mode', { auth: { token: 'aaa', password: 'ccc' } }, {}, 'password', 'ccc'],
  ['the mode decides', { auth: { mode: 'token', token: 'aaa', password: 'ccc' } }, {}, 'token', 'aaa'],
  [
    'a SecretRef to the environment',
    { auth: { mode: 'token', token: { source: 'env', provider: 'default', id: 'MY_TOKEN' } } },
    { MY_TOKEN: 'ddd' },
    'token',
    'ddd',
  ],
])('the secret: %s', (_name, gateway, env, mode, text) => {
  const given = input(gateway, env as Record<string, string>);
  const found = readSecret(given);
  if (found.kind !== 'secret') throw new Error(inspect(found));
  expect([found.mode, reveal(found.secret)]).toEqual([mode, text]);
  expect(resolveEndpoint(given).auth).toMatchObject({ kind: 'secret', mode });
  expect(JSON.stringify(resolveEndpoint(given))).not.toContain(text);
});

test.each([
  ['an unset variable', { auth: { mode: 'token', token: `$\{NOPE}` } }, /NOPE, which is not set/],
  ['no token at all', { auth: { mode: 'token' } }, /neither gateway\.auth\.token nor/],
  ['a secret behind a program', { auth: { token: { source: 'exec', id: 'x' } } }, /source "exec"/],
  ['a trusted proxy', { auth: { mode: 'trusted-proxy' } }, /trusted-proxy/],
])('no secret: %s gives the reason', (_name, gateway, because) => {
  expect(readSecret(input(gateway))).toMatchObject({
    kind: 'unavailable',
    because: expect.stringMatching(because),
  });
});

test('mode none needs no secret, and an unreadable config gives none', () => {
  expect(readSecret(input({ auth: { mode: 'none', token: 'x' } }))).toEqual({ kind: 'none-needed' });
  expect(readSecret(input(null))).toMatchObject({ kind: 'unavailable' });
});

test('a secret shows itself nowhere', () => {
  const hidden = secret('s3cr3t');
  const shown = [
    String(hidden),
    JSON.stringify({ hidden }),
    inspect({ hidden }),
    inspect(hidden),
    `${{ ...hidden }}`,
  ];
  expect(shown.join()).not.toContain('s3cr3t');
  expect(shown[1]).toBe('{"hidden":"[secret]"}');
  expect(reveal(hidden)).toBe('s3cr3t');
  expect([sameSecret(hidden, secret('s3cr3t')), sameSecret(hidden, secret('other'))]).toEqual([true, false]);
});

test('OpenClaw’s service environment file is read, quotes and line breaks included', () => {
  const text = "# header\nexport A='1'\nexport B='it'\\''s'\nexport C='two\nlines'\nexport E=''\necho no\n";
  expect(parseServiceEnv(text)).toEqual({ A: '1', B: "it's", C: 'two\nlines', E: '' });
  expect(parseDotEnv('# c\nA=1\nexport B="x y" # z\nC=v # note\n')).toEqual({ A: '1', B: 'x y', C: 'v' });
});
