import type { Context } from './context.ts';

/** One line that is written over, on a terminal; nothing anywhere else. */
export interface Progress {
  show(text: string): void;
  /** Removes the line. */
  end(): void;
}

/** More often nobody can read. */
const everyMs = 100;
const overwrite = '\r\u001b[K';

/** Beside the result, which may go into a pipe: on standard error. */
export function createProgress({ err, clock }: Pick<Context, 'err' | 'clock'>, quiet: boolean): Progress {
  const isShown = err.isTTY === true && !quiet;
  let shownAt: number | null = null;
  return {
    show: (text) => {
      const now = clock.elapsed();
      if (!isShown || (shownAt !== null && now - shownAt < everyMs)) return;
      shownAt = now;
      err.write(`${overwrite}${text}`);
    },
    end: () => {
      if (shownAt !== null) err.write(overwrite);
    },
  };
}
