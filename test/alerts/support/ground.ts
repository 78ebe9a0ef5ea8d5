import type { Message } from '../../../src/alerts/channel.ts';
import type { ChannelDeps } from '../../../src/alerts/channels.ts';
import type { Settings } from '../../../src/config/settings.ts';
import { instant } from '../../../src/core/time.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { createRedactor } from '../../../src/system/redact.ts';
import { run } from '../../../src/system/run.ts';

export type ChannelSettings = Settings['alerts']['channels'][number];

/** A channel whose secret, if any, stands in the variable SECRET. */
export const channelSettings = (
  given: Pick<ChannelSettings, 'kind' | 'url'> & Partial<ChannelSettings>,
): ChannelSettings => ({
  name: given.kind,
  secretFile: null,
  secretEnv: null,
  secretKeychain: null,
  minSeverity: 'info',
  ...given,
});

export const message = (given: Partial<Message> = {}): Message => ({
  id: '812-0',
  kind: 'exhausted',
  severity: 'critical',
  at: instant(Date.UTC(2026, 10, 22, 3, 14)),
  incident: 'i-812',
  title: 'OpenClaw is down and needs you',
  body: ['Down since 03:02, for 12 min: its config is not valid.', '2 restarts and a rollback did not help.'],
  next: 'immune status',
  test: false,
  ...given,
});

export const never = new AbortController().signal;

/** What the daemon gives its channels, with a redactor of its own. */
export function channelDeps(given: Partial<ChannelDeps> = {}): ChannelDeps {
  const redactor = createRedactor();
  return {
    clock: systemClock(),
    env: {},
    run,
    security: null,
    osascript: null,
    onSecret: redactor.register,
    redact: redactor.redact,
    ...given,
  };
}
