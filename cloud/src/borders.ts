/** Where bytes come in from outside: every reader of the relay that fuzzing gives hostile ones to (test/hostile). */
export { LineSplitter } from './apiserver/json/lines.ts';
export { readListPage } from './apiserver/list-page.ts';
export { readWatchEvent } from './apiserver/watch-event.ts';
export { readPublished } from './enroll/authority/published.ts';
export { readAuthoritySecret } from './enroll/authority/secret.ts';
export { readRecord } from './enroll/devices/record.ts';
export { nodeIn } from './enroll/node-identity.ts';
export { readTokenSecret } from './enroll/tokens/token-secret.ts';
export { readFirstBytes } from './hub/client-hello.ts';
export { planQuery } from './upstream/queries/plan.ts';
