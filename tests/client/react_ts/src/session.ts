import { useSyncExternalStore } from "react";

import { createClient, type Client, type User } from "./lychgate.js";

export const client: Client = createClient();

export function useUser(): User | null {
  return useSyncExternalStore(client.onChange, () => client.user, () => null);
}
