import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NodeState } from '../downstream/index.ts';
import type { NodeLink } from '../replicas/index.ts';
import { LinkedConditions, type LinkedWrite } from './linked.ts';
import type { Outcome } from './outcome.ts';

const MISSING: NodeState = { exists: false, uid: undefined, labelled: false, linked: undefined, agentVersion: undefined };
const STATUS = { up: 'True', down: 'False', unknown: 'Unknown' } as const;

/** Links and Nodes that the test sets, and an API server whose answers it decides. */
class Scene {
  nowMs = 0;
  readonly links = new Map<string, { readonly state: NodeLink['state']; readonly sinceMs: number; readonly isShared: boolean }>();
  readonly undecided = new Set<string>();
  readonly nodes = new Map<string, NodeState>();
  readonly writes: (LinkedWrite & { readonly atMs: number })[] = [];
  readonly linked: LinkedConditions;
  answer: (write: LinkedWrite) => Outcome = () => ({ type: 'written', version: '1' });
  /** The watch tells of a write so much later. */
  echoMs = 50;
  readonly #echoes: { readonly atMs: number; readonly act: () => void }[] = [];

  constructor(self = 'a') {
    this.linked = new LinkedConditions({
      afterMs: 30_000,
      links: {
        link: (node) => {
          if (this.undecided.has(node)) return undefined;
          const link = this.links.get(node);
          if (link === undefined) return 'none';
          return { state: link.state, ageMs: this.nowMs - link.sinceMs, agentVersion: '1.0', isShared: link.isShared };
        },
      },
      node: (name) => this.nodes.get(name) ?? MISSING,
      self,
      startedAtMs: 0,
      random: () => 0.5,
      onFailing: () => {},
      onRecovered: () => {},
    });
  }

  node(name: string, state: Partial<NodeState> = {}): void {
    const before = this.nodes.get(name) ?? MISSING;
    this.nodes.set(name, { ...before, exists: true, uid: `uid-${name}`, ...state });
    this.linked.changed(name, this.nowMs);
  }

  link(name: string, state: NodeLink['state'], isShared = false): void {
    this.links.set(name, { state, sinceMs: this.nowMs, isShared });
    this.linked.changed(name, this.nowMs);
  }

  run(untilMs: number): void {
    for (;;) {
      const soonestMs = Math.min(this.linked.nextAtMs(), ...this.#echoes.map(({ atMs }) => atMs));
      if (soonestMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, soonestMs);
      for (const echo of this.#echoes.splice(0)) {
        if (echo.atMs <= this.nowMs) echo.act();
        else this.#echoes.push(echo);
      }
      for (let write = this.linked.next(this.nowMs); write !== undefined; write = this.linked.next(this.nowMs)) this.#take(write);
    }
    this.nowMs = untilMs;
  }

  #take(write: LinkedWrite): void {
    this.writes.push({ ...write, atMs: this.nowMs });
    const outcome = this.answer(write);
    this.linked.settled(write, outcome, this.nowMs);
    if (outcome.type !== 'written') return;
    const { node, condition, agentVersion } = write;
    const act = () =>
      this.node(node, {
        ...(condition === undefined ? {} : { linked: STATUS[condition.state] }),
        ...(agentVersion === undefined ? {} : { agentVersion }),
      });
    this.#echoes.push({ atMs: this.nowMs + this.echoMs, act });
  }
}

