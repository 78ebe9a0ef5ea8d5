import { networkInterfaces } from 'node:os';

/** The first IPv4 address of this machine in 100.64.0.0/10, which tailnets use; null without one. */
export function tailnetAddress(): string | null {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ family, address }) => family === 'IPv4' && isShared(address));
    if (found !== undefined) return found.address;
  }
  return null;
}

function isShared(address: string): boolean {
  const [first, second] = address.split('.').map(Number);
  return first === 100 && second !== undefined && second >= 64 && second <= 127;
}
