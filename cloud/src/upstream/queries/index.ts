export { type Answered, answerQuery, type QueryCache } from './answer-query.ts';
export { createQueryDesk, type QueryDesk, type QueryLane } from './query-desk.ts';
