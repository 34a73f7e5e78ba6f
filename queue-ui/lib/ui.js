// What screens are made of: Preact with htm's templates. A template never takes markup from data: values
// become text nodes and properties, and nothing here or elsewhere sets innerHTML.
import { h, render, Fragment, createContext } from "../vendor/preact-10.29.8.js";
import {
  useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback, useContext, useErrorBoundary,
} from "../vendor/preact-hooks-10.29.8.js";
import htm from "../vendor/htm-3.1.1.js";

export const html = htm.bind(h);
export {
  render, Fragment, createContext, useState, useEffect, useLayoutEffect, useRef, useMemo, useCallback,
    useContext,
  useErrorBoundary,
};

/** A value that several parts show: `get`, `set`, and `use` inside a component. */
export function store(initial) {
  let value = initial;
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      const made = typeof next === "function" ? next(value) : next;
      if (made === value) return;
      value = made;
      for (const listener of [...listeners]) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    use() {
      const [, again] = useState(0);
      const drawn = value;
      useEffect(() => {
        const off = this.subscribe(() => again((n) => n + 1));
        // It may have changed after it was drawn and before anybody listened.
        if (drawn !== value) again((n) => n + 1);
        return off;
      }, []);
      return value;
    },
  };
}

let lastId = 0;
/** An id for a label and its field. */
export function useId(prefix = "f") {
  const ref = useRef(null);
  ref.current ??= `${prefix}${++lastId}`;
  return ref.current;
}

export const cx = (...names) => names.filter(Boolean).join(" ");
