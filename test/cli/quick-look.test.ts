import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runStatus } from '../../src/cli/status/status.ts';
import { type OperatorWorld, operatorWorld } from './operator-world.ts';

interface Told {
  readonly exitCode: number;
  readonly gateway: {
    readonly verdict: string;
    readonly cause: string | null;
    readonly because: string;
    readonly also: readonly string[];
  };
  readonly do: readonly string[];
}

describe('status without a watchdog', { timeout: 120_000 }, () => {
  let world: OperatorWorld;
  beforeEach(async () => {
    world = await operatorWorld();
  });
  afterEach(() => world.remove());

  const status = async (): Promise<Told> => {
    world.said();
    expect(await runStatus({ json: true, watch: false }, world.context)).toBe(3);
    return JSON.parse(world.said());
  };
  const nuclear = 'Bring the gateway back: immune nuclear (it asks first)';

  it('names what a start could not survive, one after the other and all at once', async () => {
    expect(await status()).toMatchObject({
      gateway: { verdict: 'down', cause: 'unloaded' },
      do: expect.arrayContaining([nuclear]),
    });
    const config = readFileSync(world.configPath, 'utf8');
    const entry = join(world.packageRoot, 'dist', 'index.js');

    writeFileSync(world.configPath, '{ "gateway": {');
    expect((await status()).gateway).toMatchObject({
      cause: 'config-invalid',
      because: expect.stringContaining('does not parse'),
    });
    writeFileSync(world.configPath, '');
    expect((await status()).gateway).toMatchObject({ cause: 'config-clobbered' });

    renameSync(entry, `${entry}.aside`);
    expect((await status()).gateway).toMatchObject({
      cause: 'dist-corrupted',
      because: expect.stringMatching(/and besides: .*config was clobbered/),
      also: ['config-clobbered'],
    });
    writeFileSync(world.configPath, config);
    renameSync(`${entry}.aside`, entry);
    // Nothing of all that was changed or written down.
    expect(world.journal()).toEqual([]);
  });

  it('asks OpenClaw about a config that nobody has seen it accept, where nothing else explains it', async () => {
    world.standing({ exitAtBoot: 1 });
    await world.load();
    const config = readFileSync(world.configPath, 'utf8');
    writeFileSync(world.configPath, config.replace('loopback"', 'loopback", "note": "refused"'));
    const told = await status();
    expect(told.gateway).toMatchObject({
      cause: 'config-invalid',
      because: expect.stringContaining("OpenClaw's validator refuses it: logging.level: Invalid option"),
    });
    expect(told.do).toContain(nuclear);
  });

  it('knows a gateway that hangs from one that boots, by what the last watchdog remembered', async () => {
    await world.load();
    const watchdog = await world.watchdog();
    await watchdog.stop();
    // As its process would have left it: this test goes on as somebody else.
    const file = join(world.context.paths.state, 'status.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(`"pid":${process.pid},`, '"pid":999999999,'));
    process.kill(await world.pid(), 'SIGSTOP');
    expect(await status()).toMatchObject({
      gateway: { verdict: 'hung', cause: 'hung' },
      do: [nuclear, expect.anything(), expect.anything()],
    });
  });

  it('names a stranger on the port, and the command that says more', async () => {
    const stranger = createServer((_, answer) => answer.end('hello'));
    await new Promise<void>((resolve) => stranger.listen(world.port, '127.0.0.1', resolve));
    await world.load();
    try {
      const told = await status();
      expect(told.gateway).toMatchObject({ verdict: 'foreign', cause: 'port-foreign' });
      expect(told.do[0]).toBe('See who has the port, and what can be done: immune fix-port');
    } finally {
      stranger.close();
      stranger.closeAllConnections();
    }
  });

  it('tells an orphan that answers from the job, and what keeps the job out besides', async () => {
    await world.load();
    await world.serves();
    const pid = await world.pid();
    // launchd knows nothing of the process any more, as of one that was started beside it.
    const settings = JSON.parse(readFileSync(world.context.paths.config, 'utf8'));
    settings.gateway.label = 'ai.openclaw.other';
    writeFileSync(world.context.paths.config, JSON.stringify(settings));
    writeFileSync(join(world.packageRoot, 'dist', 'index.js'), '');
    expect((await status()).gateway).toMatchObject({
      verdict: 'foreign',
      cause: 'port-orphan',
      because: expect.stringMatching(
        new RegExp(`service manager did not start it \\(pid ${pid}\\).*and besides: .*index.js`),
      ),
    });
  });

  it('says in one sentence what a missing session prevents, and what still works', async () => {
    world.launchd.setFaults({ noDomain: 112 });
    const told = await status();
    expect(told.gateway).toMatchObject({ verdict: 'no-gui-session', cause: 'no-domain' });
    expect(told.do).toEqual([
      expect.stringMatching(/^Nobody is logged in at the screen.*fix-config, fix-deps, fix-port, undo.*work/),
    ]);
  });

  it('answers in time where every tool hangs', async () => {
    await world.load();
    await world.serves();
    process.kill(await world.pid(), 'SIGSTOP');
    const slow = join(world.stateDir, 'slow');
    writeFileSync(slow, '#!/bin/sh\nexec sleep 20\n', { mode: 0o755 });
    const { config } = world.context.paths;
    const settings = JSON.parse(readFileSync(config, 'utf8'));
    settings.tools = { ...settings.tools, ps: slow, lsof: slow, netstat: slow };
    settings.gateway.nodePath = null;
    writeFileSync(config, JSON.stringify(settings));
    const from = Date.now();
    await status();
    expect(Date.now() - from).toBeLessThan(8_000);
  });
});
