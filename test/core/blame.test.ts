import { describe, expect, test } from 'vitest';
import { blamed, type Mount } from '../../src/core/blame.ts';
import type { KeyChange, KeyPath } from '../../src/core/config-change.ts';

const added = (...path: KeyPath): KeyChange => ({ file: 'openclaw.json', path, kind: 'added' });
const changed = (...path: KeyPath): KeyChange => ({ file: 'openclaw.json', path, kind: 'changed' });
const removed = (...path: KeyPath): KeyChange => ({ file: 'openclaw.json', path, kind: 'removed' });
const paths = (found: readonly KeyChange[]): readonly KeyPath[] => found.map(({ path }) => path);

const goodEdits = [changed('gateway', 'port'), added('channels', 'telegram'), removed('tools', 'deny')];

describe('unrecognized keys', () => {
  test('at the root', () => {
    const bogus = added('bogusKey');
    const issues = [{ path: '<root>', message: 'Unrecognized key: "bogusKey"' }];
    expect(blamed([...goodEdits, bogus], issues)).toEqual([bogus]);
  });

  test('two of them below another key, with good edits beside them', () => {
    const changes = [...goodEdits, added('gateway', 'a'), added('gateway', 'b'), added('gateway', 'c')];
    const issues = [{ path: 'gateway', message: 'Unrecognized keys: "a", "c"' }];
    expect(paths(blamed(changes, issues))).toEqual([
      ['gateway', 'a'],
      ['gateway', 'c'],
    ]);
  });

  test('one within something that was added as a whole is blamed alone', () => {
    const issues = [{ path: 'channels.telegram.groups.0', message: 'Unrecognized key: "bogus"' }];
    expect(blamed(goodEdits, issues)).toEqual([added('channels', 'telegram', 'groups', 0, 'bogus')]);
  });

  test('one in a list that became longer is blamed alone', () => {
    const issues = [{ path: 'bindings.2', message: 'Unrecognized key: "bogus"' }];
    expect(blamed([changed('bindings')], issues)).toEqual([changed('bindings', 2, 'bogus')]);
  });

  test('one in a config that was replaced as a whole', () => {
    const issues = [{ path: '<root>', message: 'Unrecognized key: "bogus"' }];
    expect(blamed([changed()], issues)).toEqual([changed('bogus')]);
  });

  test('with changes within its value, all of these', () => {
    const changes = [changed('old', 'a'), changed('old', 'b'), changed('older')];
    const issues = [{ path: '<root>', message: 'Unrecognized key: "old"' }];
    expect(blamed(changes, issues)).toEqual(changes.slice(0, 2));
  });

  test('what was taken out does not hold it', () => {
    const issues = [{ path: 'tools.deny', message: 'Unrecognized key: "bogus"' }];
    expect(blamed(goodEdits, issues)).toEqual([]);
  });

  test('the same key told twice is blamed once, and a long number stays a name', () => {
    const issue = { path: 'channels.telegram.123456789', message: 'Unrecognized key: "bogus"' };
    expect(blamed(goodEdits, [issue, issue])).toEqual([added('channels', 'telegram', '123456789', 'bogus')]);
  });

  test('where the whole change is to blame too, it alone is named', () => {
    const issues = [
      { path: 'channels.telegram', message: 'Unrecognized key: "bogus"' },
      { path: 'channels.telegram', message: 'Invalid input' },
    ];
    expect(blamed(goodEdits, issues)).toEqual([added('channels', 'telegram')]);
  });

  test('a name with a dot in it is one key, and half of it another one', () => {
    const issues = [{ path: 'channels.telegram', message: 'Unrecognized key: "a.b"' }];
    expect(blamed(goodEdits, issues)).toEqual([added('channels', 'telegram', 'a.b')]);
    expect(blamed([added('channels', 'telegram', 'a')], issues)).toEqual([]);
    expect(blamed([added('a')], [{ path: '<root>', message: 'Unrecognized key: "a.b"' }])).toEqual([]);
  });

  test('one below a key that may hold a dot itself is blamed with all that was changed', () => {
    const change = added('agents', 'defaults', 'models');
    const path = 'agents.defaults.models.openai/gpt-4.1';
    expect(blamed([change], [{ path, message: 'Unrecognized key: "bogus"' }])).toEqual([change]);
  });

  test('a name that was cut off names nothing: all below is suspect', () => {
    const changes = [...goodEdits, added('gateway', 'abcdef')];
    const issues = [{ path: 'gateway', message: 'Unrecognized keys: "a", "abc' }];
    expect(paths(blamed(changes, issues))).toEqual([
      ['gateway', 'port'],
      ['gateway', 'abcdef'],
    ]);
  });
});

