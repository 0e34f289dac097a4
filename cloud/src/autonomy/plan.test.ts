import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  applyMergePatch,
  type JsonObject,
  type Span,
  TOLERATES_ANNOTATION,
  UNREACHABLE_TAINT as UNREACHABLE,
} from '@hawser/protocol';
import fc from 'fast-check';
import { planPod, readAutonomy } from './plan.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';

function toleration(key: string, seconds?: number): JsonObject {
  return { key, operator: 'Exists', effect: 'NoExecute', ...(seconds === undefined ? {} : { tolerationSeconds: seconds }) };
}

function pod(tolerations: JsonObject[], more: JsonObject = {}, metadata: JsonObject = {}): JsonObject {
  return { metadata: { name: 'web', ...metadata }, spec: { nodeName: 'edge-1', tolerations }, ...more };
}

/** The pod with the plan carried out. */
function carriedOut(before: JsonObject, autonomy: Span | undefined): JsonObject {
  const plan = planPod(before, autonomy);
  return plan.type === 'patch' ? (applyMergePatch(before, { ...plan.body }) as JsonObject) : before;
}

function tolerationsOf({ spec }: JsonObject): JsonObject[] {
  return (spec as { tolerations: JsonObject[] }).tolerations;
}

function mark({ metadata }: JsonObject): unknown {
  return (metadata as { annotations?: JsonObject }).annotations?.[TOLERATES_ANNOTATION];
}

/** Seconds under a taint without a value, as the taint eviction controller counts them. */
function tolerance(of: JsonObject, key: string, effect: string): Span | 'not' {
  const first = tolerationsOf(of).find((entry) => {
    if ((entry.effect ?? '') !== '' && entry.effect !== effect) return false;
    if ((entry.key ?? '') !== '' && entry.key !== key) return false;
    return entry.operator === 'Exists' || ((entry.key ?? '') !== '' && (entry.value ?? '') === '');
  });
  if (first === undefined) return 'not';
  return typeof first.tolerationSeconds === 'number' ? Math.max(0, first.tolerationSeconds) : 'forever';
}

