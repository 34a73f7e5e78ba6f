// Data of a view: loaded once, then again when an event says that it changed. Never by a clock.
import { useEffect, useRef, useState } from "./ui.js";
import { onEvent } from "./live.js";

// At most one reload in so many ms, however many events come; and in so many times what the last one took.
const CALM = 300;
const SHARE = 4;

/**
 * `load(signal)` when `deps` change, and again on events for which `live(event)` is true. Old data stays
 * while new data is under way: `{ data, error, loading, at, reload, set }`.
 */
export function useResource(load, deps, live) {
  const [state, setState] = useState({ data: undefined, error: null, loading: true, at: null });
  const latest = useRef({});
  latest.current.load = load;
  latest.current.live = live;

  useEffect(() => {
    let control = new AbortController();
    let timer = null;
    let last = 0;
    let took = 0;
    let ended = false;
    const run = async () => {
      control.abort();
      control = new AbortController();
      const { signal } = control;
      clearTimeout(timer);
      timer = null;
      last = Date.now();
      setState((old) => ({ ...old, loading: true }));
      try {
        const data = await latest.current.load(signal);
        took = Date.now() - last;
        if (!signal.aborted && !ended) setState({ data, error: null, loading: false, at: Date.now() });
      } catch (error) {
        if (!signal.aborted && !ended) setState((old) => ({ ...old, error, loading: false }));
      }
    };
    const soon = () => {
      if (timer) return;
      timer = setTimeout(() => (document.hidden ? (timer = null, missed = true) : run()), wait());
    };
    const wait = () => Math.max(120, last + Math.max(CALM, SHARE * took) - Date.now());
    let missed = false;
    const seen = () => {
      if (!document.hidden && missed) {
        missed = false;
        run();
      }
    };
    setState({ data: undefined, error: null, loading: true, at: null });
    latest.current.run = run;
    run();
    const off = latest.current.live && onEvent((event) => {
      if (event.type === "again" || latest.current.live(event)) soon();
    });
    addEventListener("visibilitychange", seen);
    return () => {
      ended = true;
      control.abort();
      clearTimeout(timer);
      off?.();
      removeEventListener("visibilitychange", seen);
    };
  }, deps);

  const set = (change) => setState((old) => ({ ...old, data: change(old.data) }));
  return { ...state, set, reload: () => latest.current.run?.() };
}

/** What a live list shows of a fresh first page: rows keep their places; new ones wait until asked for. */
export function merged(old, fresh, key) {
  const byKey = new Map(fresh.items.map((row) => [key(row), row]));
  const known = new Set(old.map((row) => key(row)));
  let last = -1;
  old.forEach((row, at) => byKey.has(key(row)) && (last = at));
  const rows = old.map((row, at) => {
    const now = byKey.get(key(row));
    if (now) return now;
    const gone = fresh.nextCursor ? at < last : true;
    return gone === Boolean(row.gone) ? row : { ...row, gone };
  });
  return { rows, waiting: fresh.items.filter((row) => !known.has(key(row))) };
}

/**
 * A paged list that lives: `{ rows, waiting, showNew, more, hasMore, extra, error, loading, reload }`.
 * `fetch(cursor, signal)` gives a page; `extra` is what the newest first page says beside its rows.
 */
export function useList(fetch, deps, live, key = (row) => row.id) {
  const first = useResource((signal) => fetch(undefined, signal), deps, live);
  const [list, setList] = useState({ rows: null, waiting: [], cursor: null, later: false });
  const [tail, setTail] = useState({ loading: false, error: null });
  const fresh = useRef(true);
  const latest = useRef(0);

  useEffect(() => {
    fresh.current = true;
    latest.current += 1;
    setList({ rows: null, waiting: [], cursor: null, later: false });
    setTail({ loading: false, error: null });
  }, deps);

  useEffect(() => {
    const page = first.data;
    if (!page) return;
    const anew = { rows: page.items, waiting: [], cursor: page.nextCursor, later: false };
    setList((old) => {
      if (fresh.current || !old.rows || old.rows.length === 0) return anew;
      const { rows, waiting } = merged(old.rows, page, key);
      // A second page was loaded: the first one's cursor is not the list's any more.
      return { ...old, rows, waiting, cursor: old.later ? old.cursor : page.nextCursor };
    });
    fresh.current = false;
  }, [first.data]);

  const showNew = () => {
    fresh.current = true;
    const page = first.data;
    setList({ rows: page.items, waiting: [], cursor: page.nextCursor, later: false });
    fresh.current = false;
  };
  const reload = () => {
    fresh.current = true;
    first.reload();
  };
  const more = async () => {
    const run = latest.current;
    setTail({ loading: true, error: null });
    try {
      const page = await fetch(list.cursor);
      if (run !== latest.current) return;
      setList((old) => {
        const known = new Set(old.rows.map(key));
        const rows = [...old.rows, ...page.items.filter((row) => !known.has(key(row)))];
        return { ...old, rows, cursor: page.nextCursor, later: true };
      });
      setTail({ loading: false, error: null });
    } catch (error) {
      if (run === latest.current) setTail({ loading: false, error });
    }
  };
  return {
    rows: list.rows ?? first.data?.items, waiting: list.waiting, showNew, more, tail,
      hasMore: Boolean(list.cursor),
    extra: first.data, error: first.error, loading: first.loading, at: first.at, reload,
  };
}
