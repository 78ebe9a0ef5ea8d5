import { until } from './processes.ts';

const openTimeoutMs = 10_000;

/**
 * Runs one expression inside the gateway, as a fault of its own code would: 9.6 opens Node's inspector on SIGUSR1 (older
 * versions take that signal for a restart), on the port its command line was given.
 */
export async function evaluateIn(pid: number, inspectPort: number, expression: string): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  const address = await until(
    `the inspector of ${pid} on ${inspectPort}`,
    async () => {
      const answer = await fetch(`http://127.0.0.1:${inspectPort}/json`, {
        signal: AbortSignal.timeout(1_000),
      }).catch(() => null);
      const [first] = answer === null ? [] : ((await answer.json()) as { webSocketDebuggerUrl: string }[]);
      return first?.webSocketDebuggerUrl ?? null;
    },
    { timeoutMs: openTimeoutMs },
  );
  const socket = new WebSocket(address);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`the inspector on ${inspectPort} did not take a connection`));
  });
  // Evaluated from a timer, so that the answer comes back before an endless loop begins.
  const later = `void setTimeout(() => { ${expression} }, 50)`;
  const answered = new Promise<void>((resolve) => {
    socket.onmessage = () => resolve();
  });
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: later } }));
  await answered;
  socket.close();
}
