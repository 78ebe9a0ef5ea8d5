import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';

// Everything a scenario needs is installed before: run.ts then takes the network away from all of them, where it can.

/** TEST-NET-1 belongs to nobody. */
const elsewhere = { host: '192.0.2.1', port: 443 };

test('the scenarios run without a network: there is only the loopback, and no way out of it', async (context) => {
  if (process.env['OPENCLAW_IMMUNE_TEST_CUT_OFF'] !== '1') {
    context.skip('no network namespace could be made, so the scenarios ran with the network of this machine');
  }
  expect(Object.keys(networkInterfaces())).toEqual(['lo']);
  const failure = await new Promise((resolve) => {
    const socket = connect(elsewhere);
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
  });
  expect(failure).toBe('ENETUNREACH');
});
