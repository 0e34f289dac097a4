import { type DeviceState, HawserError, type RelayMessage } from '@hawser/protocol';
import type { Clock } from '../clock.ts';

/** What a device says of itself, or why it does not, for a person. */
export type DeviceAnswer = DeviceState | { readonly untold: string };

/** A person waits: a poor link that is busy takes some seconds. In ms. */
const ANSWER_MS = 10_000;

export interface DeviceQuestionsOptions {
  /** Of the hello. */
  readonly features: readonly string[];
  readonly clock: Clock;
  readonly send: (message: RelayMessage) => void;
}

/** Asks the agent of one session how its device is. At most one question is under way: who asks meanwhile gets the same answer. */
export class DeviceQuestions {
  readonly #options: DeviceQuestionsOptions;
  #lastId = 0;
  #asked: { readonly answer: Promise<DeviceAnswer>; readonly settle: (answer: DeviceAnswer) => void } | undefined;

  constructor(options: DeviceQuestionsOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  ask(): Promise<DeviceAnswer> {
    const { features, clock, send } = this.#options;
    if (!features.includes('deviceState')) return Promise.resolve({ untold: 'its agent is of a version that does not tell' });
    if (this.#asked !== undefined) return this.#asked.answer;
    const { promise, resolve } = Promise.withResolvers<DeviceAnswer>();
    const settle = (answer: DeviceAnswer) => {
      cancel();
      this.#asked = undefined;
      resolve(answer);
    };
    const cancel = clock.after(ANSWER_MS, () => settle({ untold: `it has not answered within ${ANSWER_MS / 1000} s` }));
    this.#asked = { answer: promise, settle };
    this.#lastId += 1;
    send({ type: 'deviceQuestion', id: this.#lastId });
    return promise;
  }

  /** An answer that comes too late is nobody's. @throws HawserError `protocol` for one to a question that was never asked */
  answered(state: DeviceState): void {
    if (state.id > this.#lastId) throw new HawserError('protocol', `deviceState ${state.id} was not asked for`);
    if (state.id === this.#lastId) this.#asked?.settle(state);
  }

  close(): void {
    this.#asked?.settle({ untold: 'its link has just ended' });
  }
}
