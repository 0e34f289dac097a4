export { LINK_PATH } from './admission.ts';
export { type Claimant, replaced, type SessionClaims } from './claims.ts';
export { type Hub, type HubOptions, startHub } from './hub.ts';
export { hubReadings } from './readings.ts';
