import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/cli/parse.ts';

const read = (words: string) => parseCommand(words.split(' '));

describe('what "immune incidents" and "immune support-bundle" are asked for', () => {
  it.each([
    ['incidents', { kind: 'list', limit: 20 }],
    ['incidents list -n 5', { kind: 'list', limit: 5 }],
    ['incidents show', { kind: 'show', id: null }],
    ['incidents show newest', { kind: 'show', id: null }],
    ['incidents show I12', { kind: 'show', id: 'I12' }],
    ['incidents show 12', { kind: 'show', id: 'I12' }],
    ['incidents i12', { kind: 'show', id: 'I12' }],
  ])('%s', (words, ask) => {
    expect(read(words)).toEqual({ kind: 'incidents', ask, json: false });
  });

  it.each([
    ['incidents shwo I1', '"shwo" is nothing "immune incidents" does; did you mean "show"?'],
    ['incidents show T3', '"T3" is not the id of an incident'],
    ['incidents show I1 --limit 3', '--limit goes with list only'],
    ['incidents list I1', 'list takes no id, so not "I1" either'],
    ['incidents list -n 0', '--limit needs a whole number from 1 to 1000, not "0"'],
    ['incidents list -n many', '--limit needs a whole number from 1 to 1000, not "many"'],
    ['incidents show I1 I2', '"immune incidents" does not take "I2"'],
    ['support-bundle here', '"immune support-bundle" does not take "here"'],
    ['support-bundle --output', '--output needs a value'],
  ])('refuses %s, and names the next command', (words, message) => {
    const parsed = read(words);
    if (parsed.kind !== 'refused') throw new Error(`not refused: ${parsed.kind}`);
    expect(parsed.message).toContain(message);
    expect(parsed.hint).toMatch(/^immune /);
  });

  it('takes a place for the bundle', () => {
    expect(read('support-bundle -o /tmp/x --dry-run --json')).toEqual({
      kind: 'support-bundle',
      output: '/tmp/x',
      dryRun: true,
      json: true,
    });
  });
});
