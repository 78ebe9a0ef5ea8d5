import { setImmediate as nextTurn } from 'node:timers/promises';

/** Of the 10 ms a daemon may be deaf: room for one slow file operation and for the collector of memory. */
const sliceMs = 3;

/** Cuts long synchronous work into slices, between which the event loop runs. */
export interface Slices {
  /** Whether the slice is used up: then `await rest()`. Costs less than a file operation. */
  isOver(): boolean;
  rest(): Promise<void>;
}

/**
 * Tens of thousands of file operations as promises cost several times the processor that they cost one after the other;
 * one after the other without a rest they would stop everything else this process does.
 */
export function createSlices(): Slices {
  let endsAt = performance.now() + sliceMs;
  return {
    isOver: () => performance.now() >= endsAt,
    rest: async () => {
      await nextTurn();
      endsAt = performance.now() + sliceMs;
    },
  };
}
