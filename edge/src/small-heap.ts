import { setFlagsFromString } from 'node:v8';
import { HEAP_OPTIONS } from './heap-options.ts';

/*
 * The first import of the main program: before the others are loaded and fill the heap, and before the first function has been called so
 * often that it is optimized. Once that has happened the compilers stay resident: 5 MB, when this was done with the start of the agent. Node's own
 * start has optimized two functions by then, so half of that is there all the same; an executable begins with these options and is spared it.
 */
for (const option of HEAP_OPTIONS) setFlagsFromString(option);
