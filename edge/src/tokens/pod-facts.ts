import type { KubeObject } from '@hawser/protocol';
import * as v from 'valibot';

/** What of a pod decides about its tokens. */
export interface PodFacts {
  readonly nodeName: string;
  readonly serviceAccount: string;
  /** Of projected tokens; "" for the API server's own. */
  readonly audiences: readonly string[];
  /** Whether a CSI driver may ask for tokens of the pod: for which audiences stands in the CSIDriver. */
  readonly hasDrivers: boolean;
}

/** What is not as the Pod API says counts as absent. */
const Source = v.fallback(v.object({ serviceAccountToken: v.optional(v.object({ audience: v.optional(v.string(), '') })) }), {});
const Volume = v.fallback(
  v.object({
    projected: v.optional(v.object({ sources: v.optional(v.array(Source), []) })),
    csi: v.optional(v.unknown()),
    persistentVolumeClaim: v.optional(v.unknown()),
    ephemeral: v.optional(v.unknown()),
  }),
  {},
);
const Spec = v.fallback(
  v.object({
    nodeName: v.optional(v.string(), ''),
    serviceAccountName: v.optional(v.string(), ''),
    volumes: v.optional(v.array(Volume), []),
  }),
  { nodeName: '', serviceAccountName: '', volumes: [] },
);

export function podFacts(pod: KubeObject): PodFacts {
  const { nodeName, serviceAccountName, volumes } = v.parse(Spec, pod.spec);
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  return {
    nodeName,
    serviceAccount: serviceAccountName === '' ? 'default' : serviceAccountName,
    audiences: sources.flatMap(({ serviceAccountToken: token }) => (token === undefined ? [] : [token.audience])),
    hasDrivers: volumes.some(
      ({ csi, persistentVolumeClaim, ephemeral }) =>
        csi !== undefined || persistentVolumeClaim !== undefined || ephemeral !== undefined,
    ),
  };
}

/** Whether the pod may have tokens for that audience, as far as the pod itself says. */
export function namesAudience({ audiences, hasDrivers }: PodFacts, audience: string): boolean {
  return audiences.includes(audience) || hasDrivers;
}
