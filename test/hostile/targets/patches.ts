import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  diffMergePatch,
  diffStrategicMergePatch,
  isJsonObject,
  type JsonValue,
  requireBoundedDepth,
  restateStrategicMergePatch,
} from '@hawser/protocol';
import fc from 'fast-check';
import { attempt, type Target } from '../engine/target.ts';
import { mutateJson } from '../mutate/json.ts';
import { MB, MS } from './limits.ts';

/** Copies of a JSON patch may add 3 MB of JSON, which is some ten times as much as objects. */
const BYTES = 128 * MB;

const TYPES = [
  { apiVersion: 'v1', kind: 'Pod' },
  { apiVersion: 'v1', kind: 'Node' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
];

export const patches: Target = {
  name: 'patches',
  what: 'strategic merge, merge and JSON patches: [number of the type, object, patch, other object]',
  corpus: ['patches'],
  bounds: { ms: MS, bytes: BYTES, inputBytes: 256 * 1024 },
  mutators: [mutateJson],
  shape: fc
    .tuple(fc.nat({ max: 2 }), fc.jsonValue({ maxDepth: 5 }), fc.jsonValue({ maxDepth: 5 }), fc.jsonValue({ maxDepth: 3 }))
    .map((parts) => Buffer.from(JSON.stringify(parts))),
  open: () => ({
    run(input) {
      const parts = parse(input);
      if (parts === undefined) return 'refused';
      const [number, object = null, patch = null, other = null] = parts;
      const type = TYPES[typeof number === 'number' ? Math.abs(Math.trunc(number)) % TYPES.length : 0] ?? {
        apiVersion: 'v1',
        kind: 'Pod',
      };
      // Objects are held to the same depth wherever they come in.
      const isBounded = attempt(() => [object, other].forEach(requireBoundedDepth));
      if (isBounded === 'refused') return isBounded;
      const verdicts = [
        attempt(() => applyJsonPatch(object, patch)),
        attempt(() => applyMergePatch(object, patch)),
        attempt(() => diffMergePatch(object, other)),
      ];
      if (isJsonObject(object) && isJsonObject(patch)) {
        verdicts.push(attempt(() => applyStrategicMergePatch(type, object, patch)));
        if (isJsonObject(other)) {
          verdicts.push(attempt(() => diffStrategicMergePatch(type, object, other)));
          verdicts.push(attempt(() => restateStrategicMergePatch(type, object, other, patch)));
        }
      }
      return verdicts.includes('taken') ? 'taken' : 'refused';
    },
  }),
};

/** What is no JSON never comes so far. */
function parse(input: Uint8Array): JsonValue[] | undefined {
  try {
    const value: JsonValue = JSON.parse(Buffer.from(input).toString('utf8'));
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
