import type { Disabled, LastExit, ServiceState } from '../../core/service.ts';

/**
 * Reads `launchctl print gui/<uid>/<label>`. Apple calls this output "not API in any sense", so only the lines that
 * start with exactly one tab count (nested blocks repeat `state =` and `pid`), and whatever is not understood is
 * `unknown`, never "down".
 */
export function parsePrint(text: string, label: string): ServiceState {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.endsWith(`/${label} = {`) && !line.startsWith('\t'));
  if (first === -1) return unknown('it does not begin with the job that was asked for');
  const last = lines.indexOf('}', first);
  if (last === -1) return unknown('it ends in the middle');
  const fields = new Map<string, string>();
  for (const line of lines.slice(first + 1, last)) {
    const match = /^\t([a-z][a-z ]*) = (.*)$/.exec(line);
    const [, key, value] = match ?? [];
    if (key === undefined || value === undefined) continue;
    if (fields.has(key) && decisive.has(key)) return unknown(`it has the line "${key}" twice`);
    fields.set(key, value);
  }
  return stateOf(fields);
}

/** The lines a state is read from: said twice they contradict each other. */
const decisive: ReadonlySet<string> = new Set(['state', 'pid']);

const unknown = (because: string): ServiceState => ({
  kind: 'unknown',
  because: `The output of "launchctl print" could not be understood: ${because}.`,
});

function stateOf(fields: ReadonlyMap<string, string>): ServiceState {
  const state = fields.get('state');
  const pidText = fields.get('pid');
  const pid = pidText === undefined ? null : parseCount(pidText);
  if (pidText !== undefined && (pid === null || pid === 0)) return unknown(`"${pidText}" is not a pid`);
  const runsText = fields.get('runs');
  const runs = runsText === undefined ? null : parseCount(runsText);
  const lastExit = parseLastExit(fields);
  switch (state) {
    case undefined:
      return unknown('it has no state line');
    case 'running':
      return pid === null
        ? unknown('it says "running" without a pid')
        : { kind: 'running', pid, runs, lastExit };
    case 'spawn scheduled':
    case 'spawning':
    case 'xpcproxy':
      return { kind: 'scheduled', runs, lastExit };
    case 'SIGTERMed':
    case 'SIGKILLed':
      return { kind: 'stopping', pid };
    case 'not running':
    case 'exited': {
      if (pid !== null) return unknown(`it says "${state}" and still names pid ${pid}`);
      const reason = fields.get('pended nondemand spawn');
      return reason === undefined ? { kind: 'stopped', runs, lastExit } : { kind: 'pended', reason, runs };
    }
    default:
      return unknown(`the state "${state.slice(0, 40)}" is not one we know`);
  }
}

function parseCount(text: string): number | null {
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/** Exactly one of these lines is printed, and it belongs to the previous run. */
function parseLastExit(fields: ReadonlyMap<string, string>): LastExit | null {
  const code = fields.get('last exit code');
  if (code === '(never exited)') return { kind: 'never' };
  if (code !== undefined) {
    const match = /^(\d{1,3})(?:: EX_[A-Z]+)?$/.exec(code);
    return match === null ? { kind: 'other', text: code } : { kind: 'code', code: Number(match[1]) };
  }
  const signal = fields.get('last terminating signal');
  if (signal !== undefined) {
    const match = /^(.+): (\d{1,2})$/.exec(signal);
    const [, name, number] = match ?? [];
    return name === undefined
      ? { kind: 'other', text: signal }
      : { kind: 'signal', signal: Number(number), name };
  }
  const reason = fields.get('last exit reason');
  return reason === undefined ? null : { kind: 'other', text: reason };
}

/**
 * Reads one label out of `launchctl print-disabled gui/<uid>`. macOS 13 and later write disabled/enabled, older ones
 * true/false; a label that is not listed is enabled. The block of login items that may follow is passed over.
 */
export function parsePrintDisabled(text: string, label: string): Disabled {
  const lines = text.split('\n').map((line) => line.trim());
  const first = lines.indexOf('disabled services = {');
  const last = first === -1 ? -1 : lines.indexOf('}', first);
  if (last === -1) return 'unknown';
  let answer: Disabled = 'enabled';
  for (const line of lines.slice(first + 1, last)) {
    const match = /^"(.*)" => (\w+)$/.exec(line);
    if (match === null || match[1] !== label) continue;
    const word = match[2];
    if (word === 'disabled' || word === 'true') answer = 'disabled';
    else if (word === 'enabled' || word === 'false') answer = 'enabled';
    else return 'unknown';
  }
  return answer;
}

/** Which kind of session a process runs in. Jobs bootstrapped from another than Aqua may never be restarted. */
export type ManagerName = 'Aqua' | 'Background' | 'unknown';

export function parseManagerName(text: string): ManagerName {
  const word = text.trim();
  return word === 'Aqua' || word === 'Background' ? word : 'unknown';
}

/** Labels of `launchctl list`: a header, then pid, status and label, divided by tabs. */
export function parseListLabels(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [pid, status, label] = line.split('\t');
    const isRow = /^(?:-|\d+)$/.test(pid ?? '') && /^-?\d+$/.test(status ?? '');
    return isRow && label !== undefined && label !== '' ? [label] : [];
  });
}
