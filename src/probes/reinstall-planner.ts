import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DependencyEvidence, GroundEvidence, PluginEvidence } from '../core/ground-evidence.ts';
import { type Clock, type Millis, millis, minutes, seconds } from '../core/time.ts';
import type { PackagePlan, WrittenPackagePlan } from '../vault/package-plans.ts';
import { planReinstall } from './plan-reinstall.ts';
import type { ReinstallPlace, ReinstallSources, SeenDamage } from './reinstall-parts.ts';
import { adviseTo, fixCommand, installCommand } from './reinstall-words.ts';

export interface ReinstallPlannerParts {
  readonly clock: Clock;
  readonly uid: number;
  readonly place: () => ReinstallPlace;
  readonly sources: ReinstallSources;
  readonly write: (plan: PackagePlan) => Promise<WrittenPackagePlan>;
  /** A planning has come to an end: its answer is there for the next look. */
  readonly onSettled: () => void;
  /** A planning is given up on after this long. */
  readonly limitMs?: Millis;
}

export interface ReinstallPlanner {
  /** Answers at once, and plans in the background. Never throws. */
  look(
    dependencies: DependencyEvidence,
    plugins?: PluginEvidence,
    how?: { readonly serving: boolean },
  ): Promise<GroundEvidence['reinstall']>;
  /** Ends a planning that runs. */
  close(): Promise<void>;
}

/** A full check on a cold disk took 17 s; four archives of them, on a busy machine. */
const planMs = minutes(5);
/** Files deep inside change, and no mark of the subject tells: every answer is worked out again. */
const firstAgainMs = seconds(60);
const longestAgainMs = minutes(15);

type Answer = Extract<GroundEvidence['reinstall'], { readonly kind: 'ready' | 'unavailable' }>;

interface Remembered {
  readonly subject: string;
  readonly answer: Answer;
  readonly againAt: Millis;
  readonly pauseMs: Millis;
}

