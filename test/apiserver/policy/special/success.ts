import type { SpecialAnswer } from '@hawser/edge';

/** The answer to a binding or an eviction: a Status and no object. */
export const SUCCESS: SpecialAnswer = {
  status: 201,
  body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
};
