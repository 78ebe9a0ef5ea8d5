import { join, normalize } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTreeName, treeName } from '../../src/system/tree-name.ts';

describe('a name in the work tree', () => {
  it.each([
    ['/c/a.json', 'a.json'],
    ['/c/sub dir/ü.json', 'sub dir/ü.json'],
    ['/c/..x/.hidden', '..x/.hidden'],
    ['/c/.git/config', '%2egit/config'],
    ['/c/.GIT', '%2eGIT'],
    ['/c/git~1/x', '%67it~1/x'],
    ['/c/a\nb', 'a%0ab'],
    ['/c/a%41', 'a%2541'],
  ])('of %j is %j', (path, name) => {
    expect(treeName('/c', path)).toBe(name);
    expect(isTreeName(name)).toBe(true);
  });

  it('tells apart what lies outside of the folder', () => {
    const names = ['/x/a.json', '/y/a.json', '/c', '/a.json'].map((path) => treeName('/c', path));
    expect(new Set(names).size).toBe(names.length);
    expect(names.every((name) => /^outside\/[0-9a-f]{12}-/.test(name) && isTreeName(name))).toBe(true);
  });

  it('never leads out of the folder or into a .git, whatever the path is', () => {
    const part = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '',
        '.git',
        '.Git\u200c',
        'GIT~1',
        '%2e',
        '\ud800',
        'a'.repeat(400),
        '"',
        '\\',
      ),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const name = treeName('/c/d', `/c/d/${parts.join('/')}`);
        expect(isTreeName(name)).toBe(true);
        expect(normalize(join('/t', name)).startsWith('/t/')).toBe(true);
        expect(name.split('/').some((each) => /^\.git/i.test(each) || Buffer.byteLength(each) > 250)).toBe(
          false,
        );
      }),
      { numRuns: 500 },
    );
  });

  it.each(['', '.', '..', '/a', 'a/', 'a//b', 'a/../b', '.git', 'x/.git/y', 'a"b', 'a\\b', 'a\0b', 'a\nb'])(
    'is not %j',
    (name) => {
      expect(isTreeName(name)).toBe(false);
    },
  );
});
