import type { CheckLine } from './check-report.ts';
import type { Evidence } from './evidence.ts';
import type { GroundEvidence } from './ground-evidence.ts';
import { spellBytes } from './words.ts';

/** What a start stands on, a sentence each; nothing for what was not asked. */
export function groundLines({ ground }: Evidence): readonly CheckLine[] {
  return [
    configLine(ground),
    packageLine(ground),
    line('plugins', ground.plugins, (plugins) =>
      plugins.kind === 'broken'
        ? fail(`plugins: ${plugins.id}: ${plugins.because}`)
        : pass('plugins: complete'),
    ),
    line('start', ground.launch, (launch) =>
      launch.kind === 'broken'
        ? fail(`start: ${launch.because}`)
        : pass(`start: ${launch.node} and its wrapper are fit`),
    ),
    line('lock', ground.lock, (lock) =>
      lock.kind === 'held'
        ? fail(`lock: held by process ${lock.pid} (${lock.command}), which launchd did not start`)
        : pass('lock: nobody else holds it'),
    ),
    ...machineLines(ground),
    ...wordLines(ground),
  ].filter((each) => each !== null);
}

const pass = (sentence: string): CheckLine => ({ verdict: 'pass', sentence });
const fail = (sentence: string): CheckLine => ({ verdict: 'fail', sentence });
const note = (sentence: string): CheckLine => ({ verdict: 'note', sentence });

interface Unread {
  readonly kind: 'unread';
}
interface Unknown {
  readonly kind: 'unknown';
  readonly because: string;
}
interface Kind {
  readonly kind: string;
}
type Known<E extends Kind> = Exclude<E, Unread | Unknown>;

/** Says what was found, or that it could not be told; nothing for what was not asked. */
function line<E extends Kind>(
  name: string,
  asked: E,
  found: (known: Known<E>) => CheckLine | null,
): CheckLine | null {
  if (asked.kind === 'unread') return null;
  if (isUnknown(asked)) return { verdict: 'unknown', sentence: `${name}: ${asked.because}` };
  return found(asked as Known<E>);
}

const isUnknown = (asked: Kind): asked is Unknown => asked.kind === 'unknown';

function configLine({ config: asked }: GroundEvidence): CheckLine | null {
  return line('config', asked, (config) => {
    if (config.kind === 'faulty') return fail(`config: ${config.fault}: ${config.because}`);
    const words = {
      valid: pass("config: parses, and OpenClaw's validator accepts it"),
      pending: note("config: parses; OpenClaw's validator is still at it"),
      unknown: note(
        "config: parses; OpenClaw's validator gave no usable answer, which says nothing of the config",
      ),
    };
    return words[config.validator];
  });
}

function packageLine({ dependencies: asked }: GroundEvidence): CheckLine | null {
  return line('package', asked, (found) => {
    if (found.kind === 'intact') return pass(`package: openclaw ${found.version} is complete`);
    if (found.kind === 'installing') return note(`package: ${found.because}`);
    return fail(`package: ${found.kind}: ${found.because}`);
  });
}

function machineLines({ disk, descriptors, memory }: GroundEvidence): readonly (CheckLine | null)[] {
  return [
    line('disk', disk, ({ freeBytes, path }) => note(`disk: ${spellBytes(freeBytes)} free at ${path}`)),
    line('descriptors', descriptors, ({ open, limit }) =>
      note(`descriptors: ${open} of ${limit} files open`),
    ),
    line('memory', memory, ({ residentBytes }) => note(`memory: ${spellBytes(residentBytes)} resident`)),
  ];
}

function wordLines({ boot, log, channels }: GroundEvidence): readonly (CheckLine | null)[] {
  const said = log.kind === 'read' ? log.findings : [];
  return [
    line('boot record', boot, (row) =>
      row.kind === 'row' && row.reason !== null ? note(`boot record: ${row.outcome}: ${row.reason}`) : null,
    ),
    ...said.map(({ sign, text }) => note(`log: ${sign}: ${text}`)),
    line('channels', channels, (found) =>
      found.kind === 'suppressed'
        ? fail(`channels: ${found.because}`)
        : pass('channels: not held back by OpenClaw'),
    ),
  ];
}
