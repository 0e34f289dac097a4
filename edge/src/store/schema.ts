import type { Database } from 'better-sqlite3';

/** "HWSR": tells the agent's file from any other SQLite database. */
export const APPLICATION_ID = 0x48575352;

/**
 * The steps that lead from an empty file to the present schema. Step n brings `user_version` from n to n+1, in one
 * transaction. Steps that a release has carried are never changed.
 */
const MIGRATIONS: readonly ((db: Database) => void)[] = [
  (db) =>
    db.exec(`
      -- store_id, cluster_uid, epoch (the revision at which this file's change log begins), digest (after the last batch)
      CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

      CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

      -- uid, resource_version, hash: the cloud's version, which the digest counts; all null for what is only here.
      -- body: the cloud's canonical body. refused: why that version could not be taken.
      -- revision: the change that is served now; null for what is deleted here and not yet in the cloud.
      CREATE TABLE objects (
        id INTEGER PRIMARY KEY,
        resource TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        uid TEXT,
        resource_version TEXT,
        hash TEXT,
        refused TEXT,
        provisional_uid TEXT,
        revision INTEGER,
        body TEXT,
        UNIQUE (resource, namespace, name)
      ) STRICT;

      -- What the device has written and the cloud's object does not show yet, in order. One that has no answer is an entry of
      -- the outbox, and its number is the report's: the two cannot disagree, and a status costs one row.
      -- class: state | entry | local. verb: create | patch | mark | delete.
      CREATE TABLE open_writes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        object INTEGER NOT NULL REFERENCES objects (id),
        class TEXT NOT NULL,
        verb TEXT NOT NULL,
        subresource TEXT NOT NULL,
        uid TEXT NOT NULL,
        time TEXT NOT NULL,
        answered INTEGER NOT NULL DEFAULT 0,
        answered_version TEXT,
        body TEXT NOT NULL
      ) STRICT;
      CREATE INDEX open_writes_object ON open_writes (object);
      CREATE VIEW outbox AS SELECT * FROM open_writes WHERE answered = 0 AND class <> 'local';

      -- The local change log, and with it the state of every object that is served: object is JSON without resourceVersion, null
      -- for a delete, whose last state is that of previous. Rows above the compacted revision are all there, in an
      -- unbroken row; of older ones those that are served, or are the previous of one above.
      CREATE TABLE changes (
        revision INTEGER PRIMARY KEY AUTOINCREMENT,
        type TEXT NOT NULL,
        resource TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        previous INTEGER,
        object TEXT
      ) STRICT;

      CREATE TABLE refusals (
        number INTEGER PRIMARY KEY,
        resource TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        verb TEXT NOT NULL,
        subresource TEXT NOT NULL,
        code INTEGER NOT NULL,
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        time TEXT NOT NULL
      ) STRICT;
    `),
  (db) =>
    db.exec(`
      -- The newest token of each pod, ServiceAccount, audiences (a sorted JSON list) and lifetime asked for. Times in milliseconds
      -- since 1970; kept_at by the device's clock, the others by the cloud's. sealed: the TokenRequest, by the seal of that name. hash: of
      -- all other columns.
      CREATE TABLE tokens (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        pod_uid TEXT NOT NULL,
        namespace TEXT NOT NULL,
        service_account TEXT NOT NULL,
        audiences TEXT NOT NULL,
        expiration_seconds INTEGER NOT NULL,
        issued_at INTEGER NOT NULL,
        kept_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        valid_until INTEGER NOT NULL,
        seal TEXT NOT NULL,
        sealed BLOB NOT NULL,
        hash TEXT NOT NULL,
        UNIQUE (pod_uid, namespace, service_account, audiences, expiration_seconds)
      ) STRICT;
    `),
  // Revisions of changes that are kept in memory have no row: each row names the one before it, null where that is one less.
  (db) => db.exec('ALTER TABLE changes ADD COLUMN follows INTEGER'),
  (db) =>
    db.exec(`
      -- The last answer of the cloud about an object that was asked for. asked: rises with each question, for who goes first.
      -- read_at: milliseconds since 1970 by the device's clock. type: found | notFound. cached: 1 where it came from the relay's cache.
      -- sealed: the object, or the message of the API server, by the seal of that name. size: bytes of it. hash: of key, read_at, type,
      -- cached, seal and sealed.
      CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        asked INTEGER NOT NULL,
        resource TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        read_at INTEGER NOT NULL,
        type TEXT NOT NULL,
        cached INTEGER NOT NULL,
        seal TEXT NOT NULL,
        hash TEXT NOT NULL,
        size INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (resource, namespace, name)
      ) STRICT;
      CREATE INDEX answers_asked ON answers (asked, size);
    `),
  // What waits for the cloud, counted and bounded; Events that were lost.
  (db) =>
    db.exec(`
      -- Sums over open_writes, kept by the triggers below. kind: event (writes of Events that wait), told (answered ones), other
      -- (all else that waits).
      CREATE TABLE outbox_size (kind TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO outbox_size (kind, entries, bytes) VALUES ('event', 0, 0), ('told', 0, 0), ('other', 0, 0);

      CREATE TRIGGER outbox_size_insert AFTER INSERT ON open_writes WHEN NEW.class <> 'local' BEGIN
        UPDATE outbox_size SET entries = entries + 1, bytes = bytes + octet_length(NEW.body) WHERE kind = CASE
          WHEN (SELECT resource FROM objects WHERE id = NEW.object) IN ('events', 'events.k8s.io/events')
            THEN iif(NEW.answered = 0, 'event', 'told')
          WHEN NEW.answered = 0 THEN 'other' END;
      END;
      CREATE TRIGGER outbox_size_delete AFTER DELETE ON open_writes WHEN OLD.class <> 'local' BEGIN
        UPDATE outbox_size SET entries = entries - 1, bytes = bytes - octet_length(OLD.body) WHERE kind = CASE
          WHEN (SELECT resource FROM objects WHERE id = OLD.object) IN ('events', 'events.k8s.io/events')
            THEN iif(OLD.answered = 0, 'event', 'told')
          WHEN OLD.answered = 0 THEN 'other' END;
      END;
      CREATE TRIGGER outbox_size_update AFTER UPDATE OF answered, body ON open_writes WHEN NEW.class <> 'local' BEGIN
        UPDATE outbox_size SET entries = entries - 1, bytes = bytes - octet_length(OLD.body) WHERE kind = CASE
          WHEN (SELECT resource FROM objects WHERE id = OLD.object) IN ('events', 'events.k8s.io/events')
            THEN iif(OLD.answered = 0, 'event', 'told')
          WHEN OLD.answered = 0 THEN 'other' END;
        UPDATE outbox_size SET entries = entries + 1, bytes = bytes + octet_length(NEW.body) WHERE kind = CASE
          WHEN (SELECT resource FROM objects WHERE id = NEW.object) IN ('events', 'events.k8s.io/events')
            THEN iif(NEW.answered = 0, 'event', 'told')
          WHEN NEW.answered = 0 THEN 'other' END;
      END;
      UPDATE outbox_size SET (entries, bytes) = (
        SELECT count(*), coalesce(sum(octet_length(w.body)), 0) FROM open_writes AS w JOIN objects AS o ON o.id = w.object
        WHERE w.class <> 'local' AND outbox_size.kind = CASE
          WHEN o.resource IN ('events', 'events.k8s.io/events') THEN iif(w.answered = 0, 'event', 'told')
          WHEN w.answered = 0 THEN 'other' END);

      -- Events that were dropped before the cloud had them. reason: count | bytes | age, the bound that they were over.
      -- untold: those that no Event on the Node has told of yet; since: when the oldest of these was made.
      CREATE TABLE dropped_events (
        reason TEXT PRIMARY KEY,
        total INTEGER NOT NULL,
        untold INTEGER NOT NULL,
        since TEXT
      ) STRICT, WITHOUT ROWID;
      INSERT INTO dropped_events (reason, total, untold, since)
        SELECT 'count', CAST(value AS INTEGER), CAST(value AS INTEGER), NULL FROM facts WHERE name = 'events.dropped';
      DELETE FROM facts WHERE name = 'events.dropped';
    `),
  // What waits, in its order, without a look at what is answered and waits for the cloud's object; Events of the device.
  (db) =>
    db.exec(`
      CREATE INDEX open_writes_waiting ON open_writes (number, object) WHERE answered = 0 AND class <> 'local';
      CREATE INDEX open_writes_creates ON open_writes (number, uid) WHERE answered = 0 AND class <> 'local' AND verb = 'create';
      CREATE INDEX objects_local_events ON objects (id) WHERE resource IN ('events', 'events.k8s.io/events') AND uid IS NULL;
    `),
];

export const SCHEMA_VERSION = MIGRATIONS.length;

export function schemaVersion(db: Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** Brings the file to {@link SCHEMA_VERSION}. @returns the version before */
export function migrate(db: Database): number {
  const before = schemaVersion(db);
  for (const [step, apply] of MIGRATIONS.entries()) {
    if (step < before) continue;
    db.transaction(() => {
      if (step === 0) db.pragma(`application_id = ${APPLICATION_ID}`);
      apply(db);
      db.pragma(`user_version = ${step + 1}`);
    }).immediate();
  }
  return before;
}
