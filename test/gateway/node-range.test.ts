import { describe, expect, it } from 'vitest';
import { fitsRange, parseNodeVersion } from '../../src/gateway/node-range.ts';

describe('the Node OpenClaw demands', () => {
  const newest = '>=24.16.0 <25 || >=26.1.0';
  it.each([
    ['v24.16.0', newest, true],
    ['v24.15.9', newest, false],
    ['v24.99.0', newest, true],
    ['v25.0.0', newest, false],
    ['v26.0.9', newest, false],
    ['v26.1.0', newest, true],
    ['v26.10.0', newest, true],
    ['v20.20.2', newest, false],
    ['v22.19.0', '>=22.19.0', true],
    ['v22.18.9', '>=22.19.0', false],
    ['v9.0.0', '>=22', false],
    ['v24.0.1', '>24.0.0', true],
    ['v24.0.0', '>24.0.0', false],
    ['v24.0.0', '<=24.0.0', true],
    ['v24.0.1', '<=24.0.0', false],
  ])('%s in %s: %s', (text, range, expected) => {
    expect(fitsRange(parseNodeVersion(text) ?? [0, 0, 0], range)).toBe(expected);
  });

  it.each(['', '*', '^24.0.0', '24.x', '>= 24', '>=24 || lts', '<=24', '>24'])(
    'claims nothing of a range of another shape: %j',
    (range) => {
      expect(fitsRange([24, 16, 0], range)).toBeNull();
    },
  );

  it('reads what Node prints, and no nightly build nor anything else', () => {
    expect(parseNodeVersion('v26.10.0\n')).toEqual([26, 10, 0]);
    for (const text of ['', '26.10.0', 'v26.10', 'v27.0.0-nightly2026', 'v26.10.0 and more']) {
      expect(parseNodeVersion(text)).toBeNull();
    }
  });
});
