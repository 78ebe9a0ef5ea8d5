import type { AlertKind, Severity } from '../core/alert.ts';
import type { Instant } from '../core/time.ts';

type ChannelKind =
  | 'ntfy'
  | 'telegram'
  | 'discord'
  | 'slack'
  | 'webhook'
  | 'email'
  | 'healthchecks'
  | 'uptime-kuma'
  | 'notification';

/** What one alert says, before a channel makes its own format of it. Every text is taken as hostile and made inert. */
export interface Message {
  /** The same after a replay: a reader who gets it twice can tell. */
  readonly id: string;
  readonly kind: AlertKind;
  readonly severity: Severity;
  readonly at: Instant;
  readonly incident: string | null;
  /** At most 80 characters: the lock screen shows little more. */
  readonly title: string;
  /** Lines of plain text: what, since when, what we did. */
  readonly body: readonly string[];
  /** The exact next command. */
  readonly next: string;
  /** Marked as a test wherever it is shown. */
  readonly test: boolean;
}

/**
 * `later`: nothing is wrong with what we said; try again (not before `retryAfterMs`, when the other side named a time).
 * `refused`: the other side, or our own check, will not take it as it is; tried again slowly, and told.
 */
export type SendOutcome =
  | { readonly kind: 'delivered'; readonly because: string }
  | {
      readonly kind: 'later';
      readonly because: string;
      readonly retryAfterMs: number | null;
      /** No way out of this machine was found: no name resolved, no route. On all channels at once it is offline. */
      readonly offline?: true;
    }
  | { readonly kind: 'refused'; readonly because: string };

/** One way to an operator. `send` never throws, ends within 30 s, and its `because` holds no secret. */
export interface Channel {
  readonly name: string;
  readonly kind: ChannelKind;
  readonly minSeverity: Severity;
  send(message: Message, signal: AbortSignal): Promise<SendOutcome>;
}

/** A dead-man channel: silence is what alarms. `fail` says at once that help is needed. */
export interface Pinger {
  readonly name: string;
  readonly kind: ChannelKind;
  ping(kind: 'alive' | 'fail', signal: AbortSignal): Promise<SendOutcome>;
}

/** What `openChannels` of channels.ts gives. */
export interface Channels {
  readonly channels: readonly Channel[];
  readonly pingers: readonly Pinger[];
  /** One sentence for each channel that cannot be used as it is written: its name, why, and what to do. */
  readonly problems: readonly string[];
}
