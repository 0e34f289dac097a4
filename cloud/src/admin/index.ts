export * from './answers.ts';
export type { SeenLink } from './desk.ts';
export { ADMIN_AUDIENCE, Reviews } from './reviews.ts';
export { type AdminMetrics, type AdminServer, startAdmin } from './server.ts';
