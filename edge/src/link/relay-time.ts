/** What a link says of the time and hears of it, once a dial. */
export interface LinkTimes {
  /** The device's clock, right or wrong: the relay compares it with its own. */
  now(): Date;
  /** What the relay's clock says, in milliseconds since 1970. Only of a relay that is trusted. */
  heard(timeMs: number): void;
}
