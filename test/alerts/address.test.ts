import { describe, expect, it } from 'vitest';
import { checkAddress, fillAddress, isLoopback, isNear } from '../../src/alerts/address.ts';

describe('an address', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.1.1',
    '100.100.1.1',
    '[::1]',
    '[fd00::1]',
    '[fe80::1]',
    'localhost',
    'nas',
    'kuma.local',
    'a.b.lan',
    'x.home.arpa',
  ])('%s is near enough for words in the clear', (host) => {
    expect(isNear(host)).toBe(true);
    expect(checkAddress(`http://${host}/x`).kind).toBe('ok');
  });

  it.each([
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '[2001:db8::1]',
    'example.com',
    'local',
    'evil.local.example.com',
    '127.0.0.1.example.com',
  ])('%s is not, or not by its name', (host) => {
    // A name without a dot is found by the network around this machine alone.
    expect(isNear(host)).toBe(host === 'local');
    if (host !== 'local') expect(checkAddress(`http://${host}/x`).kind).toBe('problem');
    expect(checkAddress(`https://${host}/x`).kind).toBe('ok');
  });

  it('is on this very machine only by these names', () => {
    expect(['localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]'].every(isLoopback)).toBe(true);
    expect(['localhost.example.com', '10.0.0.1', '127.0.0.1.example.com', ''].some(isLoopback)).toBe(false);
  });

  it.each([
    ['ftp://example.com/', 'must begin with https://'],
    ['https://user@example.com/', 'holds a name or a password'],
    ['https://:pw@example.com/', 'holds a name or a password'],
    ['https://{secret}/x', 'only after the host'],
    ['https://example.com/#x', 'must not hold a #'],
    ['https://', 'cannot be read'],
    ['/etc/passwd', 'cannot be read'],
  ])('%s is refused', (text, because) => {
    expect(checkAddress(text)).toEqual({ kind: 'problem', because: expect.stringContaining(because) });
  });

  it('takes a secret into its path or its query, encoded, and nowhere else', () => {
    const filled = (text: string, secret: string | null): string => {
      const address = fillAddress(text, secret);
      return address.kind === 'ok' ? address.url.href : address.because;
    };
    expect(filled('https://a.example/x/{secret}', '12/To-k_en')).toBe('https://a.example/x/12/To-k_en');
    expect(filled('https://a.example/x?t={secret}', 'a&b=c#d?e')).toBe(
      'https://a.example/x?t=a%26b%3Dc%23d%3Fe',
    );
    expect(filled('https://a.example/{secret}', '@evil.example')).toBe('https://a.example/%40evil.example');
    expect(filled('https://a.example/{secret}', "$& $' $1")).toBe("https://a.example/%24%26%20%24'%20%241");
    expect(filled('https://a.example/x', 'unused')).toBe('https://a.example/x');
    expect(filled('https://a.example/x', null)).toBe('https://a.example/x');
    for (const secret of ['../admin', '/x', 'x/', 'a//b', '.', 'https://evil.example/x']) {
      expect(filled('https://a.example/x/{secret}', secret)).toContain('cannot stand in a url');
    }
    expect(filled('https://a.example/{secret}', null)).toContain('no secretFile');
  });
});
