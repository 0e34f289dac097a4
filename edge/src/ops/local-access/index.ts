export { kubeletKubeconfig, localKubeconfig } from './kubeconfig.ts';
export { ensureLocalAccess, type LocalAccess, readLocalAccess } from './local-access.ts';
export { createTokenCheck, type TokenCheck } from './token-check.ts';
export { readToken, rotateTokens, type Tokens } from './token-files.ts';
