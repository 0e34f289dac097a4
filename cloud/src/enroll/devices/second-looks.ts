import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';

/** Between two looks at one record: whoever was replaced dials again and again. In milliseconds. */
const LEAST_MS = 2_000;
/** Reads of the API server at a time; whoever comes beyond that is judged by what the watch has brought. */
const MOST_AT_ONCE = 16;

export interface SecondLooksOptions {
  /** Reads the record from the API server and takes it in. */
  readonly read: (nodeName: string) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * A device that joined, or was renewed, at one replica and dials another may come before that one's watch has brought its record. So a
 * record is read once more before its device is sent away.
 */
export class SecondLooks {
  readonly #options: SecondLooksOptions;
  /** Under way, or done within LEAST_MS; by node. So it holds no more than what was read in that time. */
  readonly #recent = new Map<string, Promise<void>>();
  #running = 0;

  constructor(options: SecondLooksOptions) {
    this.#options = options;
  }

  /** Resolves when the record was read, or at once where it was just now, or not now. Never rejects. */
  look(nodeName: string): Promise<void> {
    const recent = this.#recent.get(nodeName);
    if (recent !== undefined || this.#running >= MOST_AT_ONCE) return recent ?? Promise.resolve();
    const { clock, logger, read } = this.#options;
    this.#running += 1;
    const looking = read(nodeName)
      .catch((err: unknown) => logger.warn({ err, node: nodeName }, 'record of a device not read'))
      .finally(() => {
        this.#running -= 1;
        clock.after(LEAST_MS, () => this.#recent.delete(nodeName));
      });
    this.#recent.set(nodeName, looking);
    return looking;
  }
}
