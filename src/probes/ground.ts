import { configKey } from '../core/blocker-config.ts';
import { type GroundEvidence, groundUnread } from '../core/ground-evidence.ts';
import { type Clock, type Millis, millis, seconds } from '../core/time.ts';
import { createBounded, type Doubt } from './bounded.ts';
import type { MachineSight } from './machine-sight.ts';

/** What a repair could be made with; asked only when there is something it would mend. */
export interface Remedies {
  rollback(config: GroundEvidence['config']): Promise<GroundEvidence['rollback']>;
  reinstall(
    dependencies: GroundEvidence['dependencies'],
    plugins?: GroundEvidence['plugins'],
    how?: { readonly serving: boolean },
  ): Promise<GroundEvidence['reinstall']>;
}

type Packages = Pick<GroundEvidence, 'dependencies' | 'plugins'>;
type Told = Pick<GroundEvidence, 'log' | 'boot' | 'channels'>;

/** Each looks at one thing the gateway stands on. Asked beside each other; none of them knows another. */
export interface GroundSights {
  config(ask: { readonly wait: boolean }): Promise<GroundEvidence['config']>;
  /** `failing`: the gateway is down, so that a thorough look is worth its time. */
  dependencies(ask: { readonly failing: boolean; readonly deep?: boolean }): Promise<Packages>;
  /** `rpcHealth`: the payload of a `health` answer of the same look, where there is one. */
  log(ask: { readonly serving: boolean; readonly rpcHealth: unknown }): Promise<Told>;
  /** The gateway serves: what its log holds by now is past. */
  passLog(): Promise<void>;
  readonly machine: MachineSight;
  readonly remedies: Remedies;
}

export interface GroundAsk {
  /** `surface`: only what costs no more than a stat; the rest of the last look is carried on. */
  readonly depth: 'surface' | 'close';
  readonly serving: boolean;
  /** The pid the service manager names; `unknown` when it does not tell. */
  readonly servicePid: number | null | 'unknown';
  readonly previous: GroundEvidence | null;
  /** The payload of this look's `health` answer once it is there; undefined where none comes. */
  readonly rpcHealth?: Promise<unknown>;
}

/** Everything but the memory, which comes with the read of the process. Never throws. */
export type Ground = (ask: GroundAsk) => Promise<GroundEvidence>;

export interface GroundParts {
  readonly clock: Clock;
  readonly sights: GroundSights;
  /** Whether a look waits for the config's validator; one that comes again soon does not. */
  readonly wait: boolean;
  readonly validatorTimeoutMs: () => Millis;
}

/** Above every deadline a sight has of its own: what takes longer hangs, as a dead network volume does. */
const sightMs = seconds(10);

