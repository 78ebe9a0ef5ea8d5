import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { expectNoAction, healthyAndHeld, lookedFor, markNow, stateOf } from './acts.ts';
import { takePort } from './faults/ports.ts';
import { bootTimeoutMs } from './gateway-home.ts';
import { packageFolder } from './openclaw-cache.ts';
import { watchdogScenario } from './scenario.ts';
import { noticesOf, told, waitForNotice } from './watching.ts';

// Three causes at once, as people meet them: a config a tool has edited, a package npm has left incomplete, and Tailscale
// on the port. Whoever mends the first one named and starts again runs into the second.

/** Two relaunches of launchd, a park by OpenClaw, the validator and the grace of the port, on a busy machine. */
const namedTimeoutMs = 240_000;
/** Longer than every wait of the policy that could make it act. */
const leftAloneMs = 75_000;

watchdogScenario(
  'config rejected, ws missing and Tailscale on the port at once: all of it is told once, nothing is tried, and mended by hand it is resolved once (stableMs 10 s, portGraceMs 60 s, soakMs 12 h)',
  { ownPackage: true },
  async (gateway, watchdog) => {
    // Long enough that a busy machine's validator has spoken before the one notice.
    await watchdog.setPolicy({ stableMs: '10s', portGraceMs: '60s', soakMs: '12h' });
    await healthyAndHeld(watchdog);
    const mark = markNow(gateway, watchdog);

    const kept = join(gateway.root, 'openclaw.json.kept');
    copyFileSync(gateway.configPath, kept);
    const config = JSON.parse(readFileSync(kept, 'utf8')) as object;
    writeFileSync(gateway.configPath, JSON.stringify({ ...config, bogusKey: 1 }, null, 2));
    const ws = join(packageFolder(gateway.prefix()), 'node_modules', 'ws');
    const aside = join(gateway.root, 'ws-aside');
    renameSync(ws, aside);
    const release = await takePort(gateway, { host: '127.0.0.1', kind: 'tcp', program: 'tailscaled' });

    const exhausted = await waitForNotice(watchdog, 'exhausted', { timeoutMs: namedTimeoutMs });
    await lookedFor(watchdog, leftAloneMs);
    expectNoAction(gateway, watchdog, mark);
    expect(noticesOf(watchdog, 'exhausted')).toHaveLength(1);
    expect(exhausted.text).toContain('Tailscale');
    expect(exhausted.text).toContain('ws');
    expect(exhausted.text).toContain('bogusKey');
    expect(exhausted.text).toContain('npm install -g openclaw@');
    // The second one where OpenClaw has left a copy of its own to choose.
    expect(exhausted.text).toMatch(/immune (?:why|fix)-config/);
    expect(watchdog.alert()).toContain('Tailscale');

    // Piece by piece, as a person would. What is left is named each time, and nothing is started into it.
    renameSync(aside, ws);
    await watchdog.waitForStatus(
      'the package to be no reason any more',
      (status) => !stateOf(status).because.includes('incomplete'),
      { timeoutMs: namedTimeoutMs },
    );
    renameSync(kept, gateway.configPath);
    await watchdog.waitForStatus(
      'the config to be no reason any more',
      (status) => {
        const { because } = stateOf(status);
        return !because.includes('bogusKey') && because.includes('Tailscale');
      },
      { timeoutMs: namedTimeoutMs },
    );
    expectNoAction(gateway, watchdog, mark);

    await release();
    await watchdog.waitForStatus('healthy', (status) => told(status).state.phase.kind === 'healthy', {
      timeoutMs: namedTimeoutMs + bootTimeoutMs,
    });
    await gateway.waitServing();
    expect(noticesOf(watchdog, 'exhausted')).toHaveLength(1);
    expect(noticesOf(watchdog, 'resolved')).toHaveLength(1);
    expect(watchdog.alert()).toContain('nothing needs you');
  },
);
