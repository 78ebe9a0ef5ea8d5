/** One step of installing or removing. A plan is a list of them: what `--dry-run` prints is what a real run performs. */
export type Step =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number; readonly why: string }
  | {
      readonly kind: 'copy';
      readonly from: string;
      readonly path: string;
      readonly mode: number;
      /** A command that must succeed on the copy before it takes its place; `stagedFile` stands for the copy. */
      readonly smoke: readonly string[];
      readonly why: string;
    }
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly text: string;
      readonly mode: number;
      /** A command that must accept the written file, or it is put back as it was. */
      readonly lint: readonly string[] | null;
      readonly why: string;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string; readonly why: string }
  | { readonly kind: 'remove'; readonly path: string; readonly why: string }
  /** Takes a job away from launchd and waits until it is gone. */
  | {
      readonly kind: 'unload';
      readonly label: string;
      readonly plistPath: string;
      /** Whether it ran: then putting it back means starting it too. */
      readonly running: boolean;
      readonly why: string;
    }
  | {
      readonly kind: 'load';
      readonly label: string;
      readonly plistPath: string;
      /** The heartbeat file of a job that must run at once; null for a job that waits for its hour. */
      readonly heartbeat: string | null;
      /** Where launchd writes what the job could not log itself: the reason why it does not start. */
      readonly log: string;
      readonly wasDisabled: boolean;
      readonly why: string;
    }
  /** An unchanged job: only make sure that it is enabled, loaded and, with a heartbeat, running. */
  | {
      readonly kind: 'confirm';
      readonly label: string;
      readonly heartbeat: string | null;
      readonly why: string;
    }
  | { readonly kind: 'enable'; readonly label: string; readonly why: string }
  /** Has OpenClaw put our wrapper between launchd and the gateway, and sees the gateway serve through it. */
  | (OpenclawHook & {
      readonly kind: 'hook';
      /** Written first: the last of them is the wrapper. */
      readonly files: readonly { readonly path: string; readonly text: string; readonly mode: number }[];
      readonly put: readonly string[];
      readonly endpoint: { readonly host: string; readonly port: number; readonly tls: boolean };
    })
  /** Has OpenClaw take our wrapper out; where it cannot, the wrapper becomes one that only starts the gateway. */
  | (OpenclawHook & {
      readonly kind: 'unhook';
      readonly passThrough: { readonly path: string; readonly text: string; readonly mode: number };
      /** What a person types instead. */
      readonly byHand: string;
    });

interface OpenclawHook {
  /** The gateway's. */
  readonly label: string;
  readonly plist: string;
  readonly home: string;
  /** Ours: it goes when the wrapper is out. */
  readonly directory: string;
  /** The whole environment of OpenClaw's command. */
  readonly env: Readonly<Record<string, string>>;
  readonly takeBack: readonly string[];
  readonly why: string;
}

/** Stands for the staged copy in a smoke test. */
export const stagedFile = '{copy}';

/** How a step is taken back; null when it went well, else what could not be taken back. */
export type Undo = () => Promise<string | null>;

export type StepOutcome =
  | {
      readonly kind: 'done';
      readonly undo: Undo | null;
      /** Clears away what only a rollback would have needed. */
      readonly commit: (() => Promise<void>) | null;
    }
  | { readonly kind: 'failed'; readonly because: string };

export const failed = (because: string): StepOutcome => ({ kind: 'failed', because });
export const done = (undo: Undo | null = null, commit: (() => Promise<void>) | null = null): StepOutcome => ({
  kind: 'done',
  undo,
  commit,
});
