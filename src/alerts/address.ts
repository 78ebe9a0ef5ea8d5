import { BlockList, isIP } from 'node:net';

/** Stands in a url where the secret goes. */
const secretSlot = '{secret}';
/** What is put there to judge the url before a secret is known: nothing a URL parser would change. */
const sample = 'SECRET0';

export type Address =
  | { readonly kind: 'ok'; readonly url: URL }
  | { readonly kind: 'problem'; readonly because: string };

const near = new BlockList();
for (const [net, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  // Tailnets.
  ['100.64.0.0', 10],
] as const) {
  near.addSubnet(net, bits, 'ipv4');
}
near.addAddress('::1', 'ipv6');
near.addSubnet('fc00::', 7, 'ipv6');
near.addSubnet('fe80::', 10, 'ipv6');

const nearNames = /^(?:[a-z0-9-]+|(?:[a-z0-9-]+\.)+(?:local|lan|internal|localhost|home\.arpa))$/i;

/** This machine or the network around it: what is said in the clear stays there. */
export function isNear(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  switch (isIP(bare)) {
    case 4:
      return near.check(bare, 'ipv4');
    case 6:
      return near.check(bare, 'ipv6');
    default:
      return nearNames.test(bare);
  }
}

/** This very machine. */
export const isLoopback = (host: string): boolean =>
  /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);

export const holdsSecret = (text: string): boolean => text.includes(secretSlot);

/** Judges an address as it is written, with no secret in it. */
export function checkAddress(text: string): Address {
  const url = URL.parse(text.replaceAll(secretSlot, sample));
  if (url === null) return problem('its url cannot be read');
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return problem('its url must begin with https://');
  if (url.username !== '' || url.password !== '') {
    return problem(
      'its url holds a name or a password; write them into a file of mode 600 and name it as secretFile',
    );
  }
  if (url.host.toUpperCase().includes(sample))
    return problem('its url may hold {secret} only after the host');
  if (url.protocol === 'http:' && !isNear(url.hostname)) {
    return problem(`its url must begin with https://, for ${url.hostname} is not in your own network`);
  }
  if (url.hash !== '') return problem('its url must not hold a #');
  return { kind: 'ok', url };
}

/** The address to send to. A secret can add to the path, as it must, and change nothing before it. */
export function fillAddress(text: string, secret: string | null): Address {
  const checked = checkAddress(text);
  if (checked.kind === 'problem' || !holdsSecret(text)) return checked;
  if (secret === null)
    return problem('its url holds {secret}, and no secretFile, secretEnv or secretKeychain is named');
  const pieces = secret.split('/');
  if (pieces.some((piece) => piece === '' || piece === '.' || piece === '..')) {
    return problem(
      'its secret cannot stand in a url: give only the part that {secret} stands for, without a / around it',
    );
  }
  const encoded = pieces.map((piece) => encodeURIComponent(piece)).join('/');
  const url = URL.parse(text.replaceAll(secretSlot, () => encoded));
  if (url === null || url.origin !== checked.url.origin) return problem('its secret does not make a url');
  return { kind: 'ok', url };
}

const problem = (because: string): Address => ({ kind: 'problem', because });