interface Planning {
  readonly subject: string;
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

const pending = { kind: 'pending', because: 'how to put the package back is being worked out' } as const;

/** What is to be mended; null where nothing is, or where nobody knows. */
export function damageSeen(dependencies: DependencyEvidence, plugins?: PluginEvidence): SeenDamage | null {
  const others = plugins?.kind === 'broken';
  switch (dependencies.kind) {
    case 'half-installed':
      return { aside: dependencies.aside, depth: 'quick', plugins: others };
    case 'missing':
    case 'corrupted':
      return { aside: null, depth: 'quick', plugins: others };
    case 'intact':
      // By its lists; the gateway's log says otherwise, or nobody would ask.
      return { aside: null, depth: 'full', plugins: others };
    case 'unread':
    case 'unknown':
    case 'installing':
      return null;
    default:
      return dependencies satisfies never;
  }
}

export function createReinstallPlanner(parts: ReinstallPlannerParts): ReinstallPlanner {
  const { clock, sources } = parts;
  let memory: Remembered | null = null;
  let planning: Planning | null = null;
  let closed = false;

  /** All that the answer hangs on and that can be told at once. */
  const subjectOf = async (dependencies: DependencyEvidence, seen: SeenDamage): Promise<string> => {
    const { packageRoot, stateDir, version, prefix, node } = parts.place();
    const [manifests, repairs, marks] = await Promise.all([
      sources.manifests(),
      sources.repairs(),
      marksOf(packageRoot),
    ]);
    const all = [
      [packageRoot, stateDir, version, prefix, node],
      seen,
      namesOf(dependencies),
      marks,
      manifests.map(({ archive, head }) => [archive, head.openclaw, head.takenAt]),
      repairs.map(({ id, at, state, undoneFor }) => [id, at, state, undoneFor]),
    ];
    return createHash('sha256').update(JSON.stringify(all)).digest('hex');
  };

  const remember = (subject: string, answer: Answer): void => {
    const before = memory?.subject === subject ? memory : null;
    const pauseMs = before === null ? firstAgainMs : millis(Math.min(before.pauseMs * 2, longestAgainMs));
    memory = { subject, answer, againAt: millis(clock.elapsed() + pauseMs), pauseMs };
  };

  const no = (because: string, command: string = installCommand(parts.place())): Answer => ({
    kind: 'unavailable',
    because: adviseTo(because, command),
  });

  const plan = async (seen: SeenDamage, signal: AbortSignal): Promise<Answer> => {
    const { uid, place } = parts;
    const now = clock.now();
    const found = await planReinstall({ place: place(), sources, by: 'watchdog', uid, now, signal }, seen);
    switch (found.kind) {
      case 'ready': {
        signal.throwIfAborted();
        const written = await parts.write(found.plan);
        if (written.kind === 'failed')
          return no(`the plan of a repair could not be stored: ${written.because}`, fixCommand);
        return { kind: 'ready', id: written.plan.id, because: written.plan.because };
      }
      case 'whole':
        return no(`${found.because}, so putting files back cannot help`, `${fixCommand} --dry-run`);
      case 'busy':
        return no(found.because, fixCommand);
      case 'unavailable':
        return no(found.because, found.command);
      default:
        return found satisfies never;
    }
  };

  const work = async (seen: SeenDamage, subject: string, controller: AbortController): Promise<void> => {
    try {
      const answer = await plan(seen, controller.signal);
      if (!controller.signal.aborted) remember(subject, answer);
    } catch (error) {
      // Ended from outside; else a bug of ours, which must not end the daemon from behind, nor bring us back at once.
      if (controller.signal.aborted) return;
      const why = error instanceof Error ? error.message : 'an unknown error';
      remember(subject, no(`no repair of the package could be worked out: ${why}`));
    }
  };

  const start = (seen: SeenDamage, subject: string): void => {
    const controller = new AbortController();
    const settled = new AbortController();
    const limitMs = parts.limitMs ?? planMs;
    const late = clock.sleep(limitMs, settled.signal).then(() => {
      if (settled.signal.aborted) return;
      if (!controller.signal.aborted)
        remember(subject, no(`no repair of the package was worked out within ${limitMs} ms`));
      controller.abort();
    });
    const done = Promise.race([work(seen, subject, controller), late]).then(() => {
      settled.abort();
      planning = null;
      if (!closed) parts.onSettled();
    });
    planning = { subject, controller, done };
  };

  const look: ReinstallPlanner['look'] = async (dependencies, plugins, how) => {
    const damage = damageSeen(dependencies, plugins);
    if (damage === null || closed) return { kind: 'unread' };
    const seen: SeenDamage = how?.serving === true ? { ...damage, serving: true } : damage;
    const subject = await subjectOf(dependencies, seen);
    const known = memory?.subject === subject ? memory : null;
    const due = known === null || clock.elapsed() >= known.againAt;
    // One at a time: what runs for another damage is ended, and its end brings the next look.
    if (planning !== null && planning.subject !== subject) planning.controller.abort();
    else if (planning === null && due && !closed) start(seen, subject);
    return known?.answer ?? pending;
  };

  return {
    look: async (dependencies, plugins, how) => {
      try {
        return await look(dependencies, plugins, how);
      } catch (error) {
        // A probe never throws; what it did not find out proves nothing.
        const why = error instanceof Error ? error.message : 'an unknown error';
        return { kind: 'unknown', because: `the archives of the package could not be looked at: ${why}` };
      }
    },
    close: async () => {
      closed = true;
      planning?.controller.abort();
      await planning?.done;
    },
  };
}

/** What is damaged, without the words around it: those may name a process that comes and goes. */
function namesOf(dependencies: DependencyEvidence): readonly string[] {
  switch (dependencies.kind) {
    case 'missing':
      return dependencies.names;
    case 'corrupted':
      return dependencies.files;
    case 'half-installed':
    case 'intact':
    case 'installing':
    case 'unknown':
    case 'unread':
      return [dependencies.kind];
    default:
      return dependencies satisfies never;
  }
}

/** What npm, people and our own repairs change first when they touch an installation. */
async function marksOf(root: string | null): Promise<readonly string[]> {
  if (root === null) return [];
  const inside = ['package.json', 'node_modules', 'dist'].map((name) => join(root, name));
  return Promise.all([dirname(root), root, ...inside].map(markOf));
}

async function markOf(path: string): Promise<string> {
  try {
    const { ino, mtimeMs } = await stat(path);
    return `${ino}:${mtimeMs}`;
  } catch {
    // Gone or closed to us: a change of that is a change of the subject too.
    return 'none';
  }
}
