export { ensureLocalAccess, type LocalAccess, localKubeconfig, readLocalAccess } from './local-access.ts';
