import { nodeIn } from '@hawser/cloud';
import { authoritiesDigest, checkChain, keyHash, MAX_CERTIFICATE_BYTES, readCertificate, readDeviceKey } from '@hawser/protocol';
import { readCorpus } from '../engine/corpus.ts';
import { attempt, type Target } from '../engine/target.ts';
import { mutateDer } from '../mutate/der.ts';
import { MB, MS } from './limits.ts';

/** 8 KB of DER, and OpenSSL's structures of it. */
const BYTES = 16 * MB;

/** Each is taken for a leaf, for what stands between, and for a root, beside real ones. */
export const certificates: Target = {
  name: 'certificates',
  what: 'readCertificate, checkChain and the node that a certificate names, over damaged DER',
  corpus: ['certificates'],
  bounds: { ms: MS, bytes: BYTES, inputBytes: MAX_CERTIFICATE_BYTES },
  mutators: [mutateDer],
  open: () => {
    const real = readCorpus(['certificates']).map(readCertificate);
    const [leaf] = real.filter(({ ca }) => !ca);
    const roots = real.filter(({ ca }) => ca);
    if (leaf === undefined || roots.length === 0) throw new Error('the corpus has no leaf or no authority');
    return {
      run: (der) =>
        attempt(() => {
          const read = readCertificate(der);
          const other = { usage: 'client', at: new Date(), host: undefined } as const;
          const trusted = checkChain({ leaf: read, intermediates: real, roots, ...other });
          checkChain({ leaf: read, intermediates: real, roots, ...other, usage: 'server', host: '127.0.0.1' });
          checkChain({ leaf, intermediates: [read, read, ...roots], roots: [read], ...other, at: 'anyTime' });
          const isReal = real.some(({ raw }) => raw.equals(read.raw));
          // Whoever changes one bit of a certificate has to have the authority's key.
          if (trusted.type === 'trusted' && !isReal) throw new Error('a certificate that nobody signed is trusted');
          authoritiesDigest([read]);
          keyHash(read.publicKey);
          nodeIn(read);
        }),
    };
  },
};

export const publicKeys: Target = {
  name: 'public-keys',
  what: 'readDeviceKey over damaged SubjectPublicKeyInfo',
  corpus: ['public-keys'],
  bounds: { ms: MS, bytes: BYTES, inputBytes: 4096 },
  mutators: [mutateDer],
  open: () => ({ run: (der) => attempt(() => keyHash(readDeviceKey(der))) }),
};
