import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolvePaths } from '../../src/config/paths.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { hours, type Millis, millis, minutes } from '../../src/core/time.ts';
import type { GatewaySight } from '../../src/daemon/gateway-sight.ts';
import {
  createLifeboatFacts,
  type FactsParts,
  gatewayFacts,
  lifeboatFactsIn,
  parseFacts,
  renderFacts,
} from '../../src/daemon/lifeboat-facts.ts';
import { until, workspace } from '../system/workspace.ts';

const gateway = {
  label: 'ai.openclaw.gateway',
  plist: "/Users/Zoë's/x.plist",
  configPath: '/Users/Zoë/openclaw.json',
};
const about = {
  gateway,
  packageRoot: '/p/lib/node_modules/openclaw',
  version: '2026.9.6',
  programArguments: [
    '/bin/node',
    '--require',
    '/a.cjs',
    '/p/lib/node_modules/openclaw/dist/index.js',
    'gateway',
  ],
  job: { standardOutPath: '/l/gateway.log', standardErrorPath: '/dev/null' },
  endpoint: { host: '127.0.0.1', port: 18_790, tls: true },
  bootGraceMs: minutes(10),
};

describe("the lifeboat's facts", () => {
  it('are one line each, sorted, and read back as they were', () => {
    const facts = { b: 'x = y', a: "/Users/Zoë's $HOME/`id`", c: '' };
    expect(renderFacts(facts)).toBe("a=/Users/Zoë's $HOME/`id`\nb=x = y\nc=\n");
    expect(parseFacts(renderFacts(facts))).toEqual(facts);
  });

  it('leave out what is not known, and what would be two lines', () => {
    expect(renderFacts({ a: null, b: 'x\nuid=0', c: 'x\r', 'd=e': 'x', f: 'kept' })).toBe('f=kept\n');
  });

  it('name the gateway, its program and the log that is one', () => {
    expect(gatewayFacts(about)).toEqual({
      label: 'ai.openclaw.gateway',
      plist: "/Users/Zoë's/x.plist",
      config: '/Users/Zoë/openclaw.json',
      package: '/p/lib/node_modules/openclaw',
      entry: '/p/lib/node_modules/openclaw/dist/index.js',
      openclaw: '2026.9.6',
      host: '127.0.0.1',
      port: '18790',
      tls: 'yes',
      log: '/l/gateway.log',
      boot_grace_s: '600',
    });
  });
});

describe('the daemon', () => {
  function start() {
    const paths = resolvePaths({ home: workspace(), layout: 'macos', env: {} });
    const path = lifeboatFactsIn(paths);
    mkdirSync(paths.bin, { recursive: true });
    mkdirSync(paths.state, { recursive: true });
    const now = { elapsed: 0 as number, port: 1, version: '1' as string | null, reads: 0 };
    const sight = (): GatewaySight => {
      now.reads += 1;
      return {
        inputs: { programArguments: about.programArguments },
        ground: { packageRoot: about.packageRoot, job: about.job },
      } as unknown as GatewaySight;
    };
    const parts: FactsParts = {
      clock: { elapsed: (): Millis => millis(now.elapsed) } as FactsParts['clock'],
      paths,
      settings: () => ({
        gateway: gateway as ReturnType<FactsParts['settings']>['gateway'],
        policy: defaultPolicy,
      }),
      endpoint: () => ({ host: '127.0.0.1', port: now.port, tls: false }),
      version: () => now.version,
      sight,
      log: { warn: (text) => expect.unreachable(text) },
    };
    return { paths, path, now, beat: createLifeboatFacts(parts), read: () => readFileSync(path, 'utf8') };
  }

  it('takes up a port that has changed at the next heartbeat, keeps what is not its own, and writes privately', async () => {
    const { path, now, beat, read } = start();
    writeFileSync(path, 'node=/our/node\nlook_s=5\nport=7\n', { mode: 0o644 });
    beat();
    await until('the port is there', () => read().includes('port=1\n'));
    expect(read()).toContain('look_s=5\n');
    expect(read()).toContain('node=/our/node\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    now.port = 2;
    await until('it has come to rest', () => {
      beat();
      return read().includes('port=2\n');
    });
    // The package cannot be read at this moment: the lifeboat needs the version most then.
    now.version = null;
    const { reads } = now;
    beat();
    await until('it was looked at', () => now.reads > reads);
    expect(read()).toContain('openclaw=1\n');
  });

  it('reads plist and package no oftener than every ten minutes while nothing changes', async () => {
    const { path, now, beat } = start();
    writeFileSync(path, '');
    beat();
    await until('it was looked at', () => now.reads === 1 && readFileSync(path, 'utf8') !== '');
    for (let each = 0; each < 50; each += 1) beat();
    expect(now.reads).toBe(1);
    now.elapsed += minutes(10);
    await until('it is looked at again', () => {
      beat();
      return now.reads === 2;
    });
  });

  it('writes none where there is no lifeboat', async () => {
    const { path, now, beat } = start();
    beat();
    now.elapsed += minutes(10);
    await until('a second look is possible', () => {
      beat();
      return now.reads === 0;
    });
    expect(existsSync(path)).toBe(false);
  });

  it('gives the lifeboat its restarts back after a day of its own life, and not before', async () => {
    const { path, paths, now, beat } = start();
    const spent = join(paths.state, 'lifeboat-restarts');
    writeFileSync(path, '');
    writeFileSync(spent, 'steady 1\n');
    beat();
    await until('it was looked at', () => now.reads === 1);
    now.elapsed = hours(24) - 1;
    await until('it was looked at again', () => {
      beat();
      return now.reads === 2;
    });
    expect(existsSync(spent)).toBe(true);
    now.elapsed = hours(24) + minutes(10);
    await until('it is gone', () => {
      beat();
      return !existsSync(spent);
    });
  });
});
