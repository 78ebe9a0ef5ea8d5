import type { Evidence } from './evidence.ts';

export interface CheckLine {
  readonly verdict: 'pass' | 'fail' | 'unknown' | 'note';
  readonly sentence: string;
}

/** What one deep look found, a sentence a question: for a person who asked now. It decides nothing. */
export function checkReport(evidence: Evidence): {
  readonly ok: boolean;
  readonly lines: readonly CheckLine[];
} {
  const lines = [
    serviceLine(evidence),
    healthzLine(evidence),
    listenerLine(evidence),
    rpcLine(evidence),
    readinessLine(evidence),
    socketLine(evidence),
  ].filter((line) => line !== null);
  const failed = lines.some(({ verdict }) => verdict === 'fail');
  return { ok: !failed && evidence.healthz.kind === 'live', lines };
}

const pass = (sentence: string): CheckLine => ({ verdict: 'pass', sentence });
const fail = (sentence: string): CheckLine => ({ verdict: 'fail', sentence });
const unknown = (sentence: string): CheckLine => ({ verdict: 'unknown', sentence });
const note = (sentence: string): CheckLine => ({ verdict: 'note', sentence });

function serviceLine({ service }: Evidence): CheckLine | null {
  switch (service.kind) {
    case 'running':
      return pass(`service: the gateway's job runs as process ${service.pid}`);
    case 'scheduled':
      return fail('service: the job has no process; the service manager is about to start it');
    case 'stopping':
      return fail('service: the job was asked to stop and is on its way');
    case 'pended':
      return fail(`service: launchd holds the start back (${service.reason})`);
    case 'stopped':
      return fail('service: the job is loaded and has no process');
    case 'not-loaded':
      return fail('service: the job is not loaded');
    case 'no-domain':
      return fail(`service: there is no GUI session to run the gateway in: ${service.because}`);
    case 'unknown':
      return unknown(`service: ${service.because}`);
    case 'unread':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return service satisfies never;
  }
}

function healthzLine({ healthz }: Evidence): CheckLine {
  switch (healthz.kind) {
    case 'live':
      return pass(`healthz: answered as a gateway does, in ${Math.round(healthz.latencyMs)} ms`);
    case 'refused':
      return fail('healthz: connections to the gateway are refused');
    case 'timeout':
      return fail('healthz: no answer in time');
    case 'reset':
      return fail(`healthz: the connection broke: ${healthz.because}`);
    case 'foreign':
      return fail(`healthz: somebody answers who is not a gateway: ${healthz.because}`);
    case 'unreachable':
    case 'error':
      return unknown(`healthz: ${healthz.because}`);
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return healthz satisfies never;
  }
}

function listenerLine({ listener }: Evidence): CheckLine | null {
  switch (listener.kind) {
    case 'ours':
      return pass(
        `listener: process ${listener.pid} of the gateway's job listens on ${listener.addresses.join(' and ')}`,
      );
    case 'none':
      return fail("listener: nobody listens on the gateway's port");
    case 'elsewhere':
      return fail(
        `listener: the gateway listens, but not where its config says (${listener.addresses.join(', ')})`,
      );
    case 'orphan':
      return fail(
        `listener: a gateway that the service manager did not start (process ${listener.pid}) holds the port`,
      );
    case 'foreign':
      return fail(
        `listener: another program holds the port: ${listener.command || 'unknown'}${listener.pid === null ? '' : `, process ${listener.pid}`}`,
      );
    case 'unknown':
      return unknown(`listener: ${listener.because}`);
    case 'unread':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return listener satisfies never;
  }
}

function rpcLine({ rpc }: Evidence): CheckLine | null {
  switch (rpc.kind) {
    case 'ok':
      return pass(
        `health request: a fresh connection was accepted and answered in ${Math.round(rpc.latencyMs)} ms`,
      );
    case 'failed':
      return fail(`health request: ${rpc.because}`);
    case 'not-tried':
      return unknown(`health request: not made: ${rpc.because}`);
    case 'unread':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return rpc satisfies never;
  }
}

function readinessLine({ readiness }: Evidence): CheckLine | null {
  switch (readiness.kind) {
    case 'ready':
      return pass('readiness: ready');
    case 'not-ready':
      return note(
        `readiness 503: ${readiness.failing.join(', ') || 'no reason given'}; told, and no reason for a restart`,
      );
    case 'unknown':
      return unknown(`readiness: ${readiness.because}`);
    case 'unread':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return readiness satisfies never;
  }
}

function socketLine({ socket }: Evidence): CheckLine | null {
  switch (socket.kind) {
    case 'open':
      return socket.silentSince === null
        ? pass('held connection: open and answering')
        : unknown('held connection: open, and its last ping is not answered yet');
    case 'auth-failed':
      return note(`auth mismatch: the gateway refused the secret in its own config: ${socket.because}`);
    case 'protocol-mismatch':
      return note(`protocol mismatch: ${socket.because}`);
    case 'closed':
    case 'connecting':
    case 'not-tried':
      // Only the daemon holds a connection; without one the fresh connection above says all.
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return socket satisfies never;
  }
}

const marks: Readonly<Record<CheckLine['verdict'], string>> = {
  pass: 'ok  ',
  fail: 'FAIL',
  unknown: '?   ',
  note: 'note',
};

/** The report as text, one line a question. */
export function renderCheck(lines: readonly CheckLine[]): string {
  return lines.map(({ verdict, sentence }) => `${marks[verdict]}  ${sentence}`).join('\n');
}
