import type { RunResult } from '../run.ts';

export type Verb =
  | 'print'
  | 'print-disabled'
  | 'enable'
  | 'bootstrap'
  | 'bootout'
  | 'kickstart'
  | 'managername';

interface Meaning {
  readonly reason: string;
  readonly remedy: string;
}

const noLogin: Meaning = {
  reason: 'this user has no desktop session, so there is no gui domain',
  remedy: 'Log in on the Mac itself, or switch on automatic login',
};

/** launchctl's exit codes: the reason in our words, and what a person can do about it. */
const meanings: Readonly<Record<number, Meaning>> = {
  1: {
    reason: 'the operation is not permitted, as from inside a sandbox or for another user',
    remedy: 'Run it as the user who owns the job, from an ordinary Terminal',
  },
  2: { reason: 'the plist file is missing', remedy: 'Install the job again' },
  3: {
    reason: 'there is no such job or process',
    remedy: 'Nothing needs to be done if it was to be removed',
  },
  5: {
    reason:
      'launchd gave its catch-all error, which can mean an old job still stopping, a job already loaded, a disabled label, or a plist it does not accept',
    remedy: 'Check the plist with "plutil -lint" and its owner and mode, then try again',
  },
  17: {
    reason: 'a job of that label is already loaded',
    remedy: 'Boot it out first to load a new definition',
  },
  36: { reason: 'the job is still stopping or starting', remedy: 'Try again in a few seconds' },
  37: { reason: 'an earlier request for this job is still under way', remedy: 'Try again in a few seconds' },
  107: { reason: 'the bundle is malformed', remedy: 'Install the job again' },
  108: { reason: 'the path of the plist is not valid', remedy: 'Install the job again' },
  109: { reason: 'the plist is not a valid property list', remedy: 'Install the job again' },
  110: { reason: 'the plist has no valid Label', remedy: 'Install the job again' },
  111: { reason: 'the plist has no valid Program or ProgramArguments', remedy: 'Install the job again' },
  112: noLogin,
  113: { reason: 'launchd does not know the job', remedy: 'Load it with "launchctl bootstrap"' },
  118: { reason: 'launchd gave a bad answer', remedy: 'Try again; if it stays so, log out and in' },
  119: { reason: 'the job is disabled', remedy: 'Enable it with "launchctl enable", then try again' },
  121: {
    reason: 'launchd does not take services from that folder',
    remedy: 'Keep the plist in ~/Library/LaunchAgents',
  },
  122: {
    reason: 'the plist has the wrong owner or is writable by others',
    remedy: 'Make the user its owner and its mode 0644',
  },
  124: { reason: 'the desktop session is just ending', remedy: 'Nothing can be done until the next login' },
  125: noLogin,
  130: {
    reason: 'launchd met a condition it does not define',
    remedy: 'Look at the job with "launchctl print"',
  },
  133: { reason: 'launchd returned several errors at once', remedy: 'Read the message it gave' },
  134: {
    reason: 'the job may not be loaded in this kind of session',
    remedy: 'Remove LimitLoadToSessionType from the plist, or log in on the Mac itself',
  },
  139: {
    reason: 'launchd holds the job back because its program could not be started',
    remedy: 'Check that the program exists and can be executed, then boot the job out and load it again',
  },
  146: {
    reason: 'the session is in on-demand-only mode, as just after a login',
    remedy: 'Try again in a minute',
  },
  150: {
    reason: 'System Integrity Protection forbids it',
    remedy: "Only Apple's own services are protected so",
  },
  155: {
    reason: 'macOS refuses to run a quarantined program',
    remedy: 'Clear the mark with "xattr -d com.apple.quarantine" on the program',
  },
  159: { reason: 'a sandbox forbids it', remedy: 'Run it from an ordinary Terminal' },
  161: {
    reason: 'the job is switched off under Login Items',
    remedy: 'Switch it on in System Settings, General, Login Items',
  },
};

/** A message of launchctl longer than this says nothing more. */
const longestMessage = 200;

/** A whole sentence: what was tried, why it failed, what can be done. */
export function explainFailure(verb: Verb, label: string, result: RunResult): string {
  const what = `"launchctl ${verb}"${label === '' ? '' : ` of ${label}`}`;
  switch (result.kind) {
    case 'timed-out':
      return `${what} gave no answer within ${Math.round(result.afterMs / 1000)} seconds. If it stays so, log out and in, or restart the Mac.`;
    case 'not-started':
      return `${what} could not be started: ${result.because}. Check that launchctl is where the configuration says.`;
    case 'signaled':
      return `${what} was ended by ${result.signal} before it answered. Try again.`;
    case 'exited': {
      const meaning = meanings[result.code];
      const message = lastLine(result.stderr);
      if (meaning === undefined) {
        return `${what} failed with the code ${result.code}, which has no documented meaning${message === '' ? '' : ` (launchctl says: ${message})`}. Look at the job with "launchctl print".`;
      }
      return `${what} failed because ${meaning.reason} (code ${result.code}). ${meaning.remedy}.`;
    }
    default:
      return result satisfies never;
  }
}

/** The message itself, without the hint about root that may follow it. */
function lastLine(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Try re-running'));
  return (lines.at(-1) ?? '').trim().slice(0, longestMessage);
}

/** Codes that say there is no gui domain (at the login window, over SSH without a login, during logout). */
export const isNoDomain = (code: number): boolean => code === 112 || code === 124 || code === 125;
