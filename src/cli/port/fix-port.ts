import { UserError } from '../../core/errors.ts';
import { freePortWithinMs, neverEnded, startedByHand } from '../../daemon/port-hand.ts';
import { askOrDo } from '../ask-or-do.ts';
import { type ChangeGround, openChangeGround } from '../change-ground.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { createProgress } from '../progress.ts';
import { consent } from '../propose.ts';
import { report } from '../report.ts';
import type { Terminal } from '../terminal.ts';
import type { FixPortAsk } from './ask.ts';
import { openPortGround, type PortGround } from './ground.ts';
import { lookAtPort, type PortView } from './look.ts';
import { changeAddress, type Remedy, remediesFor } from './remedies.ts';
import { holderJson, holderLine, tailscaleWords, verdictLine } from './words.ts';

interface Fixing extends PortGround {
  readonly ask: FixPortAsk;
  readonly context: Context;
  readonly terminal: Terminal;
  readonly ground: ChangeGround;
  readonly say: (line: string) => void;
}

/** An action of the watchdog may be in flight, and this waits for its end. */
const inFlightMs = 180_000;
const withinMs = freePortWithinMs + inFlightMs;
const by = 'immune fix-port';

/**
 * `immune fix-port`: 0 the port is free or the gateway's own, or was freed; 3 somebody else has it; 4 refused. Ends
 * nothing but a gateway of ours, or the process that was named. Works with and without the watchdog.
 */
export async function runFixPort(ask: FixPortAsk, context: Context, terminal: Terminal): Promise<number> {
  const ground = await openChangeGround(context, 'the look at the port');
  try {
    const say = (line: string): void => void (ask.json || context.out.write(`${line}\n`));
    const fixing: Fixing = { ...openPortGround(ground, context), ask, context, terminal, ground, say };
    return await fix(await lookAtPort(fixing.look), fixing);
  } finally {
    ground.shop.log.close();
  }
}

async function fix(view: PortView, fixing: Fixing): Promise<number> {
  const { ask, context, say } = fixing;
  for (const holder of view.holders) say(holderLine(holder, context.uid));
  if (ask.kill !== null) return kill(ask.kill, view, fixing);
  if (ask.movePort !== null || ask.bindLoopback) return change(view, fixing);
  switch (view.verdict) {
    case 'free':
    case 'ours':
      return end(view, fixing, { outcome: 'fine', exitCode: exitCodes.ok });
    case 'orphan':
      return endOrphan(view, fixing);
    case 'foreign':
      return besideForeign(view, fixing);
    case 'unknown':
      return end(view, fixing, {
        outcome: 'unknown',
        exitCode: exitCodes.unhealthy,
        next: view.holders.some(({ pid }) => pid !== null)
          ? 'immune check --why'
          : `sudo lsof -nP -iTCP:${view.port} -sTCP:LISTEN`,
      });
    default:
      return view.verdict satisfies never;
  }
}

async function endOrphan(view: PortView, fixing: Fixing): Promise<number> {
  const { ask, terminal, say } = fixing;
  const orphan = view.leading.find(({ who }) => who === 'orphan');
  if (orphan?.pid == null || orphan.startedAt === null) throw new Error('an orphan without a process');
  const { pid, startedAt, hasTerminal } = orphan;
  say(verdictLine(view));
  say(
    `the plan: end process ${pid} (SIGTERM, then SIGKILL); a gateway that launchd has waiting takes the port by itself`,
  );
  if (ask.dryRun) return end(view, fixing, nothingDone);
  const byHand = hasTerminal !== false;
  if (byHand && ask.yes && !ask.force)
    throw new UserError(
      'by-hand',
      `nothing was sent: the gateway ${pid} ${startedByHand(orphan)} in a terminal, so somebody may be at work with it`,
      { hint: 'immune fix-port --force --yes', exitCode: exitCodes.refused },
    );
  const question = byHand
    ? `Process ${pid} ${startedByHand(orphan)} in a terminal. End it?`
    : `End process ${pid}?`;
  await consent(ask, terminal, question);
  // Whoever has answered the question knows of the terminal.
  return send({ pid, startedAt, foreign: false, force: byHand }, view, fixing);
}

