export { type ChainCheck, type ChainVerdict, checkChain, publicKeyOf } from './chain.ts';
export {
  type ClusterKeys,
  clusterKeysDigest,
  MAX_AUDIENCES,
  MAX_ISSUER_LENGTH,
  MAX_KEY_SET_BYTES,
} from './cluster-keys.ts';
export * from './enrolment.ts';
export { authoritiesDigest, type KeyHash, keyHash, parseKeyHash, readCertificate, readDeviceKey } from './key-hash.ts';
export { MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_PUBLIC_KEY_BYTES, MAX_SIGNATURE_BYTES } from './limits.ts';
export { isSignedBy, joinProof, lateRenewalProof, renewalProof, signProof } from './proofs.ts';
