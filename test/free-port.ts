import { createServer } from 'node:net';

/**
 * Below 32768, where systems begin to hand out ports to outgoing connections: a poll of a closed port up there can be
 * given that very port as its own end and then talks to itself, and a listener is kept out of one that a poll has.
 */
const lowest = 20_001;
const highest = 31_999;
/** More than there are test workers at a time: each takes its ports from a part of its own. */
const parts = 8;
const portsAPart = 2 * Math.floor((highest - lowest) / parts / 2);
const tries = 100;

/** A port is told long before somebody listens on it, and until then it looks free to everybody. */
const given = new Set<number>();

/**
 * An odd port nobody listens on now, on any address (OpenClaw's companions use the numbers above it), and which no other
 * test of this run is given meanwhile.
 */
export async function freePort(): Promise<number> {
  const part = Number(process.env['VITEST_POOL_ID'] ?? 0) % parts;
  for (let i = 0; i < tries; i += 1) {
    const port = lowest + part * portsAPart + 2 * Math.floor((Math.random() * portsAPart) / 2);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port among the ${portsAPart} of this worker in ${tries} tries`);
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
