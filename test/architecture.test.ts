import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** Lower layers first; folders of one layer know nothing of each other. */
const layers: readonly (readonly string[])[] = [
  ['core'],
  ['config', 'system'],
  ['gateway', 'vault', 'alerts'],
  ['probes', 'repairs'],
  ['daemon'],
  ['cli'],
  ['main.ts'],
];

/** One npm package, one door. */
const doors: Readonly<Record<string, RegExp>> = {
  execa: /^system\/run\.ts$/,
  ws: /^gateway\/client\.ts$/,
  plist: /^system\/launchd\/plist\.ts$/,
  pino: /^system\/log\.ts$/,
  'node-cron': /^daemon\/jobs\.ts$/,
  'zod/mini': /^config\//,
  json5: /^config\/json5\.ts$/,
  '@humanwhocodes/momoa': /^config\/json5-edit\.ts$/,
  nodemailer: /^alerts\/channels\/email\.ts$/,
};

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => {
    const full = join(entry.parentPath, entry.name);
    const text = readFileSync(full, 'utf8');
    // As text, not through a compiler: a tool that silently sees no files would pass everything.
    const found = text.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g,
    );
    const imports = [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
    return { path: relative(src, full), text, imports };
  });

const folderOf = (path: string): string => path.split('/')[0] ?? path;
const layerOf = (path: string): number => layers.findIndex((layer) => layer.includes(folderOf(path)));

describe('the architecture', () => {
  it('is checked on real files and real imports', () => {
    expect(files.length).toBeGreaterThan(60);
    expect(files.flatMap((file) => file.imports).length).toBeGreaterThan(200);
    expect(layers.flat().every((folder) => files.some((file) => folderOf(file.path) === folder))).toBe(true);
  });

  it('has no file outside its layers', () => {
    expect(files.filter((file) => layerOf(file.path) === -1).map((file) => file.path)).toEqual([]);
  });

  it('imports strictly downward, and never between siblings of a layer', () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter((name) => name.startsWith('.'))
        .map((name) => relative(src, resolve(src, dirname(file.path), name)))
        .filter((target) => !target.startsWith('..') && folderOf(target) !== folderOf(file.path))
        .filter((target) => layerOf(target) >= layerOf(file.path))
        .map((target) => `${file.path} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  it('opens each npm package through one door, and no other package at all', () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .filter((name) => doors[name]?.test(file.path) !== true)
        .map((name) => `${file.path} -> ${name}`),
    );
    expect(wrong).toEqual([]);
    for (const name of Object.keys(doors)) {
      expect(
        files.some((file) => file.imports.includes(name)),
        `${name} is used`,
      ).toBe(true);
    }
  });

  it('keeps the core pure: nothing but itself is imported', () => {
    const core = files.filter((file) => folderOf(file.path) === 'core');
    expect(core.length).toBeGreaterThan(10);
    const outside = core.flatMap((file) => file.imports.filter((name) => !name.startsWith('./')));
    expect(outside).toEqual([]);
  });

  it('keeps files small', () => {
    const long = files.filter((file) => file.text.split('\n').length > 301).map((file) => file.path);
    expect(long).toEqual([]);
  });

  it('exits the process in one place only, and never starts a shell', () => {
    const exits = files.filter((file) => /\bprocess\.exit\(/.test(file.text)).map((file) => file.path);
    expect(exits).toEqual(['main.ts']);
    const shells = files.filter((file) => /shell:\s*true|\bexecSync\b|execaCommand/.test(file.text));
    expect(shells.map((file) => file.path)).toEqual([]);
    const spawners = files.filter((file) => file.imports.includes('node:child_process'));
    expect(spawners.map((file) => file.path).sort()).toEqual([
      // The operator's editor gets the terminal itself.
      'cli/terminal.ts',
      'system/embedded/spawn.ts',
    ]);
  });

  it('sends no SIGUSR1 or SIGUSR2, whose meaning differs between versions of OpenClaw', () => {
    expect(files.filter((file) => /['"]SIGUSR[12]['"]/.test(file.text)).map((file) => file.path)).toEqual([]);
  });
});
