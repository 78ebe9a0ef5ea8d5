// What OpenClaw's restart-loop breaker does to the channels and when it lifts them: docs/measured.md says what came out.
//   node test/real/measure-breaker.ts [VERSION]
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { instant } from '../../src/core/time.ts';
import { readBootHistory } from '../../src/gateway/boot-history.ts';
import { readChannels } from '../../src/gateway/channels.ts';
import { freePort } from '../free-port.ts';
import { copyWarmedHome, goodConfig, writeConfig } from './home-template.ts';
import { installedOpenClaw } from './openclaw-cache.ts';
import { newestVersion, runFolder } from './places.ts';
import { startPlainly } from './plain-boot.ts';
import { endProcessesOfHome, until } from './processes.ts';
import { makeSupport } from './support-folder.ts';
import { refusingTelegram } from './telegram-double.ts';

const version = process.argv[2] ?? newestVersion;
const kills = 3;
const readyWithinMs = 120_000;
/** The channels start right behind readiness. */
const settleMs = 6_000;
/** It lifted 365 s after the boot; twice that is never. */
const liftsWithinMs = 720_000;

const root = join(runFolder(), 'breaker');
const home = join(root, 'home');
mkdirSync(root, { recursive: true });
const port = await freePort();
await copyWarmedHome(version, home, port);
const telegram = await refusingTelegram();
writeConfig(home, {
  ...goodConfig(port),
  channels: { telegram: { enabled: true, botToken: '123456:refused-by-the-double', apiRoot: telegram.url } },
});
const sqlite = join(home, '.openclaw', 'state', 'openclaw.sqlite');
const logFile = join(root, 'gateway.log');
const prefix = await installedOpenClaw(version);
const { fakeMac } = makeSupport(join(root, 'support'));
const env = { TMPDIR: join(home, '.openclaw', 'tmp') };

const readyz = async (): Promise<string | null> => {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(
    () => null,
  );
  return answer === null ? null : `${answer.status} ${(await answer.text()).replace(/,"uptimeMs".*/, '}')}`;
};

async function boot(name: string) {
  const askedBefore = telegram.asked();
  const gateway = startPlainly({ home, port, prefix, fakeMac, logFile, env });
  await until(
    name,
    async () => ((await readyz())?.includes('"failing":["startup-sidecars"]') === false ? true : null),
    {
      timeoutMs: readyWithinMs,
    },
  );
  await sleep(settleMs);
  await show(name, askedBefore);
  return gateway;
}

async function show(name: string, askedBefore: number): Promise<void> {
  const history = await readBootHistory(sqlite);
  const newest = history.kind === 'rows' ? history.rows[0] : history;
  const channels = readChannels({ now: instant(Date.now()), history, version });
  console.log(`\n## ${name} at ${new Date().toISOString()}`);
  console.log(`readyz: ${await readyz()}\nTelegram asked: ${telegram.asked() - askedBefore}`);
  console.log(`newest row: ${JSON.stringify(newest)}\nour judgement: ${JSON.stringify(channels)}`);
}

const saysLifted = (): string | null =>
  readFileSync(logFile, 'utf8').match(/^.*restart-loop breaker recovered.*$/m)?.[0] ?? null;

console.log(`openclaw ${version}`);
try {
  for (let life = 1; life <= kills; life += 1) {
    const gateway = await boot(`life ${life}, then killed`);
    process.kill(gateway.pid, 'SIGKILL');
    await gateway.exited;
  }
  await (await boot('the boot after three kills, then a clean stop')).stop();
  const held = await boot('a clean restart within the window');
  const history = await readBootHistory(sqlite);
  if (readChannels({ now: instant(Date.now()), history, version }).kind === 'suppressed') {
    const askedBefore = telegram.asked();
    await until('the breaker to lift', saysLifted, { timeoutMs: liftsWithinMs, everyMs: 1_000 });
    await sleep(settleMs);
    await show(`the same process after the log said: ${saysLifted()}`, askedBefore);
  }
  await held.stop();
} finally {
  await telegram.stop();
  await endProcessesOfHome(root);
  rmSync(root, { recursive: true, force: true });
}
