export { createTokenAdministration, type TokenAdministration } from './administration.ts';
export { judgeToken, type TokenUse, type TokenVerdict } from './judge.ts';
export {
  ANNOTATIONS,
  type NewToken,
  newTokenSecret,
  readTokenSecret,
  type StoredToken,
  TOKEN_NAMESPACE,
  TOKEN_TYPE,
  tokenSecretName,
} from './token-secret.ts';
export { createTokenStore, type TokenStore } from './token-store.ts';
