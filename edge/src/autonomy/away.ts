import { isJsonObject, type JsonValue, parseJson } from '@hawser/protocol';

/** What the device's clocks say at one moment. */
export interface Reading {
  /** Another after each boot of the machine. */
  readonly bootId: string;
  /** Since that boot, suspend included: it runs on whatever is done to the wall clock. In milliseconds. */
  readonly uptimeMs: number;
  /** Since 1970, as the device believes; it may be wrong, and jump. In milliseconds. */
  readonly wallMs: number;
}

/** How long the device had been without a link at that moment; 0 while it has one. */
export interface AwayRecord extends Reading {
  readonly awayMs: number;
}

/**
 * How long the device has been without a link by now, if it has had none since the record was made. Within one boot of the machine the
 * uptime says so, and the wall clock is not asked. Over a boot only the wall clock can: one that has gone back counts as no time.
 */
export function awayAt(record: AwayRecord, now: Reading): number {
  const since = isSameBoot(record, now) ? now.uptimeMs - record.uptimeMs : now.wallMs - record.wallMs;
  return record.awayMs + Math.max(0, since);
}

export function isSameBoot(a: Reading, b: Reading): boolean {
  return a.bootId === b.bootId;
}

export function writeAway({ awayMs, bootId, uptimeMs, wallMs }: AwayRecord): string {
  return JSON.stringify({ awayMs, bootId, uptimeMs, wallMs });
}

/** Undefined for what is no record. */
export function readAway(text: string | undefined): AwayRecord | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    const value: JsonValue = parseJson(text);
    if (!isJsonObject(value)) return undefined;
    const { awayMs, bootId, uptimeMs, wallMs } = value;
    if (typeof bootId !== 'string' || !isTime(awayMs) || !isTime(uptimeMs) || !isTime(wallMs)) return undefined;
    return { awayMs, bootId, uptimeMs, wallMs };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isTime(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
