import { UserError } from '../core/errors.ts';
import { type Ask, runErrand } from '../daemon/errand.ts';
import { sightGateway } from '../daemon/gateway-sight.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { underLease } from './own-hands.ts';
import { launchdOf, openWorkshop } from './workshop.ts';

/**
 * The watchdog's own loop for one command, where no watchdog is alive: with its lease, its journal and its budgets. What
 * it does is the same, and is remembered by the next watchdog.
 */
export async function withErrand<T>(
  context: Context,
  { role }: { readonly role: string },
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const shop = await openWorkshop(context, { name: role, keeps: false });
  const { live, log, processes } = shop;
  const { settings } = live.current();
  try {
    if (settings.serviceManager === 'embedded')
      throw new UserError(
        'embedded',
        'nothing was changed: without launchd the watchdog itself starts the gateway, and it does not run',
        { hint: 'immune daemon --foreground', exitCode: exitCodes.refused },
      );
    const manager = launchdOf(settings, context);
    const end = await underLease({ role, processes }, context, () =>
      runErrand(
        {
          role,
          clock: context.clock,
          paths: context.paths,
          settings: live.current,
          manager,
          processes,
          log,
          uid: context.uid,
          sight: () => sightGateway({ ...live.current().settings, gateway: settings.gateway }, context.uid),
          onSecret: shop.registerSecret,
          redact: shop.redact,
          // Whoever goes away in a moment begins nothing that takes hours.
          startJob: async () => undefined,
          signal: context.signal,
        },
        work,
      ),
    );
    switch (end.kind) {
      case 'done':
        return end.result;
      case 'interrupted':
        throw new UserError('interrupted', 'interrupted: what was begun is in the journal', {
          hint: 'immune status',
          exitCode: exitCodes.interrupted,
        });
      case 'failed':
        throw new UserError('journal', `nothing was changed: ${end.because}`, {
          hint: `make ${context.paths.state} writable for this user and free some space, then try again`,
          exitCode: exitCodes.unhealthy,
        });
      default:
        return end satisfies never;
    }
  } finally {
    log.close();
  }
}