describe('agents, which the validator calls by their id', () => {
  const unknown = { path: 'agents.entries.main', message: 'Unrecognized key: "bogus"' };

  test.each<[KeyChange, readonly KeyPath[]]>([
    [added('agents', 'list', 0, 'bogus'), [['agents', 'list', 0, 'bogus']]],
    [changed('agents', 'list', 0, 'bogus', 'x'), [['agents', 'list', 0, 'bogus', 'x']]],
    [changed('agents', 'list', 0), [['agents', 'list', 0, 'bogus']]],
    [changed('agents', 'list'), [['agents', 'list']]],
    [added('agents'), [['agents']]],
    [changed(), [[]]],
    [added('agents', 'entries', 'main'), [['agents', 'entries', 'main', 'bogus']]],
    [added('agents', 'entries'), [['agents', 'entries', 'main', 'bogus']]],
    [changed('agents', 'list', 0, 'name'), []],
    [changed('agents', 'defaults'), []],
    [added('agents', 'entries', 'other'), []],
  ])('an unrecognized key points, of %j, at %j', (change, expected) => {
    expect(paths(blamed([change], [unknown]))).toEqual(expected);
  });

  test('an older validator says the position', () => {
    const change = changed('agents', 'list', 1, 'name');
    expect(blamed([change], [{ path: 'agents.list.1', message: 'Invalid input' }])).toEqual([change]);
    expect(blamed([change], [{ path: 'agents.list.0', message: 'Invalid input' }])).toEqual([]);
  });
});

describe('other issues', () => {
  test.each<[string, readonly KeyPath[]]>([
    ['gateway.port', [['gateway', 'port']]],
    ['gateway', [['gateway', 'port']]],
    ['channels.telegram.dmPolicy', [['channels', 'telegram']]],
    ['tools.deny', [['tools', 'deny']]],
    ['gateway.portals', []],
    ['gatew', []],
    ['', []],
    ['<root>', []],
  ])('at %j point at %j', (path, expected) => {
    expect(paths(blamed(goodEdits, [{ path, message: 'Invalid input' }]))).toEqual(expected);
  });

  test('a key with a dot in it is found all the same', () => {
    const change = changed('models', 'gpt-4.1', 'limit');
    expect(blamed([change], [{ path: 'models.gpt-4.1.limit', message: 'Invalid input' }])).toEqual([change]);
  });

  test('without issues there is nobody to blame', () => {
    expect(blamed(goodEdits, [])).toEqual([]);
  });
});

test('a change in an included file is judged by where the file stands in the config', () => {
  const inFile = (...path: KeyPath): KeyChange => ({ file: 'includes/a.json5', path, kind: 'changed' });
  const mounts: readonly Mount[] = [
    { file: 'includes/a.json5', at: ['agents'] },
    { file: 'includes/a.json5', at: ['other', 1] },
    { file: 'includes/b.json5', at: [] },
  ];
  const changes = [inFile('x'), inFile('y'), changed('x')];
  expect(blamed(changes, [{ path: 'agents.x', message: 'Invalid input' }], mounts)).toEqual([inFile('x')]);
  expect(blamed(changes, [{ path: 'other.1', message: 'Unrecognized key: "y"' }], mounts)).toEqual([
    inFile('y'),
  ]);
  expect(blamed([inFile()], [{ path: 'agents', message: 'Unrecognized key: "z"' }], mounts)).toEqual([
    inFile('z'),
  ]);
  const merged: KeyChange = { file: 'includes/b.json5', path: ['x'], kind: 'added' };
  expect(blamed([merged], [{ path: 'x', message: 'Invalid input' }], mounts)).toEqual([merged]);
});
