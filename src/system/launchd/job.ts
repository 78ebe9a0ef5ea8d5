/** launchd's KeepAlive: a boolean, or conditions of which any one is enough (they are OR-ed). */
export type KeepAlive = boolean | { readonly successfulExit?: boolean; readonly crashed?: boolean };

/** One entry of StartCalendarInterval; a missing field matches every value. Day and Weekday together mean "either". */
export interface CalendarEntry {
  readonly minute?: number;
  readonly hour?: number;
  readonly day?: number;
  /** 0 and 7 are Sunday. */
  readonly weekday?: number;
  readonly month?: number;
}

type ProcessType = 'Background' | 'Standard' | 'Adaptive' | 'Interactive';

/** A LaunchAgent we write. Lengths are whole seconds, as launchd's keys are; a missing field writes no key. */
export interface JobDefinition {
  readonly label: string;
  /** argv; element 0 is an absolute path. launchd runs it without a shell: no `~`, no `$VAR`. */
  readonly programArguments: readonly string[];
  readonly runAtLoad?: boolean;
  readonly keepAlive?: KeepAlive;
  /** Seconds between two starts (launchd's default 10; 0 is ignored by launchd). */
  readonly throttleInterval?: number;
  /** Seconds from SIGTERM to SIGKILL (launchd's default 5; 0 would mean for ever, so it is refused). */
  readonly exitTimeOut?: number;
  readonly processType?: ProcessType;
  /** A number as umask(2) takes it: 0o077 is written as the decimal 63, which is how launchd reads an integer. */
  readonly umask?: number;
  readonly environmentVariables?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly standardInPath?: string;
  readonly standardOutPath?: string;
  readonly standardErrorPath?: string;
  readonly startInterval?: number;
  readonly startCalendarInterval?: readonly CalendarEntry[];
  readonly lowPriorityIO?: boolean;
  readonly nice?: number;
  readonly abandonProcessGroup?: boolean;
}

/** What a plist asks for, with launchd's meaning of a missing key made explicit. Lengths are seconds. */
export interface ParsedJob {
  readonly label: string;
  /** The `Program` key; without it element 0 of the arguments is the executable. */
  readonly program: string | null;
  readonly programArguments: readonly string[];
  readonly runAtLoad: boolean;
  readonly keepAlive: KeepAlive;
  readonly throttleInterval: number | null;
  readonly exitTimeOut: number | null;
  readonly processType: string | null;
  readonly umask: number | null;
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly workingDirectory: string | null;
  readonly standardInPath: string | null;
  readonly standardOutPath: string | null;
  readonly standardErrorPath: string | null;
  readonly startInterval: number | null;
  readonly startCalendarInterval: readonly CalendarEntry[];
  readonly abandonProcessGroup: boolean;
}
