import { type DestinationStream, type Logger, pino } from 'pino';

/** In order: each says less than the one before it. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** How much the log says, which may be changed while the relay runs. */
export interface LogLevelControl {
  current(): LogLevel;
  /** That of the settings. */
  readonly set: LogLevel;
  /** @param by who wants it, for the log, which says it whatever the levels are */
  change(level: LogLevel, by: string): void;
}

/**
 * The logger of the process. pino's children keep the level that their parent had when they were made, and there is one for each link: so all
 * of them let everything pass, and one threshold decides.
 */
export function createLogger(
  set: LogLevel,
  stream?: DestinationStream,
): { readonly logger: Logger; readonly level: LogLevelControl } {
  let current = set;
  let threshold = weightOf(set);
  const options = {
    base: { name: 'hawser-relay' },
    level: 'trace',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: {
      logMethod(this: Logger, args: Parameters<pino.LogFn>, method: pino.LogFn, level: number) {
        if (level >= threshold) method.apply(this, args);
      },
    },
  };
  const logger = stream === undefined ? pino(options) : pino(options, stream);
  return {
    logger,
    level: {
      current: () => current,
      set,
      change(level, by) {
        const from = current;
        threshold = Math.min(threshold, weightOf('info'));
        logger.info({ from, to: level, set, by }, 'log level changed');
        current = level;
        threshold = weightOf(level);
      },
    },
  };
}

/** For a logger that somebody else has made: children that there are keep their level. */
export function controlOf(logger: Logger): LogLevelControl {
  const set = LEVELS.find((level) => level === logger.level) ?? 'info';
  return {
    current: () => LEVELS.find((level) => level === logger.level) ?? 'info',
    set,
    change(level, by) {
      logger.info({ from: logger.level, to: level, set, by }, 'log level changed');
      logger.level = level;
    },
  };
}

function weightOf(level: LogLevel): number {
  return pino.levels.values[level] ?? 0;
}
