// What the overview says, held once for the frame (counts beside the navigation) and the overview itself.
import { useEffect, store } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { useResource } from "../lib/resource.js";

const NOTHING = { data: undefined, error: null, loading: true, at: null, reload: () => {} };
export const overview = store(NOTHING);

/** Used by the frame alone. */
export function useOverviewSource() {
  const resource = useResource((signal) => api.overview(signal), [], (event) => event.type !== "audit");
  useEffect(() => overview.set(resource), [resource.data, resource.error, resource.loading]);
  useEffect(() => () => overview.set(NOTHING), []);
}
