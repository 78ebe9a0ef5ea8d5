import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hookFiles } from '../../src/cli/install/safe-start-files.ts';
import { type SafeStartRecord, wrapperIn } from '../../src/gateway/safe-start-hook.ts';
import { giveTo, user } from '../install-sh/unprivileged.ts';

const template = readFileSync(new URL('../../launchd/safe-start.sh', import.meta.url), 'utf8');

export const program = (path: string, body: string): string => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
};

/** A package, a Node that tells how it was started, a launchctl and our command, each of which notes its calls. */
export function makePlace(home: string) {
  const pack = join(home, 'npm prefix', 'lib', 'node_modules', 'openclaw');
  for (const name of ['ws', 'zod', '@s/x']) {
    mkdirSync(join(pack, 'node_modules', name), { recursive: true });
    writeFileSync(join(pack, 'node_modules', name, 'package.json'), '{}');
  }
  mkdirSync(join(pack, 'dist'));
  writeFileSync(join(pack, 'dist', 'index.js'), '//');
  const names = { ws: '1', zod: '1', '@s/x': '1', optional: '1' };
  writeFileSync(join(pack, 'package.json'), JSON.stringify({ name: 'openclaw', dependencies: names }));
  const told = (what: string): string => `'${join(home, what).replaceAll("'", "'\\''")}'`;
  const node = program(
    join(home, 'bin', 'node'),
    `printf '%s\\n' "$$" "$PWD" "$(umask)" "$@"; echo "\${GATEWAY_GOES_ON-}" >/dev/null; [ -z "\${GATEWAY_GOES_ON-}" ] || exec /bin/sleep 60`,
  );
  const data = join(home, 'data');
  const directory = join(home, 'data-safe-start');
  mkdirSync(directory);
  const record: SafeStartRecord = {
    version: 1,
    node,
    flags: ['--max-old-space-size=8192', '--require', "it's here.cjs"],
    entry: join(pack, 'dist', 'index.js'),
  };
  const immune = program(join(data, 'bin', 'immune'), `echo "$@" >>${told('asked')}`);
  const launchctl = program(join(home, 'launchctl'), `echo "$@" >>${told('kicked')}`);
  const render = (): void => {
    const words = {
      directory,
      root: pack,
      record,
      immune,
      launchctl,
      watchdog: 'gui/501/org.openclaw-immune.watchdog',
    };
    for (const { path, text, mode } of hookFiles(template, words)) {
      writeFileSync(path, text);
      chmodSync(path, mode);
    }
    giveTo(user, home);
  };
  render();
  return {
    home,
    pack,
    node,
    data,
    directory,
    record,
    immune,
    render,
    wrapper: wrapperIn(directory),
    asked: (): string => (existsSync(join(home, 'asked')) ? readFileSync(join(home, 'asked'), 'utf8') : ''),
    kicked: (): string =>
      existsSync(join(home, 'kicked')) ? readFileSync(join(home, 'kicked'), 'utf8') : '',
  };
}
