import type { ListenerEvidence } from '../core/evidence.ts';
import type { Listener } from '../system/listener-text.ts';
import type { ListenersOutcome } from '../system/listeners.ts';

export interface ListenerQuestion {
  readonly found: ListenersOutcome;
  /** The port that `found` is about. */
  readonly port: number;
  /** The address that is probed. */
  readonly host: string;
  readonly servicePid: number | null;
  /** The pid in the gateway's own lock file; it proves an orphan, for the file lies in the private state directory. */
  readonly lockPid: number | null;
  readonly uid: number;
  /** Parents of the listener's process, nearest first: a gateway may run below a wrapper. */
  readonly ancestors: (pid: number) => Promise<readonly number[]>;
}

/** Judges who answers at the probed address: the job's process, an orphan of ours, or somebody else. */
export async function judgeListener(question: ListenerQuestion): Promise<ListenerEvidence> {
  const { found, servicePid, lockPid, uid } = question;
  if (found.kind === 'unknown') return found;
  const reached = found.listeners.filter((listener) => covers(listener.address, question.host));
  // The kernel prefers the listener of the exact address to one of all addresses, whoever came first.
  const exact = reached.filter((listener) => !isWildcard(listener.address));
  const there = exact.length > 0 ? exact : reached;
  const first = there[0];
  if (first === undefined) return { kind: 'none' };
  const pids = there.map((listener) => listener.pid);
  if (servicePid !== null && (await allBelong(pids, servicePid, question.ancestors))) {
    return { kind: 'ours', pid: first.pid ?? servicePid, addresses: there.map((each) => each.address) };
  }
  const orphan = there.find(
    (listener) => listener.pid !== null && listener.pid === lockPid && isUser(listener, uid),
  );
  if (orphan?.pid != null) {
    // Both are unknown where nobody asked the process table.
    const { pid, command } = orphan;
    return { kind: 'orphan', pid, command, startedAt: null, hasTerminal: null, port: question.port };
  }
  if (first.pid === null && first.uid === null) {
    return { kind: 'unknown', because: 'somebody listens on the port, but the system does not say who' };
  }
  return { kind: 'foreign', pid: first.pid, command: first.command, uid: first.uid };
}

async function allBelong(
  pids: readonly (number | null)[],
  servicePid: number,
  ancestors: ListenerQuestion['ancestors'],
): Promise<boolean> {
  for (const pid of new Set(pids)) {
    if (pid === null || !(await belongs(pid, servicePid, ancestors))) return false;
  }
  return true;
}

async function belongs(
  pid: number,
  servicePid: number,
  ancestors: ListenerQuestion['ancestors'],
): Promise<boolean> {
  return pid === servicePid || (await ancestors(pid)).includes(servicePid);
}

const isUser = (listener: Listener, uid: number): boolean => listener.uid === uid;

export const isWildcard = (address: string): boolean =>
  /^(?:\*|0\.0\.0\.0|\[?::\]?)?(?::\d+)?$/.test(address);

/** Whether somebody who listens on `address` is reached by a connection to `host`. */
export function covers(address: string, host: string): boolean {
  const at = address.lastIndexOf(':');
  const name = address.slice(0, at === -1 ? address.length : at).replace(/^\[|\]$/g, '');
  if (isWildcard(address)) return true;
  return name === host || (host === 'localhost' && (name === '127.0.0.1' || name === '::1'));
}
