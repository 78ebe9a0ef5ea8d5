import { type Asked, answerRestart } from '../core/asked.ts';
import { noteGeneration } from '../core/generation.ts';
import { rungOf, stepWords } from '../core/ladder.ts';
import type { Policy } from '../core/policy.ts';
import type { State } from '../core/state.ts';
import type { Answer } from '../daemon/commands.ts';
import { readLastState } from '../daemon/last-state.ts';
import { restartWithinMs } from '../daemon/restart-hand.ts';
import { readStatus } from '../daemon/status-file.ts';
import { askOrDo, refusalOf } from './ask-or-do.ts';
import type { RestartAsk } from './change-words.ts';
import type { Looked } from './check.ts';
import type { Context } from './context.ts';
import { watchdogLives } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';
import { consent } from './propose.ts';
import { report, reported } from './report.ts';
import { noSessionWords } from './session-words.ts';
import type { Terminal } from './terminal.ts';
import { waiting } from './waiting.ts';

export interface RestartParts {
  readonly context: Context;
  readonly terminal: Terminal;
  readonly policy: () => Promise<Policy>;
  /** One deep look from here. */
  readonly look: () => Promise<Looked>;
  /** Whether the gateway answers at this moment. */
  readonly answers: () => Promise<boolean>;
  /** Whether launchd has a session to run the gateway in. */
  readonly hasSession: () => Promise<boolean>;
}

/** `immune restart`: 0 it serves, 3 it does not, 4 refused, 5 busy. With and without the watchdog. */
export function runRestart(ask: RestartAsk, parts: RestartParts): Promise<number> {
  const to = { json: ask.json, context: parts.context, blank: { plan: null } };
  return reported(to, () => (ask.dryRun ? showPlan(ask, parts) : restart(ask, parts)));
}

async function restart(ask: RestartAsk, parts: RestartParts): Promise<number> {
  const { context, terminal } = parts;
  const { json, force } = ask;
  const answers = await parts.answers();
  if (answers) await consent(ask, terminal, 'The gateway answers. Restart it all the same?');
  const answer = await waiting('waiting until the gateway serves', { context, quiet: json }, async () =>
    // One that was only busy for a moment, or has come up since, has somebody at work that nobody was asked about.
    askOrDo({ kind: 'restart', force, by: 'immune restart', unlessServing: !answers && !ask.yes }, context, {
      role: 'restart',
      timeoutMs: orderWithinMs(await parts.policy()),
    }),
  );
  if (!answer.ok) {
    const session = (await parts.hasSession()) ? '' : `; ${noSessionWords}`;
    throw refusalOf({ ...answer, text: `${notRestarted(answer)}${session}` });
  }
  const ended = { exitCode: exitCodes.ok, outcome: 'serves', because: answer.text };
  return report({ ...ended, more: { plan: null } }, { json, context });
}

/** An action that is under way comes first, and the watchdog may be busy. */
export const orderWithinMs = (policy: Policy): number =>
  restartWithinMs({ policy }) + policy.actionDeadlineMs + 60_000;

/** What failed says itself that something was tried. */
const notRestarted = ({ why, text }: Answer): string =>
  why === 'failed' ? text : `nothing was restarted: ${text}`;

async function showPlan({ json, force }: RestartAsk, parts: RestartParts): Promise<number> {
  const { context } = parts;
  const { evidence, rules } = await waiting('looking', { context, quiet: json }, parts.look);
  const now = context.clock.now();
  const state = noteGeneration(await rememberedState(context), evidence, now);
  const asked = answerRestart(state, evidence, { now, rules, force });
  const to = { json, context };
  const more = { plan: planJson(asked) };
  switch (asked.kind) {
    case 'go': {
      const over = asked.over === null ? '' : ` (by force, though ${asked.over})`;
      const because = `would ${stepWords(asked.step)}, ${rungOf(asked.step)}${over}: ${asked.because}; nothing was changed`;
      return report({ exitCode: exitCodes.ok, outcome: 'dry-run', because, more }, to);
    }
    case 'nothing': {
      const because = `would only wait: ${asked.because}; nothing was changed`;
      return report({ exitCode: exitCodes.ok, outcome: 'dry-run', because, more }, to);
    }
    case 'refused': {
      // The order itself would end so: what is in flight is over soon, and nothing is wrong with asking again.
      if (state.phase.kind === 'repairing')
        throw refusalOf({
          ok: false,
          why: 'busy',
          text: `would not begin: ${asked.because}`,
          next: asked.next,
        });
      const session = evidence.service.kind === 'no-domain' ? `; ${noSessionWords}` : '';
      const because = `would be refused: ${asked.because}${session}`;
      return report({ exitCode: exitCodes.refused, outcome: 'refused', because, next: asked.next, more }, to);
    }
    default:
      return asked satisfies never;
  }
}

function planJson(asked: Asked): object | null {
  if (asked.kind !== 'go') return null;
  const { step, cause, over } = asked;
  return { step: step.kind, rung: rungOf(step), cause, words: stepWords(step), over };
}

/** What whoever restarts it remembers: the living watchdog, or the journal. */
export async function rememberedState(context: Context): Promise<State> {
  const { paths, clock } = context;
  const file = await readStatus(paths.state);
  if (file.kind === 'read' && (await watchdogLives(file.status, context))) return file.status.state;
  return readLastState(paths.state, clock.now());
}
