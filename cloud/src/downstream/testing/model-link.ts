import {
  decodeAgentMessage,
  decodeRelayMessage,
  encodeAgentMessage,
  encodeRelayMessage,
  type RelayMessage,
  type SessionStatus,
} from '@hawser/protocol';
import type { Downstream, Session } from '../types.ts';
import type { ModelAgent } from './model-agent.ts';

/** A link between an agent and a session that carries frames one at a time, when a test says so. */
export class ModelLink {
  readonly session: Session;
  readonly welcome: SessionStatus;
  /** What the session has sent, in order, since the link began. */
  readonly sent: RelayMessage[] = [];
  /** Called with what a pump returns, before it is under way. */
  onPump: (messages: readonly RelayMessage[]) => void = () => undefined;
  readonly #agent: ModelAgent;
  readonly #toAgent: Uint8Array[] = [];
  readonly #toRelay: Uint8Array[] = [];
  #isAwake = true;
  #mayWake = false;

  constructor(agent: ModelAgent, downstream: Downstream, node: string) {
    this.#agent = agent;
    this.session = downstream.open(node, () => {
      if (!this.#mayWake || this.#isAwake) throw new Error('woken during open or pump, or twice');
      this.#isAwake = true;
    });
    const hello = decodeAgentMessage(encodeAgentMessage(agent.hello()));
    if (hello.type !== 'hello') throw new Error('the hello is no hello');
    this.welcome = this.session.hello(hello);
    this.#mayWake = true;
  }

  get isAwake(): boolean {
    return this.#isAwake;
  }

  /** Only when the session asked for it. */
  pump(): boolean {
    if (!this.#isAwake) return false;
    this.#mayWake = false;
    const messages = this.session.pump();
    this.#mayWake = true;
    this.#isAwake = false;
    this.onPump(messages);
    this.sent.push(...messages);
    this.#toAgent.push(...messages.map(encodeRelayMessage));
    return messages.length > 0;
  }

  /** One frame to the agent. */
  down(): boolean {
    const frame = this.#toAgent.shift();
    if (frame === undefined) return false;
    this.#toRelay.push(...this.#agent.receive(decodeRelayMessage(frame)).map(encodeAgentMessage));
    return true;
  }

  /** One frame to the relay. */
  up(): boolean {
    const frame = this.#toRelay.shift();
    if (frame === undefined) return false;
    const message = decodeAgentMessage(frame);
    if (message.type !== 'ack' && message.type !== 'inventory') throw new Error(`${message.type} is not for a session`);
    this.session.receive(message);
    return true;
  }

  /** Until nothing moves. */
  drain(): void {
    while ([this.pump(), this.down(), this.up()].some(Boolean));
  }
}
