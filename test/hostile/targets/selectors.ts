import { ApiError, matchesFields, matchesLabels, parseFieldSelector, parseLabelSelector } from '@hawser/edge';
import { resourceById } from '@hawser/protocol';
import fc from 'fast-check';
import { attempt, type Target } from '../engine/target.ts';
import { linesMutator } from '../mutate/lines.ts';
import { MB, MS } from './limits.ts';

const PODS = resourceById('pods');
const POD = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'b', labels: { a: 'b', c: '7' } } };
const WORDS = [
  '=',
  '==',
  '!=',
  ',',
  ' in (',
  ' notin (',
  ')',
  '!',
  '>',
  '<',
  '\\',
  'metadata.name',
  'spec.nodeName',
  '__proto__',
  'a/b',
  '\u0000',
  '9'.repeat(30),
];

export const selectors: Target = {
  name: 'selectors',
  what: 'label and field selectors of the Kubernetes API',
  corpus: ['selectors'],
  // A text of 16,384 characters at most is looked at.
  bounds: { ms: MS, bytes: 16 * MB, inputBytes: 64 * 1024 },
  mutators: [linesMutator(WORDS)],
  shape: fc
    .array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 5 })), { maxLength: 30 })
    .map((words) => Buffer.from(words.join(''))),
  open: () => ({
    run(input) {
      const text = Buffer.from(input).toString('utf8');
      const refuses = (error: unknown) => error instanceof ApiError;
      const labels = attempt(() => matchesLabels(parseLabelSelector(text), POD.metadata.labels), refuses);
      const fields = attempt(() => {
        if (PODS === undefined) throw new Error('pods are no resource');
        return matchesFields(parseFieldSelector(text, PODS), POD);
      }, refuses);
      return labels === 'taken' || fields === 'taken' ? 'taken' : 'refused';
    },
  }),
};
