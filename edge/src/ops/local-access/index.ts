export { ensureLocalAccess, type LocalAccess, localKubeconfig } from './local-access.ts';
