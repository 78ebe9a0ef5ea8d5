import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** A process that records on command, to be stopped or killed at any moment. */
export interface Recorder {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  send(...commands: readonly string[]): void;
  /** The outcomes told so far. */
  told(): readonly { readonly kind: string; readonly id?: string }[];
  until(count: number): Promise<void>;
  end(): Promise<void>;
}

/** A record that waits for its turn takes seconds at most, also on a busy machine. */
const withinMs = 30_000;

export async function startRecorder(root: string): Promise<Recorder> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./recording-child.ts', import.meta.url)), root],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const closed = once(child, 'close');
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  const told = () =>
    output
      .split('\n')
      .slice(1, -1)
      .map((line) => JSON.parse(line) as { readonly kind: string; readonly id?: string });
  await once(child.stdout, 'data');
  return {
    child,
    send: (...commands) => {
      child.stdin.write(commands.map((each) => `${each}\n`).join(''));
    },
    told,
    until: async (count) => {
      const deadline = performance.now() + withinMs;
      while (told().length < count) {
        if (performance.now() > deadline) throw new Error(`only ${told().length} of ${count} outcomes came`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
    end: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