describe('the condition hawser.dev/Linked', () => {
  it('follows 30 s after the link, with the version of the agent beside it, and once', () => {
    const scene = new Scene();
    scene.node('edge-1');
    scene.run(5_000);
    scene.link('edge-1', 'up');
    scene.run(200_000);
    scene.link('edge-1', 'down');
    scene.run(400_000);
    assert.deepEqual(scene.writes, [
      { node: 'edge-1', uid: 'uid-edge-1', condition: { state: 'up', sinceMs: 5_000 }, agentVersion: '1.0', atMs: 35_000 },
      {
        node: 'edge-1',
        uid: 'uid-edge-1',
        condition: { state: 'down', sinceMs: 200_000 },
        agentVersion: undefined,
        atMs: 230_000,
      },
    ]);
    assert.equal(scene.linked.waiting(), 0);
  });

  it('of a device that overwrites it as often as it is written is written every ten seconds, and holds up no other', () => {
    const scene = new Scene();
    scene.node('loud');
    scene.link('loud', 'up');
    scene.run(30_000);
    for (let atMs = 31_000; atMs <= 90_000; atMs += 100) {
      if (scene.nodes.get('loud')?.linked === 'True') scene.node('loud', { linked: 'False' });
      scene.run(atMs);
    }
    assert.deepEqual(
      scene.writes.map(({ atMs }) => Math.floor(atMs / 10_000)),
      [3, 4, 5, 6, 7, 8, 9],
    );
    scene.run(200_000);
    assert.equal(scene.nodes.get('loud')?.linked, 'True');
    assert.equal(scene.linked.waiting(), 0);
  });

  it('is not touched by a short cut', () => {
    const scene = new Scene();
    scene.node('edge-1', { linked: 'True', agentVersion: '1.0' });
    scene.link('edge-1', 'up');
    for (let atMs = 100_000; atMs < 1_000_000; atMs += 40_000) {
      scene.run(atMs);
      scene.link('edge-1', 'down');
      scene.run(atMs + 29_000);
      scene.link('edge-1', 'up');
    }
    scene.run(2_000_000);
    assert.deepEqual(scene.writes, []);
  });

  it('stays where the Node says it already, but for the version of an agent that was exchanged', () => {
    const scene = new Scene();
    scene.node('edge-1', { linked: 'True', agentVersion: '0.9' });
    scene.link('edge-1', 'up');
    scene.run(100_000);
    assert.deepEqual(
      scene.writes.map(({ condition, agentVersion }) => [condition, agentVersion]),
      [[undefined, '1.0']],
    );
  });

  it('waits for a Node, and is written anew on one that was made anew or that somebody has changed', () => {
    const scene = new Scene();
    scene.link('edge-1', 'up');
    scene.run(100_000);
    assert.equal(scene.writes.length, 0);
    scene.node('edge-1');
    scene.run(101_000);
    assert.equal(scene.writes.length, 1);
    scene.run(150_000);
    scene.node('edge-1', { uid: 'uid-2', linked: undefined, agentVersion: undefined });
    scene.run(160_000);
    assert.deepEqual([scene.writes.length, scene.writes[1]?.uid], [2, 'uid-2']);
    scene.node('edge-1', { linked: 'False' });
    scene.run(180_000);
    assert.equal(scene.writes.length, 3);
  });

  it('is not written of a link that is another replica’s to tell, or not decided', () => {
    const scene = new Scene();
    scene.node('edge-1', { linked: 'True' });
    scene.link('edge-1', 'down');
    scene.run(20_000);
    scene.undecided.add('edge-1');
    scene.linked.changed('edge-1', scene.nowMs);
    scene.run(200_000);
    assert.deepEqual([scene.writes.length, scene.linked.waiting()], [0, 0]);
  });

  it('is corrected where it says that a node is linked and nobody knows of a link, a minute and 30 s after the start', () => {
    const scene = new Scene();
    scene.node('linked-once', { linked: 'True' });
    scene.node('ordinary');
    scene.node('lost', { linked: 'False' });
    scene.run(300_000);
    assert.deepEqual(
      scene.writes.map(({ node, condition, atMs }) => [node, condition?.state, atMs >= 90_000 && atMs <= 100_000]),
      [['linked-once', 'down', true]],
    );
  });

  it('is written by one of several replicas that may, as they wait for different times', () => {
    const scenes = ['a', 'b', 'c'].map((self) => new Scene(self));
    const times = scenes.map((scene) => {
      scene.node('edge-1', { linked: 'True' });
      scene.link('edge-1', 'unknown', true);
      scene.run(60_000);
      return scene.writes[0]?.atMs ?? 0;
    });
    assert.equal(new Set(times).size, 3);
    assert.ok(times.every((atMs) => atMs >= 30_000 && atMs <= 40_000));
  });

  it('is not repeated while the watch lags, and tried ever more seldom where it is refused', () => {
    const scene = new Scene();
    scene.echoMs = 8_000;
    scene.node('edge-1');
    scene.link('edge-1', 'up');
    scene.run(100_000);
    assert.equal(scene.writes.length, 1);
    scene.node('edge-2');
    scene.answer = () => ({ type: 'refused', message: 'no' });
    scene.link('edge-2', 'up');
    scene.run(3_700_000);
    const tries = scene.writes.filter(({ node }) => node === 'edge-2').length;
    assert.ok(tries > 5 && tries < 40, `${tries}`);
  });

  it('of many nodes that are lost at once is spread over time, and backs off while the API server takes none', () => {
    const scene = new Scene();
    for (let n = 0; n < 2_000; n += 1) {
      scene.node(`edge-${n}`, { linked: 'True' });
      scene.link(`edge-${n}`, 'down');
    }
    scene.answer = () =>
      scene.nowMs < 40_000 ? { type: 'failing', message: '503', retryAfterMs: undefined } : { type: 'written', version: '1' };
    scene.run(39_999);
    assert.ok(scene.writes.length < 15, `${scene.writes.length}`);
    const failed = scene.writes.length;
    scene.run(120_000);
    assert.equal(scene.writes.length - failed, 2_000);
    const counts = new Map<number, number>();
    for (const { atMs } of scene.writes) counts.set(Math.floor(atMs / 1000), (counts.get(Math.floor(atMs / 1000)) ?? 0) + 1);
    assert.ok(Math.max(...counts.values()) <= 52, `${Math.max(...counts.values())} in a second`);
  });

  it('ends up right, whatever the links do, and changes no Node for a state that lasted less than 30 s', () => {
    const step = fc.record({ state: fc.constantFrom('up', 'down', 'unknown'), forMs: fc.integer({ min: 0, max: 60_000 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        const scene = new Scene();
        scene.node('edge-1');
        const lasted: { readonly state: NodeLink['state']; readonly fromMs: number; toMs: number }[] = [];
        for (const { state, forMs } of steps) {
          const previous = lasted.at(-1);
          if (previous?.state !== state) {
            lasted.push({ state, fromMs: scene.nowMs, toMs: scene.nowMs });
            scene.link('edge-1', state);
          }
          scene.run(scene.nowMs + forMs);
          const now = lasted.at(-1);
          if (now !== undefined) now.toMs = scene.nowMs;
        }
        for (const { condition, atMs } of scene.writes) {
          const stood = lasted.find(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs && atMs - fromMs >= 30_000);
          assert.equal(stood?.state, condition?.state);
        }
        scene.run(scene.nowMs + 60_000);
        const last = lasted.at(-1)?.state ?? 'up';
        assert.equal(scene.nodes.get('edge-1')?.linked, STATUS[last]);
      }),
    );
  });
});
