import { checkReport, renderCheck } from '../core/check-report.ts';
import { inDoubt } from '../core/decision.ts';
import type { Rules } from '../core/look.ts';
import { type Clock, millis, plus } from '../core/time.ts';
import { why } from '../core/why.ts';
import { spell } from '../core/words.ts';
import type { AlertHands } from './alert-desk.ts';
import type { Answer, Request } from './commands.ts';
import type { Loop } from './loop.ts';
import type { PackageHands } from './package-hands.ts';
import { freePort, type PortHandParts } from './port-hand.ts';
import { restartGateway } from './restart-hand.ts';
import type { Trials } from './trial-parts.ts';

/** Said instead of "paused": a pause that a restart of the watchdog would forget is none. */
const notDurable: Answer = {
  ok: false,
  text: 'nothing was changed, because the journal cannot be written; "immune logs" says why',
};

const noAlertHands: Answer = { ok: false, text: 'nothing was changed: this watchdog sends no alerts' };

const noPackageHands: Answer = {
  ok: false,
  text: 'nothing was changed: this watchdog has nothing to repair a package with',
};

const noPortHands: Answer = {
  ok: false,
  text: 'nothing was sent: this watchdog has nothing to prove with who holds the port',
};

/** What the daemon does with one request of the operator, and what it answers. */
export async function carryOut(
  request: Request,
  loop: Loop,
  {
    clock,
    rules,
    trials,
    packages,
    alerts,
    port,
  }: {
    readonly clock: Clock;
    readonly rules: () => Rules;
    readonly trials: Trials;
    readonly packages?: PackageHands;
    readonly alerts?: AlertHands;
    readonly port?: PortHandParts;
  },
): Promise<Answer> {
  switch (request.kind) {
    case 'pause': {
      const until = request.forMs === null ? null : plus(clock.now(), millis(request.forMs));
      const because = `Paused by ${request.by}${request.forMs === null ? '' : ` for ${spell(request.forMs)}`}`;
      if (!(await loop.command({ kind: 'pause', until, because }, because))) return notDurable;
      const length = request.forMs === null ? 'until "immune resume"' : `for ${spell(request.forMs)}`;
      return { ok: true, text: `paused ${length}: the watchdog looks on, and does nothing` };
    }
    case 'resume': {
      const { pause, phase } = loop.state();
      const isPaused = pause !== null || (phase.kind === 'suspended' && phase.cause === 'paused');
      // In doubt about itself it waits for the same word.
      if (!isPaused && !inDoubt(loop.state())) return { ok: true, text: 'nothing was paused: nothing to do' };
      if (!(await loop.command({ kind: 'resume' }, `Resumed by ${request.by}`))) return notDurable;
      return { ok: true, text: 'resumed' };
    }
    case 'check': {
      const evidence = await loop.deepen();
      const report = checkReport(evidence);
      if (!request.why) return { ok: report.ok, text: renderCheck(report.lines) };
      const chain = why({ evidence, state: loop.state(), now: clock.now(), rules: rules() });
      return { ok: report.ok, text: chain.join('\n') };
    }
    case 'repair':
    case 'acknowledge': {
      const { incident, pause } = loop.state();
      if (incident === null) return { ok: true, text: 'there is no open incident: nothing to do' };
      if (!(await loop.command({ kind: request.kind }, `${request.kind} asked by ${request.by}`)))
        return notDurable;
      if (request.kind === 'acknowledge')
        return { ok: true, text: `incident ${incident.id} is acknowledged` };
      const paused =
        pause === null ? '' : '; the watchdog is paused, so nothing happens before "immune resume"';
      return { ok: true, text: `incident ${incident.id} is tried again, within the budgets${paused}` };
    }
    case 'apply':
    case 'fix-config':
      return trials.apply(request);
    case 'confirm':
      return trials.confirm(request.by);
    case 'fix-deps':
      return packages?.mend(request) ?? noPackageHands;
    case 'restart':
      return restartGateway(request, { clock, rules, loop });
    case 'fix-port':
      return port === undefined ? noPortHands : freePort(request, port);
    case 'undo':
      if (packages !== undefined && (await packages.owns(request.id)))
        return packages.undo(request.id, request.by);
      return trials.undo(request.id, request.by);
    case 'alerts':
      return alerts?.[request.what](request.id) ?? noAlertHands;
    default:
      return request satisfies never;
  }
}
