export { type CaAdministration, type CaReport, createCaAdministration } from './authority/administration.ts';
export { oneLine } from './authority/authority.ts';
export { AUTHORITY_NAME } from './authority/names.ts';
export { type Published, readPublished } from './authority/published.ts';
export {
  createDeviceAdministration,
  createRecordStore,
  type DeviceAdministration,
  type DeviceReport,
  shownKey,
} from './devices/index.ts';
export type { EnrolmentServer } from './endpoint/index.ts';
export { createEnrolment, type Enrolment } from './enrolment.ts';
export { type Identity, nodeOf } from './node-identity.ts';
export { keepServing } from './serving/keep-serving.ts';
export {
  createTokenAdministration,
  type NewToken,
  type StoredToken,
  type TokenAdministration,
} from './tokens/index.ts';
export type * from './types.ts';
