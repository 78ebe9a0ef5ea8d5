import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates {
  /** What a client trusts. */
  readonly ca: string;
  /** Signed by it, for localhost, 127.0.0.1 and ::1. */
  readonly good: Certificate;
  /** Signed by it, for another name. */
  readonly otherName: Certificate;
  /** Signed by it, and no longer valid. */
  readonly expired: Certificate;
  /** Signed by nobody but itself. */
  readonly selfSigned: Certificate;
}

/** Real certificates by a real certificate authority of our own. */
export function makeCertificates(): Certificates {
  const dir = mkdtempSync(join(tmpdir(), 'immune-certificates-'));
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  };
  const read = (name: string): string => readFileSync(join(dir, name), 'utf8');
  const key = (name: string): void =>
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`);
  const local = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1';
  const selfSign = (name: string, extension: string): Certificate => {
    key(name);
    const subject = ['-subj', `/CN=${name}`, '-days', '2', '-addext', extension];
    openssl('req', '-x509', '-new', '-key', `${name}.key`, '-out', `${name}.crt`, ...subject);
    return { key: read(`${name}.key`), cert: read(`${name}.crt`) };
  };
  const sign = (name: string, extension: string, validity: readonly string[]): Certificate => {
    key(name);
    openssl('req', '-new', '-key', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(dir, `${name}.ext`), extension);
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...by, ...validity);
    return { key: read(`${name}.key`), cert: read(`${name}.crt`) };
  };
  try {
    const { cert: ca } = selfSign('ca', 'keyUsage=critical,keyCertSign,cRLSign');
    return {
      ca,
      good: sign('good', local, ['-days', '2']),
      otherName: sign('other', 'subjectAltName=DNS:other.example', ['-days', '2']),
      expired: sign('expired', local, ['-days', '-1']),
      selfSigned: selfSign('selfSigned', local),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
