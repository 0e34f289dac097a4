import type { KubeObject } from '@hawser/protocol';
import { fieldsOf, textOf } from '../../apiserver/policy/fields.ts';
import type { Surroundings } from '../reflector.ts';
import type { TokenNeed } from './pod-spec.ts';

/** ServiceAccount tokens of pods, in memory: a kubelet that starts asks for all of them again. */
export interface Tokens {
  /** Asks for those that the pod has not or that are due; what it has stays until there is another. */
  renew(pod: KubeObject, needs: readonly TokenNeed[]): Promise<void>;
  get(podUid: string, need: TokenNeed): string | undefined;
  forget(podUid: string): void;
}

interface Held {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
}

/** As the kubelet has it: due when 80 % of its life are over, or it is a day old; up to ten seconds sooner. */
const DUE_AT_SHARE = 0.8;
const OLDEST_MS = 24 * 3_600_000;
const JITTER_MS = 10_000;

export function createTokens({ client, clock, random, happen }: Surroundings): Tokens {
  const held = new Map<string, Map<string, Held>>();

  const request = async (pod: KubeObject, need: TokenNeed): Promise<void> => {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${need.serviceAccount}/token`;
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name, uid };
    const audiences = need.audience === '' ? null : [need.audience];
    const body = {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {},
      spec: { audiences, expirationSeconds: need.expirationSeconds, boundObjectRef },
      status: { token: '', expirationTimestamp: null },
    };
    const said = { event: 'token', pod: name, namespace, uid, audience: need.audience };
    const asked = clock.now().getTime();
    let answer: Awaited<ReturnType<typeof client.call>>;
    try {
      answer = await client.call('POST', path, { body });
    } catch (error) {
      happen({ ...said, status: 0, message: error instanceof Error ? error.message : String(error) });
      return;
    }
    const { token, expirationTimestamp } = fieldsOf(answer.object?.status);
    if (answer.status !== 201 || textOf(token) === '') {
      happen({ ...said, status: answer.status, message: textOf(answer.object?.message) });
      return;
    }
    const endsAt = Date.parse(textOf(expirationTimestamp));
    const dueAt = Math.min(asked + (endsAt - asked) * DUE_AT_SHARE, asked + OLDEST_MS) - JITTER_MS * random();
    const ofPod = held.get(uid) ?? new Map<string, Held>();
    held.set(uid, ofPod);
    ofPod.set(idOf(need), { token: textOf(token), dueAt });
    const marks = answer.object?.metadata.annotations ?? {};
    happen({
      ...said,
      status: 201,
      expiresAt: textOf(expirationTimestamp),
      isExpired: endsAt <= asked,
      marks,
      warning: answer.warning,
    });
  };

  return {
    async renew(pod, needs) {
      const ofPod = held.get(pod.metadata.uid ?? '');
      const isDue = (need: TokenNeed) => (ofPod?.get(idOf(need))?.dueAt ?? 0) <= clock.now().getTime();
      for (const need of needs.filter(isDue)) await request(pod, need);
    },
    get: (podUid, need) => held.get(podUid)?.get(idOf(need))?.token,
    forget: (podUid) => held.delete(podUid),
  };
}

function idOf({ serviceAccount, audience, expirationSeconds }: TokenNeed): string {
  return JSON.stringify([serviceAccount, audience, expirationSeconds]);
}
