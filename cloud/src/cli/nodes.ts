import { HawserError } from '@hawser/protocol';
import type { Command } from 'commander';
import { Argument, Option } from 'commander';
import { systemClock } from '../clock.ts';
import { addFleet, asFleet, FLEET_HELP, type Fleet, sessionsOf, troubleOf } from './fleet/fleet.ts';
import { List, type ListFlags, type WatchOutput } from './fleet/list.ts';
import { LiveList } from './fleet/live-list.ts';
import { MOST_PLACES, type Place } from './fleet/places.ts';
import { recorded } from './fleet/recorded.ts';
import { linked, type Row, rowsOf, SORTS, unlinked } from './fleet/rows.ts';
import { pause, watchReplica } from './fleet/watch.ts';
import type { CliIo, CommandGroup } from './io.ts';

const HELP = `
All nodes that anybody knows of: those with a session at a replica, those that had one, and devices that have joined and never linked.

  STATE     inSync, syncing, relaySyncing, nodeMissing, nodeNotLabelled: of a session, see docs/relay.md
            down     no session; the last replica has said so
            lost     no session; its replica has gone without a word
            unknown  it may have one, at a replica that does not answer or was not asked
            never    its device has joined and has not linked
            revoked  its device is kept out
  SINCE     how long it has had this session, or none
  LAG       how long the device has lacked something
  SENT, RECEIVED   bytes of messages of this session, from and to the relay's point of view

-w goes on until Ctrl-C: on a terminal with a table that is kept up to date, as much of it as there is room for, otherwise with a line for
each change. Bytes alone are no change.

Examples:
  hawser-relay nodes
  hawser-relay nodes -w
  hawser-relay nodes --state down,lost --sort since
  hawser-relay nodes truck-17 truck-18 -o wide
  hawser-relay nodes -o json | jq -r '.[] | select(.lagMs > 60000) | .node'
${FLEET_HELP}`;

/** Between two looks at which replicas there are, while somebody watches; in ms. */
const LOOK_MS = 10_000;

/** `hawser-relay nodes` */
export const nodesCommand: CommandGroup = (program, io) => {
  const nodes: Command = program
    .command('nodes')
    .description('list the nodes of all replicas, with the state of their sessions')
    .addArgument(new Argument('[node...]', 'only these'))
    .option('-w, --watch', 'go on with what changes', false)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'wide', 'json']).default('text'))
    .addOption(
      new Option('--state <states>', 'only those in these states, with commas between')
        .argParser((text: string, before: readonly string[]) => [...before, ...text.split(',').filter((state) => state !== '')])
        .default([], 'all'),
    )
    .addOption(new Option('--sort <by>', 'order of the list').choices(SORTS).default('name'))
    .addHelpText('after', HELP);
  addFleet(nodes).action((names: readonly string[], flags: ListFlags) =>
    asFleet(nodes, io, (fleet) => {
      const list = new List(flags, names, io);
      return flags.watch ? watch(fleet, outputOf(flags, list, io)) : once(fleet, list);
    }),
  );
};

/** A terminal shows a table that is kept up to date; what is piped or read by a program has a line for each change. */
function outputOf({ output }: ListFlags, list: List, { write, terminal }: CliIo): WatchOutput {
  const isDrawn = output !== 'json' && terminal?.() !== undefined;
  return isDrawn ? new LiveList({ list, write, size: () => terminal?.(), clock: systemClock }) : list;
}

async function once(fleet: Fleet, list: List): Promise<readonly string[]> {
  const [places, known] = await Promise.all([fleet.places(), recorded(fleet.administrator)]);
  const said = await Promise.all(
    places.slice(0, MOST_PLACES).map(async (place) => ({ place, answer: await sessionsOf(fleet, place) })),
  );
  const answered = said.flatMap(({ answer }) => (answer.type === 'answer' ? [answer.value] : []));
  const failed = said.flatMap(({ place, answer }) => (answer.type === 'failed' ? [{ place, why: answer.why }] : []));
  const heard = new Set(answered.map(({ replica }) => replica));
  const away = new Set(failed.map(({ place }) => place.replica));
  const silent = (replica: string) => away.has(replica) || !(fleet.isWhole || heard.has(replica));
  list.all(rowsOf({ ...known, answered, silent }));
  const unasked = places.length > MOST_PLACES ? [`only ${MOST_PLACES} of ${places.length} replicas are asked`] : [];
  return [...failed.map(({ place, why }) => troubleOf(place, why)), ...unasked, ...known.troubles];
}

