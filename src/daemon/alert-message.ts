import { hostname } from 'node:os';
import type { Message } from '../alerts/channel.ts';
import type { Alert } from '../core/alert.ts';
import { type Instant, since } from '../core/time.ts';
import { spell } from '../core/words.ts';

/** A title has 80 characters, and the machine is not what it is about. */
const nameLength = 20;

/** Two Macs may tell one phone: the first label of the host's name, in plain characters. */
export function machineName(host = hostname()): string {
  const label = (host.split('.')[0] ?? '').replaceAll(/[^\p{L}\p{N}_-]/gu, '').slice(0, nameLength);
  return label === '' ? 'gateway' : label;
}

/** What a channel is given to send. */
export function messageOf(alert: Alert): Message {
  const { id, kind, severity, at, incident, lines, next } = alert;
  const title = `${machineName()}: ${alert.title}`;
  const body = [...lines, ...(alert.since === null ? [] : [sinceLine(alert.since, at)])];
  return { id, kind, severity, at, incident, title, body, next, test: false };
}

/** The moment too: a message that had to wait for the network would else say "3 min" of an outage of yesterday. */
const sinceLine = (from: Instant, at: Instant): string =>
  `Since ${dayOf(from)} ${timeOf(from)} (written ${dayOf(at) === dayOf(from) ? '' : `${dayOf(at)} `}${timeOf(at)}, ${spell(since(from, at))} later).`;

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-11-22`, where the gateway lives. */
function dayOf(at: Instant): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function timeOf(at: Instant): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}
