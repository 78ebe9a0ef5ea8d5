import type { Settings } from '../config/settings.ts';
import { checkAddress, holdsSecret } from './address.ts';
import { discord } from './channels/discord.ts';
import { healthchecks } from './channels/healthchecks.ts';
import { ntfy } from './channels/ntfy.ts';
import { slack } from './channels/slack.ts';
import { telegram } from './channels/telegram.ts';
import { uptimeKuma } from './channels/uptime-kuma.ts';
import { webhook } from './channels/webhook.ts';
import type { MessageKind, PingKind } from './http-kind.ts';
import { mailExample, parseMailAddress } from './mail-address.ts';

type ChannelSettings = Settings['alerts']['channels'][number];

export const messageKinds = { ntfy, telegram, discord, slack, webhook } satisfies Readonly<
  Record<string, MessageKind>
>;
export const pingKinds = { healthchecks, 'uptime-kuma': uptimeKuma } satisfies Readonly<
  Record<string, PingKind>
>;

const httpKinds = { ...messageKinds, ...pingKinds };

/** Why a channel cannot be used as it is written, and how it is written; null when it can. Looks at no secret. */
export function channelProblem(settings: ChannelSettings): string | null {
  const named = [settings.secretFile, settings.secretEnv, settings.secretKeychain].some(
    (each) => each !== null,
  );
  if (settings.kind === 'email') return mailProblem(settings.url, named);
  const kind = httpKinds[settings.kind];
  const because = httpProblem(settings.url, kind, named);
  return because === null ? null : `${because}; an example: '${kind.example}'`;
}

function mailProblem(url: string, named: boolean): string | null {
  const parsed = parseMailAddress(url);
  if (parsed.kind === 'problem') return `${parsed.because}; an example: '${mailExample}'`;
  const { user } = parsed.address;
  if (user !== null && !named)
    return "its url names a user, and no secretFile (or the like) names the user's password";
  if (user === null && named) return `its url names no user for the secret; an example: '${mailExample}'`;
  return null;
}

function httpProblem(url: string, kind: MessageKind | PingKind, named: boolean): string | null {
  const inUrl = holdsSecret(url);
  const address = checkAddress(url);
  if (address.kind === 'problem') return address.because;
  if (kind.secret === 'in-url' && !inUrl) {
    return 'its url must hold {secret} in the place of its secret part, which goes into a file that secretFile names';
  }
  if (kind.secret === 'beside' && inUrl) return 'its url must not hold {secret}';
  if ((kind.secret !== 'optional' || inUrl) && !named) {
    return 'it needs a secret: name a secretFile, secretEnv or secretKeychain';
  }
  return kind.check(address.url);
}
