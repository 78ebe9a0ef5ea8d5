import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../system/workspace.ts';
import {
  type Boat,
  makeBoat,
  onlyTools,
  program,
  runIn,
  shells,
  usualTools,
  verified,
} from './lifeboat-place.ts';

let boat: Boat;
let tools: string;
beforeEach(async () => {
  boat = await makeBoat();
  tools = onlyTools(join(boat.root, 'tools'), [...usualTools, 'curl']);
});
afterEach(() => boat.stop());

const good = '{ gateway: { mode: "local" } }\n';
const broken = '{ gateway: { mode: \n';

/** A double in the place of a tool: `body` sees the same words, and the tool itself as $real. */
function double(name: string, body: string): void {
  const real = ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find(existsSync) ?? '/nowhere';
  rmSync(join(tools, name), { force: true });
  program(join(tools, name), `real='${real}'\n${body}`);
  boat.facts({ path: tools });
}

/** A file system without a byte to spare, where this machine lets us have one. */
async function withFullDisk(folder: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' });
  try {
    try {
      writeFileSync(join(folder, 'fill'), Buffer.alloc(100_000));
    } catch {
      // Full, as it should be.
    }
    await work();
  } finally {
    execFileSync('umount', [folder]);
  }
}
function canMount(): boolean {
  const folder = join('/tmp', `immune-mount-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    // An ordinary user, or a machine without tmpfs.
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const mounts = canMount();

describe.each(shells)('the lifeboat, run by %s, where nothing goes right,', (_, shell) => {
  it.skipIf(!mounts)('says so when nothing can be kept because the disk is full', async () => {
    await verified(boat, good);
    writeFileSync(boat.config, broken);
    await withFullDisk(join(boat.data, 'quarantine'), async () => {
      const { code, out } = await boat.run(shell, 'fix-config', '--yes');
      expect(out).toContain('nothing was changed: nothing can be kept');
      expect(code).toBe(3);
      expect(readFileSync(boat.config, 'utf8')).toBe(broken);
    });
  });

  it.skipIf(!mounts)(
    'sees the job also where a shell that writes here-documents to files could not',
    async () => {
      boat.start();
      await until('it runs', () => boat.pid() > 0);
      await verified(boat, good);
      await withFullDisk(join(boat.root, 'full'), async () => {
        const env = {
          PATH: '/usr/bin:/bin',
          HOME: boat.home,
          TMPDIR: join(boat.root, 'full'),
          BASH_COMPAT: '5.0',
        };
        const { out, err } = await runIn([...shell, boat.script, 'status'], env);
        expect(err).toBe('');
        expect(out).toContain(`job       running, process ${boat.pid()}`);
        expect(out).toContain('snapshot  000001-');
      });
    },
  );

  it('does not move away a config that it could not keep', async () => {
    await verified(boat, good);
    writeFileSync(boat.config, broken);
    double('cp', 'exit 1');
    double('ln', 'case "$*" in *lease*) exec "$real" "$@" ;; esac; exit 1');
    const failed = await boat.run(shell, 'fix-config', '--yes');
    expect(failed.code).toBe(3);
    expect(failed.out).toContain('cannot be kept');
    expect(failed.out).not.toContain('immune undo');
    boat.facts({ path: null });
    expect((await boat.run(shell, 'undo', '--yes')).out).toContain('replaced nothing that could be put back');
    expect(readFileSync(boat.config, 'utf8')).toBe(broken);
  });

  it('puts back a folder that stood where the config should be, also when the config is gone since', async () => {
    await verified(boat, good);
    mkdirSync(boat.config);
    writeFileSync(join(boat.config, 'kept'), 'precious');
    expect((await boat.run(shell, 'fix-config', '--yes')).code).toBe(0);
    expect(readFileSync(boat.config, 'utf8')).toBe(good);
    rmSync(boat.config);
    expect((await boat.run(shell, 'undo', '--yes')).code).toBe(0);
    expect(readFileSync(join(boat.config, 'kept'), 'utf8')).toBe('precious');
  });

  it('needs no temporary folder of a name that one left who was killed', async () => {
    await verified(boat, good);
    writeFileSync(boat.config, broken);
    const left =
      '[ -e "$TMPDIR/openclaw-immune-lifeboat.$$.0" ] || mkdir "$TMPDIR/openclaw-immune-lifeboat.$$.0"';
    const env = { PATH: '/usr/bin:/bin', HOME: boat.home, TMPDIR: boat.root };
    const words = [...shell, boat.script, 'fix-config', '--yes'];
    const { code, out } = await runIn(['/bin/sh', '-c', `${left}; exec "$@"`, 'left', ...words], env);
    expect(code, out).toBe(0);
    expect(readdirSync(boat.root).filter((name) => name.startsWith('openclaw-immune-lifeboat'))).toHaveLength(
      1,
    );
  });

  it('does not call an undo done that failed, and does it the next time', async () => {
    await verified(boat, good);
    mkdirSync(boat.config);
    const put = await boat.run(shell, 'fix-config', '--yes');
    expect(put.code, put.out + put.err).toBe(0);
    const [first = ''] = boat.kept();
    double('mv', 'case "$1" in *.was) exit 1 ;; esac; exec "$real" "$@"');
    expect((await boat.run(shell, 'undo', '--yes')).code).toBe(3);
    boat.facts({ path: null });
    expect((await boat.run(shell, 'undo', first, '--yes')).code).toBe(0);
    expect(statSync(boat.config).isDirectory()).toBe(true);
  });

  it('ends between two commands only when the package is in its place', async () => {
    const aside = join(dirname(boat.pack), '.openclaw-a1B2c3D4');
    execFileSync('cp', ['-R', boat.pack, aside]);
    rmSync(join(boat.pack, 'node_modules', 'ws'), { recursive: true });
    double('mv', '"$real" "$@"; code=$?; kill -TERM "$PPID"; kill -INT "$PPID"; exit "$code"');
    await boat.run(shell, 'fix-deps', '--yes');
    expect(existsSync(join(boat.pack, 'node_modules', 'ws', 'package.json'))).toBe(true);
  });

  it('reads only so much of what somebody else sends, and does not take him for the gateway', async () => {
    const flood = createServer((socket) => {
      socket.on('error', () => undefined);
      const more = (): void => {
        while (socket.writable && socket.write(Buffer.alloc(1_048_576, 120)));
      };
      socket.on('drain', more);
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      more();
    });
    await new Promise<void>((resolve) => flood.listen(boat.port, '127.0.0.1', resolve));
    try {
      // With less memory than the answer would need.
      const limited = [
        '/bin/bash',
        '-c',
        'ulimit -v 400000; exec "$@"',
        'limited',
        ...shell,
        boat.script,
        'status',
      ];
      const { out, err } = await runIn(limited, { PATH: '/usr/bin:/bin', HOME: boat.home });
      expect(err).toBe('');
      expect(out).toContain('what answers there is not the gateway');
    } finally {
      flood.close();
    }
  });

  it('takes no number for another one, and runs nothing that stands in its facts', async () => {
    const traps = ['$(touch PWNED)', '`touch PWNED`', '"; touch PWNED; "'].map((each) =>
      each.replace('PWNED', join(boat.root, 'pwned')),
    );
    const conf = join(boat.data, 'bin', 'lifeboat.conf');
    const hostile = traps.map(
      (trap) => `label=${trap}\nhost=${trap}\nopenclaw=${trap}\nuid=${trap}\nport=${trap}\n`,
    );
    const text = readFileSync(conf, 'utf8');
    writeFileSync(
      conf,
      `${text}port=080\nboot_grace_s=08\nlook_s=09\n=\nx=${'y'.repeat(1_000_000)}\n${hostile.join('')}`,
    );
    mkdirSync(join(boat.state, 'lease'));
    writeFileSync(join(boat.state, 'lease', 'lease.08'), '{"released":true}');
    for (const verb of ['status', 'restart', 'fix-config', 'fix-deps', 'fix-port', 'nuclear', 'undo']) {
      const { code, err } = await boat.run(shell, verb, '--yes');
      expect([0, 3, 4], `${verb}: ${err}`).toContain(code);
      expect(err).not.toContain('lifeboat.sh:');
    }
    expect(existsSync(join(boat.root, 'pwned'))).toBe(false);
    writeFileSync(conf, text);
    expect((await boat.run(shell, 'restart')).out).toContain('serves again');
  });

  it('knows where the snapshots lie when it is started from the copy among them', async () => {
    await verified(boat, good);
    writeFileSync(boat.config, broken);
    const bin = join(boat.data, 'config-backup', 'immune', 'bin');
    mkdirSync(bin, { recursive: true });
    copyFileSync(boat.script, join(bin, 'lifeboat.sh'));
    const copy = [...shell, join(bin, 'lifeboat.sh'), 'fix-config', '--yes'];
    expect((await runIn(copy, { PATH: '/usr/bin:/bin', HOME: boat.home })).code).toBe(0);
    expect(readFileSync(boat.config, 'utf8')).toBe(good);
    expect(readdirSync(dirname(bin))).toEqual(['bin']);
  });

  it('does not roll back for what the log said of an older config', async () => {
    await verified(boat, good);
    writeFileSync(boat.log, 'Invalid config at /x\n');
    utimesSync(boat.log, 1_700_000_000, 1_700_000_000);
    writeFileSync(boat.config, '{ edited: true }\n');
    expect((await boat.run(shell, 'nuclear', '--yes')).out).toContain('nothing says that it is at fault');
    expect(readFileSync(boat.config, 'utf8')).toBe('{ edited: true }\n');
  });

  it('stops waiting after the boot grace, however long each look takes', async () => {
    boat.start();
    await until('it runs', () => boat.pid() > 0);
    boat.sick(true);
    boat.facts({ boot_grace_s: '6' });
    const before = Date.now();
    const { code, out } = await boat.run(shell, 'restart');
    expect(code).toBe(3);
    expect(out).toContain('does not serve after 6 s');
    // A look at a port that says nothing takes three seconds: six of them would be twenty-four.
    expect(Date.now() - before).toBeLessThan(20_000);
  });

  it('keeps a config that is a link to a place without a folder yet, and one that leads to itself', async () => {
    await verified(boat, good);
    symlinkSync('../new folder/c.json', boat.config);
    expect((await boat.run(shell, 'fix-config', '--yes')).code).toBe(0);
    expect(readFileSync(join(boat.home, 'new folder', 'c.json'), 'utf8')).toBe(good);
    rmSync(boat.config);
    symlinkSync('openclaw.json', boat.config);
    const loop = await boat.run(shell, 'fix-config', '--yes');
    expect(loop.code).toBe(3);
    expect(loop.out).toContain('leads to itself');
  });
});