export function createGround({ clock, sights, wait, validatorTimeoutMs }: GroundParts): Ground {
  const bounded = createBounded(clock);
  const { machine, remedies } = sights;
  const one = <T>(what: string, ask: () => Promise<T>): Promise<T | Doubt> =>
    bounded<T | Doubt>({ what, ask, limitMs: sightMs, doubt: (doubt) => doubt });

  const config = () =>
    bounded<GroundEvidence['config']>({
      what: 'the config',
      ask: () => sights.config({ wait }),
      limitMs: millis(wait ? validatorTimeoutMs() + sightMs : sightMs),
      doubt: (doubt) => doubt,
    });
  const passLog = () => one("the end of the gateway's log", sights.passLog);
  const lookLightly = async (): Promise<GroundEvidence['config']> => {
    // Without its mark moved, a later look at the log reads a little of what was fine, too.
    const [seen] = await Promise.all([config(), passLog()]);
    return seen;
  };
  const packages = (ask: { readonly failing: boolean; readonly deep?: boolean }) =>
    bounded<Packages>({
      what: 'the installed package',
      ask: () => sights.dependencies(ask),
      limitMs: sightMs,
      doubt: (doubt) => ({ dependencies: doubt, plugins: doubt }),
    });
  /** The log tells of damaged code, and neither lists nor times of files do: then every byte is compared. */
  const inDoubt = async (seen: Packages, log: Told['log'], failing: boolean): Promise<Packages> => {
    if (seen.dependencies.kind !== 'intact' || !soundsDamaged(log)) return seen;
    const deeper = await packages({ failing, deep: true });
    // On a cold disk it takes longer than a look may: the next one has the answer.
    return deeper.dependencies.kind === 'unknown' ? seen : deeper;
  };
  const told = (serving: boolean, rpcHealth: unknown) =>
    bounded<Told>({
      what: "the gateway's log",
      ask: () => sights.log({ serving, rpcHealth }),
      limitMs: sightMs,
      doubt: (doubt) => ({ log: doubt, boot: doubt, channels: doubt }),
    });

  const remediesFor = async (
    found: Pick<GroundEvidence, 'config' | 'dependencies' | 'plugins' | 'log'>,
    serving: boolean,
  ): Promise<Pick<GroundEvidence, 'rollback' | 'reinstall'>> => {
    const [rollback, reinstall] = await Promise.all([
      found.config.kind === 'faulty'
        ? one('the snapshots of the config', () => remedies.rollback(found.config))
        : groundUnread.rollback,
      isDamaged(found.dependencies) || soundsDamaged(found.log)
        ? one('the archives of the package', () =>
            remedies.reinstall(found.dependencies, found.plugins, { serving }),
          )
        : groundUnread.reinstall,
    ]);
    return { rollback, reinstall };
  };

  return async ({ depth, serving, servicePid, previous, rpcHealth = Promise.resolve(undefined) }) => {
    const base = previous ?? groundUnread;
    // Nobody answers: a close look follows, or the gateway is booting and the last one holds for seconds.
    if (depth === 'surface') return serving ? withConfig(base, await lookLightly()) : base;
    const [configSeen, installed, said, , launch, lock, disk, descriptors] = await Promise.all([
      config(),
      packages({ failing: !serving }),
      // The deep look's request has a deadline of its own.
      rpcHealth.then((health) => told(serving, health)),
      // At once: by the time that request ends the gateway may have died, and the next one have said why it cannot start.
      serving ? passLog() : null,
      one('what the service manager starts', machine.launch),
      one("the gateway's lock", () => machine.lock(servicePid)),
      one('the free space', machine.disk),
      typeof servicePid === 'number'
        ? one('the open files', () => machine.descriptors(servicePid))
        : groundUnread.descriptors,
    ]);
    // Without an answer to `health` the boot records alone speak, and know nothing of a gateway without channels: what
    // the last deep look found stands.
    const known = base.channels.kind === 'normal' || base.channels.kind === 'suppressed';
    const channels = serving && known && (await rpcHealth) === undefined ? base.channels : said.channels;
    const found = {
      ...base,
      config: configSeen,
      ...(await inDoubt(installed, said.log, !serving)),
      ...said,
      channels,
      launch,
      lock,
      disk,
      descriptors,
    };
    return { ...found, ...(await remediesFor(found, serving)) };
  };
}

/** What was worked out for another content of the file is nothing for this one. */
function withConfig(base: GroundEvidence, config: GroundEvidence['config']): GroundEvidence {
  const rollback = configKey(config) === configKey(base.config) ? base.rollback : groundUnread.rollback;
  return { ...base, config, rollback };
}

function isDamaged(dependencies: GroundEvidence['dependencies']): boolean {
  switch (dependencies.kind) {
    case 'half-installed':
    case 'missing':
    case 'corrupted':
      return true;
    case 'unread':
    case 'unknown':
    case 'intact':
    case 'installing':
      return false;
    default:
      return dependencies satisfies never;
  }
}

/** A truncated file inside a dependency shows only in what the gateway said as it failed. */
function soundsDamaged(log: GroundEvidence['log']): boolean {
  return (
    log.kind === 'read' &&
    log.findings.some(({ sign }) => sign === 'module-missing' || sign === 'code-damaged')
  );
}
