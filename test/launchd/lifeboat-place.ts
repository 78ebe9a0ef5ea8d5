import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type LifeboatFacts, renderFacts } from '../../src/daemon/lifeboat-facts.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { type FakeLaunchd, installFakeLaunchd } from '../fakes/launchd/fake.ts';
import { freePort } from '../free-port.ts';
import { content, file, recorded, storeIn } from '../vault/store-ground.ts';

const repository = new URL('../../', import.meta.url).pathname;

export const shells = (
  [
    ['dash', ['/bin/dash']],
    ['bash as a POSIX shell', ['/bin/bash', '--posix']],
  ] as const
).filter(([, [shell]]) => existsSync(shell));

/** Answers as a gateway does, unless the file `sick` beside it says otherwise. */
const gatewayProgram = `
import { createServer } from 'node:http';
import { existsSync } from 'node:fs';
const [port, folder] = process.argv.slice(2);
createServer((request, response) => {
  if (existsSync(folder + '/sick')) return;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ ok: true, status: 'live' }));
}).listen(Number(port), '127.0.0.1');
`;

export const label = 'ai.openclaw.gateway';

export const program = (path: string, body: string): string => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
};

/** A whole package of a few files. */
export function makePackage(root: string, version: string): void {
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, 'dist', 'index.js'), `// ${version}\n`);
  const dependencies = { ws: '1', '@s/x': '1' };
  writeFileSync(
    join(root, 'package.json'),
    `${JSON.stringify({ name: 'openclaw', version, dependencies }, null, 2)}\n`,
  );
  for (const name of Object.keys(dependencies)) {
    mkdirSync(join(root, 'node_modules', name), { recursive: true });
    writeFileSync(join(root, 'node_modules', name, 'package.json'), '{}\n');
  }
}

/** Runs a program with nothing of our own environment; ends when its output has ended. */
export function runIn(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: { ...env }, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

/** A folder of links to only these of the system's programs: what is not named is not there. */
export function onlyTools(folder: string, names: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const found = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'].map((each) => join(each, name)).find(existsSync);
    if (found !== undefined && !existsSync(join(folder, name))) symlinkSync(found, join(folder, name));
  }
  return folder;
}

export const usualTools =
  'awk cat chmod cmp cp cut date df diff env git grep head id ln ls mkdir mv od ps readlink rm sed sha256sum sleep sort sync tail tr wc'.split(
    ' ',
  );

export type Boat = Awaited<ReturnType<typeof makeBoat>>;

/** An installation with a lifeboat and a gateway's job under a launchd double, below a folder with an awkward name. */
export async function makeBoat() {
  const root = mkdtempSync(join(tmpdir(), 'immune-lifeboat-'));
  const home = join(root, `Zoë's "Mac" $HOME`);
  const data = join(home, 'Library', 'Application Support', 'openclaw-immune');
  const state = join(data, 'state');
  for (const folder of [join(data, 'bin'), state, join(home, '.openclaw', 'logs')]) {
    mkdirSync(folder, { recursive: true });
  }
  const uid = process.getuid?.() ?? 501;
  const fake: FakeLaunchd = await installFakeLaunchd({ dir: join(root, 'fake launchd'), uid, home });
  const port = await freePort();
  const config = join(home, '.openclaw', 'openclaw.json');
  const pack = join(home, 'npm prefix', 'lib', 'node_modules', 'openclaw');
  makePackage(pack, '2026.9.6');
  const gateway = join(root, 'gateway.mjs');
  writeFileSync(gateway, gatewayProgram);
  const plist = join(home, 'Library', 'LaunchAgents', `${label}.plist`);
  mkdirSync(dirname(plist), { recursive: true });
  const log = join(home, '.openclaw', 'logs', 'gateway.err.log');
  writeFileSync(
    plist,
    buildPlist({
      label,
      programArguments: [process.execPath, gateway, String(port), root],
      keepAlive: true,
      standardErrorPath: log,
      standardOutPath: log,
    }),
  );
  chmodSync(plist, 0o644);
  const script = join(data, 'bin', 'lifeboat.sh');
  copyFileSync(join(repository, 'launchd', 'lifeboat.sh'), script);
  const known: Record<string, string | null> = {
    uid: String(uid),
    data,
    node: join(data, 'runtime', 'node'),
    app: join(data, 'app', 'immune.mjs'),
    checkout: join(root, 'check out'),
    watchdog: 'org.openclaw-immune.watchdog',
    launchctl: fake.launchctl,
    label,
    plist,
    config,
    package: pack,
    entry: join(pack, 'dist', 'index.js'),
    openclaw: '2026.9.6',
    host: '127.0.0.1',
    port: String(port),
    tls: 'no',
    log,
    boot_grace_s: '40',
  };
  const facts = (changed: LifeboatFacts = {}): void => {
    Object.assign(known, changed);
    writeFileSync(join(data, 'bin', 'lifeboat.conf'), renderFacts(known), { mode: 0o600 });
  };
  facts();
  const domain = `gui/${uid}`;
  const launchctl = (...args: readonly string[]): string => {
    try {
      return execFileSync(fake.launchctl, args, { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      return String((error as { stderr?: unknown }).stderr);
    }
  };
  return {
    root,
    home,
    data,
    state,
    config,
    pack,
    plist,
    port,
    fake,
    log,
    script,
    facts,
    domain,
    target: `${domain}/${label}`,
    launchctl,
    /** Bootstraps the gateway's job and waits for its process. */
    start(): void {
      launchctl('bootstrap', domain, plist);
      launchctl('kickstart', `${domain}/${label}`);
    },
    pid(): number {
      return Number(/^\tpid = (\d+)$/m.exec(launchctl('print', `${domain}/${label}`))?.[1] ?? 0);
    },
    sick: (is: boolean): void => {
      if (is) writeFileSync(join(root, 'sick'), '');
      else rmSync(join(root, 'sick'), { force: true });
    },
    run: (shell: readonly string[], ...words: readonly string[]) =>
      runIn([...shell, script, ...words], { PATH: '/usr/bin:/bin', HOME: home, TMPDIR: root }),
    changes: (): readonly string[] =>
      fake
        .calls()
        .map(({ argv }) => argv.join(' '))
        .filter((call) => !/^print/.test(call)),
    kept: (): readonly string[] => {
      const folder = join(data, 'quarantine');
      return existsSync(folder) ? readdirSync(folder) : [];
    },
    read: (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : ''),
    async stop(): Promise<void> {
      await fake.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A verified snapshot by the real store, in the real git. */
export async function verified(
  boat: Pick<Boat, 'data' | 'config'>,
  text: string,
  extra: readonly ReturnType<typeof file>[] = [],
): Promise<string> {
  const { store } = storeIn(boat.data);
  const files = [file('openclaw.json', text, { path: boat.config, mode: 0o640 }), ...extra];
  const id = await recorded(store, content(files));
  const labelled = await store.label(id, 'verified');
  if (labelled.kind === 'failed') throw new Error(labelled.because);
  return id;
}
