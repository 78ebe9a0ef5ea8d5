import type { Manner } from '../change-words.ts';
import { shown } from '../shown.ts';

export interface FixPortAsk extends Manner {
  /** A process the operator names, whatever it is. */
  readonly kill: number | null;
  /** The port the gateway is to have from now on. */
  readonly movePort: number | null;
  readonly bindLoopback: boolean;
  /** A gateway too that was started by hand in a terminal. */
  readonly force: boolean;
}

type Asked =
  | { readonly kind: 'ask'; readonly ask: FixPortAsk }
  | { readonly kind: 'refused'; readonly because: string; readonly hint: string };

/** Below are the ports that only root may listen on. */
const leastPort = 1_024;
const mostPort = 65_535;

/** The words of `immune fix-port`. */
export function parseFixPort(
  manner: Manner,
  {
    switches,
    values,
  }: { readonly switches: ReadonlySet<string>; readonly values: ReadonlyMap<string, string> },
): Asked {
  const pid = values.get('kill') ?? null;
  if (pid !== null && !/^\d{1,10}$/.test(pid))
    return refused(`--kill needs the id of a process, not "${shown(pid)}"`, 'immune fix-port');
  const port = values.get('move-port') ?? null;
  const isPort =
    port !== null && /^\d{1,5}$/.test(port) && Number(port) >= leastPort && Number(port) <= mostPort;
  if (port !== null && !isPort)
    return refused(
      `--move-port needs a port from ${leastPort} to ${mostPort}, not "${shown(port)}"`,
      'immune fix-port --move-port 18790',
    );
  const bindLoopback = switches.has('bind-loopback');
  if ([pid !== null, port !== null, bindLoopback].filter(Boolean).length > 1)
    return refused('only one of --kill, --move-port and --bind-loopback at a time', 'immune fix-port');
  const ask = {
    ...manner,
    kill: pid === null ? null : Number(pid),
    movePort: port === null ? null : Number(port),
    bindLoopback,
    force: switches.has('force'),
  };
  return { kind: 'ask', ask };
}

const refused = (because: string, hint: string): Asked => ({ kind: 'refused', because, hint });
