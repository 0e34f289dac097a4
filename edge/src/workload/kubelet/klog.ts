/** A line of a kubelet's log: text of klog, the library that Kubernetes logs with ("System Logs" in its documentation). */
export interface LogLine {
  readonly level: 'info' | 'warn' | 'error' | 'fatal';
  /** `kubelet.go:123`; undefined for lines that klog has not written. */
  readonly source: string | undefined;
  readonly text: string;
}

/** `E1123 14:08:35.123456   12345 kubelet.go:123] text`: level, month and day, time, thread, source. */
const HEADER = /^([IWEF])\d{4} \d{2}:\d{2}:\d{2}\.\d{6} +\d+ ([^\s:\]]+:\d+)\] ?(.*)$/s;
const LEVELS: Readonly<Record<string, LogLine['level']>> = { I: 'info', W: 'warn', E: 'error', F: 'fatal' };
/** What Go's runtime and the command line write when all is over; the lines after it belong to it. */
const LAST_WORDS = /^(panic: |fatal error: |Error: |runtime: )/;

/** Reads lines one after the other: one without a header goes on with the last. */
export function createKlogReader(): (line: string) => LogLine {
  let level: LogLine['level'] = 'info';
  return (line) => {
    const [, letter, source, text] = HEADER.exec(line) ?? [];
    if (letter !== undefined && text !== undefined) {
      level = LEVELS[letter] ?? 'info';
      return { level, source, text };
    }
    if (LAST_WORDS.test(line)) level = 'error';
    return { level, source: undefined, text: line };
  };
}
