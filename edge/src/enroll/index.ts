export { createEnrolClient, type EnrolClient, type EnrolledDevice, type EnrolOutcome, type RelayTrust } from './enrol-client.ts';
export { certificatesText, keyText, nodeNameIn } from './identity-files.ts';
export { createIdentityFolder, type IdentityFolderOptions, identityPath } from './identity-folder.ts';
export { type JoinFailure, type JoinRequest, type JoinResult, joinCluster } from './join.ts';
export type { Credential, Identity, IdentityFolder, Joined } from './types.ts';
