import type { PortHolder, PortView, Tailscale } from './look.ts';

/** Enough for a person to find it again; nothing of it is more than a name, a number and an address. */
export function holderLine(holder: PortHolder, uid: number): string {
  const { startedAt, addresses, who, because, hasTerminal } = holder;
  const since = startedAt === null ? '' : `, since ${momentOf(startedAt)}`;
  const byHand = hasTerminal === true ? ', started in a terminal' : '';
  const reason = because === null || who === 'orphan' ? '' : ` (${because})`;
  return `  ${nameOf(holder)}, ${userOf(holder, uid)}${since}${byHand}, at ${addresses.join(' and ')}: ${whoWords[who]}${reason}`;
}

const whoWords: Readonly<Record<PortHolder['who'], string>> = {
  job: "the gateway's own",
  orphan: 'a gateway of this state directory that the service manager did not start',
  foreign: 'not the gateway',
  unknown: 'nobody can tell whether it is the gateway',
};

function nameOf({ pid, program, tailscale }: PortHolder): string {
  const name = tailscale === null ? program || 'a program without a name' : tailscaleWords[tailscale].name;
  return pid === null ? `${name} (process unknown)` : `${name} (process ${pid})`;
}

function userOf({ uid: owner }: PortHolder, uid: number): string {
  if (owner === null) return 'user unknown';
  if (owner === uid) return 'yours';
  return owner === 0 ? 'of root' : `of user ${owner}`;
}

/** Local time, to the second, without the milliseconds nobody asked for. */
const momentOf = (at: number): string => new Date(at).toString().slice(4, 24);

export const tailscaleWords: Readonly<Record<Tailscale, { readonly name: string; readonly more: string }>> = {
  'app-store': {
    name: 'Tailscale from the App Store',
    more: 'Its network extension (IPNExtension) holds the port because Tailscale serves it; "tailscale serve status" shows what.',
  },
  standalone: {
    name: 'the standalone Tailscale app',
    more: 'Its system extension runs as root and holds the port because Tailscale serves it; "tailscale serve status" shows what.',
  },
  tailscaled: {
    name: 'tailscaled',
    more: '"tailscale serve" has it listen on the port; "tailscale serve status" shows what, "tailscale serve reset" ends all of it.',
  },
};

/** The one line that says how it stands. */
export function verdictLine({ port, verdict, leading, holders, doubt }: PortView): string {
  const names = leading.map(nameOf).join(' and ');
  switch (verdict) {
    case 'free':
      return `port ${port} is free: nobody keeps the gateway out`;
    case 'ours': {
      const beside = holders.filter(({ who }) => who !== 'job');
      if (beside.length === 0) return `port ${port} is the gateway's own: nothing to do`;
      const others = beside.map((each) => `${nameOf(each)} at ${each.addresses.join(' and ')}`).join(' and ');
      return `port ${port} is the gateway's own; ${others} has the same port at another address, and the gateway does not serve there`;
    }
    case 'orphan': {
      const orphan = leading.find(({ who }) => who === 'orphan');
      return `port ${port} is held by a gateway of ours that the service manager did not start (process ${orphan?.pid})`;
    }
    case 'foreign':
      return `port ${port} is held by ${names}, which is not the gateway and was left alone`;
    case 'unknown':
      return `nobody can tell who holds port ${port}, so nothing was done: ${doubt ?? reasons(leading)}`;
    default:
      return verdict satisfies never;
  }
}

const reasons = (leading: readonly PortHolder[]): string =>
  leading.map(({ because }) => because ?? 'it does not say').join('; ');

export const holderJson = (holder: PortHolder): Readonly<Record<string, unknown>> => ({
  ...holder,
  startedAt: holder.startedAt === null ? null : new Date(holder.startedAt).toISOString(),
});
