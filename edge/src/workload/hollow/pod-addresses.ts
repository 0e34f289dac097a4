import { createHash } from 'node:crypto';
import type { JsonValue } from '@hawser/protocol';

/** Made-up addresses of simulated pods: one each, the same again after a restart of the agent. */
export interface PodAddresses {
  /** @param reported what the pod's status says already */
  of(uid: string, reported: JsonValue | undefined): string;
  release(uid: string): void;
}

/** 10.88.0.0/16 without network, gateway and broadcast; a node has at most some hundred pods. */
const PREFIX = '10.88';
const FIRST = 2;
const COUNT = 0xfffd;

export function createPodAddresses(): PodAddresses {
  const byUid = new Map<string, string>();
  const taken = new Set<string>();

  function draw(uid: string): string {
    const start = createHash('sha256').update(uid).digest().readUInt16BE(0);
    for (let offset = 0; offset < COUNT; offset++) {
      const host = FIRST + ((start + offset) % COUNT);
      const address = `${PREFIX}.${host >> 8}.${host & 0xff}`;
      if (!taken.has(address)) return address;
    }
    throw new RangeError(`no address is left in ${PREFIX}.0.0/16`);
  }

  return {
    of(uid, reported) {
      const known = byUid.get(uid) ?? (typeof reported === 'string' && reported !== '' ? reported : draw(uid));
      byUid.set(uid, known);
      taken.add(known);
      return known;
    },
    release(uid) {
      const address = byUid.get(uid);
      byUid.delete(uid);
      if (address !== undefined) taken.delete(address);
    },
  };
}
