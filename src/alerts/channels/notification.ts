import type { Run } from '../../system/run.ts';
import type { SendOutcome } from '../channel.ts';
import { cut } from '../plain.ts';
import type { SafeMessage } from '../safe-message.ts';

/** About as much as macOS shows. */
const maxBody = 200;
const timeoutMs = 10_000;

/**
 * The script is fixed and comes first; what is told are arguments to it, so no text can become AppleScript, and none can
 * be taken for an option.
 */
const script = (ending: string): readonly string[] => [
  '-e',
  'on run argv',
  '-e',
  `display notification (item 2 of argv) with title (item 1 of argv)${ending}`,
  '-e',
  'end run',
  '--',
];
const silent = script('');
const loud = script(' sound name "Basso"');

/**
 * A notification on the screen of this Mac, as good as it gets: macOS says nothing about whether it was shown, and shows
 * nothing when nobody is logged in, a focus mode is on, or Script Editor was never allowed to notify.
 */
export async function notify(
  message: SafeMessage,
  deps: { readonly run: Run; readonly osascript: string },
  signal: AbortSignal,
): Promise<SendOutcome> {
  const next = message.next === '' ? '' : cut(`Next: ${message.next}`, maxBody);
  // The command is what somebody has to type: what happened is shortened first.
  const what = cut(message.lines[0] ?? '', Math.max(0, maxBody - [...next].length - 1));
  const body = [what, next].filter((each) => each !== '').join(' ');
  const result = await deps.run({
    file: deps.osascript,
    args: [...(message.severity === 'critical' ? loud : silent), message.title, body],
    timeoutMs,
    maxBytes: 4_096,
    signal,
  });
  if (result.kind === 'exited' && result.code === 0) {
    return { kind: 'delivered', because: 'handed to macOS, which does not say whether it was shown' };
  }
  const how =
    result.kind === 'exited' ? `osascript ended with ${result.code}` : 'osascript did not end as it should';
  return { kind: 'later', because: `no notification was shown: ${how}`, retryAfterMs: null };
}
