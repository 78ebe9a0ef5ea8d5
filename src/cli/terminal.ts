import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline/promises';

/** The person in front of us, if there is one. */
export interface Terminal {
  /** Both ends are a terminal, so that a question can be asked and answered. */
  readonly interactive: boolean;
  /** What was typed after "immune". */
  readonly typed?: readonly string[];
  /** True for y and yes; anything else, also the end of the input, is no. */
  ask(question: string): Promise<boolean>;
  /** Runs a program in this terminal and waits for its end: its exit code, or why it did not start. */
  run(argv: readonly string[]): Promise<number | string>;
}

export function systemTerminal(): Terminal {
  const { stdin, stdout } = process;
  return {
    interactive: stdin.isTTY === true && stdout.isTTY === true,
    typed: process.argv.slice(2),
    ask: async (question) => {
      const lines = createInterface({ input: stdin, output: stdout });
      try {
        const gone = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
        const answer = await Promise.race([lines.question(`${question} [y/N] `), gone]);
        return /^y(?:es)?$/i.test(answer.trim());
      } finally {
        lines.close();
      }
    },
    run: ([file = '', ...args]) =>
      new Promise((resolve) => {
        // The editor is the operator's own program and gets the operator's own environment.
        const child = spawn(file, args, { stdio: 'inherit', shell: false });
        child.once('error', (error) => resolve(error.message));
        child.once('exit', (code, signal) => resolve(code ?? `it was ended by ${signal}`));
      }),
  };
}
