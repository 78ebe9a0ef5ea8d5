import { createServer } from 'node:net';

/**
 * Below 32768, where systems begin to hand out ports to outgoing connections: a poll of a closed port up there can be
 * given that very port as its own end and then talks to itself.
 */
const lowest = 20_001;
const highest = 31_999;
const tries = 100;

/** An odd port nobody listens on now, on any address (OpenClaw's companions use the numbers above it). */
export async function freePort(): Promise<number> {
  for (let i = 0; i < tries; i += 1) {
    const port = lowest + 2 * Math.floor((Math.random() * (highest - lowest)) / 2);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest} in ${tries} tries`);
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
