import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import {
  actionOf,
  changesSince,
  expectNoAction,
  healthyAndHeld,
  intentsSince,
  isIntent,
  journalSince,
  justLooked,
  type Mark,
  markNow,
  names,
  stateOf,
  tells,
} from './acts.ts';
import { bootTimeoutMs, type GatewayHome } from './gateway-home.ts';
import { evaluateIn } from './inspector.ts';
import { signal } from './processes.ts';
import { watchdogScenario } from './scenario.ts';
import type { WatchdogHome } from './watchdog-home.ts';

/** The time a hang is given to become an incident. */
const hangOpensWithinMs = 25_000;
/** Detection, launchd's own 20 s for the old process, a boot and the shortened stability, on a busy machine. */
const repairTimeoutMs = 150_000;

watchdogScenario(
  'kill -9: the closed connection opens the incident, and launchd alone starts the gateway again (stableMs 10 s)',
  {},
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    await watchdog.setPolicy({ stableMs: '10s' });
    await healthyAndHeld(watchdog);
    const runs = await gateway.runs();
    const mark = markNow(gateway, watchdog);
    // Right after a look the next poll is 10 s away: an incident sooner than that was opened by the socket.
    await justLooked(watchdog);
    const killedAt = Date.now();
    signal(pid, 'SIGKILL');

    const opened = await watchdog.waitForJournal('opened', tells('opened'), {
      timeoutMs: 30_000,
      afterSeq: mark.seq,
    });
    expect(opened.at - killedAt).toBeLessThan(2_000);
    expect(stateOf(opened).incident).toMatchObject({ cause: 'crashed' });
    expect(stateOf(opened).incident?.because).toContain('close code 1006');

    const next = await gateway.waitServing(bootTimeoutMs, pid);
    const resolved = await watchdog.waitForJournal('resolved', tells('resolved'), {
      timeoutMs: bootTimeoutMs,
      afterSeq: opened.seq,
    });
    expect(JSON.stringify(resolved['notices'])).toContain('without any action of the watchdog');
    expectNoAction(gateway, watchdog, mark);
    expect(await gateway.runs()).toBe(runs + 1);
    expect(await gateway.pid()).toBe(next);
  },
);

watchdogScenario(
  'SIGSTOP: an incident, an idle processor as witness, one restart, serving (stableMs 10 s)',
  {},
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    await watchdog.setPolicy({ stableMs: '10s' });
    await healthyAndHeld(watchdog);
    const runs = await gateway.runs();
    const mark = markNow(gateway, watchdog);
    // Just before the next look: it is seen at once, and only patience keeps the watchdog from acting too early.
    await justLooked(watchdog);
    await sleep(9_000);
    const stoppedAt = Date.now();
    signal(pid, 'SIGSTOP');

    const intent = await restartedOnce(gateway, watchdog, { mark, pid, hungAt: stoppedAt });
    expect(actionOf(intent).because).toContain('almost no processor time');
    expect(intent.at - stoppedAt).toBeLessThan(60_000);
    expect(await gateway.runs()).toBe(runs + 1);
  },
);

watchdogScenario(
  'an event loop blocked for good: an incident, one restart, serving (stableMs 10 s)',
  {},
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    await watchdog.setPolicy({ stableMs: '10s' });
    await healthyAndHeld(watchdog);
    const runs = await gateway.runs();
    const mark = markNow(gateway, watchdog);
    // Right after a look: nothing sees it later.
    await justLooked(watchdog);
    const blockedAt = Date.now();
    await evaluateIn(pid, gateway.inspectPort, 'for (;;);');

    const intent = await restartedOnce(gateway, watchdog, { mark, pid, hungAt: blockedAt });
    // Where other scenarios take the processor too it may not look pinned; then it is acted on alone, after 60 s.
    const pinned = actionOf(intent).because.includes('used a whole processor');
    expect(pinned || intent.at - blockedAt >= 60_000, actionOf(intent).because).toBe(true);
    expect(await gateway.runs()).toBe(runs + 1);
  },
);

watchdogScenario('a stall of 14 s is seen and never acted on', {}, async (gateway, watchdog) => {
  const pid = await gateway.waitServing();
  await healthyAndHeld(watchdog);
  const runs = await gateway.runs();
  const mark = markNow(gateway, watchdog);
  // Just before the next look: both looks that open an incident, and the witness, fall into the stall.
  await justLooked(watchdog);
  await sleep(9_000);
  signal(pid, 'SIGSTOP');
  await sleep(14_000);
  signal(pid, 'SIGCONT');

  const seen = await watchdog.waitForJournal(
    'the stall',
    // A slow look ends after the stall: it has missed the answer too, and heard the connection since.
    (entry) => names('hung')(entry) || entry.because?.includes('/healthz does not answer') === true,
    { timeoutMs: 30_000, afterSeq: mark.seq },
  );
  await watchdog.waitForJournal('serving again', names('serving'), {
    timeoutMs: 60_000,
    afterSeq: seen.seq,
  });
  // An incident may have been opened: it has to end by itself.
  await healthyAndHeld(watchdog);
  expectNoAction(gateway, watchdog, mark);
  expect(journalSince(watchdog, mark).filter(tells('exhausted'))).toEqual([]);
  expect(await gateway.runs()).toBe(runs);
  expect(await gateway.pid()).toBe(pid);
});

/** What every hang has in common; gives the line that announced the restart. */
async function restartedOnce(
  gateway: GatewayHome,
  watchdog: WatchdogHome,
  { mark, pid, hungAt }: { readonly mark: Mark; readonly pid: number; readonly hungAt: number },
) {
  const opened = await watchdog.waitForJournal('opened', tells('opened'), {
    timeoutMs: 60_000,
    afterSeq: mark.seq,
  });
  expect(opened.at - hungAt).toBeLessThan(hangOpensWithinMs);
  expect(stateOf(opened).incident).toMatchObject({ cause: 'hung' });

  const intent = await watchdog.waitForJournal('the restart', isIntent, {
    timeoutMs: 120_000,
    afterSeq: mark.seq,
  });
  expect(actionOf(intent).step).toMatchObject({ kind: 'restart', expected: { pid } });
  // hangActMs counts from the request that got no answer, and that was made after the fault.
  expect(intent.at - hungAt).toBeGreaterThanOrEqual(20_000);

  const outcome = await watchdog.waitForJournal('the outcome', (entry) => entry.kind === 'outcome', {
    timeoutMs: repairTimeoutMs,
    afterSeq: intent.seq,
  });
  expect(outcome.because).toMatch(/waiting for the gateway to serve/);
  expect(await gateway.waitServing(bootTimeoutMs, pid)).not.toBe(pid);
  const resolved = await watchdog.waitForJournal('resolved', tells('resolved'), {
    timeoutMs: repairTimeoutMs,
    afterSeq: outcome.seq,
  });
  expect(JSON.stringify(resolved['notices'])).toContain('after 1 action of the watchdog');
  expect(intentsSince(watchdog, mark)).toHaveLength(1);
  expect(changesSince(gateway, mark)).toEqual(['kickstart -k']);
  return intent;
}
