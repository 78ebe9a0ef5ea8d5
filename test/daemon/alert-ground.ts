import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Channels } from '../../src/alerts/channel.ts';
import { openChannels } from '../../src/alerts/channels.ts';
import { parseSettings, type Settings } from '../../src/config/settings.ts';
import { type Clock, instant, type Millis, millis } from '../../src/core/time.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Log } from '../../src/system/log.ts';
import { run } from '../../src/system/run.ts';
import { dawn } from '../core/world.ts';

/** How the server answers. `hang` never does. */
type Answering = number | 'hang' | 'reset' | { readonly status: number; readonly retryAfter: string };

interface Post {
  readonly id: string;
  readonly kind: string;
  readonly text: string;
}

/** A real server on loopback that takes what a webhook channel sends. */
export interface Inbox {
  readonly port: number;
  /** What arrived and was answered with 2xx, in order. */
  readonly taken: readonly Post[];
  /** Requests, whatever became of them. */
  readonly asked: () => number;
  answers(how: Answering): void;
  /** Nothing is on its way any more. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

/** On any port that is free, or on one that was left before. */
export async function openInbox(port = 0): Promise<Inbox> {
  const taken: Post[] = [];
  let how: Answering = 200;
  let asked = 0;
  let open = 0;
  const server: Server = createServer((request, response) => {
    asked += 1;
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    request.on('end', () => {
      if (how === 'hang') return;
      if (how === 'reset') {
        request.socket.destroy();
        return;
      }
      const status = typeof how === 'number' ? how : how.status;
      if (status < 300) {
        const body = JSON.parse(text || '{}') as { id?: string; kind?: string };
        taken.push({ id: body.id ?? '', kind: body.kind ?? '', text });
      }
      response
        .writeHead(status, typeof how === 'number' ? {} : { 'retry-after': how.retryAfter })
        .end('so be it');
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    taken,
    asked: () => asked,
    answers: (next) => {
      how = next;
    },
    quiet: async () => {
      let before = -1;
      for (let still = 0; still < 3; still = open === 0 && asked === before ? still + 1 : 0) {
        before = asked;
        await pause(4);
      }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Time that passes when the test says so, from after the lines that the tests make; whoever sleeps wakes in order. */
export interface ManualClock extends Clock {
  advance(length: Millis): void;
  sleepers(): number;
}

export function manualClock(from = dawn + 60_000): ManualClock {
  let t = 0;
  const waiting = new Set<{ readonly at: number; readonly wake: () => void }>();
  return {
    now: () => instant(from + t),
    elapsed: () => millis(t),
    sleep: (length, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const one = {
          at: t + Math.max(0, length),
          wake: () => {
            waiting.delete(one);
            signal?.removeEventListener('abort', one.wake);
            resolve();
          },
        };
        waiting.add(one);
        signal?.addEventListener('abort', one.wake, { once: true });
      }),
    advance: (length) => {
      t += length;
      for (const one of [...waiting]) if (one.at <= t) one.wake();
    },
    sleepers: () => waiting.size,
  };
}

export interface Said {
  readonly log: Log;
  readonly lines: readonly string[];
}

export function listeningLog(): Said {
  const lines: string[] = [];
  const say =
    (level: string) =>
    (text: string): void =>
      void lines.push(`${level}: ${text}`);
  const log = {
    debug: () => undefined,
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    close: () => undefined,
  };
  return { log: log as unknown as Log, lines };
}

/** The alerts section as the schema fills it in. */
export function alertSettings(channels: readonly object[]): Settings['alerts'] {
  const path = (name: string): string => `/nowhere/${name}`;
  const gateway = { label: 'g', plist: path('p'), stateDir: path('s'), configPath: path('c') };
  const text = JSON.stringify({
    gateway,
    tools: { ps: '/bin/ps' },
    alerts: { notification: false, channels },
  });
  const parsed = parseSettings(text, 'config.json5');
  if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed.problems));
  return parsed.settings.alerts;
}

export const hook = (name: string, port: number, more: object = {}): object => ({
  name,
  kind: 'webhook',
  url: `http://127.0.0.1:${port}/alerts`,
  ...more,
});

/** The real channels; only their exchanges are given up sooner. */
export const open = (settings: Settings['alerts'], timeoutMs = 5_000): Channels =>
  openChannels(settings, {
    clock: systemClock(),
    env: {},
    run,
    security: null,
    osascript: null,
    onSecret: () => undefined,
    redact: (text) => text,
    network: { timeoutMs },
  });
