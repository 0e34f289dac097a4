import { queryRule } from '@hawser/protocol';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** In seconds: from a cache hit to the longest wait that an agent has. */
const BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];

/** What agents ask. @returns to be called for each answer that was given; `milliseconds` from when the query was read */
export function createQueryMetrics(
  registry: Registry,
  readings: { queries(): { readonly waiting: number; readonly running: number } },
): (resource: string, answer: string, milliseconds: number) => void {
  const registers = [registry];
  new Gauge({
    name: 'hawser_relay_queries',
    help: 'Questions of agents that wait for or are at the API server.',
    labelNames: ['state'],
    registers,
    collect() {
      const { waiting, running } = readings.queries();
      this.set({ state: 'waiting' }, waiting);
      this.set({ state: 'running' }, running);
    },
  });
  const answers = new Counter({
    name: 'hawser_relay_query_answers_total',
    help: 'Answers to questions of agents, by resource and kind of answer.',
    labelNames: ['resource', 'answer'],
    registers,
  });
  const seconds = new Histogram({
    name: 'hawser_relay_query_seconds',
    help: 'From a question of an agent to its answer, in seconds, at the relay.',
    buckets: BUCKETS,
    registers,
  });
  return (resource, answer, milliseconds) => {
    answers.inc({ resource: isAsked(resource) ? resource : 'other', answer });
    seconds.observe(milliseconds / 1000);
  };
}

/** An agent may name any resource; only those of the query table become labels. */
function isAsked(resource: string): boolean {
  return queryRule('get', resource) !== undefined || queryRule('submit', resource, 'token') !== undefined;
}
