import type { ServiceState } from '../../core/service.ts';
import type { Instant } from '../../core/time.ts';
import { covers, isWildcard } from '../../probes/listener.ts';
import type { PortHands } from '../../repairs/free-port.ts';
import { ancestorsOf, gatewayLevels } from '../../system/ancestors.ts';
import type { Listener } from '../../system/listener-text.ts';
import type { Processes } from '../../system/process.ts';
import type { ProcessRow } from '../../system/ps.ts';

/** One process that listens on the gateway's port, at one or more addresses. */
export interface PortHolder {
  /** Null where the system does not say. */
  readonly pid: number | null;
  readonly uid: number | null;
  /** The program alone: an argument may be a secret. */
  readonly program: string;
  readonly startedAt: Instant | null;
  readonly hasTerminal: boolean | null;
  readonly addresses: readonly string[];
  /** `job`: the process of the gateway's job, or one below it. `orphan`: a gateway of ours that is proven to be one. */
  readonly who: 'job' | 'orphan' | 'foreign' | 'unknown';
  /** Why it is not taken for ours; null for the job's own. */
  readonly because: string | null;
  readonly tailscale: Tailscale | null;
}

export type Tailscale = 'app-store' | 'standalone' | 'tailscaled';

type PortVerdict = 'free' | 'ours' | 'orphan' | 'foreign' | 'unknown';

export interface PortView {
  readonly port: number;
  readonly verdict: PortVerdict;
  /** What nobody can tell; null where all is told. */
  readonly doubt: string | null;
  readonly holders: readonly PortHolder[];
  /** Those of them that keep the gateway out, or that are the gateway. */
  readonly leading: readonly PortHolder[];
}

export interface PortLook extends Pick<PortHands, 'listeners' | 'orphanProof'> {
  readonly port: number;
  /** Where the gateway is probed. */
  readonly host: string;
  /** `gateway.bind`, as it is in force. */
  readonly bind: string;
  readonly uid: number;
  readonly processes: Pick<Processes, 'row'>;
  readonly service: () => Promise<ServiceState>;
}

/** Who listens on the gateway's port, and which of them keeps it out. Changes nothing. */
export async function lookAtPort(look: PortLook): Promise<PortView> {
  const { port } = look;
  const [found, service] = await Promise.all([look.listeners(port), look.service()]);
  if (found.kind === 'unknown')
    return { port, verdict: 'unknown', doubt: found.because, holders: [], leading: [] };
  const jobPid = 'pid' in service ? service.pid : null;
  const holders: PortHolder[] = [];
  for (const listeners of byProcess(found.listeners)) holders.push(await holderOf(listeners, jobPid, look));
  return { port, holders, doubt: null, ...judge(holders, look) };
}

