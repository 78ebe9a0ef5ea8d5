import type { Blocker } from './blockers.ts';
import type { DependencyEvidence, LogFinding } from './ground-evidence.ts';
import type { Finding, Look } from './look.ts';
import { mendWith } from './mend.ts';
import { isOfThisPackage } from './package-seen.ts';
import { since } from './time.ts';

/** The openclaw package on disk: half installed, incomplete or damaged. */
export function packageBlocker(look: Look): Blocker | null {
  const finding = found(look.evidence.ground.dependencies) ?? suspected(look);
  if (finding === null) return null;
  const { reinstall } = look.evidence.ground;
  const { now, rules } = look;
  const { packageSeen } = look.state;
  return {
    ...finding,
    latent:
      finding.confidence === 'certain'
        ? {
            cause: 'dependency-latent',
            because: `the openclaw package on disk might not start the gateway again: ${finding.because}; "immune fix-deps" shows what can be done`,
          }
        : null,
    mend: mendWith(reinstall, {
      ready: (remedy) => ({ kind: 'reinstall', remedy, replaces: null }),
      unread: 'no archive was looked for yet',
    }),
    // A change that was just seen may be somebody's hand at work, with npm or without.
    settled: packageSeen === null || since(packageSeen.since, now) >= rules.policy.editGraceMs,
  };
}

function found(dependencies: DependencyEvidence): Finding | null {
  switch (dependencies.kind) {
    case 'half-installed':
      return {
        cause: 'half-install',
        confidence: 'certain',
        because: `the openclaw package is half installed: ${dependencies.because}`,
      };
    case 'missing':
      return {
        cause: 'dependency-missing',
        confidence: 'certain',
        because: `the openclaw package is incomplete: ${dependencies.because}`,
      };
    case 'corrupted':
      return {
        cause: 'dist-corrupted',
        confidence: 'certain',
        because: `the openclaw package is damaged: ${dependencies.because}`,
      };
    case 'unread':
    case 'unknown':
    case 'intact':
    case 'installing':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return dependencies satisfies never;
  }
}

/**
 * The inventory knows no sizes of files inside dependencies, so a truncated one shows only in what the gateway says as
 * it fails. That raises a suspicion where the whole list was found complete, after starts that failed.
 */
function suspected(look: Look): Finding | null {
  const { evidence, state } = look;
  const { dependencies, log, config } = evidence.ground;
  if (dependencies.kind !== 'intact' || config.kind !== 'sound' || log.kind !== 'read') return null;
  if (state.bootsSinceReady === 0) return null;
  const sign = log.findings.find((each) => isDamage(each) && isOfThisPackage(each, look));
  if (sign === undefined) return null;
  return {
    cause: sign.sign === 'module-missing' ? 'dependency-missing' : 'dist-corrupted',
    confidence: 'likely',
    because: `every file of openclaw's own list is there, and still a start ended with: ${sign.text}`,
  };
}

const isDamage = ({ sign }: LogFinding): boolean => sign === 'module-missing' || sign === 'code-damaged';
