import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function write(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}

export interface FixtureOptions {
  /** 2026.9 lists the sizes of its files; older versions only their names. */
  readonly withSizes?: boolean;
}

/**
 * A small installation of the shape npm gives OpenClaw: direct dependencies `ws` and `alpha`, `beta` below `alpha` and
 * `gamma` needed by `beta` from above; optional and peer packages that are not there; the oddities of healthy packages.
 */
export function installOpenclaw(root: string, { withSizes = true }: FixtureOptions = {}): void {
  write(join(root, 'package.json'), {
    name: 'openclaw',
    version: '2026.9.6',
    dependencies: { ws: '8', alpha: '1', '@scope/odd': '1', '@types/only': '1', native: '1' },
    optionalDependencies: { native: '1' },
    peerDependencies: { elsewhere: '1' },
  });
  const modules = join(root, 'node_modules');
  write(join(modules, 'ws', 'package.json'), {
    main: 'index.js',
    exports: { '.': { import: './wrapper.mjs', require: './index.js' }, './package.json': './package.json' },
  });
  write(join(modules, 'ws', 'index.js'), 'js');
  write(join(modules, 'ws', 'wrapper.mjs'), 'js');
  write(join(modules, 'alpha', 'package.json'), { main: './lib', dependencies: { beta: '1' } });
  write(join(modules, 'alpha', 'lib', 'index.js'), 'js');
  write(join(modules, 'alpha', 'node_modules', 'beta', 'package.json'), {
    dependencies: { gamma: '1', alpha: '1' },
  });
  write(join(modules, 'alpha', 'node_modules', 'beta', 'index.js'), 'js');
  write(join(modules, 'gamma', 'package.json'), { name: 'gamma' });
  // As @modelcontextprotocol/sdk: the file named for "." was never shipped, only those below it.
  write(join(modules, '@scope', 'odd', 'package.json'), {
    exports: { '.': './dist/index.js', './client': { types: './client.d.ts', default: './dist/client.js' } },
  });
  write(join(modules, '@scope', 'odd', 'dist', 'client.js'), 'js');
  write(join(modules, '@types', 'only', 'package.json'), { main: '', exports: { '.': './index.d.ts' } });
  const files: Readonly<Record<string, string>> = {
    'dist/index.js': 'start()',
    'dist/run-A1.mjs': 'export const run = 1;',
    'dist/extensions/browser/index.js': 'browser',
  };
  for (const [path, content] of Object.entries(files)) write(join(root, path), content);
  const paths = Object.keys(files);
  if (withSizes) {
    const contents = paths.map((path) => ({ path, sha256: '', mode: 420, size: files[path]?.length }));
    write(join(root, 'dist', 'postinstall-content-inventory.json'), contents);
    paths.push('dist/postinstall-content-inventory.json');
  }
  write(join(root, 'dist', 'postinstall-inventory.json'), paths);
}
