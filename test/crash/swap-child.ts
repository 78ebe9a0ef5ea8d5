import { type SwapDeps, type SwapRequest, swapConfig, undoSwap } from '../../src/repairs/config-swap.ts';

/** One change in a process of its own, so that it can be killed in the middle. */
export interface SwapErrand {
  readonly deps: Omit<SwapDeps, 'processes' | 'now'>;
  readonly now: number;
  readonly swap: Omit<SwapRequest, 'signal'> | null;
  readonly undo: string | null;
}

const errand = JSON.parse(process.argv[2] ?? '{}') as SwapErrand;
const deps: SwapDeps = {
  ...errand.deps,
  processes: async () => [],
  now: () => errand.now as ReturnType<SwapDeps['now']>,
};
const outcome =
  errand.swap !== null
    ? await swapConfig({ ...errand.swap, signal: new AbortController().signal }, deps)
    : await undoSwap(errand.undo ?? '', deps);
process.stdout.write(JSON.stringify(outcome));
