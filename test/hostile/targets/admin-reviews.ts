import { isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';
import { pino } from 'pino';
import { Reviews } from '../../../cloud/src/admin/index.ts';
import { systemClock } from '../../../cloud/src/clock.ts';
import type { Target } from '../engine/target.ts';
import { mutateJson } from '../mutate/json.ts';
import { MB, MS } from './limits.ts';

/** `{"token": …, "access": …}`: what the API server, or what stands before it, answers to a TokenReview and a SubjectAccessReview. */
export const adminReviews: Target = {
  name: 'admin-reviews',
  what: 'answers of the cluster about who asks a relay and whether they may: nothing but a plain yes to both is a permission',
  corpus: ['admin-reviews'],
  // Twice parsed, and once sent on as the user of the second question.
  bounds: { ms: MS, bytes: 32 * MB, inputBytes: 256 * 1024 },
  mutators: [mutateJson],
  open: () => ({
    async run(bytes) {
      const answers = objectIn(Buffer.from(bytes).toString('utf8'));
      if (!isWritable(answers)) return 'refused';
      const text = (name: string) => (typeof answers[name] === 'string' ? answers[name] : JSON.stringify(answers[name] ?? null));
      const api = {
        request: async ({ path }: { readonly path: string }) => ({
          status: 201,
          headers: {},
          text: text(path.endsWith('/tokenreviews') ? 'token' : 'access'),
        }),
      };
      // A new one each time: answers are kept.
      const reviews = new Reviews({ api, clock: systemClock, logger: pino({ level: 'silent' }), apiCall: () => undefined });
      const { type } = await reviews.judge('Bearer t', 'get', '/hawser/nodes');
      if (type !== 'allowed') return 'refused';
      const [token, access] = [statusIn(text('token')), statusIn(text('access'))];
      const isYes = token.authenticated === true && access.allowed === true && access.denied !== true;
      const { username } = isJsonObject(token.user) ? token.user : {};
      if (!isYes || typeof username !== 'string' || username === '')
        throw new Error('a permission that the cluster has not given');
      return 'taken';
    },
  }),
};

/** JSON.parse takes a text that is nested deeper than JSON.stringify writes; as a string of ours such a one is tried all the same. */
function isWritable(value: JsonValue): boolean {
  try {
    JSON.stringify(value);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function statusIn(text: string): JsonObject {
  const { status } = objectIn(text);
  return isJsonObject(status) ? status : {};
}

function objectIn(text: string): JsonObject {
  try {
    const value: JsonValue = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
