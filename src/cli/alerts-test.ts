import type { Channel, Channels, Message, Pinger, SendOutcome } from '../alerts/channel.ts';
import { UserError } from '../core/errors.ts';
import { millis } from '../core/time.ts';
import { machineName } from '../daemon/alert-message.ts';
import { readStatus } from '../daemon/status-file.ts';
import { renderTested, type Tested } from './alerts-render.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';

/** A person waits for it, and a slow server is told as such. */
const testMs = millis(30_000);

/** `immune alerts test`: one marked message to each channel, whatever it wants to hear of otherwise. 3 if one failed. */
export async function runAlertsTest(
  { json }: { readonly json: boolean },
  context: Context,
  { channels, pingers, problems }: Channels,
): Promise<number> {
  if (channels.length + pingers.length + problems.length === 0)
    throw new UserError(
      'no-channel',
      `no channel is set up, so nobody is told but ${context.paths.alertFile}`,
      {
        hint: `name one under alerts.channels in ${context.paths.config} (docs/alerts.md has an example of each), then: immune alerts test`,
        exitCode: exitCodes.unhealthy,
      },
    );
  const serves = await isServing(context);
  const tested = await Promise.all([
    ...channels.map((channel) => tryOne(channel, () => testMessage(channel, context), context)),
    ...pingers.map((pinger) => ping(pinger, serves, context)),
  ]);
  const failed = tested.filter(({ result }) => result === 'failed').length + problems.length;
  if (json) {
    context.out.write(
      `${JSON.stringify({ version: 1, ok: failed === 0, channels: tested, problems }, null, 2)}\n`,
    );
  } else {
    if (tested.length > 0) context.out.write(renderTested(tested));
    for (const problem of problems) context.out.write(`${problem}\n`);
    if (channels.some(({ kind }) => kind === 'notification'))
      context.out.write(
        'Did a notification appear on the screen of this Mac? macOS says "done" even where none is allowed.\n',
      );
  }
  return failed === 0 ? exitCodes.ok : exitCodes.unhealthy;
}

type Send = (signal: AbortSignal) => Promise<SendOutcome>;

const testMessage =
  (channel: Channel, { clock }: Context): Send =>
  (signal) => {
    const at = clock.now();
    const message: Message = {
      id: `test-${at}`,
      kind: 'test',
      severity: 'info',
      at,
      incident: null,
      title: `${machineName()}: openclaw-immune reaches you here`,
      body: ['This is a test that somebody asked for with "immune alerts test". Nothing is wrong.'],
      next: 'immune status',
      test: true,
    };
    return channel.send(message, signal);
  };

/** A ping says that the gateway serves, so it is only made where that is so. */
async function ping(pinger: Pinger, serves: boolean, context: Context): Promise<Tested> {
  if (serves) return tryOne(pinger, () => (signal) => pinger.ping('alive', signal), context);
  const because = 'a ping says that the gateway serves, and the watchdog does not say so now';
  return { channel: pinger.name, kind: pinger.kind, result: 'not-asked', because, tookMs: 0 };
}

async function tryOne(
  { name, kind }: Pick<Channel | Pinger, 'name' | 'kind'>,
  sender: () => Send,
  { clock, signal }: Context,
): Promise<Tested> {
  const from = clock.elapsed();
  const settled = new AbortController();
  const late = clock.sleep(testMs, AbortSignal.any([settled.signal, signal])).then((): SendOutcome => {
    const because = signal.aborted ? 'interrupted' : `no end within ${testMs / 1_000} s`;
    return { kind: 'later', because, retryAfterMs: null };
  });
  const sent = sender()(AbortSignal.any([settled.signal, signal]));
  const outcome = await Promise.race([sent, late]);
  settled.abort();
  const tookMs = clock.elapsed() - from;
  const result = outcome.kind === 'delivered' ? 'delivered' : 'failed';
  return { channel: name, kind, result, because: outcome.because, tookMs };
}

/** A heartbeat is written at every look, at least every 30 s. */
const freshMs = 90_000;

async function isServing({ paths, clock }: Context): Promise<boolean> {
  const read = await readStatus(paths.state);
  if (read.kind !== 'read') return false;
  return read.status.state.cause === 'serving' && Math.abs(clock.now() - read.status.at) < freshMs;
}
