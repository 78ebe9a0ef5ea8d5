import type { Evidence } from './evidence.ts';
import type { Finding, Look } from './look.ts';
import type { State } from './state.ts';
import { type Instant, since } from './time.ts';
import { spell, spellBytes } from './words.ts';

/** From this share of its limit on a process cannot accept connections: some descriptors are always being opened. */
const descriptorsFull = 0.95;
/** A runaway has at least doubled since the first look at it: a large installation is no runaway. */
const runawayFactor = 2;

/** Remembers the first and the newest size of the process. */
export function noteMemory(state: State, { ground: { memory } }: Evidence, now: Instant): State {
  if (memory.kind !== 'read') return state;
  const known = state.memory?.pid === memory.pid ? state.memory : null;
  return {
    ...state,
    memory: {
      pid: memory.pid,
      firstAt: known?.firstAt ?? now,
      firstBytes: known?.firstBytes ?? memory.residentBytes,
      lastAt: now,
      lastBytes: memory.residentBytes,
    },
  };
}

/** By the generation: a light look asks nobody which process runs. */
export function memoryFinding({ state: { memory, generation, told }, rules }: Look): Finding | null {
  if (memory === null || generation?.pid !== memory.pid) return null;
  const { firstBytes, lastBytes } = memory;
  // Once told it is over well below the bound only, or a size that wavers around it would be told for ever.
  const bound = rules.policy.memoryBytes * (told.includes('also:memory-runaway') ? 0.8 : 1);
  if (lastBytes < bound || lastBytes < firstBytes * runawayFactor) return null;
  return {
    cause: 'memory-runaway',
    confidence: 'likely',
    because: `the gateway's memory has grown from ${spellBytes(firstBytes)} to ${spellBytes(lastBytes)} in ${spell(since(memory.firstAt, memory.lastAt))}`,
  };
}

/** Why a process that answers nothing does so, where its resources tell. */
export function starved(look: Look): Finding | null {
  const { descriptors, log } = look.evidence.ground;
  if (descriptors.kind === 'read' && descriptors.pid === look.state.generation?.pid) {
    if (descriptors.open >= descriptors.limit * descriptorsFull) {
      return {
        cause: 'descriptors',
        confidence: 'certain',
        because: `it has ${descriptors.open} of ${descriptors.limit} files open and can accept nothing more`,
      };
    }
  } else if (log.kind === 'read' && log.findings.some(({ sign }) => sign === 'descriptors')) {
    return {
      cause: 'descriptors',
      confidence: 'likely',
      because: 'its log says that it has too many files open',
    };
  }
  return memoryFinding(look);
}
