import { shellWord } from '../../core/shell-word.ts';
import { type Step, stagedFile } from './steps.ts';

export interface LaunchctlWords {
  readonly launchctl: string;
  readonly uid: number;
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
const column = (word: string): string => word.padEnd(8);

/** A command as a person would type it: only words that need it are quoted. Never run through a shell. */
export const renderCommand = (argv: readonly string[]): string => argv.map(shellWord).join(' ');

/** The lines of one step: every file and every command. */
function renderStep(step: Step, words: LaunchctlWords): readonly string[] {
  const run = (...argv: string[]): string => `${column('run')}${renderCommand(argv)}`;
  const target = (label: string): string => `gui/${words.uid}/${label}`;
  const start = (label: string, heartbeat: string | null): string[] =>
    heartbeat === null
      ? [run(words.launchctl, 'print', target(label))]
      : [
          run(words.launchctl, 'kickstart', target(label)),
          run(words.launchctl, 'print', target(label)),
          `${column('wait')}for a lasting process and its heartbeat ${heartbeat}`,
        ];
  switch (step.kind) {
    case 'directory':
      return [`${column('make')}${step.path}  (${octal(step.mode)}; ${step.why})`];
    case 'copy':
      return [
        `${column('copy')}${step.from}`,
        `${column('  to')}${step.path}  (${octal(step.mode)}; ${step.why})`,
        run(...step.smoke.map((word) => (word === stagedFile ? step.path : word))),
      ];
    case 'write':
      return [
        `${column('write')}${step.path}  (${octal(step.mode)}, ${Buffer.byteLength(step.text)} bytes; ${step.why})`,
        ...(step.lint === null ? [] : [run(...step.lint)]),
      ];
    case 'link':
      return [`${column('link')}${step.path} -> ${step.target}  (${step.why})`];
    case 'remove':
      return [`${column('remove')}${step.path}  (${step.why})`];
    case 'unload':
      return [
        `${run(words.launchctl, 'bootout', target(step.label))}  (and wait until it is gone; ${step.why})`,
      ];
    case 'enable':
      return [`${run(words.launchctl, 'enable', target(step.label))}  (${step.why})`];
    case 'load':
      return [
        `${run(words.launchctl, 'enable', target(step.label))}  (${step.why})`,
        run(words.launchctl, 'bootout', target(step.label)),
        run(words.launchctl, 'bootstrap', `gui/${words.uid}`, step.plistPath),
        ...start(step.label, step.heartbeat),
      ];
    case 'confirm':
      return [
        `${run(words.launchctl, 'enable', target(step.label))}  (${step.why})`,
        ...start(step.label, step.heartbeat),
      ];
    case 'hook':
      return [
        ...step.files.map(
          ({ path, text, mode }) =>
            `${column('write')}${path}  (${octal(mode)}, ${Buffer.byteLength(text)} bytes; ${step.why})`,
        ),
        `${run(...step.put)}  (the gateway restarts once)`,
        `${column('wait')}until ${step.plist} names it and the gateway serves again; else it is taken back:`,
        run('OPENCLAW_WRAPPER=', ...step.takeBack),
      ];
    case 'unhook':
      return [
        `${run('OPENCLAW_WRAPPER=', ...step.takeBack)}  (the gateway restarts once; ${step.why})`,
        `${column('remove')}${step.directory}  (if that went well; else the wrapper only starts the gateway)`,
      ];
    default:
      return step satisfies never;
  }
}

/** One short line while a step is being done; a home is written as `~`. */
export function renderProgress(step: Step, home: string): string {
  const what = (): string => {
    switch (step.kind) {
      case 'directory':
        return `${column('make')}${step.path}`;
      case 'copy':
      case 'write':
      case 'link':
      case 'remove':
        return `${column(step.kind)}${step.path}`;
      case 'unload':
      case 'load':
      case 'enable':
        return `${column(step.kind)}${step.label}`;
      case 'confirm':
        return `${column('check')}${step.label}  (${step.why})`;
      case 'hook':
      case 'unhook':
        return `${column(step.kind)}${step.label}  (${step.why}; it restarts once)`;
      default:
        return step satisfies never;
    }
  };
  return `  ${what().replaceAll(`${home}/`, '~/')}`;
}

/** The whole plan, for `--dry-run`. */
export function renderPlan(steps: readonly Step[], words: LaunchctlWords): readonly string[] {
  return steps.flatMap((step) => renderStep(step, words).map((line) => `  ${line}`));
}
