import { authoritiesDigest, HawserError } from '@hawser/protocol';
import type { Clock } from '../../clock.ts';
import type { Issuer } from '../types.ts';
import { makeLeaf } from './certificates.ts';
import type { SignerSource } from './signer.ts';

export interface IssuerOptions {
  readonly source: SignerSource;
  readonly clock: Clock;
  /** Of devices' certificates; never beyond the end of the authority. */
  readonly lifetimeMs: number;
}

/** Signs devices' certificates with whatever signer there is now. */
export function createIssuer({ source, clock, lifetimeMs }: IssuerOptions): Issuer {
  return {
    trusted: () => source.current()?.trusted ?? [],
    async issue(nodeName, publicKey) {
      const signer = source.current();
      if (signer === undefined) {
        throw new HawserError('unreachable', `nothing is signed yet; waiting for ${source.waitingFor() ?? 'an authority'}`);
      }
      const subject = [{ O: ['system:nodes'] }, { CN: [`system:node:${nodeName}`] }];
      const leaf = await makeLeaf({ usage: 'client', subject, publicKey, names: [], lifetimeMs }, signer, clock.now());
      return [leaf, ...signer.behindDevice];
    },
    onChange(listener) {
      let known = digestOf(source);
      return source.onChange(() => {
        const before = known;
        known = digestOf(source);
        if (known !== before) listener();
      });
    },
  };
}

function digestOf(source: SignerSource): string {
  return authoritiesDigest(source.current()?.trusted ?? []);
}
