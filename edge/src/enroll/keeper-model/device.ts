import { type KeyObject, X509Certificate } from 'node:crypto';
import { type KeyHash, keyHash, type Renew } from '@hawser/protocol';
import { pino } from 'pino';
import { failure, type LinkFailure, type LinkState } from '../../link/index.ts';
import { type SimulatedClock, simulatedClock } from '../../link/simulated-clock.ts';
import { type FileSteps, fileSteps } from '../../private-files.ts';
import { watchClock } from '../clock-watch.ts';
import type { EnrolOutcome } from '../enrol-client.ts';
import { createIdentityFolder } from '../identity-folder.ts';
import { createKeeper, type Keeper } from '../keeper.ts';
import { createRelayClock } from '../relay-clock.ts';
import type { Identity, IdentityFolder } from '../types.ts';
import type { ModelRelay } from './relay.ts';

const URL = 'wss://relay:1';
const RELAYS = [URL];
const silent = pino({ level: 'silent' });

/** What may become of a dial; after `helloOnly` the relay has made up its mind and the device never hears of it. */
export type DialFate = 'answered' | 'unreached' | 'helloOnly';

export interface ModelDeviceOptions {
  readonly dataDir: string;
  readonly relay: ModelRelay;
  readonly world: { nowMs(): number };
  readonly random: () => number;
}

/** Once it has been killed, nothing of a process changes a file any more, its error handlers included. */
class Steps {
  left = Number.POSITIVE_INFINITY;
  isDead = false;

  wrapped(): FileSteps {
    const step =
      <Args extends readonly unknown[], Result>(work: (...args: Args) => Result) =>
      (...args: Args): Result => {
        if (this.left <= 0) this.isDead = true;
        if (this.isDead) throw new Error('killed');
        this.left -= 1;
        return work(...args);
      };
    return {
      create: step(fileSteps.create),
      write: step(fileSteps.write),
      sync: step(fileSteps.sync),
      // A process that is killed has its files closed for it.
      close: fileSteps.close,
      createFolder: step(fileSteps.createFolder),
      syncFolder: step(fileSteps.syncFolder),
      rename: step(fileSteps.rename),
      remove: step(fileSteps.remove),
    };
  }
}

/** A device: its folder on a real disk, its process, which may be killed between any two steps, and its link. */
export class ModelDevice {
  readonly #options: ModelDeviceOptions;
  readonly #facts: Record<string, string> = {};
  #steps = new Steps();
  #folder: IdentityFolder;
  #keeper!: Keeper;
  #clock!: SimulatedClock;
  #stopWatch = () => {};
  #state: LinkState = { name: 'idle' };
  #linkCertificate: X509Certificate | undefined;
  #asked: Renew | undefined;
  #late: Promise<unknown>[] = [];
  /** Of the wall clock to the world's, in milliseconds. */
  #clockOffMs = 0;
  #boots = 0;
  /** Whether the enrolment endpoint answers; of what it did, the device may not hear. */
  enrolment: 'answers' | 'unreached' | 'answerLost' = 'answers';

  constructor(options: ModelDeviceOptions) {
    this.#options = options;
    this.#folder = this.#openFolder();
  }

  get isLinked(): boolean {
    return this.#state.name === 'open';
  }

  /** All that the files hold, as a new process would read it. */
  identity(): Identity {
    const identity = createIdentityFolder({ dataDir: this.#options.dataDir, logger: silent }).read();
    if (identity === undefined) throw new Error('the identity is gone');
    return identity;
  }

  keys(): KeyHash[] {
    const { current, next } = this.identity();
    return [current, ...(next === undefined ? [] : [next])].map(({ certificates }) => keyHash(certificates[0].publicKey));
  }

  boot(): void {
    this.#boots += 1;
    this.#steps = new Steps();
    this.#folder = this.#openFolder();
    this.#state = { name: 'idle' };
    this.#asked = undefined;
    const clock = simulatedClock();
    clock.set(this.#options.world.nowMs() + this.#clockOffMs);
    this.#clock = clock;
    const uptime = { bootId: `boot-${this.#boots}`, now: () => clock.time() };
    const identity = this.identity();
    const watch = watchClock({
      store: { fact: (name) => this.#facts[name], setFacts: (facts) => Object.assign(this.#facts, facts) },
      clock,
      uptime,
      certifiedMs: identity.current.certificates[0].validFromDate.getTime(),
      logger: silent,
    });
    this.#stopWatch = watch.stop;
    this.#keeper = createKeeper({
      folder: this.#folder,
      identity,
      relays: RELAYS,
      client: () => ({
        join: () => Promise.reject(new Error('it has joined')),
        renew: (_url, attempt) => this.#track(this.#renewLate(attempt)),
      }),
      watch,
      relayClock: createRelayClock(watch),
      ecdhCurve: undefined,
      clock,
      uptime,
      random: this.#options.random,
      logger: silent,
      onNews: () => {},
    });
    this.#keeper.start({
      state: () => this.#state,
      redial: () => this.drop('redial'),
      send: (message) => {
        this.#asked = message;
      },
      isQuiet: () => true,
    });
  }

