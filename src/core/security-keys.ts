import type { KeyPath } from './config-change.ts';

interface Rule {
  readonly keys: readonly string[];
  readonly why: string;
}

/** What stands at these places, with all below it; `*` is any one step. Checked against the schema of 2026.9.6. */
const places: readonly Rule[] = [
  { keys: ['gateway', 'bind'], why: 'which network reaches the gateway' },
  { keys: ['gateway', 'customBindHost'], why: 'which address the gateway listens on' },
  { keys: ['gateway', 'auth'], why: 'who may speak to the gateway' },
  { keys: ['gateway', 'roles'], why: 'what each of them may do' },
  { keys: ['gateway', 'tls'], why: 'whether others on the way can listen' },
  { keys: ['gateway', 'portals'], why: 'a way in from the internet' },
  { keys: ['gateway', 'terminal'], why: 'a shell in the browser' },
  { keys: ['gateway', 'http', 'endpoints', '*', 'enabled'], why: 'further ways in' },
  { keys: ['gateway', 'nodes', 'pairing'], why: 'which devices join without being asked about' },
  { keys: ['gateway', 'nodes', 'pluginTools'], why: 'what the devices may run' },
  { keys: ['gateway', 'remote', 'tlsFingerprint'], why: 'which gateway is believed to be ours' },
  { keys: ['accessGroups'], why: 'who is behind the names in the allow-lists' },
  { keys: ['approvals'], why: 'who is asked before a command runs' },
  { keys: ['security'], why: 'what may be installed, and which findings are hidden' },
  { keys: ['secrets', 'egressProxy'], why: 'where credentials may go' },
  { keys: ['commands', 'bash'], why: 'a shell from the chat' },
  { keys: ['commands', 'config'], why: 'the config written from the chat' },
  { keys: ['commands', 'debug'], why: 'settings overridden from the chat' },
  { keys: ['commands', 'mcp'], why: 'programs added from the chat' },
  { keys: ['commands', 'plugins'], why: 'plugins added from the chat' },
  { keys: ['commands', 'restart'], why: 'a restart from the chat' },
  { keys: ['commands', 'useAccessGroups'], why: 'whether commands heed the allow-lists' },
  { keys: ['hooks', 'enabled'], why: 'a way in over HTTP' },
  { keys: ['hooks', 'token'], why: 'who may call the hooks' },
  { keys: ['session', 'dmScope'], why: 'whether people who write see the same conversation' },
  { keys: ['session', 'scope'], why: 'whether senders share one conversation' },
  { keys: ['session', 'groupScope'], why: 'whether groups share one conversation' },
  { keys: ['session', 'sharing'], why: 'who sees the conversations of others' },
  { keys: ['browser', 'evaluateEnabled'], why: 'code run in the web pages of the user' },
  { keys: ['browser', 'extensionRelay'], why: 'who may steer the browser of the user' },
  { keys: ['desktop', 'host'], why: 'the screen shown to others' },
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
const names: readonly { readonly name: RegExp; readonly why: string }[] = [
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
  { name: /^elevated/, why: 'who may leave the sandbox' },
  { name: /^approvers$|Approvals$|ApprovalMode$|^autoApprove/, why: 'who is asked first' },
  { name: /^toolsBySender$/, why: 'what each sender may use' },
  { name: /^trusted[A-Z]/, why: 'whose word is believed' },
  { name: /^dangerously|^insecure|^unsafe/, why: 'a guard taken off by name' },
  { name: /^(?:ssl|ssh)Verify$|^strictHostKeyChecking$/, why: 'whether the other side is checked' },
  { name: /^(?:tailscale|bind|customBindHost|webhookHost|httpHost)$/, why: 'where something is reachable' },
  {
    name: /^(?:signingSecret|channelSecret|webhookSecret|webhookToken|verificationToken|pushToken)$/,
    why: 'who may call in',
  },
  { name: /^exposeAgents$/, why: 'which agents others may call' },
  { name: /^configWrites$/, why: 'the config written from the chat' },
  { name: /^contextVisibility$/, why: 'what of others a sender gets to see' },
  { name: /^redact/, why: 'what is kept out of the logs' },
];

/** Being listed here is what lets a group in; what is set for the group is judged by its own name. */
const lists = /^(?:groups|guilds|teams)$/;

/** Whether a rollback must keep the newer value at this path: to bring an older one back could open a door again. */
export function isSecurityKey(path: KeyPath): boolean {
  const steps = path.map(String);
  return (
    places.some(({ keys }) => keys.every((key, index) => index < steps.length && isKey(key, steps[index]))) ||
    pairs.some(({ keys: [one, two] }) =>
      steps.some((step, index) => step === one && steps[index + 1] === two),
    ) ||
    steps.some((step) => names.some(({ name }) => name.test(step))) ||
    steps.slice(-2).some((step) => lists.test(step))
  );
}

const isKey = (key: string, step: string | undefined): boolean => key === '*' || key === step;
