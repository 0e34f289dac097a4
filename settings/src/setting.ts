/** One setting as a person meets it: in the file at `path`, as a variable, as a flag. */
export interface Setting {
  /** `limits.pingSeconds`: where it stands in the file and in messages. */
  readonly path: string;
  /** A list is written with commas in flags and variables. */
  readonly kind: 'text' | 'number' | 'boolean' | 'list';
  /** Undefined where there is none: it must be given, or has a meaning when absent. */
  readonly fallback: string | number | boolean | undefined;
  readonly help: string;
  /** The values that there are, where they are a fixed set: help and completion show them. */
  readonly choices?: readonly string[];
}

/** Rows of a table of settings. */
export const setting = {
  text: (path: string, fallback: string | undefined, help: string): Setting => ({ path, kind: 'text', fallback, help }),
  oneOf: (path: string, choices: readonly string[], fallback: string, help: string): Setting => ({
    ...{ path, kind: 'text', fallback, help, choices },
  }),
  number: (path: string, fallback: number | undefined, help: string): Setting => ({ path, kind: 'number', fallback, help }),
  flag: (path: string, fallback: boolean, help: string): Setting => ({ path, kind: 'boolean', fallback, help }),
  list: (path: string, help: string): Setting => ({ path, kind: 'list', fallback: undefined, help }),
} as const;

/** Begins the name of every variable that is a setting. */
export const VARIABLE_PREFIX = 'HAWSER_';

/** Names the configuration file of whichever program of ours reads it, as --config does; each program has a variable of its own too. */
export const CONFIG_VARIABLE = 'HAWSER_CONFIG';

/** The variables that name one program's file: no settings, and no mistake in the environment of the other one. */
export const PROGRAM_CONFIG_VARIABLES = ['HAWSER_AGENT_CONFIG', 'HAWSER_RELAY_CONFIG'] as const;

/** Where a program finds its configuration file. */
export interface ConfigPlace {
  /** The program's own variable. It is stronger than `HAWSER_CONFIG`, which on a machine with both programs may mean the other's file. */
  readonly variable: (typeof PROGRAM_CONFIG_VARIABLES)[number];
  /** The file that is read where nothing names one and it is there. */
  readonly standard?: {
    readonly path: string;
    /**
     * Path of a setting that says which of several programs on a machine is meant, as its data folder does: who gives it as a flag or
     * variable gets no other settings of the standard file either. Commands without that flag do not look for the file.
     */
    readonly unlessGiven: string;
  };
}

/** `limits.pingSeconds` → `HAWSER_LIMITS_PING_SECONDS`. */
export function environmentName(path: string): string {
  return `${VARIABLE_PREFIX}${words(path, '_').toUpperCase()}`;
}

/** `limits.pingSeconds` → `--limits-ping-seconds`. */
export function flagName(path: string): string {
  return `--${words(path, '-')}`;
}

function words(path: string, separator: string): string {
  return path
    .replace(/[A-Z]/g, (capital) => `${separator}${capital}`)
    .replaceAll('.', separator)
    .toLowerCase();
}
