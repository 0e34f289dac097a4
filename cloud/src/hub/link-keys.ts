import type { Hello, RelayMessage } from '@hawser/protocol';
import type { KeysSource } from '../cluster-keys/index.ts';

/** Tells one agent the cluster's keys, if it has asked for them: what it has it is not told again. */
export class LinkKeys {
  readonly #source: Pick<KeysSource, 'current'>;
  readonly #send: (message: RelayMessage) => void;
  readonly #isWanted: boolean;
  /** Digest of those that the agent has. */
  #told: string | undefined;

  /** @param send does nothing on a link that has ended */
  constructor(source: KeysSource, hello: Pick<Hello, 'features' | 'clusterKeys'>, send: (message: RelayMessage) => void) {
    this.#source = source;
    this.#send = send;
    this.#isWanted = hello.features.includes('clusterKeys');
    this.#told = hello.clusterKeys;
    if (this.#isWanted) source.wanted();
  }

  tell(): void {
    const current = this.#isWanted ? this.#source.current() : undefined;
    if (current === undefined || current.digest === this.#told) return;
    this.#told = current.digest;
    this.#send({ type: 'clusterKeys', keys: current.keys });
  }
}