  /** The process is killed at the file step that follows so many more. */
  killAfter(steps: number): void {
    this.#steps.left = steps;
  }

  kill(): void {
    this.#steps.isDead = true;
  }

  /** A killed process is followed by another. @returns whether there was one */
  revive(): boolean {
    if (!this.#steps.isDead) return false;
    this.#keeper.stop();
    this.#stopWatch();
    this.boot();
    return true;
  }

  setClockOff(milliseconds: number): void {
    this.#clock.set(milliseconds - this.#clockOffMs);
    this.#clockOffMs = milliseconds;
  }

  pass(milliseconds: number): void {
    this.#clock.advance(milliseconds);
  }

  dial(fate: DialFate, lag: number): void {
    if (this.isLinked) return;
    const tls = this.#keeper.tls();
    const reason = 'kind' in tls ? tls : this.#dialWith(tls.cert, fate, lag);
    if (reason === undefined) this.#enter({ name: 'open', url: URL, since: new Date(0) });
    else this.#enterWaiting(reason);
  }

  #dialWith(chain: string, fate: DialFate, lag: number): LinkFailure | undefined {
    if (fate === 'unreached') return failure('unreachable', 'no network');
    const certificate = new X509Certificate(chain);
    const verdict = this.#options.relay.dial(certificate, lag);
    if (fate === 'helloOnly') return failure('unreachable', 'the network broke');
    if (verdict === 'ended') return failure('cutOff', 'it has ended');
    if (verdict === 'forbidden') return failure('forbidden', 'HTTP 403');
    this.#linkCertificate = certificate;
    return undefined;
  }

  drop(kind: 'unreachable' | 'redial' = 'unreachable'): void {
    this.#asked = undefined;
    if (this.isLinked) this.#enterWaiting(failure(kind, 'the link is gone'));
  }

  /** The relay answers a renewal that was asked for; or the link is gone before the device hears of it. */
  async answer(isLost: boolean): Promise<void> {
    const asked = this.#asked;
    if (asked === undefined || this.#linkCertificate === undefined) return;
    this.#asked = undefined;
    const outcome = await this.#options.relay.renew(this.#linkCertificate, asked);
    if (isLost) this.drop();
    else this.#keeper.renewed(outcome);
  }

  /** Resolves when no late renewal is under way. */
  async settled(): Promise<void> {
    while (this.#late.length > 0) {
      await Promise.allSettled(this.#late.splice(0));
      await new Promise(setImmediate);
    }
  }

  close(): void {
    this.#keeper.stop();
    this.#stopWatch();
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    this.#late.push(promise);
    return promise;
  }

  async #renewLate(attempt: { credential: Identity['current']; key: KeyObject }): Promise<EnrolOutcome> {
    const unreached: EnrolOutcome = { type: 'failed', failure: failure('unreachable', 'no network') };
    const { enrolment } = this;
    if (enrolment === 'unreached') return unreached;
    const certificate = await this.#options.relay.renewLate(attempt);
    if (enrolment === 'answerLost') return unreached;
    if (certificate === undefined) return { type: 'refused', reason: 'otherKey', message: 'another key', retryAfterMs: 0 };
    const { authorities } = this.identity();
    return { type: 'enrolled', device: { nodeName: 'truck-1', certificates: [certificate], authorities } };
  }

  #openFolder(): IdentityFolder {
    return createIdentityFolder({ dataDir: this.#options.dataDir, logger: silent, steps: this.#steps.wrapped() });
  }

  #enterWaiting(reason: LinkFailure): void {
    this.#enter({ name: 'waiting', url: URL, since: new Date(0), until: new Date(0), reason });
  }

  #enter(state: LinkState): void {
    this.#state = state;
    this.#keeper.linkChanged(state);
  }
}