/** One process may listen at several addresses; those without a pid cannot be told apart but by name. */
function byProcess(listeners: readonly Listener[]): readonly (readonly [Listener, ...Listener[]])[] {
  const groups = new Map<string, [Listener, ...Listener[]]>();
  for (const listener of listeners) {
    const key = `${listener.pid} ${listener.pid === null ? listener.command : ''}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [listener]);
    else group.push(listener);
  }
  return [...groups.values()];
}

async function holderOf(
  listeners: readonly [Listener, ...Listener[]],
  jobPid: number | null,
  look: PortLook,
): Promise<PortHolder> {
  const [{ pid, uid, command }] = listeners;
  const addresses = [...new Set(listeners.map(({ address }) => address))];
  if (pid === null) {
    // Without root's rights Linux names the user and not the process.
    const who = uid !== null && uid !== look.uid ? 'foreign' : 'unknown';
    const because = 'the system does not say which process it is';
    const tailscale = tailscaleOf(command);
    const nobody = { pid, uid, program: command, startedAt: null, hasTerminal: null };
    return { ...nobody, addresses, who, because, tailscale };
  }
  const found = await look.processes.row(pid);
  const row = found.kind === 'row' ? found.row : null;
  const known = {
    pid,
    uid: row?.uid ?? uid,
    program: programOf(row, command),
    startedAt: row?.startedAt ?? null,
    hasTerminal: row?.hasTerminal ?? null,
    addresses,
  };
  const family = await familyOf(pid, row, jobPid, look);
  if (family.isJob) return { ...known, who: 'job', because: null, tailscale: null };
  const proof = await look.orphanProof(pid);
  const tailscale = tailscaleOf(`${command} ${row?.command ?? ''}`);
  if (proof.kind === 'proven')
    return { ...known, who: 'orphan', because: 'the service manager did not start it', tailscale: null };
  // What may be the gateway's own is not offered to be ended.
  const doubt = proof.kind === 'unknown' ? proof.because : family.doubt;
  return {
    ...known,
    who: doubt === null ? 'foreign' : 'unknown',
    because: doubt ?? proof.because,
    tailscale,
  };
}

/** Whether it is the job's process, or one below it; `doubt`: why that cannot be told. */
async function familyOf(
  pid: number,
  seen: ProcessRow | null,
  jobPid: number | null,
  { processes: { row } }: PortLook,
): Promise<{ readonly isJob: boolean; readonly doubt: string | null }> {
  if (jobPid === null || pid === jobPid) return { isJob: pid === jobPid, doubt: null };
  const above = await ancestorsOf(seen ?? pid, { row, levels: gatewayLevels, until: jobPid });
  return {
    isJob: above.pids.includes(jobPid),
    doubt: above.kind === 'unknown' ? above.because : null,
  };
}

/** A path may hold spaces, and what follows one may be an argument: only a name that lsof knows too is taken from it. */
function programOf(row: ProcessRow | null, command: string): string {
  const line = row?.command ?? '';
  const first = line.split(/\s/)[0] ?? '';
  const name = first.slice(first.lastIndexOf('/') + 1);
  if (name === '') return command;
  const isElsewhere = command !== '' && !name.startsWith(command) && line.includes(`/${command}`);
  return isElsewhere ? command : name;
}

/** By the names they run under: the App Store's as an app extension, the standalone app's as a system extension. */
export function tailscaleOf(command: string): Tailscale | null {
  if (/IPNExtension|io\.tailscale\.ipn\.macos\b/.test(command)) return 'app-store';
  if (/io\.tailscale\.ipn\.macsys/.test(command)) return 'standalone';
  // What is left of the long name where the kernel cuts it at 16 characters.
  if (/(?:^|[\s/])io\.tailscale/.test(command)) return 'standalone';
  return /(?:^|[\s/])tailscaled?(?:\s|$)|Tailscale\.app/.test(command) ? 'tailscaled' : null;
}

/** The kernel prefers the listener of the exact address to one of all addresses, whoever came first. */
function judge(
  holders: readonly PortHolder[],
  { host, bind }: PortLook,
): Pick<PortView, 'verdict' | 'leading'> {
  const at = (fits: (address: string) => boolean): readonly PortHolder[] =>
    holders.filter(({ addresses }) => addresses.some(fits));
  const exact = at((address) => covers(address, host) && !isWildcard(address));
  const reached = exact.length > 0 ? exact : at((address) => covers(address, host));
  const others = holders.filter(({ who }) => who !== 'job');
  // A gateway that listens at every address is kept out by whoever has the port at one of them.
  const isKeptOut = bind !== 'loopback' && others.length === holders.length;
  const leading = reached.length > 0 ? reached : isKeptOut ? others : [];
  const some = (who: PortHolder['who']): boolean => leading.some((holder) => holder.who === who);
  if (leading.length === 0) return { verdict: 'free', leading };
  if (some('orphan')) return { verdict: 'orphan', leading };
  if (some('foreign')) return { verdict: 'foreign', leading };
  return { verdict: some('unknown') ? 'unknown' : 'ours', leading };
}
