import type { Cause } from './cause.ts';
import type { Rung } from './state.ts';

/** Where the ladder is entered for a cause: a rung that acts, L4 to tell a person, or nothing to do at all. */
type Entry = Rung | 'L4' | 'none';

/** One row of the cause table, in words. The rows themselves are in the `diagnosis*` and `blockers*` files. */
interface CauseWords {
  readonly entry: Entry;
  /** What it looks like. */
  readonly signature: string;
  /** The check that tells it from what looks alike. */
  readonly check: string;
}

const row = (entry: Entry, signature: string, check: string): CauseWords => ({ entry, signature, check });

/** Every cause. docs/causes.md has a section for each. */
export const causes: Readonly<Record<Cause, CauseWords>> = {
  serving: row(
    'none',
    '/healthz answers as a gateway does',
    'the held connection, or who listens on the port',
  ),
  booting: row('none', 'a process that has not listened yet', 'its age without the time this machine slept'),
  draining: row('none', 'it closes its connections', 'the shutdown event it sent before'),
  crashed: row('none', 'the held connection broke without a goodbye', 'the job has no process, or a new one'),
  'crash-loop': row(
    'L4',
    'started again and again, never ready',
    'none of the files a start needs is at fault',
  ),
  hung: row(
    'L1',
    'connections open and nothing answers',
    'the process listens itself, and a look at its processor time',
  ),
  'boot-stalled': row('L1', 'a process that never listened, long after its start', 'the boot grace is over'),
  'listener-lost': row('L1', 'it served, it lives, it refuses connections', 'the drain grace is over'),
  'relaunch-late': row('L1', 'launchd has a start scheduled and does not make it', 'its throttle is over'),
  pended: row('L1', 'launchd holds the start back', "the job's state in launchctl print"),
  'job-stopped': row('L1', 'loaded, no process, nothing scheduled', "the job's state in launchctl print"),
  unloaded: row('L1', 'the job is not loaded', 'no record of a stop, not disabled, its plist is there'),
  'unloaded-again': row('L4', 'the job is not loaded', 'it was unloaded again soon after our reload'),
  parked: row('L1', 'not loaded and disabled', "OpenClaw's audit log says park, and its cause is gone"),
  'parked-cause-present': row(
    'L4',
    'not loaded and disabled',
    "OpenClaw's audit log says park, and its cause is still there",
  ),
  'parked-again': row('L4', 'not loaded and disabled', 'it parked itself again after our start'),
  'stopped-by-operator': row('none', 'the job is not loaded', "OpenClaw's audit log says stop"),
  'disabled-by-operator': row('none', 'not loaded and disabled', 'no park in the audit log'),
  'not-installed': row('none', 'the job is not loaded', 'there is no plist'),
  'port-foreign': row('L4', 'the gateway waits for its port', 'who listens there is no gateway of ours'),
  'port-orphan': row(
    'L1',
    'the gateway waits for its port',
    'a gateway of the same state directory listens there; it holds the lock too, and has no terminal',
  ),
  'two-gateways': row(
    'L4',
    'starts end at the lock',
    'a live gateway that launchd did not start holds the lock',
  ),
  'config-invalid': row(
    'L3',
    'starts fail',
    "the file does not parse, or OpenClaw's own validator refuses it",
  ),
  'config-clobbered': row('L3', 'starts fail', 'the file is empty, collapsed, or not what a person writes'),
  'config-latent': row('none', 'it serves', 'the config file on disk would not start it again'),
  'half-install': row('L2', 'starts fail', 'the old package lies beside a partial one, and no npm is alive'),
  'dependency-missing': row('L2', 'starts fail', 'a package that openclaw needs is not there'),
  'dist-corrupted': row('L2', 'starts fail', "a file differs from openclaw's own inventory"),
  'dependency-latent': row('none', 'it serves', 'its package on disk would not start it again'),
  'plugin-broken': row(
    'L4',
    'it does not listen, or the plugin is missing',
    "a plugin's package is incomplete",
  ),
  'node-missing': row(
    'L4',
    'starts fail before the first line',
    'Node is not there, or not of the version the package demands',
  ),
  'environment-broken': row(
    'L4',
    'starts fail before the first line',
    'the wrapper or its environment file cannot be used',
  ),
  'schema-newer': row(
    'L4',
    'starts end with a migration that is refused',
    'its database is newer than the program; package and lock are fine',
  ),
  'disk-full': row('L4', 'starts or writes fail', 'free space where it writes'),
  descriptors: row('L1', 'connections open and nothing answers', 'its open files have reached its limit'),
  'memory-runaway': row(
    'L1',
    'connections open and nothing answers',
    'its memory has grown beyond every ordinary size',
  ),
  'update-running': row(
    'none',
    'not loaded, or its files change',
    'a live updater stands behind the markers',
  ),
  'host-suspended': row(
    'none',
    'it does not answer',
    'the held connection said that its host asked it to suspend',
  ),
  'auth-mismatch': row('none', 'it serves and refuses our token', 'the error code of the refusal'),
  'channels-suppressed': row('none', 'it serves and no channel starts', "OpenClaw's own breaker has tripped"),
  woken: row('none', 'nothing is sure', 'this look came much later than planned'),
  'no-domain': row('L4', 'launchd knows no such domain', 'nobody is logged in at the screen'),
  unknown: row('none', 'what was seen fits no cause, or could not be seen', 'the next look'),
};
