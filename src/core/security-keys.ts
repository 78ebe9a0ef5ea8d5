import type { KeyPath } from './config-change.ts';

interface Rule {
  readonly keys: readonly string[];
  readonly why: string;
  /** It lets somebody in, or more be done: without it there is less, never more. */
  readonly opens?: true;
}

/** What stands at these places, with all below it; `*` is any one step. Checked against the schema of 2026.9.6. */
const places: readonly Rule[] = [
  { keys: ['gateway', 'bind'], why: 'which network reaches the gateway' },
  { keys: ['gateway', 'customBindHost'], why: 'which address the gateway listens on' },
  { keys: ['gateway', 'auth'], why: 'who may speak to the gateway' },
  { keys: ['gateway', 'roles'], why: 'what each of them may do' },
  { keys: ['gateway', 'tls'], why: 'whether others on the way can listen' },
  { keys: ['gateway', 'portals'], why: 'a way in from the internet', opens: true },
  { keys: ['gateway', 'terminal'], why: 'a shell in the browser', opens: true },
  { keys: ['gateway', 'http', 'endpoints', '*', 'enabled'], why: 'further ways in', opens: true },
  { keys: ['gateway', 'nodes', 'pairing'], why: 'which devices join without being asked about' },
  { keys: ['gateway', 'nodes', 'pluginTools'], why: 'what the devices may run' },
  { keys: ['gateway', 'remote', 'tlsFingerprint'], why: 'which gateway is believed to be ours' },
  { keys: ['accessGroups'], why: 'who is behind the names in the allow-lists' },
  { keys: ['approvals'], why: 'who is asked before a command runs' },
  { keys: ['security'], why: 'what may be installed, and which findings are hidden' },
  { keys: ['secrets', 'egressProxy'], why: 'where credentials may go' },
  { keys: ['commands', 'bash'], why: 'a shell from the chat', opens: true },
  { keys: ['commands', 'config'], why: 'the config written from the chat', opens: true },
  { keys: ['commands', 'debug'], why: 'settings overridden from the chat', opens: true },
  { keys: ['commands', 'mcp'], why: 'programs added from the chat', opens: true },
  { keys: ['commands', 'plugins'], why: 'plugins added from the chat', opens: true },
  { keys: ['commands', 'restart'], why: 'a restart from the chat' },
  { keys: ['commands', 'useAccessGroups'], why: 'whether commands heed the allow-lists' },
  { keys: ['hooks', 'enabled'], why: 'a way in over HTTP', opens: true },
  { keys: ['hooks', 'token'], why: 'who may call the hooks', opens: true },
  { keys: ['session', 'dmScope'], why: 'whether people who write see the same conversation' },
  { keys: ['session', 'scope'], why: 'whether senders share one conversation' },
  { keys: ['session', 'groupScope'], why: 'whether groups share one conversation' },
  { keys: ['session', 'sharing'], why: 'who sees the conversations of others' },
  { keys: ['browser', 'evaluateEnabled'], why: 'code run in the web pages of the user' },
  { keys: ['browser', 'extensionRelay'], why: 'who may steer the browser of the user', opens: true },
  { keys: ['channels', '*', 'enabled'], why: 'a way in by this channel' },
  { keys: ['channels', '*', 'accounts', '*', 'enabled'], why: 'a way in by this account' },
  { keys: ['desktop', 'host'], why: 'the screen shown to others', opens: true },
];

/** These two keys one below the other, wherever they stand: agents and channels have tools of their own. */
const pairs: readonly Rule[] = [
  { keys: ['tools', 'exec'], why: 'which commands run, and who is asked before' },
  { keys: ['tools', 'fs'], why: 'which files are in reach' },
  { keys: ['tools', 'profile'], why: 'which tools there are at all' },
  { keys: ['tools', 'sessions'], why: 'whose conversations the tools see' },
  { keys: ['tools', 'agentToAgent'], why: 'which agents speak for each other' },
  { keys: ['dm', 'policy'], why: 'which strangers get an answer' },
  { keys: ['dm', 'enabled'], why: 'whether strangers get an answer' },
];

