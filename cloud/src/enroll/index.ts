export { AUTHORITY_NAME } from './authority/names.ts';
export { type Published, readPublished } from './authority/published.ts';
export type * from './types.ts';
