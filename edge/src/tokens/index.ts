export { EXPIRED_ANNOTATION } from './token-answer.ts';
export { createTokenService, type TokenService, type TokenServiceOptions, type TokenStats } from './token-service.ts';
