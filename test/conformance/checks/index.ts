import type { Check } from '../kit.ts';
import { DELETE_CHECKS } from './deletes.ts';
import { DISCOVERY_CHECKS } from './discovery.ts';
import { HTTP2_CHECKS } from './http2.ts';
import { INFORMER_CHECKS } from './informers.ts';
import { LIST_CHECKS } from './lists.ts';
import { MANY_CHECKS } from './many.ts';
import { PATCH_CHECKS } from './patches.ts';
import { POD_CHECKS } from './pods.ts';
import { REPRESENTATION_CHECKS } from './representations.ts';
import { SELECTOR_CHECKS } from './selectors.ts';
import { WATCH_LIST_CHECKS } from './watch-lists.ts';
import { WATCH_CHECKS } from './watches.ts';
import { WRITE_CHECKS } from './writes.ts';

/** In the order in which they are run: what others stand on comes first. */
export const CHECKS: readonly Check[] = [
  ...DISCOVERY_CHECKS,
  ...LIST_CHECKS,
  ...SELECTOR_CHECKS,
  ...REPRESENTATION_CHECKS,
  ...WRITE_CHECKS,
  ...PATCH_CHECKS,
  ...DELETE_CHECKS,
  ...POD_CHECKS,
  ...WATCH_CHECKS,
  ...WATCH_LIST_CHECKS,
  ...MANY_CHECKS,
  ...HTTP2_CHECKS,
  ...INFORMER_CHECKS,
];
