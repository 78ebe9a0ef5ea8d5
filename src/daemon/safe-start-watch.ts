import { hookTrouble, readHook } from '../gateway/safe-start-hook.ts';

export interface SafeStartWatch {
  /** At every look; costs nothing while the job stays the same. */
  look(): void;
}

/** Tells once when OpenClaw's job no longer starts the gateway through our wrapper, although it was installed. */
export function createSafeStartWatch(parts: {
  /** Our folder with the wrapper and its record. */
  readonly directory: string;
  /** The gateway's job as its plist has it now. */
  readonly programArguments: () => readonly string[];
  readonly tell: (text: string) => void;
}): SafeStartWatch {
  let seen: readonly string[] | null = null;
  let told: string | null = null;
  return {
    look(): void {
      const programArguments = parts.programArguments();
      if (programArguments === seen) return;
      seen = programArguments;
      const trouble = hookTrouble(readHook({ programArguments, directory: parts.directory }));
      if (trouble !== null && trouble !== told) parts.tell(trouble);
      told = trouble;
    },
  };
}
