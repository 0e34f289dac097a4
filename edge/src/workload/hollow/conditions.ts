import type { JsonObject, JsonValue } from '@hawser/protocol';
import { timestamp } from '../../api/clock.ts';
import { array } from './fields.ts';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string | undefined;
  readonly message: string | undefined;
}

/**
 * A kubelet's conditions among those of others: where the status is unchanged the transition time is kept, and conditions that
 * the kubelet does not own stay as they are, after its own.
 */
export function conditionsOf(
  own: readonly Condition[],
  current: JsonValue | undefined,
  generation: number | undefined,
  now: Date,
): JsonObject[] {
  const before = array(current);
  const foreign = before.filter(({ type }) => !own.some((condition) => condition.type === type));
  const conditions = own.map(({ type, status, reason, message }): JsonObject => {
    const previous = before.find((condition) => condition.type === type);
    const since = previous?.status === status ? previous.lastTransitionTime : undefined;
    return {
      type,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status,
      // A patch cannot set null: it is kept where it stands, and left out where it does not, which means the same.
      ...(previous?.lastProbeTime === null ? { lastProbeTime: null } : {}),
      lastTransitionTime: typeof since === 'string' ? since : timestamp(now),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    };
  });
  return [...conditions, ...foreign];
}
