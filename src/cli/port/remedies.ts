import { createServer } from 'node:net';
import { restoreKeys } from '../../config/json5-edit.ts';
import { UserError } from '../../core/errors.ts';
import type { Endpoint } from '../../gateway/endpoint.ts';
import { covers, isWildcard } from '../../probes/listener.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { run } from '../../system/run.ts';
import type { ChangeGround } from '../change-ground.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { isRefused, judgeCandidate, verdictLines } from '../judge-file.ts';
import { propose } from '../propose.ts';
import type { Terminal } from '../terminal.ts';
import type { FixPortAsk } from './ask.ts';
import type { PortView } from './look.ts';

/** A change of the config that gives the gateway a port of its own. */
export interface Remedy {
  readonly kind: 'bind-loopback' | 'move-port';
  readonly port: number | null;
  readonly does: string;
  readonly commands: readonly string[];
}

/** Where the gateway's address comes from. */
export type Address = Pick<Endpoint, 'port' | 'portSource' | 'bind'> & {
  /** The job itself says `--bind`. */
  readonly bindPinned: boolean;
  /** OpenClaw's profile, where there is one. */
  readonly profile: string | null;
};

/** Further up nobody would look for it. */
const maxSteps = 100;
/** A config is kilobytes; whatever is larger than this is not one. */
const maxBytes = 8_388_608;

/** OpenClaw writes the port into its job at `gateway install`; there it beats the config. */
const reinstallOf = ({ profile }: Address): string =>
  `openclaw ${profile === null ? '' : `--profile ${profile} `}gateway install --force`;

const isPinned = ({ portSource }: Pick<Address, 'portSource'>): boolean =>
  portSource === 'argument' || portSource === 'environment';

/** The remedies that would work against these holders, the lesser one first. */
export async function remediesFor(
  view: PortView,
  address: Address,
  platform: NodeJS.Platform = process.platform,
): Promise<readonly Remedy[]> {
  const remedies: Remedy[] = [];
  if (loopbackHelps(view, address, platform)) {
    remedies.push({
      kind: 'bind-loopback',
      port: null,
      does: 'the gateway listens on this machine alone (gateway.bind: "loopback")',
      commands: ['immune fix-port --bind-loopback'],
    });
  }
  const port = await firstFreePort(view.port);
  if (port !== null) {
    remedies.push({
      kind: 'move-port',
      port,
      does: `the gateway gets port ${port} (gateway.port)`,
      commands: [`immune fix-port --move-port ${port}`, ...(isPinned(address) ? [reinstallOf(address)] : [])],
    });
  }
  return remedies;
}

/** It helps against whoever has the port at another address; on a Mac against one at all addresses too. */
function loopbackHelps({ leading }: PortView, { bind, bindPinned }: Address, platform: string): boolean {
  if (bind === 'loopback' || bindPinned) return false;
  const addresses = leading.filter(({ who }) => who !== 'job').flatMap((holder) => holder.addresses);
  return addresses.every((address) =>
    isWildcard(address) ? platform === 'darwin' : !covers(address, 'localhost'),
  );
}

/** The next one above at which nobody listens, on this machine or for all. */
export async function firstFreePort(above: number): Promise<number | null> {
  for (let port = above + 1; port <= Math.min(above + maxSteps, 65_535); port += 1) {
    if (await isFree(port)) return port;
  }
  return null;
}

/** A socket of all addresses may be had beside one of a single address, and the other way round: each is tried. */
async function isFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '0.0.0.0', '::1']) {
    if (!(await canListen(port, host))) return false;
  }
  return true;
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // A machine without IPv6 has nobody there either.
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'),
    );
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export interface Changing {
  readonly ask: FixPortAsk;
  readonly address: Address;
  /** Whether the gateway serves at its port now: then it takes a change of it up by itself. */
  readonly serves: boolean;
  /** Our own settings name the gateway's port; null where they do not. */
  readonly watched: number | null;
  readonly say: (line: string) => void;
}

/** Makes one of the two changes, by the way of `immune apply`. */
export async function changeAddress(
  changing: Changing,
  on: { readonly context: Context; readonly ground: ChangeGround; readonly terminal: Terminal },
): Promise<number> {
  const { ask, address, serves, say } = changing;
  const { context, ground } = on;
  const { movePort } = ask;
  await checkChange(changing, context);
  const key = movePort === null ? 'bind' : 'port';
  const bytes = await edited(ground.place.configPath, { [key]: movePort ?? 'loopback' });
  const shownAs = `the config with gateway.${key} ${movePort ?? '"loopback"'}`;
  const tools = { run, timeoutMs: ground.settings.policy.validatorMs, signal: context.signal };
  const verdict = await judgeCandidate({ bytes, shownAs }, ground.place, tools);
  if (isRefused(verdict))
    throw new UserError(
      'invalid',
      ['nothing was changed:', ...verdictLines(verdict, ground.version)].join('\n'),
      {
        hint: 'immune why-config',
        exitCode: exitCodes.refused,
      },
    );
  const pinned = movePort !== null && isPinned(address);
  if (pinned)
    say(
      `the gateway's job names port ${address.port} itself, and that beats the config: once the change is in place, type\n  ${reinstallOf(address)}\nin another terminal. Without it the gateway does not come up at port ${movePort}, and the change is taken back.`,
    );
  const { dryRun, yes, json } = ask;
  const manner = { dryRun, yes, json, confirmWithinMs: null };
  const restart = !serves && !pinned;
  return propose({ ...manner, restart, bytes, shownAs, verdict, by: 'immune fix-port' }, on);
}

/** Where the change would be none, or would not help. */
async function checkChange({ ask, address, watched }: Changing, { paths }: Context): Promise<void> {
  const { movePort } = ask;
  if (movePort === null) {
    if (!address.bindPinned) return;
    throw new UserError(
      'pinned',
      "nothing was changed: the gateway's job says --bind, and that beats the config",
      {
        hint: reinstallOf(address),
        exitCode: exitCodes.refused,
      },
    );
  }
  if (watched !== null && watched !== movePort)
    throw new UserError(
      'watched',
      `nothing was changed: ${paths.config} says that the gateway is at port ${watched}, and the watchdog would look for it there`,
      { hint: `set gateway.port to null in ${paths.config}, then try again`, exitCode: exitCodes.refused },
    );
  if (movePort === address.port || (await isFree(movePort))) return;
  const free = await firstFreePort(movePort);
  throw new UserError('taken', `nothing was changed: somebody listens on port ${movePort} too`, {
    hint: `immune fix-port${free === null ? '' : ` --move-port ${free}`}`,
    exitCode: exitCodes.refused,
  });
}

/** The live text with one key of `gateway` set, and every other byte as it is. */
async function edited(configPath: string, gateway: Readonly<Record<string, unknown>>): Promise<Buffer> {
  const read = await readIfExists(configPath, maxBytes);
  const text = read.kind === 'read' ? read.bytes.toString('utf8') : null;
  const paths = Object.keys(gateway).map((key) => ['gateway', key]);
  const made = text === null ? null : restoreKeys(text, JSON.stringify({ gateway }), paths);
  if (made?.kind === 'edited') return Buffer.from(made.text, 'utf8');
  const because = made?.because ?? 'there is no config that could be read';
  throw new UserError('unreadable', `nothing was changed: ${configPath}: ${because}`, {
    hint: 'immune fix-config',
    exitCode: exitCodes.refused,
  });
}
