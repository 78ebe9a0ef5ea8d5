import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { healthyAndHeld } from './acts.ts';
import { runningPid } from './faults/fault.ts';
import { signal, until } from './processes.ts';
import { watchdogScenario } from './scenario.ts';

// What a person away from the machine hears of a real outage, by a receiver that refuses the first message.

const toldTimeoutMs = 180_000;
const secret = 'a key of the receiver, 0600';

interface Heard {
  readonly signature: string;
  readonly body: string;
}

interface Told {
  readonly kind: string;
  readonly id: string;
  readonly incident: string | null;
  readonly title: string;
  readonly lines: readonly string[];
  readonly next: string;
}

async function receiver() {
  const heard: Heard[] = [];
  let refused = 0;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (refused === 0) {
        refused += 1;
        response.writeHead(500).end('not now');
        return;
      }
      const signature = String(request.headers['x-immune-signature']);
      heard.push({ signature, body: Buffer.concat(parts).toString('utf8') });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    heard,
    refused: () => refused,
    told: () => heard.map(({ body }) => JSON.parse(body) as Told),
    end: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** By the second of sending and the body, as docs/alerts.md tells a receiver. */
function expectSigned({ signature, body }: Heard): void {
  const second = /^t=(\d+),/.exec(signature)?.[1];
  const wanted = createHmac('sha256', secret).update(`${second}.${body}`).digest('hex');
  expect(signature).toBe(`t=${second},v1=${wanted}`);
}

watchdogScenario(
  'a hang is told to a signed webhook that refuses the first try, once down and once recovered, and a test message arrives (alertGraceMs 1 s, hang acted on after 15 s, stableMs 5 s, alertRetryMs 1 s)',
  {},
  async (gateway, watchdog) => {
    const post = await receiver();
    try {
      const secretFile = join(gateway.home, 'webhook.key');
      writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 });
      const channel = `      { name: 'desk', kind: 'webhook', url: '${post.url}', secretFile: ${JSON.stringify(secretFile)} },`;
      const settings = readFileSync(watchdog.configPath, 'utf8');
      expect(settings).toContain('    channels: [\n');
      writeFileSync(
        watchdog.configPath,
        settings.replace('    channels: [\n', `    channels: [\n${channel}\n`),
      );
      await watchdog.setPolicy({
        alertGraceMs: '1s',
        alertRetryMs: '1s',
        alertRetryMaxMs: '2s',
        hangActMs: '15s',
        stableMs: '5s',
      });
      await healthyAndHeld(watchdog);
      signal(await runningPid(gateway), 'SIGSTOP');
      await until(
        'the end of the outage to be told',
        () => post.told().find(({ kind }) => kind === 'recovered') ?? null,
        { timeoutMs: toldTimeoutMs },
      );
      const told = post.told();
      for (const { kind, title, lines, next } of told)
        console.log(`           ${kind}: ${title}\n             ${[...lines, next].join('\n             ')}`);
      expect(told.filter(({ kind }) => kind === 'down')).toHaveLength(1);
      expect(told.filter(({ kind }) => kind === 'recovered')).toHaveLength(1);
      expect([told[0]?.kind, told.at(-1)?.kind]).toEqual(['down', 'recovered']);
      expect(new Set(told.map(({ incident }) => incident))).toEqual(new Set(['I1']));
      expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
      expect(post.refused()).toBe(1);
      for (const each of post.heard) {
        expectSigned(each);
        expect(each.body).not.toContain(gateway.token);
        expect(each.body).not.toContain(secret);
      }
      const tested = await watchdog.immune('alerts', 'test');
      expect(tested.code, tested.stdout + tested.stderr).toBe(0);
      expect(post.told().at(-1)?.kind).toBe('test');
      const listed = await watchdog.immune('alerts');
      expect(listed.code, listed.stdout + listed.stderr).toBe(0);
      expect(listed.stdout).toContain('delivered');
      console.log(`           ${listed.stdout.trim().replaceAll('\n', '\n           ')}`);
    } finally {
      await post.end();
    }
  },
);