describe('planPod', () => {
  test('lengthens what admission gave the pod, and only for the taint of a lost node', () => {
    const before = pod([toleration(NOT_READY, 300), toleration(UNREACHABLE, 300)]);
    const after = carriedOut(before, 259_200);
    assert.deepEqual(tolerationsOf(after), [toleration(NOT_READY, 300), toleration(UNREACHABLE, 259_200)]);
    assert.equal(mark(after), '259200 (was 300)');
  });

  test('for ever is a toleration without seconds', () => {
    const after = carriedOut(pod([toleration(UNREACHABLE, 300)]), 'forever');
    assert.deepEqual(tolerationsOf(after), [toleration(UNREACHABLE)]);
    assert.equal(mark(after), 'forever (was 300)');
  });

  test('is done once', () => {
    const after = carriedOut(pod([toleration(UNREACHABLE, 300)]), 259_200);
    assert.deepEqual(planPod(after, 259_200), { type: 'asWanted' });
  });

  test('another span counts from what the pod had at first', () => {
    const long = carriedOut(pod([toleration(UNREACHABLE, 300)]), 259_200);
    const short = carriedOut(long, 3_600);
    assert.equal(tolerance(short, UNREACHABLE, 'NoExecute'), 3_600);
    assert.equal(mark(short), '3600 (was 300)');
  });

  test('without autonomy the pod gets back what it had, and the mark goes', () => {
    const before = pod([toleration(NOT_READY, 300), toleration(UNREACHABLE, 300)], {}, { annotations: { mine: 'yes' } });
    assert.deepEqual(carriedOut(carriedOut(before, 'forever'), undefined), before);
  });

  test('a pod that tolerates the taint for longer, or for ever, stays as it is', () => {
    assert.deepEqual(planPod(pod([toleration(UNREACHABLE, 600_000)]), 259_200), { type: 'asWanted' });
    assert.deepEqual(planPod(pod([toleration(UNREACHABLE)]), 'forever'), { type: 'asWanted' });
    assert.deepEqual(planPod(pod([{ operator: 'Exists' }]), 259_200), { type: 'asWanted' });
  });

  test('a span shorter than what the pod had before lengthens nothing, and undoes a longer one', () => {
    const before = pod([toleration(UNREACHABLE, 300)]);
    assert.deepEqual(planPod(before, 60), { type: 'asWanted' });
    assert.deepEqual(carriedOut(carriedOut(before, 3_600), 60), { ...before, metadata: { name: 'web', annotations: {} } });
  });

  test('a pod that tolerates it not at all gets a toleration, and one of no seconds back', () => {
    const after = carriedOut(pod([]), 3_600);
    assert.deepEqual(tolerationsOf(after), [toleration(UNREACHABLE, 3_600)]);
    assert.deepEqual(tolerationsOf(carriedOut(after, undefined)), [toleration(UNREACHABLE, 0)]);
  });

  test('a toleration for all taints keeps its seconds: one for this taint goes before it', () => {
    const all = { operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 };
    const after = carriedOut(pod([all]), 3_600);
    assert.deepEqual(tolerationsOf(after), [toleration(UNREACHABLE, 3_600), all]);
    assert.equal(tolerance(carriedOut(after, undefined), UNREACHABLE, 'NoExecute'), 60);
  });

  test('what somebody else has set since stands', () => {
    const ours = carriedOut(pod([toleration(UNREACHABLE, 300)]), 259_200);
    const theirs = { ...ours, spec: { tolerations: [toleration(UNREACHABLE, 30)] } };
    for (const autonomy of [259_200, 'forever', undefined] as const) {
      assert.deepEqual(planPod(theirs, autonomy), { type: 'changedByOthers' });
    }
  });

  test('pods that are finished, ending or static are left alone', () => {
    const short = [toleration(UNREACHABLE, 300)];
    const others = [
      pod(short, { status: { phase: 'Succeeded' } }),
      pod(short, { status: { phase: 'Failed' } }),
      pod(short, {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      pod(short, {}, { annotations: { 'kubernetes.io/config.mirror': 'hash' } }),
    ];
    for (const other of others) assert.deepEqual(planPod(other, 'forever'), { type: 'asWanted' });
  });

  test('a mark that is none of ours counts as none, and objects of any shape are read', () => {
    const foreign = pod([toleration(UNREACHABLE, 300)], {}, { annotations: { [TOLERATES_ANNOTATION]: 'whatever' } });
    assert.equal(mark(carriedOut(foreign, 3_600)), '3600 (was 300)');
    for (const odd of [
      {},
      { spec: null },
      { spec: { tolerations: 'none' } },
      { metadata: 7, spec: { tolerations: [7, null] } },
    ]) {
      assert.equal(planPod(odd as JsonObject, 3_600).type, 'patch');
      assert.equal(planPod(odd as JsonObject, undefined).type, 'asWanted');
    }
  });

  test('whatever a pod tolerates: its node is tolerated long enough, other taints as before, and all of it comes back', () => {
    const seconds = fc.option(fc.integer({ min: -1, max: 400_000 }), { nil: undefined });
    const entries = fc
      .record({
        key: fc.constantFrom('', UNREACHABLE, NOT_READY, 'example.com/own'),
        operator: fc.constantFrom('Exists', 'Equal', ''),
        effect: fc.constantFrom('', 'NoExecute', 'NoSchedule'),
        value: fc.constantFrom('', 'x'),
        tolerationSeconds: seconds,
      })
      // What the API server takes: no key only with Exists, a value only with Equal, seconds only with NoExecute.
      .filter(({ key, operator }) => key !== '' || operator === 'Exists')
      .map(({ value, tolerationSeconds, ...entry }): JsonObject => {
        const hasSeconds = entry.effect === 'NoExecute' && tolerationSeconds !== undefined;
        return { ...entry, ...(entry.operator === 'Exists' ? {} : { value }), ...(hasSeconds ? { tolerationSeconds } : {}) };
      });
    const spans = fc.array(fc.oneof(fc.integer({ min: 1, max: 400_000 }), fc.constant('forever' as const)), { maxLength: 4 });
    const taints = [
      [NOT_READY, 'NoExecute'],
      ['example.com/own', 'NoExecute'],
      [UNREACHABLE, 'NoSchedule'],
    ] as const;
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 4 }), spans, (tolerations, autonomies) => {
        const before = pod(tolerations);
        const atFirst = tolerance(before, UNREACHABLE, 'NoExecute');
        let now = before;
        for (const autonomy of autonomies) {
          const next = carriedOut(now, autonomy);
          assert.equal(planPod(next, autonomy).type, 'asWanted', 'done once');
          const wanted = tolerance(next, UNREACHABLE, 'NoExecute');
          const least = atFirst === 'not' ? 0 : atFirst;
          const expected = least === 'forever' || autonomy === 'forever' ? 'forever' : Math.max(least, autonomy);
          assert.equal(wanted, expected);
          for (const [key, effect] of taints) assert.equal(tolerance(next, key, effect), tolerance(before, key, effect));
          for (const old of tolerationsOf(now)) {
            const isKept = tolerationsOf(next).some((entry) => sameButSeconds(entry, old));
            assert.ok(isKept, 'the API server lets nobody take a toleration away');
          }
          now = next;
        }
        const restored = carriedOut(now, undefined);
        assert.equal(
          tolerance(restored, UNREACHABLE, 'NoExecute'),
          autonomies.length === 0 ? atFirst : zeroFor(atFirst, restored),
        );
        assert.equal(mark(restored), undefined);
      }),
    );
  });
});

test('a word of a Node is a span, for ever, none, or not valid', () => {
  assert.equal(readAutonomy(undefined), 'none');
  assert.equal(readAutonomy('72h'), 259_200);
  assert.equal(readAutonomy('forever'), 'forever');
  for (const text of ['', '72', 'always', '72h; forever']) assert.equal(readAutonomy(text), 'invalid');
});

function sameButSeconds({ tolerationSeconds: _a, ...a }: JsonObject, { tolerationSeconds: _b, ...b }: JsonObject): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Where there was no toleration, one of no seconds is left: the pod goes at once, as it would have. */
function zeroFor(atFirst: Span | 'not', restored: JsonObject): Span | 'not' {
  return atFirst === 'not' && tolerationsOf(restored).some(({ key }) => key === UNREACHABLE) ? 0 : atFirst;
}