/** These keys, with all below them, wherever they stand. */
const names: readonly { readonly name: RegExp; readonly why: string; readonly opens?: true }[] = [
  {
    // Of tokens as a measure of text there are many, and most of them in the plural.
    name: /token(?!s|_?(?:budget|count|limit|usage))|secret|passw(?:or)?d|passphrase|passcode|credential/i,
    why: 'a credential: an older one may have been withdrawn',
  },
  {
    name: /(?:api|access|account|auth|client|encrypt|encryption|master|private|service|signing|webhook)[_-]?keys?(?:$|_|-|[A-Z])|^serviceAccount|^authorization$|cookies?$/i,
    why: 'a credential by another name',
  },
  {
    name: /^(?:also)?allow$|^allow(?:ed)?[A-Z]|Allow$|Allow(?:ed)?[A-Z]|(?:^allow|^white|Allow)list/,
    why: 'an allow-list',
  },
  { name: /^(?:deny|denied|blocked|blocklist|denylist|blacklist)|(?:Deny|Blocklist)$/, why: 'a deny-list' },
  {
    name: /^(?:dm|group|direct|tool|approval|exec|send|install|request)Policy$|ssrfPolicy$|^accessPolicy|HostKeyPolicy$/i,
    why: 'who gets an answer, and what may be done for them',
  },
  { name: /sandbox$/i, why: 'what the tools are locked into' },
  { name: /^elevated/, why: 'who may leave the sandbox', opens: true },
  { name: /^approvers$|Approvals$|ApprovalMode$|^autoApprove/, why: 'who is asked first' },
  { name: /^toolsBySender$/, why: 'what each sender may use' },
  { name: /^trusted[A-Z]/, why: 'whose word is believed' },
  { name: /^dangerously|^insecure|^unsafe/, why: 'a guard taken off by name', opens: true },
  { name: /^(?:ssl|ssh)Verify$|^strictHostKeyChecking$/, why: 'whether the other side is checked' },
  {
    name: /^(?:tailscale|bind|customBindHost|webhookHost|httpHost)$/,
    why: 'where something is reachable',
    opens: true,
  },
  { name: /^exposeAgents$/, why: 'which agents others may call' },
  { name: /^configWrites$/, why: 'the config written from the chat' },
  { name: /^contextVisibility$/, why: 'what of others a sender gets to see' },
  { name: /^redact/, why: 'what is kept out of the logs' },
];

/** Being listed here is what lets a group in; what is set for the group is judged by its own name. */
const lists = /^(?:groups|guilds|teams)$/;

/** Whether a rollback must keep the newer value at this path: to bring an older one back could open a door again. */
export const isSecurityKey = (path: KeyPath): boolean =>
  isOf(path, () => true) || path.slice(-2).some((step) => lists.test(String(step)));

/** A security key without which less is open, never more. */
export const isOpening = (path: KeyPath): boolean => isOf(path, ({ opens }) => opens === true);

/** A credential: it is never taken from an older content, not even where all it stood in is gone. */
export const isCredential = (path: KeyPath): boolean =>
  isOf(path, ({ why }) => why.startsWith('a credential'));

/** In `channels`, but no channel. */
const noChannels: readonly (string | number | undefined)[] = ['defaults', 'modelByChannel'];

/** A channel, or one of its accounts: to be there is to be a way in. */
export function isWayIn(path: KeyPath): boolean {
  const [top, channel, part] = path;
  if (top !== 'channels' || noChannels.includes(channel)) return false;
  return path.length === 2 || (path.length === 4 && part === 'accounts');
}

function isOf(
  path: KeyPath,
  wanted: (rule: { readonly why: string; readonly opens?: true }) => boolean,
): boolean {
  const steps = path.map(String);
  return (
    places.some(
      (rule) =>
        wanted(rule) && rule.keys.every((key, index) => index < steps.length && isKey(key, steps[index])),
    ) ||
    pairs.some(
      (rule) =>
        wanted(rule) &&
        steps.some((step, index) => step === rule.keys[0] && steps[index + 1] === rule.keys[1]),
    ) ||
    names.some((rule) => wanted(rule) && steps.some((step) => rule.name.test(step)))
  );
}

const isKey = (key: string, step: string | undefined): boolean => key === '*' || key === step;