/** First all, once each replica has said what it has or does not answer; then each change. */
async function watch(fleet: Fleet, output: WatchOutput): Promise<readonly string[]> {
  const known = await recorded(fleet.administrator);
  for (const trouble of known.troubles) output.trouble(trouble);
  const places = await fleet.places();
  const rows = new Map<string, Row>();
  const here = new Map<string, Set<string>>();
  const awaited = new Set(places.map(({ replica }) => replica));
  const away = new Set<string>();

  function begin(replica: string, isSilent: boolean): void {
    if (isSilent) away.add(replica);
    if (!awaited.delete(replica) || awaited.size > 0) return;
    const others = rowsOf({ ...known, answered: [], silent: (holder) => away.has(holder) || !fleet.isWhole });
    for (const row of others) if (!rows.has(row.node)) rows.set(row.node, row);
    output.follow({ [Symbol.iterator]: () => rows.values() });
  }

  function take(row: Row): void {
    rows.set(row.node, row);
    if (awaited.size === 0) output.one(row);
  }

  function leave(node: string, state: 'down' | 'unknown', replica: string): void {
    const before = rows.get(node);
    // It may have moved to another replica already.
    if (before?.replica === replica && before.lagMs !== null)
      take(unlinked(node, state, replica, before, new Date().toISOString()));
  }

  function start(place: Place, signal: AbortSignal): Promise<void> {
    return watchReplica(place, { ...fleet.asking, signal }, systemClock, (news) => {
      const { replica } = place;
      const nodes = here.get(replica) ?? new Set<string>();
      here.set(replica, nodes);
      switch (news.type) {
        case 'synced': {
          const now = new Set(news.sessions.map(({ node }) => node));
          for (const node of nodes) if (!now.has(node)) leave(node, 'down', replica);
          nodes.clear();
          for (const session of news.sessions) {
            nodes.add(session.node);
            const before = rows.get(session.node);
            if (before?.since !== session.since || before.state !== session.state) take(linked(session, replica));
          }
          begin(replica, false);
          return;
        }
        case 'changed':
          nodes.add(news.session.node);
          take(linked(news.session, replica));
          return;
        case 'ended':
          nodes.delete(news.session.node);
          leave(news.session.node, 'down', replica);
          return;
        case 'lost':
          output.trouble(`${troubleOf(place, news.why)}; it is asked again`);
          for (const node of nodes) leave(node, 'unknown', replica);
          nodes.clear();
          begin(replica, true);
      }
    });
  }

  const running = new Map<string, { readonly place: Place; readonly ending: AbortController; readonly over: Promise<void> }>();

  /** Replicas come and go while somebody watches. */
  function follow(now: readonly Place[]): void {
    const wanted = new Map(now.slice(0, MOST_PLACES).map((place) => [`${place.replica} ${place.host} ${place.port}`, place]));
    for (const [id, { place, ending }] of running) {
      if (wanted.has(id)) continue;
      ending.abort();
      running.delete(id);
      for (const node of here.get(place.replica) ?? []) leave(node, 'unknown', place.replica);
      here.delete(place.replica);
      begin(place.replica, true);
    }
    for (const [id, place] of wanted) {
      if (running.has(id)) continue;
      const ending = new AbortController();
      running.set(id, { place, ending, over: start(place, AbortSignal.any([ending.signal, fleet.asking.signal])) });
    }
  }

  follow(places);
  const { signal } = fleet.asking;
  while (!signal.aborted) {
    await pause(LOOK_MS, signal);
    if (signal.aborted) break;
    try {
      follow(await fleet.places());
    } catch (error) {
      // Those that are known are watched on.
      if (!(error instanceof HawserError)) throw error;
      output.trouble(error.message);
    }
  }
  await Promise.all([...running.values()].map(({ over }) => over));
  output.end();
  return [];
}
