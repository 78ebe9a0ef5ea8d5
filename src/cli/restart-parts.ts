import { loadSettings } from '../config/settings.ts';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import { readIfExists } from '../system/durable-file.ts';
import type { Context } from './context.ts';
import { lookDeepOnce } from './look-deep.ts';
import type { RestartParts } from './restart.ts';
import { gatewayAnswers, hasSession } from './status/gather.ts';
import type { Terminal } from './terminal.ts';

/** What `immune restart` works with, the real ones. */
export function restartParts(context: Context, terminal: Terminal): RestartParts {
  return {
    context,
    terminal,
    policy: () => policyOf(context),
    look: () => lookDeepOnce(context),
    answers: () => gatewayAnswers(context),
    hasSession: () => hasSession(context),
  };
}

/** How long something may take, by the settings; by the defaults where they cannot be read, for whoever acts says so. */
async function policyOf({ paths }: Context): Promise<Policy> {
  const loaded = await loadSettings(paths.config, readIfExists);
  return loaded.kind === 'ok' ? loaded.settings.policy : defaultPolicy;
}
