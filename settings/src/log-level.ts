/** pino's, from the one that says most. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export function isLogLevel(text: unknown): text is LogLevel {
  return LOG_LEVELS.some((level) => level === text);
}

/** How much a process says now, and how much it was told to at its start. */
export interface LogLevelState {
  readonly level: LogLevel;
  /** The setting `logLevel`: what holds again after a reset, and after a restart. */
  readonly configured: LogLevel;
}

/** The level of the log while the process runs. */
export interface LogLevelControl {
  state(): LogLevelState;
  /**
   * `configured` goes back to the setting.
   * @param by who wants it, for the log, where that is known
   * @returns the state after it
   */
  set(level: LogLevel | 'configured', by?: string): LogLevelState;
}

/** The root logger of a process. What `child` has made of it follows its level, as pino's do where they are given none of their own. */
export interface LevelledLogger {
  level: string;
  warn(fields: object, message: string): void;
}

/** That it was changed is said in the log at every level, so that nobody wonders later why it is silent, or so long. */
export function createLogLevelControl(logger: LevelledLogger, configured: LogLevel): LogLevelControl {
  let level = configured;
  const state = () => ({ level, configured });
  return {
    state,
    set(wanted, by) {
      const next = wanted === 'configured' ? configured : wanted;
      if (next === level) return state();
      logger.level = 'warn';
      logger.warn({ from: level, to: next, configured, ...(by !== undefined && { by }) }, 'log level changed');
      logger.level = next;
      level = next;
      return state();
    },
  };
}
