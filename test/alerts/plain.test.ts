import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, cutBytes, plainLine, plainText } from '../../src/alerts/plain.ts';
import { bodyOf, safeMessage } from '../../src/alerts/safe-message.ts';
import { message } from './support/ground.ts';

describe('plain text', () => {
  it.each([
    ['a colour', '\u001b[1;31mred\u001b[0m', 'red'],
    ['a window title', 'a\u001b]0;you have been hacked\u0007b', 'ab'],
    ['an escape of one byte', 'a\u009b31mb', 'ab'],
    ['a bell and a backspace', 'a\u0007b\u0008c', 'abc'],
    ['line ends of every kind', 'a\r\nb\rc\u2028d\u0085e', 'a\nb\nc\nd\ne'],
    ['a word turned round', 'exe\u202etxt.\u2066x', 'exetxt.x'],
    ['what is shown as nothing', 'a\u200bb\ufeffc\u00add\u2060e\u{e0041}f', 'abcdef'],
    ['spaces that are none', 'a\u00a0b\u3000c\td', 'a b c d'],
    ['half a character', 'a\ud800b', 'a\ufffdb'],
    ['a tower of marks', `e${'\u0301'.repeat(40)}!`, `e${'\u0301'.repeat(3)}!`],
    ['letters of any script, and pictures', 'Größe 大きさ حجم 🦞', 'Größe 大きさ حجم 🦞'],
  ])('is free of %s', (_what, given, expected) => {
    expect(plainText(given)).toBe(expected);
  });

  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom(
        '\u001b',
        '\u009b',
        '[',
        ']',
        '0',
        ';',
        'm',
        '\u0007',
        '\\',
        '\r',
        '\n',
        '\u2028',
        '\u202e',
      ),
      fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
      fc.integer({ min: 0xd800, max: 0xdfff }).map((code) => String.fromCharCode(code)),
    ),
    maxLength: 200,
  });

  it('never holds a control, an invisible or a broken character, and cleaning it again changes nothing', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const plain = plainText(text);
        expect(plain).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/u);
        expect(plain.isWellFormed()).toBe(true);
        expect(plainText(plain)).toBe(plain);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is one line, within its length, with no half character at the end', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 60 }), (text, most) => {
        const line = plainLine(text, most);
        expect(line).not.toContain('\n');
        expect([...line].length).toBeLessThanOrEqual(most);
        expect(line.isWellFormed()).toBe(true);
        const few = cutBytes(plainText(text), most + 3);
        expect(Buffer.byteLength(few)).toBeLessThanOrEqual(most + 3);
        expect(few.isWellFormed()).toBe(true);
      }),
    );
    expect(cut('🦞🦞🦞', 2)).toBe('🦞…');
    expect(cut('🦞🦞', 2)).toBe('🦞🦞');
    expect(cutBytes('🦞🦞🦞', 8)).toBe('🦞…');
  });

  it('is made in no time, however long and odd the text', () => {
    const before = performance.now();
    for (const part of ['\u001b[', '\u001b]0;', '\u0301', '\r\n', '\ud800', 'a '])
      plainText(part.repeat(500_000));
    expect(performance.now() - before).toBeLessThan(5_000);
  });
});

describe('a message', () => {
  const hide = (text: string): string => text.replaceAll('SECRETWORD', '[redacted]');

  it('has its secrets taken out after odd characters and before it is cut', () => {
    const safe = safeMessage(
      message({
        title: `${'x'.repeat(74)}SECRETWORD`,
        body: ['a SECRET\u200bWORD', 'b SEC\u001b[0mRETWORD'],
        next: 'SECRETWORD',
        id: 'SECRETWORD',
        incident: 'SECRETWORD',
      }),
      hide,
    );
    expect(JSON.stringify(safe)).not.toMatch(/SECRET|WORD/);
    expect([...safe.title].length).toBe(80);
    expect(safe.lines).toEqual(['a [redacted]', 'b [redacted]']);
  });

  it('keeps the command and the id, whatever else must go', () => {
    const long = safeMessage(message({ body: Array.from({ length: 100 }, () => 'é'.repeat(1_000)) }), hide);
    expect(long.lines.length).toBeLessThanOrEqual(24);
    for (const most of [200, 1_000, 3_900]) {
      const body = bodyOf(long, most);
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(most);
      expect(body.endsWith('…\nNext: immune status\n(alert 812-0, incident i-812)')).toBe(true);
    }
    expect(bodyOf(safeMessage(message({ body: [], next: '', incident: null }), hide), 100)).toBe(
      '(alert 812-0)',
    );
  });
});
