export { LINK_PATH } from './admission.ts';
export { type Claimant, replaced, type SessionClaims } from './claims.ts';
export type { DeviceAnswer } from './device-questions.ts';
export { type Hub, type HubOptions, startHub } from './hub.ts';
export type { LinkFacts, LinkReport } from './link.ts';
export { hubReadings } from './readings.ts';
