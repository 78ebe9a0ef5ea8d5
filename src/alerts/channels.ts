import type { Settings } from '../config/settings.ts';
import type { Clock } from '../core/time.ts';
import { fillAddress, holdsSecret } from './address.ts';
import type { Channel, Channels, Message, Pinger, SendOutcome } from './channel.ts';
import { channelProblem, messageKinds, pingKinds } from './channel-problem.ts';
import { sendMail } from './channels/email.ts';
import { notify } from './channels/notification.ts';
import { type DeliverDeps, deliver, type Tools } from './deliver.ts';
import { type Built, type Ground, judge, type MessageKind, type PingKind } from './http-kind.ts';
import { createHttpSend } from './http-send.ts';
import { parseMailAddress } from './mail-address.ts';
import { type SafeMessage, safeMessage } from './safe-message.ts';
import type { SecretPlace } from './secret.ts';

type ChannelSettings = Settings['alerts']['channels'][number];

export interface ChannelDeps extends DeliverDeps {
  readonly clock: Clock;
  /** /usr/bin/osascript; null where there is no screen of a Mac. */
  readonly osascript: string | null;
  /** Whether the gateway uses this secret too; without it nobody asks. */
  readonly isGateways?: (secret: string) => boolean;
  /** Certificates to trust instead of those Node brings, and a deadline for each exchange. */
  readonly network?: { readonly ca?: readonly string[]; readonly timeoutMs?: number };
}

/** Every way to the operator that the settings name, and what is wrong with those that cannot be used. */
export function openChannels(settings: Settings['alerts'], deps: ChannelDeps): Channels {
  const channels: Channel[] = [];
  const pingers: Pinger[] = [];
  const problems: string[] = [];
  for (const each of settings.channels) {
    const problem = channelProblem(each);
    if (problem !== null) {
      problems.push(`the alerts channel ${each.name} is not used: ${problem}`);
      continue;
    }
    switch (each.kind) {
      case 'healthchecks':
      case 'uptime-kuma':
        pingers.push(openPinger(each, pingKinds[each.kind], deps));
        break;
      case 'email':
        channels.push(
          channelOf(each, deps, (safe, tools) => mail(each, { safe, ...tools, ...deps.network })),
        );
        break;
      default:
        channels.push(openChannel(each, messageKinds[each.kind], deps));
    }
  }
  const { osascript, run } = deps;
  if (settings.notification && osascript !== null) {
    channels.push(
      channelOf(
        { name: 'notification', kind: 'notification', minSeverity: 'info', ...noSecret },
        deps,
        (safe, tools) => notify(safe, { run, osascript }, tools.signal),
      ),
    );
  }
  return { channels, pingers, problems };
}

const noSecret = { secretFile: null, secretEnv: null, secretKeychain: null };

function openChannel(settings: ChannelSettings, kind: MessageKind, deps: ChannelDeps): Channel {
  const exchange = overHttp(settings, kind, deps);
  return channelOf(settings, deps, (safe, tools) => exchange((ground) => kind.build(safe, ground), tools));
}

function openPinger(settings: ChannelSettings, kind: PingKind, deps: ChannelDeps): Pinger {
  const exchange = overHttp(settings, kind, deps);
  return {
    name: settings.name,
    kind: settings.kind,
    ping: (ping, signal) =>
      deliver(settings, { ...deps, signal }, (tools) =>
        exchange((ground) => kind.build(ping, ground), tools),
      ),
  };
}

/** A message is cleaned once the secret is known to the redactor: it may stand in what is to be told. */
function channelOf(
  settings: Pick<Channel, 'name' | 'kind' | 'minSeverity'> & SecretPlace,
  deps: ChannelDeps,
  exchange: (safe: SafeMessage, tools: Tools) => Promise<SendOutcome>,
): Channel {
  const { name, kind, minSeverity } = settings;
  return {
    name,
    kind,
    minSeverity,
    send: (message: Message, signal) =>
      deliver(settings, { ...deps, signal }, (tools) => exchange(safeMessage(message, deps.redact), tools)),
  };
}

/** The exchange all services over HTTP share: fill in the address, send, judge. */
function overHttp(settings: ChannelSettings, kind: MessageKind | PingKind, deps: ChannelDeps) {
  const send = createHttpSend({ clock: deps.clock, ...deps.network });
  const inUrl = holdsSecret(settings.url);
  return async (build: (ground: Ground) => Built, { secret, signal }: Tools): Promise<SendOutcome> => {
    const address = fillAddress(settings.url, secret);
    if (address.kind === 'problem') return { kind: 'refused', because: address.because };
    const { url } = address;
    const wrong = kind.check(url);
    if (wrong !== null) return { kind: 'refused', because: wrong };
    if (kind.own === true && secret !== null && deps.isGateways?.(secret) === true) {
      return { kind: 'refused', because: "its secret is the gateway's own; make a bot for the alerts alone" };
    }
    const built = build({ url, secret: inUrl ? null : secret, now: deps.clock.now() });
    if ('kind' in built) return { kind: 'refused', because: built.because };
    return judge(await send(built, signal), { kind, host: url.host });
  };
}

async function mail(
  settings: ChannelSettings,
  { safe, secret, hide, ...rest }: Tools & ChannelDeps['network'] & { readonly safe: SafeMessage },
): Promise<SendOutcome> {
  const parsed = parseMailAddress(settings.url);
  if (parsed.kind === 'problem') return { kind: 'refused', because: parsed.because };
  const { address } = parsed;
  // As AUTH PLAIN says it, in case a server repeats it in an answer.
  if (secret !== null) hide(Buffer.from(`\0${address.user ?? ''}\0${secret}`).toString('base64'));
  return sendMail(safe, { address, password: secret, ...rest }, rest.signal);
}
