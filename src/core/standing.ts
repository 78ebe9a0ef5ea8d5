import { configKey } from './blocker-config.ts';
import type { Evidence } from './evidence.ts';
import { packageKey } from './package-seen.ts';
import type { Policy } from './policy.ts';

/**
 * What an exhausted incident rests on: the facts whose change may open a way again (disk freed, file edited, package
 * mended, port released). Null: not known in this look, which is no change.
 */
export type Standing = Readonly<Record<string, string | null>>;

export function standing({ ground, listener, parkCause }: Evidence, policy: Policy): Standing {
  const { dependencies, plugins, launch, lock, disk, rollback, reinstall } = ground;
  const known = (kind: string, text: string): string | null =>
    kind === 'unread' || kind === 'unknown' ? null : text;
  const held = listener.kind === 'foreign' || listener.kind === 'orphan';
  return {
    config: configKey(ground.config),
    package: packageKey(dependencies),
    plugins: known(plugins.kind, plugins.kind),
    launch: known(launch.kind, launch.kind === 'broken' ? launch.part : launch.kind),
    lock: known(lock.kind, lock.kind === 'held' ? `held ${lock.pid}` : 'free'),
    disk: disk.kind === 'read' ? (disk.freeBytes < policy.diskFreeBytes ? 'full' : 'room') : null,
    port: known(listener.kind, held ? `${listener.kind} ${listener.pid}` : 'free'),
    parkCause: known(parkCause.kind, parkCause.kind),
    rollback: known(rollback.kind, rollback.kind === 'ready' ? rollback.id : rollback.kind),
    reinstall: known(reinstall.kind, reinstall.kind === 'ready' ? reinstall.id : reinstall.kind),
  };
}

/** The first fact that is known on both sides and differs. */
export function changeOf(before: Standing, after: Standing): string | null {
  return (
    Object.keys(after).find((key) => {
      const was = before[key] ?? null;
      const is = after[key] ?? null;
      return was !== null && is !== null && was !== is;
    }) ?? null
  );
}

/** Fills in what was not known before. */
export function completed(before: Standing, after: Standing): Standing {
  const filled = Object.entries(after).filter(
    ([key, value]) => (before[key] ?? null) === null && value !== null,
  );
  return filled.length === 0 ? before : { ...before, ...Object.fromEntries(filled) };
}
