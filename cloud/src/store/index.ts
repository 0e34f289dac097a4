export type { Base } from './encoded-bodies.ts';
export { EncodedBodies } from './encoded-bodies.ts';
export type { Body, Entry, KeptBody, StoreStats } from './object-store.ts';
export { ObjectStore, resourceOf } from './object-store.ts';
export { SupersededBodies } from './superseded-bodies.ts';
