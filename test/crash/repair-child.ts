import { instant } from '../../src/core/time.ts';
import { performPlan } from '../../src/repairs/package-repair.ts';
import { undoRepair } from '../../src/repairs/package-undo.ts';
import type { PackagePlan } from '../../src/vault/package-plans.ts';
import { depsOf } from '../repairs/package-deps.ts';

/** One repair in a process of its own, so that it can be killed in the middle. */
export interface RepairErrand {
  readonly quarantine: string;
  readonly archives: string;
  readonly plan: PackagePlan | null;
  readonly undo: string | null;
  readonly now: number;
}

const { plan, undo, now, ...places } = JSON.parse(process.argv[2] ?? '{}') as RepairErrand;
const { signal } = new AbortController();
const deps = depsOf(places, () => instant(now));
const outcome =
  plan !== null
    ? await performPlan({ id: 'A1', plan, signal }, deps)
    : await undoRepair(undo ?? '', { why: 'unhelpful', signal }, deps);
process.stdout.write(JSON.stringify(outcome));