/** A process that the operator names: exactly that one, and none that must go on living. */
async function kill(pid: number, view: PortView, fixing: Fixing): Promise<number> {
  const { ask, context, look, terminal, say } = fixing;
  const never = await neverEnded(pid, look);
  if (never !== null) throw refused(`nothing was sent: ${never.because}`, never.next);
  if (view.verdict === 'unknown' && view.holders.length === 0) throw refused(verdictLine(view));
  const holder = view.holders.find((each) => each.pid === pid);
  if (holder === undefined)
    throw refused(`nothing was sent: process ${pid} does not listen on port ${view.port}`);
  const { startedAt, uid } = holder;
  if (startedAt === null || uid === null)
    throw refused(`nothing was sent: nobody can tell which process ${pid} is: ${holder.because}`);
  if (uid !== context.uid && context.uid !== 0)
    throw refused(`nothing was sent: process ${pid} belongs to another user`, `sudo kill ${pid}`);
  say(`the plan: end process ${pid}, ${holder.program} (SIGTERM, then SIGKILL)`);
  if (ask.dryRun) return end(view, fixing, nothingDone);
  await consent(ask, terminal, `End process ${pid} (${holder.program}), as you asked?`);
  const foreign = holder.who !== 'orphan';
  return send({ pid, startedAt, foreign, force: true }, view, fixing);
}

interface Sending {
  readonly pid: number;
  readonly startedAt: number;
  readonly foreign: boolean;
  readonly force: boolean;
}

/** By the watchdog if it runs, else by its own loop for this one command. */
async function send(sending: Sending, view: PortView, fixing: Fixing): Promise<number> {
  const { ask, context, look } = fixing;
  const progress = createProgress(context, ask.json);
  const told = (): void => progress.show('ending it, and waiting for the gateway');
  told();
  const request = { kind: 'fix-port', ...sending, by } as const;
  const asking = { role: 'fix-port', timeoutMs: withinMs, onAsked: told };
  const answer = await askOrDo(request, context, asking).finally(progress.end);
  const { ok, text, why, next = 'immune status' } = answer;
  if (ok) {
    const after = answer.next === undefined ? {} : { next: answer.next };
    const freed = { outcome: 'freed', exitCode: exitCodes.ok, because: text, ...after } as const;
    return end(ask.json ? await lookAtPort(look) : view, fixing, freed);
  }
  if (why === 'busy') throw new UserError('busy', text, { hint: next, exitCode: exitCodes.busy });
  const exitCode = why === 'failed' ? exitCodes.unhealthy : exitCodes.refused;
  throw new UserError('not-freed', text, { hint: next, exitCode });
}

/** Named and left alone; what would give the gateway a port is offered. */
async function besideForeign(view: PortView, fixing: Fixing): Promise<number> {
  const { ask, address, terminal, say } = fixing;
  for (const { tailscale } of view.leading) if (tailscale !== null) say(tailscaleWords[tailscale].more);
  const remedies = await remediesFor(view, address);
  const pid = view.leading.find(({ who }) => who === 'foreign')?.pid ?? null;
  if (remedies.length > 0) say('what would help:');
  for (const { does, commands } of remedies) {
    say(`  ${does}:`);
    for (const command of commands) say(`    ${command}`);
  }
  if (pid !== null)
    say(`  or end that program, if you know it is not needed:\n    immune fix-port --kill ${pid}`);
  if (terminal.interactive && !ask.json && !ask.dryRun && !ask.yes) {
    for (const remedy of remedies) {
      if (await terminal.ask(`Change the config so that ${remedy.does}?`))
        return change(view, { ...fixing, ask: asAsked(ask, remedy) });
    }
  }
  const next = remedies[0]?.commands[0] ?? (pid === null ? 'immune status' : `immune fix-port --kill ${pid}`);
  const exitCode = ask.dryRun ? exitCodes.ok : exitCodes.unhealthy;
  return end(view, fixing, { outcome: 'foreign', exitCode, remedies, next });
}

const asAsked = (ask: FixPortAsk, { kind, port }: Remedy): FixPortAsk => ({
  ...ask,
  bindLoopback: kind === 'bind-loopback',
  movePort: port,
});

function change(view: PortView, fixing: Fixing): Promise<number> {
  const { ask, address, watched, say, context, ground, terminal } = fixing;
  const changing = { ask, address, serves: view.verdict === 'ours', watched, say };
  return changeAddress(changing, { context, ground, terminal });
}

const refused = (text: string, hint = 'immune fix-port'): UserError =>
  new UserError('refused', text, { hint, exitCode: exitCodes.refused });

interface Ending {
  readonly outcome: 'fine' | 'dry-run' | 'freed' | 'foreign' | 'unknown';
  readonly exitCode: number;
  /** Without it, how the port stands. */
  readonly because?: string;
  readonly remedies?: readonly Remedy[];
  readonly next?: string;
}

const nothingDone: Ending = { outcome: 'dry-run', exitCode: exitCodes.ok, because: 'nothing was sent' };

/** The last words for a person, or one JSON object whose keys are always all there. */
function end(view: PortView, { ask, context }: Fixing, ending: Ending): number {
  const { because = verdictLine(view), remedies = [] } = ending;
  const { port, verdict, holders } = view;
  const more = { port, verdict, holders: holders.map(holderJson), remedies };
  return report({ ...ending, because, more }, { json: ask.json, context });
}
