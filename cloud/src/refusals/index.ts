export { createRefusalEvents, type RefusalEvents, type RefusalEventsOptions } from './refusal-events.ts';
